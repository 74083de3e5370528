"""The thin layer of the recorder: all that it knows of the course's modules and of its tests.

`PARTS` names what can be recorded; each part gives its records, {key: plain data}.  When modules move or names change,
this file follows, and what it gives stays the same.  The toy classes are those of the tests: their tests are run, and
what the grading gives them is noted on the way, under the name of the test or fixture that asked for it.
"""

import contextlib
import functools
import io
import os
import shutil
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest

from authoring import answers
from authoring.catalogue import Catalogue
from authoring.lab import Lab
from grading import demo, grade, moodle
from grading.book import intake
from grading.book.gradebook import Course
from grading.execution import sandbox
from grading.reports.result import Result
from tests.toy_lab import LAB, TOY
from utils.environment import ROOT  # noqa: F401  (the recorder takes it out of what it keeps)
from utils.student import handin

# The toy classes: the tests that grade them.  Left out: processes killed at random, which end with the same marks, and
# the Dask cluster, an extra.
TESTS = {
    "toy:cycle": ["tests/grading/test_grade.py"],
    "toy:pool": ["tests/grading/test_pool.py", "-m", "not slow", "-k", "not killed"],
    "toy:odd": ["tests/grading/reports/test_page.py"],
    "toy:moodle": ["tests/grading/test_moodle.py"],
    "toy:redteam": ["tests/grading/test_redteam.py", "-m", "not slow", "-k", "attack or others or got_out"],
    "toy:bombs": ["tests/grading/test_redteam.py", "-k", "bombs"],
    "toy:broken": ["tests/grading/book/test_intake.py"],
    "student:handin": ["tests/utils/student/test_handin.py"],
}


def parts() -> dict:
    """Everything that can be recorded, the cheap parts first: {name: function that gives the records}."""
    made = {"answers:toy": toy_answers, "answers:tp0_quiz": functools.partial(kept_answers, Catalogue()["tp0_quiz"])}
    made |= {name: functools.partial(graded_by_tests, arguments) for name, arguments in TESTS.items()}
    made["toy:broken"] = broken
    for prefix, function in (("answers", kept_answers), ("demo", demo_class)):
        made |= {f"{prefix}:{lab.name}": functools.partial(function, lab) for lab in Catalogue()}
    return made


def versions() -> dict[str, str]:
    """The libraries that messages and marks may depend on."""
    return {name: version(name) for name in ("nbgrader", "numpy", "torch", "transformers")}


# ----------------------------------------------------------------------------------------------------- kept answers
def kept_answers(lab: Lab) -> dict:
    """Every kept answer of a lab, on one core: sums are added in the same order on every machine."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    records: dict = {}
    for outcome in answers.run(lab):
        answer = outcome.answer
        key = first_free(records, f"{outcome.exercise} / {answer.kind} / {answer.description}")
        records[key] = {
            "expected points": outcome.expected,
            "expected message": answer.message,
            "points": outcome.points,
            "printed": outcome.output,
        }
        print(key, outcome.points, flush=True)
    return records


def toy_answers() -> dict:
    return kept_answers(TOY)


def first_free(records: dict, key: str) -> str:
    names = (f"{key} ({count})" if count > 1 else key for count in range(1, len(records) + 2))
    return next(name for name in names if name not in records)


# ----------------------------------------------------------------------------------------------------------- classes
def demo_class(lab: Lab) -> dict:
    """The demonstration class of a lab, and what `make demo` says of it."""
    watch = Watch(f"{lab.name} demo")
    with tempfile.TemporaryDirectory() as folder, watch.at_work():
        problems = demo.demo(lab, Path(folder) / "demo")
    return watch.records | {"what differs from what was expected": {"problems": problems}}


def graded_by_tests(arguments: list[str]) -> dict:
    """What the grading gives to some tests, which must pass; `arguments`: pytest's."""
    watch = Watch()
    run_tests(arguments, watch)
    return watch.records


