"""The labs in English: a gettext catalogue beside each source, applied to the source's text.

    python -m authoring.language update [lab…]   the catalogue follows the source: new units, changed ones (fuzzy)
    python -m authoring.language check  [lab…]   what keeps the English lab from being released
    python -m authoring.language stats  [lab…]   how much of each lab is in English

A lab is a percent script in French; its English is the same script, with each *unit* of prose replaced.  Units are the
blocks of Markdown cells between blank lines, and, in code cells, comments and the strings that hold prose.  They are
read and replaced in the text, never in the running program: an f-string is a text with `{expressions}` like any other,
and whatever is not a unit stays as it is, to the byte.

A string that looks like prose and is data (a French prompt, the name of a column) is translated to itself.  A bare word
("pt", "exactitude") is most often data: it needs no entry, and it is translated if the catalogue has one.
"""

import argparse
import ast
import difflib
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import polib

from authoring.glossary import Glossary
from authoring.prose import CODE, FIELD, FORMULA, LINK, LITERAL, PROSE, TAG, Kind, Unit, bare, cells, units

FRENCH_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:,\d+)?(?!\d)|\d+(?:[.,]\d+)?")
ENGLISH_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?")
FRENCH_SPACING = re.compile(r"[ \u00a0\u202f][;:?!%](?=[\s.,)]|$)|[«»]")


class LanguageError(ValueError):
    """A lab's catalogue is not whole; the message names the units."""


# --- the catalogue ----------------------------------------------------------------------------------------------------


def read(path: Path) -> polib.POFile:
    return polib.pofile(str(path), encoding="utf-8", wrapwidth=0)


def write(catalogue: polib.POFile, path: Path) -> None:
    path.write_text(str(catalogue), encoding="utf-8")


def new_catalogue(entries: Iterable[polib.POEntry] = ()) -> polib.POFile:
    """A catalogue without dates or line numbers: it changes when a text does."""
    catalogue = polib.POFile(encoding="utf-8", wrapwidth=0)
    catalogue.header = "The English of this lab, unit by unit: see authoring/language.py."
    catalogue.metadata = {
        "Language": "en",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
    }
    catalogue.extend(entries)
    return catalogue


def entries(catalogue: polib.POFile) -> dict[tuple[str, str], polib.POEntry]:
    return {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}


def _whole(entry: polib.POEntry | None) -> bool:
    return entry is not None and bool(entry.msgstr) and not entry.fuzzy


def translate(source: str, catalogue: polib.POFile) -> str:
    """The percent script in the catalogue's language; raises `LanguageError` if a unit is missing or fuzzy."""
    known, found = entries(catalogue), units(source)
    if lacking := _lacking(found, known):
        raise LanguageError("\n".join(lacking))
    pieces, place = [], 0
    for unit in found:
        if entry := known.get(unit.key):
            pieces += [source[place : unit.start], unit.written(entry.msgstr)]
            place = unit.end
    return "".join([*pieces, source[place:]])


def _lacking(found: list[Unit], known: dict) -> list[str]:
    lacking = {}
    for unit in found:
        entry = known.get(unit.key)
        if (unit.required or entry) and not _whole(entry):
            lacking[unit.key] = f"{unit}: {'fuzzy' if entry and entry.fuzzy else 'missing'}"
    return list(lacking.values())


def update(source: str, catalogue: polib.POFile) -> polib.POFile:
    """The catalogue of that source, in its order.

    What is translated stays so, be it in another cell; what resembles a text that is gone takes its translation,
    marked fuzzy, with the old text as `previous_msgid`; what is gone is dropped.
    """
    old, found = entries(catalogue), {unit.key: unit for unit in units(source)}
    elsewhere = {entry.msgid: entry for entry in reversed(old.values()) if _whole(entry)}
    texts = {text for _, text in found}
    gone = {entry.msgid: entry for entry in old.values() if entry.msgstr and entry.msgid not in texts}
    kept = []
    for unit in found.values():
        entry = old.get(unit.key)
        entry = entry if _whole(entry) else elsewhere.get(unit.text, entry)
        if entry is None and not unit.required:
            continue
        close = [] if entry else difflib.get_close_matches(unit.text, gone, n=1, cutoff=0.6)
        kept.append(_renewed(unit, entry, gone[close[0]] if close else None))
    return new_catalogue(kept)


