"""Catalogues of what `utils` says: up to date with the code, whole, with the fields that the code fills."""

import polib

from authoring import messages

CODE = """
print(_("Il reste {count} cellules."))
print(ngettext("{count} point", "{count} points", 2))
_ = print
"""


def test_the_catalogues_are_whole_and_up_to_date():
    assert messages.main(["--check"]) == 0


def catalogue(*entries):
    made = polib.POFile()
    made.extend(polib.POEntry(**entry) for entry in entries)
    return made


def test_messages_are_found_in_the_code(tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    assert messages.messages(tmp_path) == {"Il reste {count} cellules.": "", "{count} point": "{count} points"}


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
