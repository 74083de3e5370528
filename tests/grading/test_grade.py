"""The whole cycle with stock nbgrader, on the toy lab."""

import csv

import nbformat
import pytest
from nbgrader.api import Gradebook

from grading import demo, grade
from tests.toy_lab import LAB, TOY, copies


@pytest.fixture
def course(student_notebook, tmp_path):
    """A course folder with hand-ins of several kinds."""
    root = tmp_path / "course"
    cells = {
        "anne": {
            "ex1_double": "def double(x):\n    return x + x",
            "ex2_noisy": 'def noisy():\n    return "rien que du bruit inoffensif"',
        },
        "boris": {"ex1_double": "def double(x):\n    return 2 * x or 1"},
        "chloé": {},
    }
    for name, sources in cells.items():
        demo.hand_in(student_notebook, demo.Student(name, sources, {}), root, LAB)
    broken = root / "submitted" / "denis" / LAB / f"{LAB}.ipynb"
    broken.parent.mkdir(parents=True)
    broken.write_text('{"cells": [')
    return root


def test_the_cycle(course):
    marks = {mark.student: mark for mark in grade.grade(course, TOY)}
    assert marks["anne"].points == {"ex1_double": 2.0, "ex2_noisy": 1.0, "ex3_words": 0.0}  # stderr is no failure
    assert marks["boris"].points["ex1_double"] == 1.5  # partial credit; its hidden test failed
    assert marks["chloé"].total == 0 and not marks["chloé"].error
    assert marks["denis"].error  # and the others were graded
    assert {mark.maximum for mark in marks.values() if not mark.error} == {5.0}

    page = (course / "feedback" / "boris" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    assert "double(3)" in page and "expect_equal(double(0)" not in page
    page = (course / "feedback" / "chloé" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    assert page.count("pas encore traité") >= 2

    grade.write_csv(list(marks.values()), course / "grades.csv")
    with (course / "grades.csv").open(encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert rows["boris"]["ex1_double"] == "1.5" and rows["denis"]["error"]
    assert "not graded" in grade.table(list(marks.values()))


def test_manual_marks_and_comments_survive_a_new_grading(course):
    answer = course / "submitted" / "anne" / LAB / f"{LAB}.ipynb"
    notebook = nbformat.read(answer, as_version=4)
    notebook.cells[-1].source = "Parce que."
    nbformat.write(notebook, answer)
    before = {m.student: m for m in grade.grade(course, TOY)}["anne"]
    assert before.to_grade == ["ex3_words"]
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne").manual_score = 1.5
        gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").manual_comment = "Bien vu."
        gradebook.db.commit()
    after = {m.student: m for m in grade.grade(course, TOY)}["anne"]
    # nbgrader keeps the mark and asks for a second look at it, since the answer may have changed.
    assert after.points["ex3_words"] == 1.5 and after.to_grade == ["ex3_words"]
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        assert gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").comment == "Bien vu."
    assert "Bien vu." in (course / "feedback" / "anne" / LAB / f"{LAB}.html").read_text(encoding="utf-8")


def test_the_demonstration_class(tmp_path, capsys):
    assert demo.demo(TOY, tmp_path / "demo") == []
    assert "2-intacte" in capsys.readouterr().out


def test_the_demonstration_sees_a_wrong_mark(tmp_path, monkeypatch):
    student = demo.three(TOY)[1]
    student.expected = {"ex1_double": 2.0}
    monkeypatch.setattr(demo, "the_class", lambda lab: [student])
    assert demo.demo(TOY, tmp_path / "demo") == ["2-intacte, ex1_double: 0.0 points, expected 2"]


def test_nothing_handed_in(tmp_path):
    assert grade.grade(tmp_path, TOY) == []


def test_the_table_of_marks_keeps_the_labs_graded_before(monkeypatch, tmp_path, capsys):
    """`make grade LAB=…` is one lab; a hand-in set aside is the student's affair, a failed one ours."""
    (tmp_path / "submitted" / "anne").mkdir(parents=True)
    (tmp_path / "submitted" / "anne" / "tp2.ipynb").touch()

    def mark(lab, state="recorded", error=""):
        points = {} if error else {"ex10_a": 1.0, "ex2_b": 2.0}
        return grade.Marks("anne", lab, points, 3.0, error=error, state=state)

    of = {"tp1": [mark("tp1")], "tp2": [mark("tp2")], "tp3": [mark("tp3", "new", "pas encore")]}
    monkeypatch.setattr(grade, "COURSE", tmp_path)
    catalogue = copies(tmp_path, {"tp1": 1, "tp2": 2, "tp3": 3})
    monkeypatch.setattr(grade, "Catalogue", lambda: catalogue)
    monkeypatch.setattr(grade, "marks_of", lambda root, lab: of[lab.name])
    monkeypatch.setattr("grading.reports.class_report.write_report", lambda root, lab: None)
    for state, code in (("recorded", 0), ("aside", 0), ("failed", 1)):
        error = "" if state == "recorded" else "une phrase"
        monkeypatch.setattr(grade, "grade", lambda *_, s=state, e=error: [mark("tp2", s, e)])
        assert grade.main(["tp2"]) == code
        with (tmp_path / "grades.csv").open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert [row["lab"] for row in rows] == ["tp1", "tp2"] and rows[0]["total"] == "3.0"
        assert rows[1]["total"] == ("" if error else "3.0")  # no mark is not the mark 0
        assert list(rows[0])[2:4] == ["ex2_b", "ex10_a"]
    printed = capsys.readouterr().out
    assert "ignored: submitted/anne/tp2.ipynb" in printed and "1 set aside" in printed