def _renewed(unit: Unit, same: polib.POEntry | None, similar: polib.POEntry | None) -> polib.POEntry:
    entry = polib.POEntry(msgctxt=unit.cell, msgid=unit.text, comment=unit.kind.value)
    if source := same or similar:
        entry.msgstr, entry.tcomment = source.msgstr, source.tcomment
        if similar or source.fuzzy:
            entry.flags, entry.previous_msgid = ["fuzzy"], source.previous_msgid or source.msgid
    return entry


# --- the checks -------------------------------------------------------------------------------------------------------


def check(source: str, catalogue: polib.POFile, glossary: Glossary | None = None) -> list[str]:
    """What is wrong with a catalogue, a sentence for each fault; an empty list if the lab can be released."""
    glossary = glossary or Glossary.read()
    known, found = entries(catalogue), units(source)
    keys = {unit.key for unit in found}
    lacking = _lacking(found, known)
    faults = lacking + [
        f"{cell}, “{text}”: no longer in the source" for cell, text in known if (cell, text) not in keys
    ]
    done = [(unit, known[unit.key].msgstr) for unit in found if _whole(known.get(unit.key))]
    for unit, translation in done:
        faults += [f"{unit}: {fault}" for fault in _unit_faults(unit, translation, glossary)]
    faults += _two_ways(done) + _left_in_french(found, known)
    return faults if lacking else faults + _code_faults(source, translate(source, catalogue))


def _unit_faults(unit: Unit, translation: str, glossary: Glossary) -> Iterator[str]:
    if unit.kind is Kind.STRING:
        yield from _differences("expressions", *(_expressions(unit.opening, text) for text in (unit.text, translation)))
        if translation == unit.text:
            return  # data
    for name, compared in COMPARED.items():
        yield from _differences(name, compared(unit.text), compared(translation))
    french, english = bare(unit.text), bare(translation)
    yield from _differences("numbers", _french_numbers(french), _english_numbers(english))
    if FRENCH_SPACING.search(english):
        yield "French spacing or guillemets"
    yield from glossary.faults(french, english)


def _differences(name: str, expected: Iterable[str], given: Iterable[str]) -> Iterator[str]:
    expected, given = Counter(expected), Counter(given)
    if lost := expected - given:
        yield f"{name} lost: {', '.join(lost.elements())}"
    if added := given - expected:
        yield f"{name} added: {', '.join(added.elements())}"


def _expressions(opening: str, text: str) -> list[str]:
    """The expressions of an f-string, with their conversions and formats, but for the prose in them; the fields that
    `format` fills, in another string."""
    if "f" not in opening.lower():
        return re.findall(r"\{\w*(?:![rsa])?(?::[^{}]*)?\}|%\(\w+\)[sdf]", text)
    try:
        tree = ast.parse(f"{opening}{text}{LITERAL.match(opening)['quote']}", mode="eval").body
    except SyntaxError as error:
        return [f"({error.msg})"]
    return [_skeleton(part) for part in getattr(tree, "values", []) if isinstance(part, ast.FormattedValue)]


def _skeleton(tree: ast.AST) -> str:
    """The code of a tree without its prose: two codes that differ in nothing else have the same."""
    return ast.dump(WithoutProse().visit(tree))


