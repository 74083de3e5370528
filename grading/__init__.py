"""Grading a class: intake, isolated execution, gradebook, reports; and the commands a teacher runs."""
