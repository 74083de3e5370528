"""The whole cycle with stock nbgrader, on the toy lab."""

import copy
import csv
import re

import nbformat
import pytest
from nbgrader.api import Gradebook

from authoring.catalogue import Catalogue
from authoring.release import released
from grading import demo, grade
from tests.english import left_in_french
from tests.toy_lab import LAB, TOY, copies
from utils.notebook.cells import grade_id


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


ENGLISH = {
    "ex1_double": "def double(x):\n    return x + x",
    "ex2_noisy": 'def noisy():\n    return "nothing but harmless noise"',
    "ex3_words": "Because.",
}


@pytest.fixture(scope="module")
def english_release():
    return released(TOY, "en")


def stripped(notebook):
    """As an editor leaves a copy that keeps neither metadata nor ids."""
    bare = copy.deepcopy(notebook)
    bare.metadata.clear()
    for cell in bare.cells:
        cell.metadata.clear()
        cell.pop("id", None)
    bare.nbformat_minor = 4
    return bare


def said(root, student, lab=LAB):
    """What a student reads in the feedback page, tags aside."""
    page = (root / "feedback" / student / lab / f"{lab}.html").read_text(encoding="utf-8")
    return re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)


def test_a_class_in_two_languages(student_notebook, english_release, tmp_path):
    root, english = tmp_path / "course", nbformat.reads(english_release.decode(), as_version=4)
    right = demo.three(TOY)[0].sources
    for name, notebook, sources in [
        ("anne", student_notebook, right),
        ("bea", english, ENGLISH),
        ("cyd", english, {"ex1_double": "def double(x):\n    return 2 * x or 1"}),
        ("dan", english, {}),
        ("eve", stripped(english), {}),
        ("fay", english, right),
    ]:
        demo.hand_in(notebook, demo.Student(name, sources, {}), root, LAB)
    path = root / "submitted" / "eve" / LAB / f"{LAB}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if cell.source.startswith("def double"))
    notebook.cells[place].source = ENGLISH["ex1_double"]
    nbformat.write(notebook, path)

    marks = {mark.student: mark for mark in grade.grade(root, TOY)}
    assert {mark.error for mark in marks.values()} == {""} and {mark.maximum for mark in marks.values()} == {5.0}
    assert [marks[name].total for name in marks] == [3.0, 3.0, 1.5, 0.0, 2.0, 2.0]  # fay answers in French
    assert {name: mark.to_grade for name, mark in marks.items() if mark.to_grade} == dict.fromkeys(
        ("anne", "bea", "fay"), ["ex3_words"]
    )  # an untouched answer waits for nobody, in either language
    for name, mark in marks.items():
        assert not any("verrouillées" in str(note) for note in mark.notes), name
        assert bool(mark.notes) == (name == "eve"), name
    assert "Exercise 1" in said(root, "cyd") and "Exercice 1" in said(root, "anne")
    assert "a secret trial of zero" in said(root, "cyd") and "a secret test of zero" not in said(root, "cyd")
    assert "expect_equal(double(0)" not in said(root, "cyd")
    assert "3 not attempted yet" in said(root, "dan") and "If you have written" not in said(root, "dan")
    assert "Correction de la copie de anne" in said(root, "anne") and "2 sur 3" not in said(root, "cyd")
    assert "1.5 / 2" in said(root, "cyd") and "Points are missing for: “a secret trial of zero” (−0.5)." in said(
        root, "cyd"
    )
    assert "obtained: 1" in said(root, "cyd") and "Provisional mark: 1 exercise is still" in said(root, "bea")
    for name in ("bea", "cyd", "dan", "eve"):  # what they are told, besides their names
        assert not left_in_french(said(root, name)), name
    assert "Exercise 1" in said(root, "eve") and "Exercice 1" not in said(root, "eve")
    for name in ("bea", "eve"):  # and what nbgrader has put back, and executed, is in English
        executed = (root / "autograded" / name / LAB / f"{LAB}.ipynb").read_text(encoding="utf-8")
        assert "a secret trial of zero" in executed and "a secret test of zero" not in executed
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        assert len(gradebook.assignments) == 1  # one lab, whatever its languages
        assert "a secret test of zero" in gradebook.find_source_cell("ex1_double-check", LAB, LAB).source


def test_manual_marks_and_comments_survive_a_new_grading(course):
    answer = course / "submitted" / "anne" / LAB / f"{LAB}.ipynb"
    notebook = nbformat.read(answer, as_version=4)
    [cell] = [cell for cell in notebook.cells if grade_id(cell) == "ex3_words-answer"]
    cell.source = "Parce que."
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
    printed = capsys.readouterr().out
    assert "2-intacte" in printed and "2-intacte-en" in printed


def test_a_demonstration_class_of_a_real_lab_half_in_english(tmp_path, monkeypatch):
    lab = Catalogue()["tp0_quiz"]
    students = [student for language in ("fr", "en") for student in demo.three(lab, language)[:2]]
    half = lab.exercises_in("en")["ex1_quiz"].stub.replace(": None,", ": True,")  # right as often as wrong: no point
    students.append(demo.Student("4-half", {"ex1_quiz": half}, {"ex1_quiz": 0.0}, "en"))
    monkeypatch.setattr(demo, "the_class", lambda lab: students)
    assert demo.demo(lab, tmp_path / "demo") == []
    pages = {student.name: said(tmp_path / "demo", student.name, "tp0_quiz") for student in students}
    assert "Exercise 1 — True or false?" in pages["1-parfaite-en"] and "Exercice 1 — Vrai" in pages["1-parfaite"]
    assert "not attempted yet" in pages["2-intacte-en"] and "pas encore traité" in pages["2-intacte"]
    assert "You answered: True. It is false: " in pages["4-half"] and "test reserved for grading" in pages["4-half"]
    for student in students:
        if student.language == "en":
            executed = (tmp_path / "demo/autograded" / student.name / "tp0_quiz/tp0_quiz.ipynb").read_text("utf-8")
            told = pages[student.name].replace("parfaite", "").replace("intacte", "")  # names are names
            assert not left_in_french(told + executed)


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
