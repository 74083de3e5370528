"""Names of cells: how a cell is called in a lab's source, and so, by its id, in every notebook made from it.

    # %% [markdown] name="subwords"               a cell that its author has named
    # %% exercise="ex4_loss" role="check" …       a cell of an exercise: `ex4-loss-check`

A name holds from one release to the next and in every language; a student's copy is brought up to date by it.  A cell
without one is called after its section and its rank there, which any cell inserted before it changes.  Hence

    python -m authoring.naming solutions/tp1_mlm/tp1_mlm.py     write the names that are lacking into a source
"""

import argparse
import itertools
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import jupytext
from nbformat import NotebookNode

FORM = re.compile(r"[a-z0-9-]{1,64}")  # nbformat's own for ids, without what a file system or an address would alter
HEADER = re.compile(r"^# %%.*$", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
SLUG = 40  # characters of a heading that make a name


def names(cells: Sequence[NotebookNode]) -> list[str]:
    """What each cell of a source is called; `cells` with the metadata that jupytext reads in their headers."""
    given = [_of_exercise(cell) or str(cell.metadata.get("name", "")) for cell in cells]
    taken, section, result = set(given), "start", []
    for cell, name in zip(cells, given, strict=True):
        if cell.cell_type == "markdown" and (headings := HEADING.findall(cell.source)):
            section = slug(headings[-1])
        name = name or next(free for free in _ranked(section) if free not in taken)
        taken.add(name)
        result.append(name)
    return result


def faults(cells: Sequence[NotebookNode]) -> list[str]:
    """What is wrong with the names of a source: one sentence each."""
    called = names(cells)
    twice = [f"the name {name!r} is there twice" for name, count in Counter(called).items() if count > 1]
    malformed = [f"the name {name!r} is not of the form {FORM.pattern}" for name in called if not FORM.fullmatch(name)]
    needless = [
        f"the cell {_of_exercise(cell)!r} has its name from its exercise and takes no other"
        for cell in cells if _of_exercise(cell) and "name" in cell.metadata
    ]  # fmt: skip
    return twice + malformed + needless


def named(text: str) -> str:
    """A source in which every cell has a name; those there stay.  Raises `ValueError` if its cells cannot be told."""
    cells = jupytext.reads(text, fmt="py:percent").cells
    if len(HEADER.findall(text)) != len(cells):
        raise ValueError("its lines `# %%` are not one a cell: does the first cell have one, or a string hold one?")
    wanted = iter(zip(cells, names(cells), strict=True))

    def header(line: re.Match) -> str:
        cell, name = next(wanted)
        return line[0] if _of_exercise(cell) or "name" in cell.metadata else f'{line[0]} name="{name}"'

    return HEADER.sub(header, text)


def slug(text: str) -> str:
    """`Le coût, à la main` → `le-cout-a-la-main`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:SLUG].strip("-") or "cell"


def _of_exercise(cell: NotebookNode) -> str:
    """The name of an exercise's cell; empty for another."""
    exercise, role = cell.metadata.get("exercise"), cell.metadata.get("role")
    return f"{exercise}-{role}".replace("_", "-") if exercise and role else ""


def _ranked(section: str):
    return (section if rank == 1 else f"{section}-{rank}" for rank in itertools.count(1))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.naming", description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    for path in options.sources:
        text = path.read_text(encoding="utf-8")
        try:
            new = named(text)
        except ValueError as error:
            print(f"[FAIL] {path}: {error}", file=sys.stderr)
            return 1
        path.write_text(new, encoding="utf-8")
        before, after = text.splitlines(), new.splitlines()
        print(f"{path}: {sum(a != b for a, b in zip(before, after, strict=True))} names written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
