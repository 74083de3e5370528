"""The kept answers: the runner itself on the toy lab, then every lab's answers."""

import re

import pytest

from authoring import answers
from authoring.lab import LabError


def test_toy_answers_get_what_they_should(toy):
    outcomes = list(answers.run(toy))
    assert [o.problem for o in outcomes if o.problem] == []
    assert all(o.apart for o in outcomes)
    kinds = sorted(o.answer.kind for o in outcomes)
    assert kinds == sorted(["reference", "untouched", "right", "right", "wrong", "wrong", "wrong"] * 2)


def test_a_wrong_expectation_is_seen(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().replace("points=0.5", "points=2").replace("obtenu : 1", "une chose jamais dite"))
    problems = sorted(o.problem for o in answers.run(toy) if o.problem)
    assert len(problems) == 2 and "expected 2" in problems[0] and "did not print" in problems[1]


def test_a_code_may_stand_for_the_message(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(re.sub(r'points=0.5 message="[^"]*"', 'points=0.5 code="value"', path.read_text()))
    assert not [o.problem for o in answers.run(toy) if o.problem]
    path.write_text(path.read_text().replace('code="value"', 'code="shape"'))
    [problem] = [o.problem for o in answers.run(toy) if o.problem]
    assert "no message has the code 'shape'" in problem


def test_an_answer_that_spoils_hangs_or_dies_harms_no_other(toy, monkeypatch):
    path = toy.answers_path("ex1_double")
    text = path.read_text()
    text = text.replace("[right] a sum\n", "[right] a sum\nimport utils.checks\nvars(utils.checks).clear()\n")
    text = text.replace("return x << 1", "while True: pass").replace("return x * x", "import os; os._exit(3)")
    path.write_text(text)
    monkeypatch.setenv("COURSE_HANGS_AFTER", "1")
    problems = {o.answer.description: o.problem for o in answers.run(toy, only="ex1") if o.problem}
    assert set(problems) == {"a shift", "squares"}
    assert "killed" in problems["a shift"] and "not come to its end" in problems["squares"]


def test_a_check_that_cannot_cross_over_runs_where_the_answer_is(toy):
    """It looks into the function's code: a stand-in has other arguments."""
    looks = "points = report.score()\npoints * double.__code__.co_argcount"
    toy.script.write_text(toy.script.read_text().replace("report.score()", looks, 1))
    outcomes = list(answers.run(toy, only="ex1"))
    assert [o.problem for o in outcomes if o.problem] == [] and not any(o.apart for o in outcomes)


def test_a_lab_that_stops_is_said(toy):
    toy.script.write_text(toy.script.read_text().replace("from utils.checks", "1 / 0\nfrom utils.checks", 1))
    with pytest.raises(LabError, match="ZeroDivisionError"):
        list(answers.run(toy))


def test_too_few_answers_are_refused(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().split("# %% [wrong] points=0 ")[0])
    with pytest.raises(LabError, match="fewer than 3 wrong"):
        answers.all_answers(toy, toy.exercises["ex1_double"])


def test_a_bad_header_is_refused(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().replace("# %% [right] a sum", "# %% [almost] a sum"))
    with pytest.raises(LabError, match="header"):
        answers.read_answers(path)
