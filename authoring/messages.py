"""What the course says in other languages: utils/locale/<language>/LC_MESSAGES/course.po (edited) and .mo (made of it).

    python -m authoring.messages            bring each catalogue up to date with the code, and compile it
    python -m authoring.messages --check    fail if a message lacks its translation, or if a file is not up to date

A message that is gone leaves the catalogue; one whose words have changed is a new one, to be translated again.
"""

import argparse
import re
import sys
from pathlib import Path

import polib
from babel.messages.extract import extract_from_dir

from utils.environment import ROOT
from utils.language import LOCALE

FOLDERS = ("utils", "authoring", "grading")
METHODS = [("**.py", "python"), ("**/templates/*.html", "jinja2")]
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}
FIELD = re.compile(r"\{[^}]*\}")


def messages(root: Path = ROOT) -> dict[str, str]:
    """The messages of code and pages in their order: singular (or only form) → plural, empty if there is none."""
    found = [one for folder in FOLDERS for one in extract_from_dir(root / folder, METHODS, keywords=KEYWORDS)]
    pairs = (message if isinstance(message, tuple) else (message, "") for _, _, message, *_ in found)
    return dict(pairs)


def updated(catalogue: polib.POFile, wanted: dict[str, str]) -> polib.POFile:
    """The catalogue of these messages, in this order, with the translations that it has."""
    known = {(entry.msgid, entry.msgid_plural): entry for entry in catalogue}
    new = polib.POFile(wrapwidth=120)
    new.metadata = catalogue.metadata
    for message, plural in wanted.items():
        empty = {"msgid_plural": plural, "msgstr_plural": {0: "", 1: ""}} if plural else {}
        new.append(known.get((message, plural)) or polib.POEntry(msgid=message, **empty))
    return new


def faults(catalogue: polib.POFile) -> list[str]:
    """The messages without a translation, and the translations that do not fill the same fields."""
    found = [f"not translated: {entry.msgid!r}" for entry in catalogue if not entry.translated()]  # or fuzzy
    for entry in catalogue.translated_entries():
        fields = [sorted(FIELD.findall(text)) for text in (entry.msgid, entry.msgid_plural or entry.msgid)]
        for text in entry.msgstr_plural.values() or [entry.msgstr]:
            if sorted(FIELD.findall(text)) not in fields:
                found.append(f"other fields: {text!r}")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.messages", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    wrong = []
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/course.po")):
        catalogue = updated(polib.pofile(str(path), wrapwidth=120), messages())
        wrong += [f"{path.relative_to(ROOT)}: {fault}" for fault in faults(catalogue)]
        made = {path: f"{catalogue}\n".encode(), path.with_suffix(".mo"): catalogue.to_binary()}
        for target, content in made.items():
            if target.exists() and target.read_bytes() == content:
                continue
            if options.check:
                wrong.append(f"{target.relative_to(ROOT)}: not up to date, run python -m authoring.messages")
            else:
                target.write_bytes(content)
    print("\n".join(wrong), end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
