"""nbgrader's settings, for our own commands and, by `grading/nbgrader_config.py`, for nbgrader's."""

from pathlib import Path

from traitlets.config import Config

from authoring import keys
from authoring.source import STUBS, TEXT_STUBS
from utils.environment import ROOT
from utils.language import N_

COURSE = ROOT / "class"  # the teacher's course: hand-ins, gradebook, feedback; no code
FOLDER = "GRADING_COURSE"  # the environment variable that names another one, for `grading.formgrader`
CELL_TIMEOUT = 300  # seconds; nbgrader's 30 are too few for a cell that trains


def configuration(root: Path, language: str = "fr") -> Config:
    """Settings of a course whose hand-ins, feedback and gradebook lie in `root`; `language`: of the stubs."""
    c = Config()
    c.CourseDirectory.root = str(root)
    c.CourseDirectory.course_id = "llm"
    c.CourseDirectory.db_url = f"sqlite:///{root / 'gradebook.db'}"
    c.ClearSolutions.code_stub = {"python": STUBS[language]}
    c.ClearSolutions.text_stub = TEXT_STUBS[language]
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
        "evalue": N_("cellule interrompue : temps dépassé"),
        "traceback": [N_("Temps dépassé.")],
    }
    # The feedback page without the hidden tests, and without anything of a student's that a browser would run.
    c.GenerateFeedback.exporter_class = "grading.reports.untrusted.FeedbackPage"
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        "grading.reports.feedback.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    # Every kernel would print on the teacher's terminal that its local ports are not encrypted.
    c.Execute.extra_arguments = ["--IPKernelApp.log_level=40"]
    # A graceful shutdown costs two seconds a submission.
    c.Execute.shutdown_kernel = "immediate"
    return c


def deciding(config: Config, files: set[Path]) -> str:
    """Whatever decides a mark but the lab: nbgrader's settings, the helpers in `files`, the libraries' versions."""
    return keys.key(files, {name: section for name, section in config.items() if name != "CourseDirectory"})
