"""nbgrader's settings: one function for our own commands, and the file that `nbgrader` and formgrader read."""

import os
from pathlib import Path

from traitlets.config import Config

STUB = '# VOTRE CODE ICI\nraise NotImplementedError("pas encore traité")'
TEXT_STUB = "*Votre réponse ici.*"
COURSE = Path(__file__).resolve().parent  # the teacher's course: hand-ins, gradebook, feedback
FOLDER = "GRADING_COURSE"  # the environment variable that names another one, for `grading.formgrader`
CELL_TIMEOUT = 300  # seconds; nbgrader's 30 are too few for a cell that trains


def workshop(root: Path) -> Path:
    """Where a course's source and release folders lie: beside its hand-ins, but for the teacher's own course, whose
    `grading/` folder is no place for a notebook with solutions."""
    return COURSE.parent / "build" / "course" if root == COURSE else root


def configuration(root: Path) -> Config:
    """Settings of a course whose hand-ins, feedback and gradebook lie in `root`."""
    c = Config()
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.source_directory = str(workshop(root) / "source")
    c.CourseDirectory.release_directory = str(workshop(root) / "release")
    c.CourseDirectory.course_id = "llm"
    c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    c.ClearSolutions.code_stub = {"python": STUB}
    c.ClearSolutions.text_stub = TEXT_STUB
    # A solution region must exist in every solution cell: a forgotten marker would release the solution.
    c.ClearSolutions.enforce_metadata = True
    # A deleted test cell comes back (nbgrader #1682).
    c.OverwriteCells.add_missing_cells = True
    # A warning that a library logs on stderr is not a failure (it would score a right answer 0).
    c.IgnorePattern.enabled = True
    c.IgnorePattern.pattern = r"(?s).*"
    c.Execute.timeout = CELL_TIMEOUT
    c.Execute.interrupt_on_timeout = True
    c.Execute.error_on_timeout = {
        "ename": "TimeoutError",
        "evalue": "cellule interrompue : temps dépassé",
        "traceback": ["Temps dépassé."],
    }
    # The feedback page without the hidden tests, and without anything of a student's that a browser would run.
    c.GenerateFeedback.exporter_class = "grading.untrusted.FeedbackPage"
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        "grading.feedback.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    # Every kernel would print on the teacher's terminal that its local ports are not encrypted.
    c.Execute.extra_arguments = ["--IPKernelApp.log_level=40"]
    # A graceful shutdown costs two seconds a submission.
    c.Execute.shutdown_kernel = "immediate"
    return c


try:
    c = get_config()  # noqa: F821  (given by nbgrader and Jupyter when they read this file)
except NameError:
    pass
else:
    c.merge(configuration(Path(os.environ.get(FOLDER) or COURSE)))
