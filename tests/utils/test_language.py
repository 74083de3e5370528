"""The language of the moment, French as it stands in the code, and figures as each language writes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from utils import language, quiz
from utils.language import _, choose, figure, ngettext, speaking


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.setattr(language, "_chosen", "")
    monkeypatch.delenv("COURSE_LANG", raising=False)


def test_the_notebook_comes_before_the_user_and_both_before_french(monkeypatch):
    assert language.language() == "fr"
    monkeypatch.setenv("COURSE_LANG", "en")
    assert language.language() == "en"
    choose("fr")
    assert language.language() == "fr"
    choose("")
    assert language.language() == "en"


def test_french_is_said_as_it_stands():
    assert _("complet") == "complet" and _("un texte que rien ne traduit") == "un texte que rien ne traduit"
    assert [ngettext("point", "points", n) for n in (0, 1, 1.5, 2)] == ["point", "point", "point", "points"]


def test_a_message_is_looked_up_when_it_is_said():
    """One process can speak French, then English, then French again."""
    said = []
    for chosen in ("fr", "en", "fr"):
        choose(chosen)
        with pytest.raises(ValueError) as error:
            quiz.show("Z")
        said.append(str(error.value))
    assert said[0] == said[2] == "Partie 'Z' ; attendu : l'une de A, B, C, D."
    assert said[1] == "Part 'Z'; expected: one of A, B, C, D."


def test_a_block_speaks_its_own_language_in_its_own_thread():
    choose("en")
    with speaking("fr"):
        assert language.language() == "fr" and _("complet") == "complet"
        with ThreadPoolExecutor(1) as pool, speaking("en"), speaking(""):
            assert language.language() == "en" and pool.submit(language.language).result() == "en"
            choose("fr")
            assert language.language() == "en" and pool.submit(language.language).result() == "fr"
        assert language.language() == "fr"
    choose("en")
    with pytest.raises(KeyError), speaking("fr"):
        raise KeyError
    assert language.language() == "en"


def test_each_language_has_its_own_plural():
    forms = ("{count} point à régler ([FAIL]).", "{count} points à régler ([FAIL]).")
    assert ["points" in ngettext(*forms, n) for n in (0, 1, 1.5, 2)] == [False, False, False, True]
    choose("en")
    assert ["things" in ngettext(*forms, n) for n in (0, 1, 1.5, 2)] == [True, False, True, True]


@pytest.mark.parametrize("name", ["../locale/en", "en/../en", ".", "/"])
def test_a_name_of_a_language_is_no_path(name):
    choose(name)
    assert _("complet") == "complet"


@pytest.mark.parametrize("name", ["en", "xx"])
def test_what_has_no_translation_is_said_in_french(name):
    choose(name)
    assert _("un texte que rien ne traduit") == "un texte que rien ne traduit"


def test_figures():
    assert (figure(0.5), figure(2.0), figure(17.66, ".1f")) == ("0,5", "2", "17,7")
    choose("en")
    assert (figure(0.5), figure(17.66, ".1f")) == ("0.5", "17.7")
    choose("xx")  # spoken in French, figures too
    assert figure(0.5) == "0,5"
