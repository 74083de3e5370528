"""Reading notebooks that people really have, and what a cell says of itself.

Used by what students run (`utils.student`) and by what teachers run (`grading.book.intake`).
"""

import copy
import json
import re
import unicodedata

import nbformat
from nbformat import NotebookNode

from utils.files import encodable
from utils.language import _
from utils.language import language as spoken

NOTEBOOK_BYTES = 50_000_000  # a notebook beyond holds outputs (images, tables) that grading throws away anyway
TODO = "raise ToDo"  # what an untouched solution does: `utils.checks.ToDo`
FRENCH = "fr"  # the language that labs are written in; some are given out in others too
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class Unusable(ValueError):
    """A file that is not the notebook it should be; the message, in `language`, is for its student and its teacher."""

    def __init__(self, message: str):
        super().__init__(message)
        self.language = spoken()


# ------------------------------------------------------------------------------------------------------- reading
def decoded(data: bytes, name: str) -> str:
    """A notebook's text, whatever encoding an editor gave it.  Raises `Unusable`."""
    if not data:
        raise Unusable(_("Le fichier {name} est vide.").format(name=name))
    if len(data) > NOTEBOOK_BYTES:
        raise too_big(name, len(data))
    if data[:5] == b"%PDF-":
        raise Unusable(_("Le fichier {name} est un PDF : rendez le notebook lui-même.").format(name=name))
    if data[:8] == b"bplist00" or data.lstrip(b"\xef\xbb\xbf \r\n")[:9].lower().startswith((b"<!doctype", b"<html")):
        message = _(
            "Le fichier {name} est la page web d'un notebook, pas le notebook : dans JupyterLab, File > Download ; "
            "dans Colab, Fichier > Télécharger > Télécharger le fichier .ipynb."
        )
        raise Unusable(message.format(name=name))
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    message = _("Le fichier {name} n'est pas un texte lisible : enregistrez-le de nouveau depuis JupyterLab.")
    raise Unusable(message.format(name=name))


def too_big(name: str, size: int) -> Unusable:
    """The error for a notebook of `size` bytes."""
    message = _(
        "Le notebook {name} pèse {size} Mo : effacez les sorties des cellules (« Restart Kernel and Clear Outputs »), "
        "enregistrez et rendez-le de nouveau."
    )
    return Unusable(message.format(name=name, size=size // 10**6))


def parsed(text: str, name: str) -> NotebookNode:
    """The notebook in a text, in format 4, with all that it holds; its sources are strings.  Raises `Unusable`."""
    other = _("Le fichier {name} n'est pas un notebook : rendez le fichier .ipynb de JupyterLab.").format(name=name)
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        if re.search(r"^<{7} ", text, re.MULTILINE):
            message = _(
                "Le fichier {name} contient les marques d'un conflit de git (« <<<<<<< ») : choisissez une version."
            )
            raise Unusable(message.format(name=name)) from None
        if text.lstrip().startswith(("{", "[")):
            message = _("Le fichier {name} est incomplet ou abîmé : rendez-le de nouveau.")
            raise Unusable(message.format(name=name)) from None
        raise Unusable(other) from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells", raw.get("worksheets")), list):
        raise Unusable(other)
    try:
        if has_half_characters(raw):
            raw = json.loads(encodable(json.dumps(raw, ensure_ascii=False)))
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


def has_half_characters(value: object) -> bool:
    """Whether a text in a value of JSON's holds half a character, as an editor leaves of an emoji that it cut."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def bare(text: str, name: str) -> NotebookNode:
    """As `parsed`, with what grading needs alone: `course`, and of a cell, kind, source, nbgrader's metadata, id."""
    notebook = parsed(text, name)
    try:
        sound = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}})
        if says := course(notebook):
            sound.metadata["course"] = says
        sound.cells = [_sound(cell) for cell in notebook.cells]
        nbformat.validate(sound)
        return sound
    except Exception as error:
        raise _invalid(name, error) from None


def _invalid(name: str, error: Exception) -> Unusable:
    message = _(
        "Le fichier {name} n'est pas un notebook valable ({error}) : enregistrez-le de nouveau depuis JupyterLab."
    )
    return Unusable(message.format(name=name, error=type(error).__name__))


def _sound(cell: NotebookNode) -> NotebookNode:
    clean = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")(cell.source)
    if cell.cell_type == "markdown":
        kept = _images(cell.get("attachments"))
        if kept:
            clean.attachments = kept
        # What names an image that is not there could not be shown at all.
        clean.source = re.sub(r"\(attachment:([^)\s]*)", lambda m: m[0] if m[1] in kept else f"({m[1]}", clean.source)
    marks = cell.metadata.get("nbgrader")
    if isinstance(marks, dict) and isinstance(marks.get("grade_id"), str):
        clean.metadata["nbgrader"] = copy.deepcopy(marks)
    if name := cell_id(cell):
        clean.id = name
    return clean


def _images(attachments: object) -> dict[str, dict[str, str]]:
    """The images pasted into a text cell: {name: {type: base64}}."""
    found = attachments if isinstance(attachments, dict) else {}
    return {
        str(name): {kind: data for kind, data in kinds.items() if kind.startswith("image/") and isinstance(data, str)}
        for name, kinds in found.items() if isinstance(kinds, dict)
    }  # fmt: skip


def course(notebook: NotebookNode) -> dict[str, str]:
    """`lab`, `version` and `language` of the release that a notebook says it comes from; empty if it does not."""
    says = notebook.metadata.get("course")
    says = says if isinstance(says, dict) else {}
    return {key: says[key] for key in ("lab", "version", "language") if isinstance(says.get(key), str)}


def language(notebook: NotebookNode) -> str:
    """That of the release that a notebook says it comes from; French if it does not."""
    return course(notebook).get("language", FRENCH)


# ------------------------------------------------------------------------------------------------------ one cell
def cell_id(cell: NotebookNode) -> str:
    """The id of a cell (in a release: its name), if it is a valid one; Colab moves it into the metadata."""
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


def is_check(cell: NotebookNode) -> bool:
    """Whether a cell holds tests written by the teacher (and not an answer of the student's to be marked)."""
    marks = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(marks.get("grade")) and not marks.get("solution")


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
