"""The kept answers: the runner itself on the toy lab, then every lab's answers."""

import pytest

from authoring import answers
from authoring import lab as labs
from tests.toy_lab import LAB


def test_toy_answers_get_what_they_should(toy):
    outcomes = list(answers.run(LAB))
    assert [o.problem for o in outcomes if o.problem] == []
    assert all(o.apart for o in outcomes)
    kinds = sorted(o.answer.kind for o in outcomes)
    assert kinds == sorted(["reference", "untouched", "right", "right", "wrong", "wrong", "wrong"] * 2)


def test_a_wrong_expectation_is_seen(toy):
    path = toy.parent / "answers" / "ex1_double.py"
    path.write_text(path.read_text().replace("points=0.5", "points=2").replace("obtenu : 1", "une chose jamais dite"))
    problems = sorted(o.problem for o in answers.run(LAB) if o.problem)
    assert len(problems) == 2 and "expected 2" in problems[0] and "did not print" in problems[1]


def test_an_answer_that_spoils_hangs_or_dies_harms_no_other(toy, monkeypatch):
    path = toy.parent / "answers" / "ex1_double.py"
    text = path.read_text()
    text = text.replace("[right] a sum\n", "[right] a sum\nimport utils.checks\nvars(utils.checks).clear()\n")
    text = text.replace("return x << 1", "while True: pass").replace("return x * x", "import os; os._exit(3)")
    path.write_text(text)
    monkeypatch.setenv("COURSE_HANGS_AFTER", "1")
    problems = {o.answer.description: o.problem for o in answers.run(LAB, only="ex1") if o.problem}
    assert set(problems) == {"a shift", "squares"}
    assert "killed" in problems["a shift"] and "not come to its end" in problems["squares"]


def test_a_check_that_cannot_cross_over_runs_where_the_answer_is(toy):
    """It looks into the function's code: a stand-in has other arguments."""
    looks = "points = report.score()\npoints * double.__code__.co_argcount"
    toy.write_text(toy.read_text().replace("report.score()", looks, 1))
    outcomes = list(answers.run(LAB, only="ex1"))
    assert [o.problem for o in outcomes if o.problem] == [] and not any(o.apart for o in outcomes)


def test_a_lab_that_stops_is_said(toy):
    toy.write_text(toy.read_text().replace("from utils.checks", "1 / 0\nfrom utils.checks", 1))
    with pytest.raises(labs.LabError, match="ZeroDivisionError"):
        list(answers.run(LAB))


def test_too_few_answers_are_refused(toy):
    path = toy.parent / "answers" / "ex1_double.py"
    path.write_text(path.read_text().split("# %% [wrong] points=0 ")[0])
    with pytest.raises(labs.LabError, match="fewer than 3 wrong"):
        answers._all_answers(LAB, "ex1_double", "")


def test_a_bad_header_is_refused(toy):
    path = toy.parent / "answers" / "ex1_double.py"
    path.write_text(path.read_text().replace("# %% [right] a sum", "# %% [almost] a sum"))
    with pytest.raises(labs.LabError, match="header"):
        answers.read_answers(path)
