"""Which cell of a lab each cell of a student's notebook is.

Names tell: they are the same in every release and language.  Editors lose them (Colab moves or renews ids, others strip
the metadata); then the text of a cell tells, or its place between two others.
"""

from collections.abc import Callable, Sequence

from nbformat import NotebookNode

from utils.notebook.cells import cell_id, content, course, grade_id, plain, same

RECOGNISED = 0.25  # a notebook with a smaller share of a lab's exercise cells is not that lab


def known(cells: Sequence[NotebookNode], originals: Sequence[NotebookNode], by_place: bool = True) -> dict[int, int]:
    """Which cell of a release each cell of a student is: {index of theirs: index of ours}.

    By nbgrader's name, then the cell's, then by its content, then by the place between two that are known (unless
    `by_place` is False: a place says nothing of a notebook that may be another lab's).
    """
    found: dict[int, int] = {}
    for key in (grade_id, cell_id, content):
        free = {ours: cell for ours, cell in enumerate(originals) if ours not in found.values()}
        ours_by_key = _unique(key, free)
        claims: dict[int, list[int]] = {}
        for index, cell in enumerate(cells):
            ours = ours_by_key.get(key(cell))
            if index not in found and ours is not None:
                claims.setdefault(ours, []).append(index)
        for ours, indices in list(claims.items()):
            alike = [index for index in indices if cells[index].cell_type == originals[ours].cell_type]
            # A name tells the cell even where a key stroke has changed its type; a content does not.
            named = [] if key is content else [index for index in indices if cells[index].source.strip()]
            if not (alike or named):
                del claims[ours]
            else:
                claims[ours] = alike or named
        found |= {_best(indices, cells, originals[ours]): ours for ours, indices in claims.items()}
    return _with_places(found, cells, originals) if by_place else found


def recognised(cells: Sequence[NotebookNode], release: NotebookNode) -> float:
    """The share of a lab's exercise cells that are among some cells."""
    ids = [index for index, cell in enumerate(release.cells) if grade_id(cell)]
    return len(set(known(cells, release.cells, by_place=False).values()) & set(ids)) / max(1, len(ids))


def edition(notebook: NotebookNode, releases: Sequence[NotebookNode]) -> NotebookNode:
    """Of a lab's releases, a language each, the one in a notebook's language: as it says, else as its cells tell."""
    says = course(notebook).get("language")
    if said := [release for release in releases if says and course(release).get("language") == says]:
        return said[0]
    texts = {plain(cell.source) for cell in notebook.cells}
    return max(releases, key=lambda release: sum(plain(cell.source) in texts for cell in release.cells))


def _unique(key: Callable[[NotebookNode], str], cells: dict[int, NotebookNode]) -> dict[str, int]:
    """{key: index} of the cells that have it alone: a content that is there twice tells nothing."""
    keys = [key(cell) for cell in cells.values()]
    return {name: index for index, name in zip(cells, keys, strict=True) if name and keys.count(name) == 1}


def _with_places(
    found: dict[int, int], cells: Sequence[NotebookNode], originals: Sequence[NotebookNode]
) -> dict[int, int]:
    """`found`, with each exercise cell that is alone of its kind between two that are known."""
    place = {ours: index for index, ours in found.items()}
    for ours, original in enumerate(originals):
        if grade_id(original) and ours not in place:
            start = max((place[other] for other in place if other < ours), default=-1)
            end = min((place[other] for other in place if other > ours), default=len(cells))
            between = [i for i in range(start + 1, end) if cells[i].cell_type == original.cell_type]
            between = [i for i in between if i not in place.values()]
            if len(between) == 1:
                place[ours] = between[0]
    return {index: ours for ours, index in place.items()}


def _best(indices: list[int], cells: Sequence[NotebookNode], original: NotebookNode) -> int:
    """Of copies of one cell: the last that was worked on, as nbgrader keeps the last."""
    worked = [index for index in indices if not same(cells[index], original)]
    return (worked or indices)[-1]