def broken() -> dict:
    """What intake's tests get for each broken hand-in, then all of these hand-ins graded as one class."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(keep=Path(folder) / "course" / "submitted")
        run_tests(TESTS["toy:broken"], watch)
        watch.where = "all as one class"
        with watch.at_work():
            grade.grade(Path(folder) / "course", TOY, grade.Options(jobs=2, isolated=sandbox.available()))
    return watch.records


def run_tests(arguments: list[str], watch: "Watch") -> None:
    with watch.at_work():
        code = pytest.main(
            [*arguments, "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"],
            plugins=[watch],
        )
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"pytest {' '.join(arguments)}: exit status {code}")


class Watch:
    """Notes what the grading gives to whoever asks, while it is at work.  It is a plugin of pytest, to know who does.

    `keep`: a folder where every hand-in that is taken in is copied, for a class.
    """

    def __init__(self, where: str = "", keep: Path | None = None):
        self.where, self.keep = where, keep
        self.records: dict = {}
        self._calls: Counter = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        self.where = item.name.removeprefix("test_")
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        outer, self.where = self.where, fixturedef.argname
        try:
            return (yield)
        finally:
            self.where = outer

    @contextlib.contextmanager
    def at_work(self):
        """In the place of the functions that give marks and messages, as tests and commands call them."""
        with pytest.MonkeyPatch.context() as patch:
            noted = self._noted(grade.grade, class_of)
            for module in (grade, demo):
                patch.setattr(module, "grade", noted)
            patch.setattr(intake, "take_in", self._noted(intake.take_in, hand_in_of, self._copied))
            patch.setattr(moodle, "import_submissions", self._noted(moodle.import_submissions, import_of))
            patch.setattr(moodle, "export", self._noted(moodle.export, export_of))
            patch.setattr(handin, "hand_in", self._heard(handin.hand_in))
            yield

    def _noted(self, function, told, before=lambda *_: None):
        """`function`, each call of which leaves the records that `told(result, *its arguments)` gives."""

        @functools.wraps(function)
        def call(*args, **kwargs):
            key = self._next_key()
            before(key, *args)
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                self.records[key] = {"refused": str(error)}
                raise
            for name, record in told(result, *args).items():
                self.records[f"{key} / {name}" if name else key] = record
            return result

        return call

    def _heard(self, function):
        """`function`, each call of which leaves what it printed; it is printed all the same."""

        @functools.wraps(function)
        def call(*args, **kwargs):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                result = function(*args, **kwargs)
            print(printed.getvalue(), end="")
            self.records[self._next_key()] = {"accepted": result is not None, "printed": printed.getvalue()}
            return result

        return call

    def _next_key(self) -> str:
        """The name of what is asking, and which of its calls this is."""
        self._calls[self.where] += 1
        return self.where if self._calls[self.where] == 1 else f"{self.where} #{self._calls[self.where]}"

    def _copied(self, key: str, source: Path, *_) -> None:
        if self.keep:
            name = "".join(letter if letter.isalnum() else "-" for letter in key)
            shutil.copytree(source, self.keep / name / LAB, symlinks=True)


# ------------------------------------------------------------------------------------------- what is kept of results
def class_of(marks: list[grade.Marks], root: Path, lab: Lab, *_) -> dict:
    """Each hand-in of a class: its marks, and what became of each exercise."""
    course = Course(root, lab)
    with course.gradebook() as gradebook:
        return {
            mark.student: {
                "points": mark.points,
                "maximum": mark.maximum,
                "to grade": mark.to_grade,
                "error": mark.error,
                "state": mark.state,
                "notes": list(map(str, mark.notes)),
                "result": result_of(course.result(mark.student, gradebook)),
            }
            for mark in marks
        }


def result_of(result: Result) -> dict:
    exercises = {
        exercise.name: {
            "title": exercise.title,
            "state": exercise.state,
            "points": exercise.points,
            "maximum": exercise.maximum,
            "message": exercise.message,
            "changed": exercise.changed,
            "by hand": exercise.by_hand,
            "waiting": exercise.waiting,
            "comment": exercise.comment,
            "tests": [
                {
                    "title": test.title,
                    "state": test.state,
                    "points": test.points,
                    "maximum": test.of,
                    "message": test.told,
                    "reserved": test.reserved,
                }
                for test in exercise.tests
            ],
        }
        for exercise in result.exercises
    }
    return {
        "status": result.status,
        "error": result.error,
        "notes": list(map(str, result.notes)),
        "exercises": exercises,
    }


def hand_in_of(taken: intake.HandIn, *_) -> dict:
    cells = [cell.metadata.get("nbgrader", {}).get("grade_id", "") for cell in read(taken.notebook).cells]
    return {"": {"notes": list(map(str, taken.notes)), "files": sorted(taken.files), "cells": cells}}


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def import_of(result: tuple[list[str], list[str]], *_) -> dict:
    students, notes = result
    return {"": {"students": students, "notes": notes}}


def export_of(result: tuple[Path, list[str]], *_) -> dict:
    folder, notes = result
    return {"": {"notes": notes, "worksheet": (folder / "notes.csv").read_text(encoding="utf-8-sig").splitlines()}}
