"""The text of one cell of a lab, and the only code that knows its markers.

### BEGIN SOLUTION … ### END SOLUTION               what a student is to write
### BEGIN HIDDEN TESTS … ### END HIDDEN TESTS       what only the grading runs
"""

import ast
from collections.abc import Iterator
from enum import StrEnum

from utils.notebook.cells import TODO

# What stands in the place of a solution, by language.
STUBS = {"fr": f"# VOTRE CODE ICI\n{TODO}", "en": f"# YOUR CODE HERE\n{TODO}"}
TEXT_STUBS = {"fr": "*Votre réponse ici.*", "en": "*Your answer here.*"}


class Region(StrEnum):
    """Whose a line is."""

    SHOWN = "shown"
    SOLUTION = "solution"
    HIDDEN = "hidden tests"


MARKERS = {
    f"### {edge} {region.upper()}": region for region in (Region.SOLUTION, Region.HIDDEN) for edge in ("BEGIN", "END")
}


class Source:
    """One cell's text, as its teacher wrote it."""

    def __init__(self, text: str):
        self.text = text

    def _lines(self) -> Iterator[tuple[Region, str, str]]:
        """Each line: its region, the marker that it is (empty: none), its text."""
        region = Region.SHOWN
        for line in self.text.splitlines():
            marker = line.strip() if line.strip() in MARKERS else ""
            if marker.startswith("### BEGIN"):
                region = MARKERS[marker]
            yield region, marker, line
            if marker.startswith("### END"):
                region = Region.SHOWN

    def _text(self, *regions: Region) -> str:
        return "\n".join(line for region, marker, line in self._lines() if region in regions and not marker)

    @property
    def whole(self) -> str:
        """What runs for the teacher: solution and hidden tests, without the markers."""
        return self._text(*Region)

    @property
    def visible(self) -> str:
        """All but the hidden tests."""
        return self._text(Region.SHOWN, Region.SOLUTION)

    @property
    def public(self) -> str:
        """What is no secret: neither solution nor hidden tests."""
        return self._text(Region.SHOWN)

    @property
    def hidden(self) -> str:
        """The hidden tests."""
        return self._text(Region.HIDDEN)

    @property
    def solution(self) -> str:
        return self._text(Region.SOLUTION)

    def stub(self, text: str = STUBS["fr"]) -> str:
        """The cell as a student gets it: `text` in the place of each solution, as far to the right."""
        lines: list[str] = []
        for region, marker, line in self._lines():
            if region is Region.SHOWN:
                lines.append(line)
            elif region is Region.SOLUTION and marker.startswith("### BEGIN"):
                indent = line[: len(line) - len(line.lstrip())]
                lines += [indent + part for part in text.splitlines()]
        return "\n".join(lines)

    def faults(self) -> list[str]:
        """Markers that do not match, one sentence each."""
        found, open_one = [], ""
        for number, line in enumerate(self.text.splitlines(), start=1):
            marker = line.strip()
            if marker.startswith(("### BEGIN", "### END")) and marker not in MARKERS:
                found.append(f"line {number}: {marker!r} is none of {', '.join(MARKERS)}")
            elif marker.startswith("### BEGIN"):
                if open_one:
                    found.append(f"line {number}: {marker!r} inside {open_one!r}")
                open_one = marker
            elif marker.startswith("### END"):
                if open_one != marker.replace("END", "BEGIN", 1):
                    found.append(f"line {number}: {marker!r} ends {open_one or 'nothing'!r}")
                open_one = ""
        return found + ([f"{open_one!r} has no end"] if open_one else [])


def definitions(source: str) -> str:
    """What a piece of code imports and defines at its top: all of it that later cells may use by name."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return "\n".join(ast.unparse(node) for node in ast.parse(source).body if isinstance(node, kinds))
