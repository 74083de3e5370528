"""Reading notebooks that people really have, and telling which cell of a lab each of their cells is.

Used by what students run (`utils.student`) and by what teachers run (`grading.book.intake`).
"""

import copy
import json
import re
import unicodedata
from collections.abc import Sequence

import nbformat
from nbformat import NotebookNode

NOTEBOOK_BYTES = 50_000_000  # a notebook beyond holds outputs (images, tables) that grading throws away anyway
TODO = "raise ToDo"  # what an untouched solution does: `utils.checks.ToDo`
RECOGNISED = 0.25  # a notebook with a smaller share of a lab's exercise cells is not that lab
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class Unusable(ValueError):
    """A file that is not the notebook it should be; the message, in French, is for its student and its teacher."""


# ------------------------------------------------------------------------------------------------------- reading
def decoded(data: bytes, name: str) -> str:
    """A notebook's text, whatever encoding an editor gave it.  Raises `Unusable`."""
    if not data:
        raise Unusable(f"Le fichier {name} est vide.")
    if len(data) > NOTEBOOK_BYTES:
        raise too_big(name, len(data))
    if data[:5] == b"%PDF-":
        raise Unusable(f"Le fichier {name} est un PDF : rendez le notebook lui-même.")
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Unusable(f"Le fichier {name} n'est pas un texte lisible : enregistrez-le de nouveau depuis JupyterLab.")


def too_big(name: str, size: int) -> Unusable:
    """The error for a notebook of `size` bytes."""
    return Unusable(
        f"Le notebook {name} pèse {size // 10**6} Mo : effacez les sorties des cellules "
        "(« Restart Kernel and Clear Outputs »), enregistrez et rendez-le de nouveau."
    )


def parsed(text: str, name: str) -> NotebookNode:
    """The notebook in a text, in format 4, with all that it holds; its sources are strings.  Raises `Unusable`."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        if text.lstrip().startswith(("{", "[")):
            raise Unusable(f"Le fichier {name} est incomplet ou abîmé : rendez-le de nouveau.") from None
        raise Unusable(f"Le fichier {name} n'est pas un notebook : rendez le fichier .ipynb de JupyterLab.") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        raise Unusable(f"Le fichier {name} n'est pas un notebook : rendez le fichier .ipynb de JupyterLab.")
    try:
        raw.setdefault("metadata", {})
        notebook = nbformat.convert(nbformat.reader.reads(json.dumps(raw)), 4)
        for cell in notebook.cells:
            cell.setdefault("metadata", NotebookNode())
            source = "".join(cell.source) if isinstance(cell.source, list) else str(cell.source)
            cell.source = source.replace("\r\n", "\n").replace("\r", "\n")
            if cell.cell_type not in ("code", "markdown"):
                cell.cell_type = "raw"
        return notebook
    except Exception as error:
        raise _invalid(name, error) from None


def bare(text: str, name: str) -> NotebookNode:
    """As `parsed`, with what grading needs of a cell alone: kind, source, nbgrader's metadata, id.  No outputs."""
    notebook = parsed(text, name)
    try:
        sound = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
        sound.cells = [_sound(cell) for cell in notebook.cells]
        nbformat.validate(sound)
        return sound
    except Exception as error:
        raise _invalid(name, error) from None


def _invalid(name: str, error: Exception) -> Unusable:
    return Unusable(
        f"Le fichier {name} n'est pas un notebook valable ({type(error).__name__}) : enregistrez-le de nouveau "
        "depuis JupyterLab."
    )


def _sound(cell: NotebookNode) -> NotebookNode:
    clean = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(cell.source)
    marks = cell.metadata.get("nbgrader")
    if isinstance(marks, dict) and isinstance(marks.get("grade_id"), str):
        clean.metadata["nbgrader"] = copy.deepcopy(marks)
    if name := cell_id(cell):
        clean.id = name
    return clean


