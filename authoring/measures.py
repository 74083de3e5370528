"""What measuring runs of a lab found, and how its text says it: solutions/<lab>/measures.json.

    runs      what the reference notebook takes, an entry a machine
    figures   what its cells handed over (`utils.measures.measured`), by name

`make measure` writes it (`authoring.reference`), the READMEs show the runs (`authoring.generated`), and a release puts
figures where the lab's Markdown and comments name them, as the language writes them:

    {{n}}   {{recall:.0%}}   {{gap:+.2f}}                  a name, and one of Python's formats
    {{gain[0]:.2f}} {{gain[1:]:.2f}}                       of a list, one value; those from one on: 0,25 [0,14 ; 0,37]
    {{duration}}   {{points}}   {{computing}}   {{memory}}   what every lab has
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from authoring import templates
from authoring.prose import FIELD, in_comments
from utils.files import whole

Figure = int | float | list[int | float] | str
OF_EVERY_LAB = ("duration", "points", "computing", "memory")
RESERVED = {*OF_EVERY_LAB, *templates.SUFFIXES, "lab", "COURSE_URL"}
MARKS = {  # what Python writes → what a language does: thousands, decimals, percentages, less than zero
    "fr": str.maketrans({",": "\u202f", ".": ",", "%": "\u00a0%", "-": "−"}),
    "en": str.maketrans({"-": "−"}),
}
BETWEEN = {"fr": "\u00a0; ", "en": ", "}  # values of a list


class FigureError(ValueError):
    """A figure cannot be written; the message says which, and why."""


@dataclass(frozen=True)
class Measure:
    """One run from top to bottom: elapsed `seconds`, and the process's `memory` at its peak, in GiB."""

    machine: str
    cores: int
    seconds: float
    memory: float


@dataclass(frozen=True)
class Measures:
    runs: list[Measure] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)


# ---------------------------------------------------------------------------------------------------------- the file
def path_in(folder: Path) -> Path:
    return folder / "measures.json"


def read(folder: Path) -> Measures:
    """What is written down of the lab in `folder`; empty for one that nobody has measured."""
    path = path_in(folder)
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": [], "figures": {}}
    return Measures([Measure(**run) for run in found["runs"]], found["figures"])


def record(folder: Path, run: Measure | None, figures: Mapping[str, Figure]) -> None:
    """Write down what a run took, in the place of those of the same machine (None: leave them), and all its figures.

    Raises `FigureError`, nothing being written, for a name that every lab has already.
    """
    if taken := sorted(RESERVED & figures.keys()):
        raise FigureError(f"a figure cannot be called {taken[0]!r}: that name is taken in every lab.")
    runs = read(folder).runs
    if run:
        others = [old for old in runs if (old.machine, old.cores) != (run.machine, run.cores)]
        runs = sorted([*others, run], key=lambda one: (one.machine, one.cores))
    told = {"runs": [asdict(one) for one in runs], "figures": dict(sorted(figures.items()))}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}\"]+\]", lambda values: f"[{' '.join(values[0][1:-1].split())}]", text)  # on one line
    with whole(path_in(folder)) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------- the text
def fill(cells: Iterable[NotebookNode], figures: Mapping[str, Figure], language: str) -> None:
    """Put figures where the prose of cells names them; a name without one stays, for `faults` to say."""

    def one(found: re.Match) -> str:
        try:
            return _figure(found, figures, language)
        except FigureError:
            return found[0]

    for cell in cells:
        cell.source = _in_prose(cell, lambda text: FIELD.sub(one, text))


def faults(cells: Iterable[NotebookNode], figures: Mapping[str, Figure], language: str) -> list[str]:
    """Why figures that the prose of cells names cannot be written, a sentence each."""
    said = []
    for cell in cells:
        for found in _fields(cell):
            try:
                _figure(found, figures, language)
            except FigureError as error:
                said.append(f"cell {cell.id}: {error}")
    return said


def named(cells: Iterable[NotebookNode]) -> set[str]:
    """The figures that the prose of cells names."""
    return {found["name"] for cell in cells for found in _fields(cell)}


def _fields(cell: NotebookNode) -> list[re.Match]:
    found: list[re.Match] = []

    def look(text: str) -> str:
        found.extend(FIELD.finditer(text))
        return text

    _in_prose(cell, look)
    return found


def _in_prose(cell: NotebookNode, change: Callable[[str], str]) -> str:
    """The source of a cell with its Markdown, or its comments, changed."""
    if "{{" not in cell.source:
        return cell.source
    return change(cell.source) if cell.cell_type == "markdown" else in_comments(cell.source, change)


def _figure(found: re.Match, figures: Mapping[str, Figure], language: str) -> str:
    name, index, form = found["name"], found["index"], found["form"]
    if name not in figures:
        raise FigureError(f"{found[0]}: no run has measured it")
    value = figures[name]
    if index is not None:
        start = int(index.removesuffix(":"))
        if not isinstance(value, list) or start >= len(value):
            raise FigureError(f"{found[0]}: {name} = {value!r} has no value {index}")
        value = value[start:] if index.endswith(":") else value[start]
    try:
        return written(value, form or "", language)
    except ValueError as error:
        raise FigureError(f"{found[0]}: {value!r} cannot be written so ({error})") from None


def written(value: Figure, form: str, language: str) -> str:
    """A figure in one of Python's formats and in a language: `71 %`, `0,37`, `−4,4`, `[0,14 ; 0,37]` in French."""
    if isinstance(value, list):
        return f"[{BETWEEN[language].join(written(one, form, language) for one in value)}]"
    if isinstance(value, str):
        return format(value, form)
    return format(value, form or ("d" if isinstance(value, int) else "g")).translate(MARKS[language])


# ------------------------------------------------------------------------------------------------ what every lab has
@dataclass(frozen=True)
class Words:
    few_seconds: str
    range: str  # two numbers
    gib: str
    unmeasured: str


WORDS = {
    "fr": Words("quelques secondes", "{} à {}", "Gio", "pas encore mesuré"),
    "en": Words("seconds", "{} to {}", "GiB", "not measured yet"),
}


def of_every_lab(minutes: int, points: float, runs: list[Measure], language: str) -> dict[str, Figure]:
    """What `OF_EVERY_LAB` names; `minutes`: a student's."""
    values = duration(minutes), written(points, "g", language), computing(runs, language), memory(runs, language)
    return dict(zip(OF_EVERY_LAB, values, strict=True))


def duration(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h" + (f" {rest:02}" if rest else "")


def computing(runs: list[Measure], language: str) -> str:
    """How long the whole takes: from the fastest machine to the slowest."""
    words, seconds = WORDS[language], [run.seconds for run in runs]
    if not seconds:
        return words.unmeasured
    if max(seconds) < 60:
        return words.few_seconds
    fewest, most = (max(1, round(limit / 60)) for limit in (min(seconds), max(seconds)))
    return f"{fewest} min" if fewest == most else f"{words.range.format(fewest, most)} min"


def memory(runs: list[Measure], language: str) -> str:
    words = WORDS[language]
    return f"{written(max(run.memory for run in runs), '.1f', language)} {words.gib}" if runs else words.unmeasured
