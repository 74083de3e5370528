"""The class's book: hand-ins taken in, how far each is, the gradebook."""