# ------------------------------------------------------------------------------------------------------ one cell
def cell_id(cell: NotebookNode) -> str:
    """The id of a cell, if it is a valid one; Colab moves it into the metadata."""
    for name in (cell.get("id"), cell.metadata.get("id")):
        if re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(name or "")):
            return str(name)
    return ""


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of a cell, `<exercise>-<role>`; empty for a cell that is no part of an exercise."""
    marks = cell.metadata.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else ""
    return name if isinstance(name, str) else ""


def exercise(cell: NotebookNode) -> str:
    return grade_id(cell).rpartition("-")[0]


def role(cell: NotebookNode) -> str:
    """solution, check, answer, given, or empty."""
    return grade_id(cell).rpartition("-")[2]


def locked(cell: NotebookNode) -> bool:
    """Whether a cell of a release is the course's own, which a student is not to edit."""
    return bool(grade_id(cell) and cell.metadata.nbgrader.get("locked", False))


def plain(source: str) -> str:
    """A text without what editors change of it: spaces, line ends, composition of accents."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", source)).strip()


def same(cell: NotebookNode, other: NotebookNode) -> bool:
    return plain(cell.source) == plain(other.source)


def content(cell: NotebookNode) -> str:
    """A cell's text, or, of one that defines something, the names it defines."""
    defined = re.findall(r"^(?:async )?(?:def|class) (\w+)", cell.source, re.MULTILINE)
    return "def " + " ".join(defined) if defined and cell.cell_type == "code" else plain(cell.source)


# ------------------------------------------------------------------------------------------------------ matching
def known(cells: Sequence[NotebookNode], originals: Sequence[NotebookNode], by_place: bool = True) -> dict[int, int]:
    """Which cell of a release each cell of a student is: {index of theirs: index of ours}.

    By nbgrader's id, then the cell's, then by its content, then by the place between two that are known (unless
    `by_place` is False: a place says nothing of a notebook that may be another lab's).
    """
    found: dict[int, int] = {}
    whose: dict[str, int] = {}
    for index, cell in enumerate(originals):
        whose[content(cell)] = -1 if content(cell) in whose else index

    for key in (grade_id, cell_id, content):
        theirs: dict[str, int] = {}
        for index, cell in enumerate(originals):
            if index not in found.values() and (name := key(cell)):
                theirs[name] = -1 if name in theirs else index  # a content that is there twice tells nothing
        claims: dict[int, list[int]] = {}
        for index, cell in enumerate(cells):
            ours = theirs.get(key(cell), -1)
            if index in found or ours < 0 or cell.cell_type != originals[ours].cell_type:
                continue
            # Ids count the cells of a release: those of another one may have moved by a place.
            if key is cell_id and whose.get(content(cell), ours) not in (ours, -1):
                continue
            claims.setdefault(ours, []).append(index)
        for ours, indices in claims.items():
            found[_best(indices, cells, originals[ours])] = ours
    for ours, original in enumerate(originals if by_place else ()):
        if grade_id(original) and ours not in found.values():
            place = {theirs: index for index, theirs in found.items()}
            start = max((place[other] for other in place if other < ours), default=-1)
            end = min((place[other] for other in place if other > ours), default=len(cells))
            between = [i for i in range(start + 1, end) if i not in found and cells[i].cell_type == original.cell_type]
            if len(between) == 1:
                found[between[0]] = ours
    return found


def recognised(cells: Sequence[NotebookNode], release: NotebookNode) -> float:
    """The share of a lab's exercise cells that are among some cells."""
    ids = [index for index, cell in enumerate(release.cells) if grade_id(cell)]
    return len(set(known(cells, release.cells, by_place=False).values()) & set(ids)) / max(1, len(ids))


def _best(indices: list[int], cells: Sequence[NotebookNode], original: NotebookNode) -> int:
    """Of copies of one cell: the last that was worked on, as nbgrader keeps the last."""
    worked = [index for index in indices if not same(cells[index], original)]
    return (worked or indices)[-1]
