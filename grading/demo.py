"""`make demo`: a class of six, and of three more in each other language, goes through the whole cycle, and its marks
are compared with those expected.

Made in build/demo, a course of its own: a teacher's gradebook and hand-ins are never touched.
"""

import argparse
import copy
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat

from authoring.answers import read_answers
from authoring.catalogue import Catalogue
from authoring.lab import SOURCE_LANGUAGE, Lab
from authoring.release import quiet, released
from grading.execution import sandbox
from grading.grade import Options, grade, table, write_csv
from grading.reports.class_report import write_report
from utils.environment import ROOT


@dataclass
class Student:
    """A hand-in to make: the source of each solution cell (absent: untouched), and the points it should get."""

    name: str
    sources: dict[str, str]
    expected: dict[str, float]
    language: str = SOURCE_LANGUAGE


def three(lab: Lab, language: str = SOURCE_LANGUAGE) -> list[Student]:
    """Perfect, untouched and half done."""
    reference = {asked.name: asked.reference for asked in lab.exercises_in(language).values()}
    end = "" if language == SOURCE_LANGUAGE else f"-{language}"
    full = {asked.name: asked.points for asked in lab.exercises.values() if asked.is_code}
    half = list(full)[: len(full) // 2]
    zero = dict.fromkeys(full, 0.0)
    return [
        Student(f"1-parfaite{end}", reference, full, language),
        Student(f"2-intacte{end}", {}, zero, language),
        Student(f"3-a-moitie{end}", {e: reference[e] for e in half}, zero | {e: full[e] for e in half}, language),
    ]


def the_class(lab: Lab) -> list[Student]:
    """Those three, in each language of the lab, and three with typical mistakes in every other exercise."""
    students = three(lab)
    reference, full = students[0].sources, students[0].expected
    for i, name in enumerate(("4-etourdi", "5-presse", "6-confuse")):
        sources, expected = dict(reference), dict(full)
        for exercise in list(full)[i % 2 :: 2]:
            mistakes = [a for a in read_answers(lab.answers_path(exercise)) if a.kind == "wrong"]
            mistake = mistakes[i % len(mistakes)]
            sources[exercise], expected[exercise] = mistake.source, mistake.points
        students.append(Student(name, sources, expected))
    return students + [student for language in lab.languages[1:] for student in three(lab, language)]


def hand_in(notebook: nbformat.NotebookNode, student: Student, folder: Path, lab: str) -> None:
    """Fill a copy of the student notebook and put it where hand-ins go."""
    filled = copy.deepcopy(notebook)
    for cell in filled.cells:
        exercise, _, role = cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")
        if role in ("solution", "answer") and exercise in student.sources:
            cell.source = student.sources[exercise]
    path = folder / "submitted" / student.name / lab / f"{lab}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(filled, path)


def demo(lab: Lab, root: Path) -> list[str]:
    """Run the cycle in `root`; print the marks; return what differs from what was expected."""
    shutil.rmtree(root, ignore_errors=True)
    students = the_class(lab)
    releases = {language: nbformat.reads(released(lab, language), as_version=4) for language in lab.languages}
    for student in students:
        hand_in(releases[student.language], student, root, lab.name)
    options = Options(isolated=sandbox.available())  # its own hand-ins can be trusted
    marks = {mark.student: mark for mark in grade(root, lab, options)}
    write_csv(list(marks.values()), root / "grades.csv")
    with quiet():
        write_report(root, lab)
    print(table(list(marks.values())))
    problems = []
    for student in students:
        mark = marks[student.name]
        problems += [f"{student.name}: {mark.error}"] if mark.error else []
        for exercise, expected in student.expected.items():
            got = mark.points.get(exercise)
            if got is None or abs(got - expected) > 1e-9:
                problems.append(f"{student.name}, {exercise}: {got} points, expected {expected:g}")
        if not mark.error and not (root / "feedback" / student.name / lab.name / f"{lab.name}.html").exists():
            problems.append(f"{student.name}: no feedback page")
    return problems


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.demo", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    problems = []
    for lab in Catalogue().chosen(parser.parse_args(arguments).labs):
        root = ROOT / "build" / "demo" / lab.name
        print(f"A class of {len(the_class(lab))} hands in {lab.name}; graded in {root.relative_to(ROOT)}/")
        problems += demo(lab, root)
    for problem in problems:
        print(f"[FAIL] {problem}", file=sys.stderr)
    if not problems:
        print("[OK] every mark is the one expected")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
