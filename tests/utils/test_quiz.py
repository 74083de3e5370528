"""The interactive quiz: well formed, explained throughout, and shown without the network."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from utils import quiz


def test_each_part_has_four_questions_whose_every_choice_is_explained():
    names = [question["name"] for part in quiz.parts().values() for question in part["questions"]]
    assert names == [f"{part}{number}" for part in "ABCD" for number in (1, 2, 3, 4)]
    for part in quiz.parts().values():
        for question in part["questions"]:
            right = sum(answer["correct"] for answer in question["answers"])
            assert right == 1 if question["type"] == "multiple_choice" else right > 1, question["name"]
            assert len(question["answers"]) >= 3 and right < len(question["answers"]), question["name"]
            for answer in question["answers"]:
                start = "Oui" if answer["correct"] else "Non"
                assert re.match(rf"{start}\b", answer["feedback"]) and len(answer["feedback"]) > 40, answer


@pytest.fixture
def shell():
    """What a notebook's `display` speaks to."""
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("part", ["A", "B", "C", "D"])
def test_what_is_displayed_needs_nothing_from_elsewhere(part, shell):
    with capture_output() as captured:
        quiz.show(part)
    shown = [output.data for output in captured.outputs]
    scripts = "".join(data.get("application/javascript", "") for data in shown)
    for question in quiz.parts()[part]["questions"]:
        assert f'"question": "{question["name"]}. ' in scripts
    assert all(new in scripts for new in quiz.CHANGES.values())  # jupyterquiz's script still has what is changed in it
    assert not re.search(r"\b(fetch|import)\(|<script src|src=[\"']http", scripts.replace("NoMathJax", ""))
    assert all(f"partie {part}" in data["text/plain"] for data in shown)


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="Partie 'E' ; attendu : l'une de A, B, C, D"):
        quiz.show("E")
