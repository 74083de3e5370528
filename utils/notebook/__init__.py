"""Notebooks as people have them, and as they were given out."""
