"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import pytest

from authoring import answers
from authoring.catalogue import Catalogue

# Checks of a class that the student writes: it cannot cross over, so they run in the student's kernel.
UNFIT = {"tp3_prompting": {"ex6_choice"}}


@pytest.mark.timeout(0)  # an answer that hangs is seen and killed by itself, however slow the machine
@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_kept_answers(lab):
    outcomes = list(answers.run(lab))
    for outcome in outcomes:
        print(answers.told(lab, outcome))
    problems = [answers.told(lab, outcome) for outcome in outcomes if outcome.problem]
    assert not problems, "\n".join(problems)
    kinds = [outcome.answer.kind for outcome in outcomes]
    assert kinds.count("untouched") == kinds.count("reference") > 0
    assert {outcome.exercise for outcome in outcomes if not outcome.apart} == UNFIT.get(lab.name, set())


@pytest.mark.parametrize("name", ["tp1_mlm", "tp2_causal_lm"])
def test_a_lab_knows_its_exercises_and_what_is_reserved(name):
    lab = Catalogue()[name]
    assert lab.points == 20
    assert [asked.title.split(" — ")[0] for asked in lab.exercises.values()] == [
        f"Exercice {i}" for i in range(1, len(lab.exercises) + 1)
    ]
    assert lab.hidden_lines and not any(line in given for line in lab.hidden_lines for given in lab.given)
    if name == "tp1_mlm":
        wordpiece = lab.exercises["ex1_wordpiece"]
        assert wordpiece.is_reserved("Deux cents mots de critiques tirés au sort")
        assert not wordpiece.is_reserved("Un mot impossible à découper donne [UNK]")
