"""What grading found in a hand-in, exercise by exercise: for the feedback page and the class report.

Marks come from nbgrader's gradebook, never from what a notebook shows; what the checks found explains them.
The text of hidden tests is taken out of everything that is kept here.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

from authoring.lab import ANSI, Lab
from authoring.lab import Exercise as Asked
from grading.book.ledger import Entry, EntryState, Ledger
from grading.book.notes import Note
from grading.execution.status import Status, Stop, stop_of
from utils import outcome
from utils.language import _, speaking
from utils.notebook.cells import FRENCH, grade_id


# ------------------------------------------------------------------------------------------------------ the hand-in
@dataclass(frozen=True)
class Test(outcome.Test):
    """One property that a check looked at; untouched: one function of several is not written yet."""

    reserved: bool = False  # stands among the hidden tests


class ExerciseState(StrEnum):
    """What became of an exercise."""

    RIGHT = "right"
    PARTIAL = "partial"
    WRONG = "wrong"
    UNTOUCHED = "untouched"
    UNRUN = "unrun"  # the kernel was gone before its check
    WAITING = "waiting"  # for a person


@dataclass
class Exercise:
    """What became of one exercise."""

    name: str
    title: str
    state: ExerciseState
    points: float
    maximum: float
    tests: list[Test] = field(default_factory=list)
    message: str = ""  # what stopped the student's cell, or what a check that is no `Report` said
    answer: str = ""
    is_code: bool = True
    changed: bool = False  # the student wrote something
    by_hand: bool = False  # a person gave this mark
    waiting: bool = False  # a person is to look at it
    comment: str = ""


@dataclass
class Result:
    """What became of one hand-in; `error`: why it was set aside."""

    student: str
    exercises: list[Exercise] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    error: str = ""
    status: Status | None = Status.OK
    seconds: float = 0.0
    usage: dict = field(default_factory=dict)
    own_cells: list[str] = field(default_factory=list)  # code that the student added to the lab
    language: str = FRENCH  # of the hand-in

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises)

    @property
    def maximum(self) -> float:
        return sum(exercise.maximum for exercise in self.exercises)

    @property
    def waiting(self) -> list[Exercise]:
        return [exercise for exercise in self.exercises if exercise.waiting]


def read_result(lab: Lab, student: str, ledger: Ledger, gradebook: Gradebook, notebook: Path) -> Result:
    """What became of a hand-in.  `notebook`: as nbgrader's autograding left it."""
    entry = ledger.get(student) or Entry("", EntryState.FAILED, error=ungraded())
    spoken = entry.language if entry.language in lab.languages else FRENCH  # a translation may be withdrawn
    result = Result(student, [], entry.notes, entry.error, entry.status, entry.seconds, entry.usage, language=spoken)
    if result.error:
        return result
    try:
        grades, comments = _marks(gradebook, lab.name, student)
        executed = nbformat.read(notebook, as_version=4)
    except (MissingEntry, OSError, ValueError):
        with speaking(spoken):
            result.error = ungraded()
        return result
    cells = {grade_id(cell): cell for cell in executed.cells}
    code = [cell for cell in executed.cells if cell.cell_type == "code" and not grade_id(cell)]
    result.own_cells = [cell.source for cell in code if not lab.gives(cell)]
    with speaking(spoken):
        asked = lab.exercises_in(spoken).values()
        result.exercises = [_exercise(lab, exercise, cells, grades, comments) for exercise in asked]
    return result


def ungraded() -> str:
    """What is told of a hand-in that has no marks yet."""
    return _("La copie n'a pas encore pu être corrigée.")


def _marks(gradebook: Gradebook, lab: str, student: str) -> tuple[dict, dict]:
    notebooks = gradebook.find_submission(lab, student).notebooks
    grades = {grade.name: grade for notebook in notebooks for grade in notebook.grades}
    # "No response." is nbgrader's own comment: the page says it in its own words.
    told = {comment.name: comment.manual_comment for notebook in notebooks for comment in notebook.comments}
    return grades, {name: text for name, text in told.items() if text}


def _exercise(lab: Lab, asked: Asked, cells: dict, grades: dict, comments: dict) -> Exercise:
    code, name = asked.is_code, asked.name
    work, check = cells.get(f"{name}-solution" if code else f"{name}-answer"), cells.get(f"{name}-check")
    grade = grades.get(f"{name}-check" if code else f"{name}-answer")
    exercise = Exercise(name, asked.title, ExerciseState.WRONG, 0.0, asked.points, is_code=code)
    exercise.comment = "\n\n".join(comments[key] for key in (f"{name}-solution", f"{name}-check", f"{name}-answer")
                                   if key in comments)  # fmt: skip
    if work is not None:
        exercise.answer = work.source
        exercise.changed = work.source.strip() != asked.stub.strip()
    if grade is None:  # a cell that the lab has and this grading did not know
        exercise.state, exercise.waiting = ExerciseState.WAITING, True
        return exercise
    exercise.points, exercise.maximum = float(grade.score), float(grade.max_score)
    exercise.by_hand, exercise.waiting = grade.manual_score is not None, bool(grade.needs_manual_grade)
    attempted, stop = True, None
    if code and check is not None:
        attempted, exercise.tests, said = _checked(lab, asked, check)
        stop, own = stop_of(check), _error(work) if work is not None else ""
        raised = own and not stop_of(work)
        told = _("Votre cellule s'arrête sur {error}").format(error=own) if raised else own or _error(check) or said
        exercise.message = lab.scrub(told)
    # A kernel that was tampered with gives no mark: a person decides.
    exercise.waiting |= stop == Stop.ALTERED and not exercise.by_hand
    exercise.state = _state(exercise, attempted, stop)
    return exercise


def _state(exercise: Exercise, attempted: bool, stop: Stop | None) -> ExerciseState:
    if not exercise.by_hand:
        if exercise.waiting:
            return ExerciseState.WAITING
        if not attempted or not (exercise.is_code or exercise.changed):
            return ExerciseState.UNTOUCHED
        if stop == Stop.NOT_RUN:
            return ExerciseState.UNRUN
    if exercise.points >= exercise.maximum - 1e-9:
        return ExerciseState.RIGHT
    return ExerciseState.PARTIAL if exercise.points > 1e-9 else ExerciseState.WRONG


def _checked(lab: Lab, asked: Asked, cell: NotebookNode) -> tuple[bool, list[Test], str]:
    """What a check found: (attempted, its tests, what it printed if it is no `Report`)."""
    found = outcome.shown_by(cell)
    if found is None:
        printed = [o.text for o in cell.get("outputs", []) if o.output_type == "stream" and o.name == "stdout"]
        return True, [], lab.scrub("".join(printed)).strip()
    tests = [
        Test(
            ANSI.sub("", test.title), test.state, test.points, test.of, lab.scrub(test.message), test.code,
            lab.scrub(test.where), test.again, asked.is_reserved(test.title),
        )
        for test in found.tests if found.attempted
    ]  # fmt: skip
    return found.attempted, tests, ""


def _error(cell: NotebookNode) -> str:
    """How a cell ended, if it did by an error: without traceback, in which the hidden tests would stand."""
    for output in reversed(cell.get("outputs", [])):
        if output.output_type == "error":
            told = ANSI.sub("", output.get("evalue", ""))
            if output.ename == stop_of(cell):
                return told
            line = re.search(r"\([^()]*, line (\d+)\)$", told)  # of a SyntaxError, after the name of a file
            if line:
                told = told[: line.start()] + _("(ligne {number})").format(number=line[1])
            return _("{what} : {told}").format(what=output.ename, told=told) if told else str(output.ename)
    return ""
