"""All of the grading that a student's process can see."""
