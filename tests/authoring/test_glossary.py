"""The field's terms: found whatever their number, and nowhere else."""

import pytest

from authoring.glossary import Glossary
from authoring.prose import bare, units
from utils.environment import ROOT

TERMS = Glossary(
    {"tête d'attention": ["attention head"], "attention": ["attention"], "réseau": ["network"], "entraîn*": ["train*"]}
)


@pytest.mark.parametrize(
    ("french", "english", "lacking"),
    [
        ("Deux réseaux.", "Two networks.", []),
        ("Deux réseaux.", "Two nets.", ["réseau"]),
        ("Un Réseau", "A NETWORK", []),
        ("Les têtes d'attention", "Attention heads", []),
        ("Les têtes d'attention", "The heads", ["tête d'attention"]),  # and not « attention » besides
        ("L'attention", "Looking", ["attention"]),
        ("On l'entraînait", "It was being trained", []),
        ("On l'entraînait", "It was being built", ["entraîn*"]),
        ("Le pré-entraînement", "Before", []),  # another term
        ("Le sous-réseau", "Below", []),
    ],
)
def test_terms_are_found_whatever_their_number(french, english, lacking):
    assert [fault.split("”")[0].removeprefix("“") for fault in TERMS.faults(french, english)] == lacking


def test_a_fault_says_what_is_expected():
    glossary = Glossary({"coût": ["loss", "cost"]})
    assert list(glossary.faults("Le coût", "The price")) == ["“coût” without “loss” or “cost”"]


def test_the_course_s_terms_are_many_and_stand_in_its_texts():
    terms = Glossary.read().terms
    assert len(terms) >= 80
    assert all(terms.values())
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "solutions").glob("tp*/tp*.py")]
    texts = [bare(unit.text) for source in sources for unit in units(source)]
    texts.append((ROOT / "data" / "tp0_quiz" / "fr" / "quiz.json").read_text(encoding="utf-8"))
    course = "\n".join(texts)
    assert [term for term in terms if not list(Glossary({term: ["\0"]}).faults(course, ""))] == []
