"""Catalogues of what the course says: up to date with the code, whole, with the fields that the code fills."""

import ast
import re

import polib
import pytest

from authoring import messages
from tests.test_no_sentence_decides import is_french
from utils.environment import ROOT

CODE = """
print(_("Il reste {count} cellules."))
print(ngettext("{count} point", "{count} points", 2))
TABLE = {"a": N_("oui")}
_ = print
"""
PAGE = """{% if name %}<p title="{{ _("Note") }}">{{ _("de {name}").format(name=name) }}</p>{% endif %}"""


def test_the_catalogues_are_whole_and_up_to_date():
    assert messages.main(["--check"]) == 0


def catalogue(*entries):
    made = polib.POFile()
    made.extend(polib.POEntry(**entry) for entry in entries)
    return made


def test_messages_are_found_in_the_code(tmp_path):
    for place, text in {"utils/student/code.py": CODE, "grading/reports/templates/page.html": PAGE}.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    found = {
        "Il reste {count} cellules.": "",
        "{count} point": "{count} points",
        "oui": "",
        "Note": "",
        "de {name}": "",
    }
    assert messages.messages(tmp_path) == found


def test_what_is_translated_is_kept_what_is_new_is_asked_for_and_what_is_gone_goes():
    old = catalogue({"msgid": "oui", "msgstr": "yes"}, {"msgid": "parti", "msgstr": "gone"})
    new = messages.updated(old, {"non": "", "oui": "", "point": "points"})
    assert [(entry.msgid, entry.msgstr) for entry in new] == [("non", ""), ("oui", "yes"), ("point", "")]
    assert messages.faults(new) == ["not translated: 'non'", "not translated: 'point'"]


def test_a_translation_fills_the_same_fields():
    wrong = {"msgid": "Partie {part!r}", "msgstr": "Part {part}"}
    right = {"msgid": "{n} : {total}", "msgstr": "{total}: {n}"}
    forms = {"msgid": "un point", "msgid_plural": "{n} points", "msgstr_plural": {0: "{n} point", 1: "{n} points"}}
    assert messages.faults(catalogue(right, forms)) == []
    assert messages.faults(catalogue(right, wrong)) == ["other fields: 'Part {part}'"]


def test_a_translation_of_an_earlier_sentence_does_not_count():
    old = {"msgid": "oui", "msgstr": "yes", "flags": ["fuzzy"]}
    assert messages.faults(catalogue(old)) == ["not translated: 'oui'"]


def spoken(tree):
    """The texts of a module that are said: not its docstrings, nor what `_`, `N_` and `ngettext` look up."""
    silent = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            silent.add(node.value)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in messages.KEYWORDS:
            silent |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in silent:
            yield node.value


# French that no one is told, or not in that language: how it begins, by module.
DATA = {
    "utils/checks.py": ("✅", "❌", "⏳"),
    "utils/corpora.py": ("el la los",),
    "utils/retrieval.py": ("a ai au", "de", "du", "l", "un"),
    "grading/moodle.py": ("Dernière modification", "no submission in this archive", "). Take the file of"),
    "grading/reports/class_report.py": ("obtenu : ",),
    "grading/book/notes.py": ("copies",),
}
MODULES = [path for folder in ("utils", "grading") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_sentence_can_be_translated(path):
    name = path.relative_to(ROOT).as_posix()
    if name == "grading/bench.py":  # a lab that it makes up
        return
    found = [text for text in spoken(ast.parse(path.read_text(encoding="utf-8"))) if is_french(text)]
    assert not [text for text in found if not text.strip().startswith(DATA.get(name, "never"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_that_speaks_gives_its_underscore_away(path):
    """`for _, cell in …` in a function would make `_("…")` there the name of an index."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = [name.name for node in tree.body if isinstance(node, ast.ImportFrom) for name in node.names]
    taken = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    names = [node.id for node in taken] + [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)]
    assert not ("_" in imported and "_" in names)


def test_every_sentence_of_a_page_can_be_translated():
    for path in ROOT.glob("grading/reports/templates/*.html"):
        text = re.sub(r"\{[{%#].*?[}%#]\}|<[^>]*>", " ", path.read_text(encoding="utf-8"))
        assert not is_french(text), path.name
