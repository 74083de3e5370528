"""nbgrader's part: what it makes of a hand-in before it is executed, and the writing of gradebook and feedback.

nbgrader's converters run as they are, but for one step: instead of executing a notebook they take it, executed, from
the ledger.  Only one process does this at a time: SQLite has one writer.
"""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells
from traitlets import Dict, Unicode

from authoring import keys
from authoring.lab import SOURCE_LANGUAGE, Lab, LabError
from authoring.nbgrader import configuration, deciding
from authoring.release import generate
from grading.book.ledger import EntryState, Ledger, fingerprint
from grading.execution.status import STOPPED
from grading.reports import page as pages
from grading.reports.result import Result, read_result
from utils.files import alphabetical, plain_name, whole
from utils.notebook.cells import grade_id, language


class RecordError(RuntimeError):
    """nbgrader could not take a hand-in; the message is the last line of its own account."""


class Executed(NbGraderPreprocessor):
    """Takes the place of nbgrader's `Execute`: the outputs come from the ledger."""

    folder = Unicode(help="the ledger of the lab").tag(config=True)

    def preprocess(self, nb, resources):
        done = nbformat.from_dict(Ledger(Path(self.folder)).get(resources["nbgrader"]["student"]).notebook)
        if [cell.source for cell in nb.cells] != [cell.source for cell in done.cells]:
            raise RecordError("the notebook is not the one that was executed")
        for cell, executed in zip(nb.cells, done.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
                cell.metadata.pop(STOPPED, None)
                cell.metadata |= {STOPPED: executed.metadata[STOPPED]} if STOPPED in executed.metadata else {}
        nb.metadata.update(done.metadata)
        return nb, resources


class Restored(OverwriteCells):
    """Puts the lab's cells back as they are in the language of the hand-in, which another gradebook knows."""

    gradebooks = Dict(help="by language, its address; for the others, the course's own").tag(config=True)

    def preprocess(self, nb, resources):
        told = resources["nbgrader"]
        address = self.gradebooks.get(language(nb), told["db_url"])
        nb, _ = super().preprocess(nb, {**resources, "nbgrader": {**told, "db_url": address}})
        return nb, resources


class Sanitize(Autograde):
    """nbgrader's first half of autograding, in memory: outputs cleared, locked cells and hidden tests put back."""

    def notebook(self, path: Path) -> NotebookNode:
        self.exporter = self.exporter_class(parent=self, config=self.config)
        self._init_preprocessors()
        resources = self.init_single_notebook_resources(str(path))
        return nbformat.reads(self.exporter.from_filename(str(path), resources=resources)[0], as_version=4)


class Course:
    """A lab in a course folder: its intake (copies of the hand-ins), ledger, gradebook and feedback pages."""

    def __init__(self, root: Path, lab: Lab):
        self.root, self.about, self.lab = root, lab, lab.name
        self.submitted, self.intake = root / "submitted", root / "intake"
        # By the student's name here: that of the folder, or one like it that nbgrader and every file system take.
        self._handed_in = {plain_name(path.parent.name): path for path in self.submitted.glob(f"*/{self.lab}")}
        self.ledger = Ledger(root / "ledger" / self.lab)
        self.sources = {language: nbformat.writes(lab.notebook_in(language)) for language in lab.languages}
        self.config = configuration(root)
        helpers = keys.lab_files(lab.folder, answers=False)
        self.version = hashlib.sha256((json.dumps(self.sources) + deciding(self.config, helpers)).encode()).hexdigest()
        self.config.CourseDirectory.assignment_id = self.lab
        self.config.CourseDirectory.submitted_directory = str(self.intake)
        self.config.Executed.folder = str(self.ledger.folder)
        # Each other language has a course folder of its own, with a gradebook that knows the cells in it, no student.
        self._folders = {language: self.ledger.folder / language for language in lab.languages}
        self._folders[SOURCE_LANGUAGE] = root
        gradebooks = {language: f"sqlite:///{folder / 'gradebook.db'}" for language, folder in self._folders.items()}
        self.config.Restored.gradebooks = gradebooks
        ours = {Execute: Executed, OverwriteCells: Restored}
        for half in ("sanitize_preprocessors", "autograde_preprocessors"):
            self.config.Autograde[half] = [ours.get(step, step) for step in getattr(Autograde(), half)]
        self._api = NbGraderAPI(config=self.config)

    def students(self) -> list[str]:
        """Those who handed in the lab, in the order of their names."""
        return sorted(self._handed_in, key=alphabetical)

    def handed_in(self, student: str) -> Path:
        """What a student handed in: a folder."""
        return self._handed_in.get(student, self.submitted / student / self.lab)

    def fingerprint(self, student: str) -> str:
        return fingerprint(self.handed_in(student), self.version)

    def open(self) -> None:
        """Tell the gradebook of the lab, if it does not know this version of it yet."""
        marker = self.ledger.folder / "lab.version"
        known = marker.read_text() if marker.exists() else ""
        places = {
            language: folder / "release" / self.lab / f"{self.lab}.ipynb" for language, folder in self._folders.items()
        }
        if known != self.version or not self._knows_lab() or not all(place.exists() for place in places.values()):
            self._make_room()
            for language, folder in self._folders.items():
                generate(self.about, folder, language)
            marker.write_text(self.version)
        self.releases = {language: nbformat.read(place, as_version=4) for language, place in places.items()}

    def sanitized(self, path: Path) -> NotebookNode:
        """The notebook that will be executed."""
        return Sanitize(coursedir=self._api.coursedir, parent=self._api).notebook(path)

    def record(self, student: str) -> None:
        """Write the marks of an executed hand-in into the gradebook; raises `RecordError`."""
        self._check(self._api.autograde(self.lab, student, force=True, create=True))
        self._give_back(student)

    def _make_room(self) -> None:
        """Let the gradebook take a lab that has gained, lost or renamed an exercise since it was first graded.

        nbgrader refuses it while there are submissions: they are taken out, to be graded again, and what a person has
        given (marks, comments) is kept aside, for `_give_back`.
        """
        if not (self.root / "gradebook.db").exists():
            return
        notebook = self.about.notebook
        names = {grade_id(cell) for cell in notebook.cells} - {""}
        with self.gradebook() as gradebook:
            try:
                known = gradebook.find_assignment(self.lab)
            except MissingEntry:
                return
            before = {cell.name for one in known.notebooks for cell in one.source_cells}
            if before == names or not known.submissions:
                return
            kept = self._kept()
            for submission in known.submissions:
                given = kept.setdefault(submission.student.id, {"marks": {}, "comments": {}})
                for one in submission.notebooks:
                    marks = {g.name: [g.manual_score, g.extra_credit] for g in one.grades}
                    given["marks"] |= {name: mark for name, mark in marks.items() if any(m is not None for m in mark)}
                    given["comments"] |= {c.name: c.manual_comment for c in one.comments if c.manual_comment}
            self._keep(kept)
            gradebook.remove_assignment(self.lab)

    @property
    def _kept_path(self) -> Path:
        return self.ledger.folder / "given-by-hand.kept"

    def _kept(self) -> dict[str, dict]:
        """What a person had given, by student, before the lab's exercises changed, and is to be given back."""
        return json.loads(self._kept_path.read_text(encoding="ascii")) if self._kept_path.exists() else {}

    def _keep(self, kept: dict[str, dict]) -> None:
        with whole(self._kept_path, durable=True) as partial:
            partial.write_text(json.dumps(kept), encoding="ascii")

    def _give_back(self, student: str) -> None:
        """Put what a person had given back on the exercises that are still there, once; nothing over what is newer.

        What belongs to an exercise that is gone stays kept, should it come back.
        """
        kept = self._kept()
        given = kept.get(student)
        if not given:
            return
        with self.gradebook() as gradebook:
            for one in gradebook.find_submission(self.lab, student).notebooks:
                for grade in one.grades:
                    manual, extra = given["marks"].pop(grade.name, [None, None])
                    if manual is not None and grade.manual_score is None:
                        grade.manual_score, grade.needs_manual_grade = min(manual, grade.max_score), False
                    if extra is not None and grade.extra_credit is None:
                        grade.extra_credit = extra
                for comment in one.comments:
                    told = given["comments"].pop(comment.name, "")
                    comment.manual_comment = comment.manual_comment or told or None
            gradebook.db.commit()
        self._keep(kept)

    def feedback(self, student: str) -> None:
        """Write the feedback pages, nbgrader's and ours; raises `RecordError`."""
        self._check(self._api.generate_feedback(self.lab, student, force=True))
        pages.put_aside(self.root / "feedback" / student / self.lab / f"{self.lab}.html")
        self.page(student)

    def page(self, student: str) -> Path:
        """Write our feedback page, from the gradebook or from why the hand-in was set aside."""
        with self.gradebook() as gradebook:
            result = self.result(student, gradebook)
        entry = self.ledger.get(student)
        folder, submitted = self.root / "feedback" / student / self.lab, self.handed_in(student)
        return pages.publish(
            folder, self.about, result, submitted, ours=entry is None or entry.state == EntryState.FAILED
        )

    def result(self, student: str, gradebook: Gradebook) -> Result:
        """What became of a hand-in, exercise by exercise."""
        executed = self.root / "autograded" / student / self.lab / f"{self.lab}.ipynb"
        return read_result(self.about, student, self.ledger, gradebook, executed)

    def gradebook(self) -> Gradebook:
        """The course's gradebook; raises `LabError` for a file that is none."""
        path = self.root / "gradebook.db"
        if path.exists():
            try:
                with closing(sqlite3.connect(path)) as database:
                    database.execute("PRAGMA schema_version").fetchone()
            except sqlite3.DatabaseError as error:
                advice = (
                    "put a backup in its place, or move it away: a new one is made, without the marks given by hand"
                )
                raise LabError(f"{path} cannot be read as a gradebook ({error}); {advice}.") from None
        return Gradebook(f"sqlite:///{path}")

    def _knows_lab(self) -> bool:
        with self.gradebook() as gradebook:
            try:
                return bool(gradebook.find_assignment(self.lab).notebooks)
            except MissingEntry:
                return False

    @staticmethod
    def _check(result: dict) -> None:
        if not result["success"]:
            lines = [line for line in (result.get("error", "") + result.get("log", "")).splitlines() if line.strip()]
            if lines and lines[-1].endswith("[ERROR] Canceled"):  # nbgrader catches Ctrl-C and only says so
                raise KeyboardInterrupt
            raise RecordError(lines[-1].strip() if lines else "unknown failure")
