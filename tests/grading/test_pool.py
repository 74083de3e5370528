"""Warm, parallel, resumable: the same marks as stock nbgrader, and nothing done twice."""

import random
import shutil
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde

from authoring.lab import Lab
from authoring.nbgrader import configuration
from authoring.release import generate
from grading import grade
from grading.book import gradebook as record
from grading.book.ledger import Ledger
from grading.book.notes import NoteKind
from tests.grading.conftest import CLASS
from tests.toy_lab import LAB, SOURCE, TOY, rewritten
from utils.environment import ROOT

EXPECTED = {"anne": 3.0, "boris": 1.5, "chloé": 0.0, "denis": 0.0}


def cells(root):
    """Every cell of the gradebook: (student, cell, points by the machine, maximum, waits for a person)."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return {
            (submission.student.id, grade.name, grade.auto_score, grade.max_score, grade.needs_manual_grade)
            for submission in gradebook.assignment_submissions(LAB)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.fixture
def executions(monkeypatch):
    """The names of those whose notebook is executed, in order."""
    seen = []
    real = record.Course.sanitized
    monkeypatch.setattr(
        record.Course, "sanitized", lambda course, path: seen.append(path.parent.parent.name) or real(course, path)
    )
    return seen


def edit(root, student, old, new):
    path = root / "submitted" / student / LAB / f"{LAB}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_same_marks_as_stock_nbgrader_cell_by_cell(classroom, tmp_path):
    stock, cold = tmp_path / "stock", tmp_path / "cold"
    shutil.copytree(classroom, stock)
    shutil.copytree(classroom, cold)
    generate(TOY, stock)
    config = configuration(stock)
    config.CourseDirectory.assignment_id = LAB
    for student in CLASS:
        assert NbGraderAPI(config=config).autograde(LAB, student)["success"]
    marks = grade.grade(classroom, TOY, grade.Options(jobs=2))
    assert {mark.student: mark.total for mark in marks} == EXPECTED
    assert cells(classroom) == cells(stock) and len(cells(stock)) == 3 * len(CLASS)
    grade.grade(cold, TOY, grade.Options(jobs=2, warm=False))
    assert cells(cold) == cells(stock)


def test_only_what_changed_is_graded_again(classroom, executions, toy):
    grade.grade(classroom, TOY)
    assert sorted(executions) == sorted(CLASS)
    executions.clear()
    grade.grade(classroom, TOY)
    assert executions == []

    edit(classroom, "boris", "2 * x or 1", "2 * x")
    marks = {mark.student: mark.total for mark in grade.grade(classroom, TOY)}
    assert executions == ["boris"] and marks == EXPECTED | {"boris": 2.0}

    executions.clear()
    toy = rewritten(toy, "expect_equal(double(0), 0,", "expect_equal(double(0), 1,")
    marks = {mark.student: mark.total for mark in grade.grade(classroom, toy)}
    assert sorted(executions) == sorted(CLASS) and marks["boris"] == 1.5

    (classroom / "gradebook.db").unlink()  # all is graded again
    assert {mark.student: mark.total for mark in grade.grade(classroom, toy)} == marks


def test_what_was_executed_but_not_recorded_is_only_recorded(classroom, executions, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(record.Course, "record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            grade.grade(classroom, TOY, grade.Options(jobs=1))
    done = {s for s in CLASS if (entry := Ledger(classroom / "ledger" / LAB).get(s)) and entry.state == "executed"}
    assert len(done) == 1
    executions.clear()
    marks = {mark.student: mark.total for mark in grade.grade(classroom, TOY)}
    assert marks == EXPECTED and sorted(executions) == sorted(set(CLASS) - done)


def test_ctrl_c_while_nbgrader_records_stops_the_grading(classroom, executions):
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Autograde, "convert_single_notebook", interrupted)
        with pytest.raises(KeyboardInterrupt):
            grade.grade(classroom, TOY, grade.Options(jobs=1))
    stopped = {s for s in CLASS if (e := Ledger(classroom / "ledger" / LAB).get(s)) and e.state == "executed"}
    assert len(stopped) == 1  # nothing is called failed
    executions.clear()
    assert {mark.student: mark.total for mark in grade.grade(classroom, TOY, grade.Options(jobs=1))} == EXPECTED
    assert not stopped & set(executions)


ADDED = """\
# %% exercise="ex4_more" role="solution"
def more():
    ### BEGIN SOLUTION
    return 4
    ### END SOLUTION

# %% exercise="ex4_more" role="check" points=1
report = Report("Exercice 4", points=1)
with report.test("more()", points=1):
    expect_equal(more(), 4, "more()")
report.score()

