"""The drawing of docs/architecture.md: our packages, and what they import as the code says it.

    python -m authoring.drawing     write docs/architecture.svg

A package stands above those that it imports.  An arrow that follows from others is left out; the few that go against
the direction are dashed, and `AGAINST` says why they are there.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from authoring import keys
from utils.environment import ROOT
from utils.files import whole

DRAWING = ROOT / "docs" / "architecture.svg"
LABS = "notebooks"  # what their cells import
# (package, what it imports): why an import goes against the direction.
AGAINST = {
    ("authoring", "grading.execution"): "kept answers and reference runs are examined and run as hand-ins are",
    ("authoring", "website"): "a reference run describes the labs' figures for the site, which shows them",
    ("grading.book", "grading.reports"): "a hand-in is recorded when its page is written, in the same step",
    ("utils.assets", "utils"): "environment and files, which import nothing of ours, stand beside what uses archives",
}

Graph = dict[str, set[str]]

# From left to right, so that arrows cross little: 1 for what is not named.
COLUMNS = {
    "grading.execution": 0, "grading.inside": 0,
    "website": 2, "utils.student": 2, "utils.notebook": 2,
    LABS: 3, "utils.metrics": 3,
}  # fmt: skip
ACROSS, DOWN, WIDE, TALL = 190, 78, 150, 34  # pixels: from a column and a row to the next; a box
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1d2733; text-anchor: middle; }
  rect { fill: #eef3fa; stroke: #48648a; }
  .inside { fill: #fdeeda; stroke: #b0701a; }
  path { fill: none; stroke: #48648a; stroke-width: 1.3; marker-end: url(#head); }
  .against { stroke: #b3372f; stroke-dasharray: 5 4; }
"""


# ---------------------------------------------------------------------------------------------------- what there is
def modules() -> Iterator[Path]:
    """The modules of the packages, and the sources of the labs; not what a package reads as data."""
    for package in ("utils", "authoring", "grading", "website"):
        yield from (path for path in ROOT.glob(f"{package}/**/*.py") if (path.parent / "__init__.py").exists())
    yield from ROOT.glob("solutions/*/*.py")


def package_of(path: Path) -> str:
    """Its sub-package, or its package: `grading.book`, `utils`; of a lab's source: `notebooks`."""
    folders = path.relative_to(ROOT).parent.parts
    return LABS if folders[0] == "solutions" else ".".join(folders)


def imported(path: Path) -> set[Path]:
    """The modules that a module imports or starts, but for the packages above them and what is read as data."""
    found = {one for one in keys.imports(path) if one.suffix == ".py" and (one.parent / "__init__.py").exists()}
    return found - {folder / "__init__.py" for one in found for folder in one.parents[1:]} - {path}


def packages() -> Graph:
    """What each package imports of the others."""
    graph: Graph = {}
    for path in modules():
        graph.setdefault(package_of(path), set()).update(map(package_of, imported(path)))
    return {package: needs - {package} for package, needs in graph.items()}


# ---------------------------------------------------------------------------------------------------------- drawing
def directed(graph: Graph) -> Graph:
    """Without the imports that go against the direction."""
    return {one: {other for other in needs if (one, other) not in AGAINST} for one, needs in graph.items()}


def needed(one: str, graph: Graph) -> set[str]:
    """All that a package imports, directly or not.  The graph has no cycle."""
    return set().union(*({other} | needed(other, graph) for other in graph[one]))


def reduced(graph: Graph) -> Graph:
    """Without what follows from the rest.  Raises `CycleError`."""
    TopologicalSorter(graph).prepare()
    return {
        one: {other for other in needs if not any(other in needed(third, graph) for third in needs)}
        for one, needs in graph.items()
    }


def places(graph: Graph) -> dict[str, tuple[int, int]]:
    """The middle of each package's box, in pixels: each is above what it imports.  The graph has no cycle."""
    level: dict[str, int] = {}
    for one in TopologicalSorter(graph).static_order():
        level[one] = 1 + max((level[other] for other in graph[one]), default=-1)
    top = max(level.values())
    return {one: (100 + ACROSS * COLUMNS.get(one, 1), 30 + DOWN * (top - level[one])) for one in sorted(graph)}


def svg(graph: Graph) -> str:
    """The drawing.  Raises `CycleError` for a cycle that `AGAINST` does not explain."""
    straight = reduced(directed(graph))
    at = places(straight)
    width, height = (max(place[i] for place in at.values()) + margin for i, margin in ((0, 100), (1, 30)))
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>Packages, each above what it imports</title>\n<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" style="fill: #48648a; stroke: none; marker-end: none"/></marker></defs>',
        f'<rect width="{width}" height="{height}" style="fill: #fff; stroke: none"/>',
        *(_down(at[one], at[other]) for one in sorted(straight) for other in sorted(straight[one])),
        *(_back(at[one], at[other], why) for (one, other), why in AGAINST.items()),
        *(_box(one, *at[one]) for one in at),
    ]
    return "\n".join([*drawn, "</svg>", ""])


def _box(name: str, x: int, y: int) -> str:
    inside = ' class="inside"' if name == "grading.inside" else ""
    box = f'<rect{inside} x="{x - WIDE // 2}" y="{y - TALL // 2}" width="{WIDE}" height="{TALL}" rx="6"/>'
    return f'{box}<text x="{x}" y="{y + 5}">{name.replace(".", "/")}/</text>'


def _down(start: tuple[int, int], end: tuple[int, int]) -> str:
    """An arrow to what is imported, from under a box to the top of another."""
    return f'<path d="M{start[0]},{start[1] + TALL // 2} L{end[0]},{end[1] - TALL // 2}"/>'


def _back(start: tuple[int, int], end: tuple[int, int], why: str) -> str:
    """An arrow against the direction: from the side of a box to that of another, bent."""
    side = WIDE // 2 if end[0] >= start[0] else -WIDE // 2
    begin, to = start[0] + side, end[0] + (side if end[0] == start[0] else -side)
    by = f"{max(begin, to) + 35},{(start[1] + end[1]) // 2}" if end[0] == start[0] else f"{(begin + to) // 2},{end[1]}"
    return f'<path class="against" d="M{begin},{start[1]} Q{by} {to},{end[1]}"><title>{escape(why)}</title></path>'


def main() -> None:
    with whole(DRAWING) as path:
        path.write_text(svg(packages()), encoding="utf-8")


if __name__ == "__main__":
    main()