class WithoutProse(ast.NodeTransformer):
    """Empties strings; keeps an f-string's expressions and their formats, in an order of its own."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_FormattedValue(self, node):
        return ast.FormattedValue(self.visit(node.value), node.conversion, node.format_spec)

    def visit_JoinedStr(self, node):
        parts = [self.visit(part) for part in node.values if isinstance(part, ast.FormattedValue)]
        return ast.JoinedStr(sorted(parts, key=ast.dump))


def _links(text: str) -> list[str]:
    return LINK.findall(CODE.sub("", text))


def _formulas(text: str) -> list[str]:
    """Formulas, but for the words in them and the decimal comma."""
    formulas = (" ".join(formula.split()).replace("{,}", ".") for formula in FORMULA.findall(CODE.sub("", text)))
    return [re.sub(r"\\text\{[^}]*\}", r"\\text{}", formula) for formula in formulas]


def _code_spans(text: str) -> list[str]:
    """What is between backticks and holds no space: names, which both languages share."""
    return [match["code"] for match in CODE.finditer(text) if not PROSE.search(match["code"])]


def _tags(text: str) -> list[str]:
    return [match["name"] for match in TAG.finditer(CODE.sub("", text))]


def _shape(text: str) -> list[str]:
    """The marks that begin lines: headings, items of lists, rows of tables."""
    return re.findall(r"(?m)^ *(#+|[-*]|\d+\.|\|)(?=\s|$)", text)


COMPARED = {
    "links": _links,
    "formulas": _formulas,
    "names in code": _code_spans,
    "tags": _tags,
    "headings, items or rows": _shape,
    "fields": lambda text: [field[0] for field in FIELD.finditer(text)],
    "spaces at the ends": lambda text: re.findall(r"\A(?:\s|\\n)+|(?:\s|\\n)+\Z", text),
}


def _french_numbers(text: str) -> list[str]:
    """Numbers as Python writes them."""
    return [re.sub(r"\s", "", number).replace(",", ".") for number in FRENCH_NUMBER.findall(text)]


def _english_numbers(text: str) -> list[str]:
    return [number.replace(",", "") for number in ENGLISH_NUMBER.findall(text)]


def _two_ways(done: Iterable[tuple[Unit, str]]) -> list[str]:
    """A string that code may look up (a column, a key) is the same wherever it stands."""
    first: dict[str, str] = {}
    return [
        f"{unit}: translated “{translation}” here and “{first[unit.text]}” elsewhere"
        for unit, translation in done
        if unit.kind is Kind.STRING and first.setdefault(unit.text, translation) != translation
    ]


def _left_in_french(found: list[Unit], known: dict) -> list[str]:
    """Bare words without an entry that the French prose uses and the English prose does not."""
    prose = [unit for unit in found if unit.kind is Kind.MARKDOWN]
    french = _vocabulary(unit.text for unit in prose)
    english = _vocabulary(known[unit.key].msgstr for unit in prose if unit.key in known)
    bare = {unit.key: unit for unit in found if not unit.required and unit.key not in known}
    return [
        f"{unit}: looks French; give it an entry (its own text if it is data)"
        for unit in bare.values()
        if (words := _vocabulary([unit.text])) and words <= french and not words & english
    ]


def _vocabulary(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[^\W\d_]{3,}", bare(text).lower())}


def _code_faults(french: str, english: str) -> list[str]:
    """Cells whose translation is not the same code."""
    before, after = cells(french), cells(english)
    if [cell.header for cell in before] != [cell.header for cell in after]:
        return ["the translation has other cells"]
    faults = []
    for old, new in zip(before, after, strict=True):
        try:
            if not old.markdown and _skeleton(ast.parse(old.text)) != _skeleton(ast.parse(new.text)):
                faults.append(f"{old.name}: the translation changes the code")
        except SyntaxError as error:
            faults.append(f"{old.name}: the translation does not compile ({error.msg}, line {error.lineno})")
    return faults


# --- the command ------------------------------------------------------------------------------------------------------


def stats(source: str, catalogue: polib.POFile) -> str:
    """How much of a lab is translated, in one line."""
    known = entries(catalogue)
    found = {unit.key: unit for unit in units(source) if unit.required or unit.key in known}
    done = sum(_whole(known.get(key)) for key in found)
    fuzzy = sum(key in known and known[key].fuzzy for key in found)
    words = sum(len(text.split()) for _, text in found)
    return f"{done} of {len(found)} units in English, {fuzzy} fuzzy, {len(found) - done - fuzzy} missing; {words} words"


def main(arguments: list[str] | None = None, solutions: Path | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["update", "check", "stats"])
    parser.add_argument("labs", nargs="*", help="by default those that have a catalogue")
    options = parser.parse_args(arguments)
    solutions = solutions or Path(__file__).resolve().parents[1] / "solutions"
    faults = []
    for lab in options.labs or sorted(path.parent.name for path in solutions.glob("*/en.po")):
        path = solutions / lab / "en.po"
        source = (solutions / lab / f"{lab}.py").read_text(encoding="utf-8")
        catalogue = read(path) if path.exists() else new_catalogue()
        if options.action == "update":
            catalogue = update(source, catalogue)
            write(catalogue, path)
        if options.action == "check":
            faults += [f"{lab}: {fault}" for fault in check(source, catalogue)]
        else:
            print(f"{lab}: {stats(source, catalogue)}")
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
