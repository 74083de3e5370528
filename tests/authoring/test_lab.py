"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import pytest

from authoring import answers
from authoring import lab as labs

# Checks of a class that the student writes: it cannot cross over, so they run in the student's kernel.
UNFIT = {"tp3_prompting": {"ex6_choice"}}


@pytest.mark.timeout(0)  # an answer that hangs is seen and killed by itself, however slow the machine
@pytest.mark.parametrize("lab", labs.labs())
def test_kept_answers(lab):
    outcomes = list(answers.run(lab))
    for outcome in outcomes:
        print(answers.told(lab, outcome))
    problems = [answers.told(lab, outcome) for outcome in outcomes if outcome.problem]
    assert not problems, "\n".join(problems)
    kinds = [outcome.answer.kind for outcome in outcomes]
    assert kinds.count("untouched") == kinds.count("reference") > 0
    assert {outcome.exercise for outcome in outcomes if not outcome.apart} == UNFIT.get(lab, set())
