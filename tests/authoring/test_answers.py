"""The kept answers: the runner itself on the toy lab, then every lab's answers."""

import re

import pytest

from authoring import answers
from authoring.lab import LabError


def test_toy_answers_get_what_they_should(toy, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "small")  # restored afterwards, as run() sets it
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    outcomes = list(answers.run(toy))
    assert [o.problem for o in outcomes if o.problem] == []
    kinds = [o.answer.kind for o in outcomes]
    assert kinds == ["reference", "untouched", "right", "right", "wrong", "wrong", "wrong"] * 2


def test_a_wrong_expectation_is_seen(toy, monkeypatch):
    for name in ("COURSE_BUDGET", "NBGRADER_EXECUTION", "MPLBACKEND"):
        monkeypatch.setenv(name, "")
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().replace("points=0.5", "points=2").replace("obtenu : 1", "une chose jamais dite"))
    problems = [o.problem for o in answers.run(toy) if o.problem]
    assert len(problems) == 2 and "expected 2" in problems[0] and "did not print" in problems[1]


def test_a_code_may_stand_for_the_message(toy, monkeypatch):
    for name in ("COURSE_BUDGET", "NBGRADER_EXECUTION", "MPLBACKEND"):
        monkeypatch.setenv(name, "")
    path = toy.answers_path("ex1_double")
    path.write_text(re.sub(r'points=0.5 message="[^"]*"', 'points=0.5 code="value"', path.read_text()))
    assert not [o.problem for o in answers.run(toy) if o.problem]
    path.write_text(path.read_text().replace('code="value"', 'code="shape"'))
    [problem] = [o.problem for o in answers.run(toy) if o.problem]
    assert "no message has the code 'shape'" in problem


def test_too_few_answers_are_refused(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().split("# %% [wrong] points=0 ")[0])
    with pytest.raises(LabError, match="fewer than 3 wrong"):
        answers._all_answers(toy, "ex1_double", "")


def test_a_bad_header_is_refused(toy):
    path = toy.answers_path("ex1_double")
    path.write_text(path.read_text().replace("# %% [right] a sum", "# %% [almost] a sum"))
    with pytest.raises(LabError, match="header"):
        answers.read_answers(path)
