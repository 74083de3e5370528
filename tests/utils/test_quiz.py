"""The interactive quiz: well formed, explained throughout, and shown without the network."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from authoring.glossary import Glossary
from utils import quiz
from utils.language import speaking


@pytest.mark.parametrize(("language", "yes", "no"), [("fr", "Oui : ", "Non : "), ("en", "Yes: ", "No: ")])
def test_each_part_has_four_questions_whose_every_choice_is_explained(language, yes, no):
    names = [question["name"] for part in quiz.parts(language).values() for question in part["questions"]]
    assert names == [f"{part}{number}" for part in "ABCD" for number in (1, 2, 3, 4)]
    for part in quiz.parts(language).values():
        for question in part["questions"]:
            right = sum(answer["correct"] for answer in question["answers"])
            assert right == 1 if question["type"] == "multiple_choice" else right > 1, question["name"]
            assert len(question["answers"]) >= 3 and right < len(question["answers"]), question["name"]
            for answer in question["answers"]:
                assert answer["feedback"].startswith(yes if answer["correct"] else no), answer
                assert len(answer["feedback"]) > 40, answer


def test_both_languages_ask_the_same_questions_with_the_terms_of_the_glossary():
    french, english = (list(leaves(quiz.parts(language))) for language in ("fr", "en"))
    assert len(french) == len(english)
    for old, new in zip(french, english, strict=True):
        if isinstance(old, str):
            assert not list(Glossary.read().faults(old, new)), new
            assert re.findall(r"\d+", old) == re.findall(r"\d+", new), new
        else:
            assert old == new


def leaves(tree):
    """What a tree of dictionaries and lists holds, in order."""
    if isinstance(tree, dict | list):
        for child in tree.values() if isinstance(tree, dict) else tree:
            yield from leaves(child)
    else:
        yield tree


def test_the_course_s_language_chooses_the_questions(monkeypatch):
    assert quiz.parts() == quiz.parts("fr") != quiz.parts("en")
    monkeypatch.setenv("COURSE_LANG", "en")
    assert quiz.parts() == quiz.parts("en")
    with speaking("fr"):
        assert quiz.parts() == quiz.parts("fr")
    with speaking("xx"):  # no quiz in it
        assert quiz.parts() == quiz.parts("fr")


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