"""


def test_a_lab_whose_exercises_changed_is_graded_anew_and_what_a_person_gave_stays(classroom, toy):
    """nbgrader refuses to add or rename an exercise once there are submissions."""
    grade.grade(classroom, TOY)
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}") as gradebook:
        given = gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne")
        given.manual_score, given.needs_manual_grade = 1.5, False
        gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").manual_comment = "Bien vu."
        gradebook.db.commit()
    last = '# %% [markdown] name="result"'
    toy.script.write_text(SOURCE.replace("ex2_noisy", "ex2_quiet").replace(last, ADDED + last), encoding="utf-8")
    changed = Lab(toy.root, toy.name)
    marks = {mark.student: mark for mark in grade.grade(classroom, changed)}
    assert marks["anne"].points == {"ex1_double": 2.0, "ex2_quiet": 1.0, "ex3_words": 1.5, "ex4_more": 0.0}
    assert {name: mark.total for name, mark in marks.items()} == EXPECTED | {"anne": 4.5}
    assert not marks["anne"].error and not [n for n in marks["anne"].notes if n.kind == NoteKind.LOCKED_EDITED]
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}") as gradebook:
        assert gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").comment == "Bien vu."
        gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne").manual_score = None  # a second thought
        gradebook.db.commit()
    edit(classroom, "anne", "x + x", "x + x + 0")
    assert {mark.student: mark.total for mark in grade.grade(classroom, changed)}["anne"] == 3.0
    [line] = [line for line in grade.moved(list(marks.values())) if line.startswith("anne")]
    assert line.startswith("anne: 4.5 → 4.5 (ex2_noisy 1.0 → –, ex2_quiet – → 1.0")


def test_a_check_that_the_teacher_reworded_accuses_nobody(classroom, toy):
    reworded = rewritten(
        toy, 'expect_equal(double(3), expected, "double(3)")', 'expect_equal(double(3), expected, "le double de 3")'
    )
    marks = {mark.student: mark for mark in grade.grade(classroom, reworded)}
    assert {name: mark.total for name, mark in marks.items()} == EXPECTED
    told = [note.kind for mark in marks.values() for note in mark.notes]
    assert NoteKind.LOCKED_EDITED not in told and NoteKind.EARLIER_RELEASE in told


def test_manual_marks_survive_a_changed_hand_in(classroom):
    grade.grade(classroom, TOY)
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}") as gradebook:
        gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne").manual_score = 1.5
        gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").manual_comment = "Bien vu."
        gradebook.db.commit()
    edit(classroom, "anne", "return x + x", "return 3 * x")
    anne = {mark.student: mark for mark in grade.grade(classroom, TOY)}["anne"]
    assert anne.points == {"ex1_double": 0.5, "ex2_noisy": 1.0, "ex3_words": 1.5}
    page = (classroom / "feedback" / "anne" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    assert "Bien vu." in page


def test_two_gradings_at_once_are_refused(classroom, monkeypatch):
    def second(course):
        with pytest.raises(grade.LabError, match="another grading"):
            grade.grade(classroom, TOY)
        raise ZeroDivisionError

    monkeypatch.setattr(grade.Course, "open", second)
    with pytest.raises(ZeroDivisionError):
        grade.grade(classroom, TOY)


def test_a_kernel_that_dies_costs_the_cells_from_there_on(classroom):
    edit(classroom, "anne", "return x + x", "return __import__('os')._exit(0)")
    anne = {mark.student: mark for mark in grade.grade(classroom, TOY)}["anne"]
    assert anne.total == 0 and not anne.error and "noyau" in str(anne.notes[0])


def test_a_cell_that_never_ends(classroom, monkeypatch):
    monkeypatch.setattr("authoring.nbgrader.CELL_TIMEOUT", 2)
    monkeypatch.setattr("grading.execution.runner.ANSWER_SECONDS", 1)
    edit(classroom, "anne", "return x + x", "\\n    while True: pass")
    stubborn = "\\n    while True:\\n        try:\\n            while True: pass\\n        except BaseException: pass"
    edit(classroom, "boris", "return 2 * x or 1", stubborn)
    marks = {mark.student: mark for mark in grade.grade(classroom, TOY, grade.Options(jobs=2))}
    assert marks["anne"].points["ex2_noisy"] == 1.0 and marks["anne"].points["ex1_double"] == 0.0  # interrupted
    assert marks["boris"].total == 0  # killed
    assert all("temps" in str(marks[name].notes[0]) for name in ("anne", "boris"))
    assert not marks["denis"].notes


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def killed_at_random(kills, classroom, tmp_path, seed):
    """Grade, killing the process `kills` times; each time it is started again it goes on; marks are checked."""
    pristine = tmp_path / "pristine"
    shutil.copytree(classroom, pristine)
    log, chance = tmp_path / "log", random.Random(seed)
    done = 0
    while done < kills:
        shutil.rmtree(classroom)
        shutil.copytree(pristine, classroom)
        finished = False
        while not finished:
            recorded = {s for s in CLASS if (e := Ledger(classroom / "ledger" / LAB).get(s)) and e.state == "recorded"}
            log.write_text("")
            command = [sys.executable, "-m", "tests.grading.grade_toy", classroom, log]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done < kills:
                while process.poll() is None and "server" not in log.read_text():
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 2.5))
            else:
                process.wait()
            if process.poll() is None:
                process.kill()
                done += 1
            stderr = process.communicate()[1]
            lines = log.read_text().splitlines()
            assert process.returncode in (0, -9), stderr
            executed = {line.split()[1] for line in lines if line.startswith("run ")}
            assert not executed & recorded  # nothing twice
            for server in (int(line.split()[1]) for line in lines if line.startswith("server ")):
                wait_until(lambda pid=server: not psutil.pid_exists(pid))  # the fork server went with the grader
            with sqlite3.connect(classroom / "gradebook.db") as database:
                assert database.execute("pragma integrity_check").fetchone() == ("ok",)
            finished = process.returncode == 0
        marks = {mark.student: mark.total for mark in grade.grade(classroom, TOY)}
        assert marks == EXPECTED


def test_killed_and_started_again(classroom, tmp_path):
    killed_at_random(2, classroom, tmp_path, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_fifty_times(classroom, tmp_path):
    killed_at_random(50, classroom, tmp_path, seed=2)
