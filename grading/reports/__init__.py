"""What people read of a grading."""
