"""From what a student handed in to a folder that can be graded.  The hand-in itself is never touched.

Real classes hand in renamed files, copied cells, notebooks that an editor stripped of their metadata.  What can be
mended without doubt is, and noted; the rest is set aside with one sentence for student and teacher, in
the language of the hand-in.
"""

import contextlib
import copy
import json
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from grading.book.notes import Note, NoteKind, note
from utils.files import encodable, ignored, is_plain, member_name, safe_path
from utils.language import _, speaking
from utils.notebook.cells import (
    FRENCH,
    NOTEBOOK_BYTES,
    Unusable,
    bare,
    course,
    decoded,
    exercise,
    grade_id,
    has_half_characters,
    language,
    locked,
    parsed,
    same,
    too_big,
)
from utils.notebook.demos import defined
from utils.notebook.matching import RECOGNISED, edition, known, recognised

FOLDER_BYTES = 200_000_000  # with the files beside it
FOLDER_FILES = 200
NOTEBOOK = re.compile(r"\.ipynb(\.(json|txt))?$", re.IGNORECASE)  # browsers add the last part


@dataclass
class HandIn:
    """A copy that can be graded: the notebook, the other files (name: path), what was mended."""

    notebook: Path
    files: dict[str, Path] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    language: str = FRENCH


def take_in(source: Path, target: Path, releases: Sequence[NotebookNode], lab: str) -> HandIn:
    """Copy the hand-in `source` into the folder `target`, made anew, with a notebook that nbgrader can take.

    `releases`: the student version of the lab in each language; the notebook's metadata say which of them it is of.
    Raises `Unusable`.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    contents, notes = _contents(source)
    with speaking(_spoken(contents, releases)):
        name, text, more = _choose(contents, releases, lab)
        notebook, mended = mend(text, releases, lab)
    notes += more + mended
    nbformat.write(notebook, target / f"{lab}.ipynb")
    files = {}
    for other, data in contents.items():
        if other.endswith(".zip") or NOTEBOOK.search(other) or other == name:
            continue
        try:
            (target / other).parent.mkdir(parents=True, exist_ok=True)
            (target / other).write_bytes(data.read())
            files[other] = target / other
        except OSError:  # a name too long, a file where a folder should be
            notes.append(note(NoteKind.LEFT_OUT, name=encodable(other)[:80]))
    return HandIn(target / f"{lab}.ipynb", files, notes, language(notebook))


def _spoken(contents: dict[str, "Content"], releases: Sequence[NotebookNode]) -> str:
    """The language of the first notebook that says one of the lab's; empty if none does."""
    known = [language(release) for release in releases]
    for name in contents:
        if NOTEBOOK.search(name):
            with contextlib.suppress(Unusable):
                said = course(parsed(_text(contents[name], name), name)).get("language")
                if said in known:
                    return said
    return ""


# --------------------------------------------------------------------------------------------------- which files
@dataclass(frozen=True)
class Content:
    """A file of a hand-in, on the disk or in an archive: read when it is wanted, and never beyond `size`."""

    size: int
    path: Path
    member: str = ""

    def read(self) -> bytes:
        if not self.member:
            return self.path.read_bytes()
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                return file.read(self.size)  # no more, whatever the archive really holds
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, zlib.error):
            message = _("L'archive {name} est abîmée : rendez le notebook lui-même.")
            raise Unusable(message.format(name=self.path.name)) from None


def _contents(source: Path) -> tuple[dict[str, Content], list[Note]]:
    """Every plain file of a hand-in by its name; an archive counts as the files in it."""
    found, notes = {}, []
    if source.is_symlink():
        raise Unusable(_("Le dossier rendu est un lien vers un autre dossier : rendez les fichiers eux-mêmes."))
    for folder, folders, names in os.walk(source):  # does not follow links
        folders[:] = sorted(name for name in folders if not ignored(name))
        for path in [Path(folder, name) for name in sorted(names + folders)]:
            if path.is_symlink():
                notes.append(note(NoteKind.LINK_IGNORED, name=path.name))
            elif path.is_file() and not ignored(path.name):
                found[path.relative_to(source).as_posix()] = Content(path.stat().st_size, path)
    for name, content in list(found.items()):
        if name.lower().endswith(".zip"):
            inside = _archive(content.path)
            found |= {member: file for member, file in inside.items() if member not in found}
            notes.append(note(NoteKind.ARCHIVE_READ, name=name))
    if len(found) > FOLDER_FILES:
        message = _("Le dossier rendu contient {count} fichiers : rendez seulement le notebook.")
        raise Unusable(message.format(count=len(found)))
    others = sum(content.size for name, content in found.items() if not NOTEBOOK.search(name))
    if others > FOLDER_BYTES:
        message = _("Le dossier rendu pèse {size} Mo : rendez seulement le notebook.")
        raise Unusable(message.format(size=others // 10**6))
    return found, notes


def _archive(path: Path) -> dict[str, Content]:
    """The files of an archive whose names stay inside it; refuses one that would unpack to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if any(member.flag_bits & 1 for member in members):
                message = _("L'archive {name} est protégée par un mot de passe : rendez le notebook lui-même.")
                raise Unusable(message.format(name=path.name))
    except Unusable:
        raise
    except (zipfile.BadZipFile, OSError, ValueError):
        message = _("L'archive {name} ne peut pas être lue : rendez le notebook lui-même.")
        raise Unusable(message.format(name=path.name)) from None
    if len(members) > FOLDER_FILES or sum(member.file_size for member in members) > FOLDER_BYTES:
        message = _("L'archive {name} est trop grosse une fois ouverte : rendez seulement le notebook.")
        raise Unusable(message.format(name=path.name))
    inside = {}
    for member in members:
        name = safe_path(member_name(member))
        if name and is_plain(member) and not any(map(ignored, name.parts)):
            inside[str(name)] = Content(member.file_size, path, member.filename)
    return inside


def _choose(contents: dict[str, Content], releases: Sequence[NotebookNode], lab: str) -> tuple[str, str, list[Note]]:
    """The notebook to grade: (name, text, notes).  The right name wins, then the one that has most of the lab."""
    if not contents:
        raise Unusable(_("Le dossier rendu est vide."))
    candidates = [name for name in contents if NOTEBOOK.search(name)]
    if not candidates:
        kinds = sorted({PurePosixPath(name).suffix or name for name in contents})
        message = _("Aucun notebook dans le dossier rendu (seulement : {kinds}) : rendez le fichier {lab}.ipynb.")
        raise Unusable(message.format(kinds=", ".join(kinds), lab=lab))
    exact, read, reasons = f"{lab}.ipynb", {}, []
    for name in candidates:
        try:
            text = _text(contents[name], name)
            read[name] = (*_worth(text, name, releases), text)
        except Unusable as error:
            reasons.append(error)
            if name == exact:
                raise
    if not read:
        raise reasons[0]
    worked = {name for name, (done, _known, _text_of) in read.items() if done}
    if exact in read and (exact in worked or not worked):
        best = exact
    else:
        best = max(read, key=lambda name: read[name][:2])
        if [found[:2] for found in read.values()].count(read[best][:2]) > 1:
            message = _("Plusieurs notebooks possibles ({names}) : rendez-en un seul, nommé {expected}.")
            raise Unusable(message.format(names=", ".join(candidates), expected=exact))
    others = [name for name in candidates if name != best]
    notes = [] if best == exact else [note(NoteKind.RENAMED, name=best, expected=exact)]
    if others and best == exact or worked - {best}:
        kind = NoteKind.SEVERAL_WORKED if worked - {best} else NoteKind.ONE_OF_SEVERAL
        notes.append(note(kind, name=best, others=others))
    return best, read[best][2], notes


def _worth(text: str, name: str, releases: Sequence[NotebookNode]) -> tuple[int, int]:
    """How many exercises of the lab were worked on in a notebook, and how many of the lab's cells it has."""
    notebook = bare(text, name)
    release = edition(notebook, releases)
    found = known(notebook.cells, release.cells)
    if recognised(notebook.cells, release) < RECOGNISED:  # another lab's
        return 0, len(found)
    pairs = [(notebook.cells[index], release.cells[ours]) for index, ours in found.items()]
    return sum(bool(grade_id(ours)) and not locked(ours) and not same(own, ours) for own, ours in pairs), len(found)


def _text(content: Content, name: str) -> str:
    """A notebook's text, whatever encoding an editor gave it."""
    if content.size > NOTEBOOK_BYTES:
        raise too_big(name, content.size)
    return decoded(content.read(), name)


# ---------------------------------------------------------------------------------------------------- what cells
def mend(text: str, releases: Sequence[NotebookNode], lab: str) -> tuple[NotebookNode, list[Note]]:
    """A notebook that has every cell of the release in its language once, in order, and what was done to that end.

    A well-formed notebook comes back as it was.  Raises `Unusable`.
    """
    notebook = bare(text, f"{lab}.ipynb")
    release = edition(notebook, releases)
    notebook.metadata["course"] = course(notebook) | {"language": language(release)}
    if recognised(notebook.cells, release) < RECOGNISED:
        message = _("Ce notebook n'est pas celui du TP {lab} : ses cellules n'ont pas été reconnues.")
        raise Unusable(message.format(lab=lab))
    found = known(notebook.cells, release.cells)
    notes = _edited(notebook, release, found) + _answers_beside(notebook, release, found)
    if has_half_characters(json.loads(text)):
        notes.append(note(NoteKind.HALF_CHARACTERS))
    if _flags(notebook) == _flags(release):
        for index, ours in found.items():  # nothing that nbgrader does not know, which it would refuse
            if grade_id(release.cells[ours]):
                notebook.cells[index].metadata["nbgrader"] = copy.deepcopy(release.cells[ours].metadata.nbgrader)
        return notebook, notes
    return _rebuilt(notebook, release, found, notes), notes


def _edited(notebook: NotebookNode, release: NotebookNode, found: dict[int, int]) -> list[Note]:
    """A note when locked cells were edited: their text comes back from the lab (nbgrader does it)."""
    pairs = [
        (notebook.cells[index], release.cells[ours]) for index, ours in found.items() if locked(release.cells[ours])
    ]
    other = [(cell, ours) for cell, ours in pairs if not same(cell, ours)]
    edited = [exercise(ours) for cell, ours in other if not _as_given_out(cell)]
    earlier = [exercise(ours) for cell, ours in other if _as_given_out(cell)]
    told = {NoteKind.LOCKED_EDITED: edited, NoteKind.EARLIER_RELEASE: earlier}
    return [note(kind, exercises=exercises) for kind, exercises in told.items() if exercises]


def _as_given_out(cell: NotebookNode) -> bool:
    """Whether a locked cell is as some release of the lab had it: it carries the sum of what it was."""
    try:
        return compute_checksum(cell) == cell.metadata.nbgrader.checksum
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _answers_beside(notebook: NotebookNode, release: NotebookNode, found: dict[int, int]) -> list[Note]:
    """Put into an untouched written answer what its student wrote in new text cells below it."""
    moved = []
    for index, ours in found.items():
        original, cell = release.cells[ours], notebook.cells[index]
        if original.cell_type == "markdown" and grade_id(original) and not locked(original) and same(cell, original):
            end = next((i for i in range(index + 1, len(notebook.cells)) if i in found), len(notebook.cells))
            below = [other for other in notebook.cells[index + 1 : end] if other.cell_type == "markdown"]
            below = [other for other in below if other.source.strip() and not _is_a_copy(other, release)]
            if below:
                cell.source = "\n\n".join(other.source for other in below)
                moved.append(exercise(original))
    return [note(NoteKind.ANSWER_BESIDE, exercises=moved)] if moved else []


def _flags(notebook: NotebookNode) -> list:
    """What must be right in nbgrader's metadata of a cell for nbgrader to take it."""
    names = ("grade_id", "grade", "solution", "locked", "task", "points", "schema_version", "cell_type")
    return [
        [cell.cell_type, *(cell.metadata.nbgrader.get(name) for name in names)]
        for cell in notebook.cells if grade_id(cell)
    ]  # fmt: skip


def _rebuilt(notebook: NotebookNode, release: NotebookNode, found: dict[int, int], notes: list[Note]) -> NotebookNode:
    """The release's cells in their order, with the student's work in them, and the student's own cells where they
    stood: after the cell of the release that came before them."""
    place = {ours: index for index, ours in found.items()}
    answers = {grade_id(cell) for cell in release.cells if cell.cell_type == "markdown" and grade_id(cell)}
    halves: dict[str, list[str]] = {}
    code = (cell for cell in notebook.cells if cell.cell_type == "code" and not _is_a_copy(cell, release))
    written = defined(cell.source for cell in code)
    own: dict[int, list[NotebookNode]] = {}
    after, copies = -1, 0
    for index, cell in enumerate(notebook.cells):
        copied = grade_id(cell)
        if index in found:
            after = found[index]
        elif _is_a_copy(cell, release):
            copies += 1
        elif cell.source.strip():
            copies += bool(copied)  # "Split cell" leaves two: both run, the last is the one that counts
            if copied in answers:  # and both are read
                halves.setdefault(copied, []).append(cell.source)
                continue
            cell.metadata.pop("nbgrader", None)
            own.setdefault(after, []).append(cell)
    cells = list(own.get(-1, []))
    missing, merged = [], []
    for ours, original in enumerate(release.cells):
        cell = copy.deepcopy(original)
        if ours in place and not locked(cell):
            theirs = notebook.cells[place[ours]]
            cell.source = "\n\n".join([*halves.get(grade_id(cell), []), theirs.source])
            if cell.cell_type == "markdown" and theirs.get("attachments"):
                cell.attachments = theirs.attachments
        elif ours not in place and _is_solution(cell) and set() < defined([cell.source]) <= written:
            cell.source = ""  # a stub would undo what was written in another cell
            merged.append(exercise(cell))
        elif ours not in place and grade_id(cell):
            missing.append(exercise(cell))
        cells += [cell, *own.get(ours, [])]
    order = [ours for _index, ours in sorted(found.items())]
    if order != sorted(order):
        notes.append(note(NoteKind.REORDERED))
    if copies:
        notes.append(note(NoteKind.COPIES, count=copies))
    pairs = [(notebook.cells[index], release.cells[ours]) for ours, index in place.items()]
    retyped = [exercise(ours) for cell, ours in pairs if grade_id(ours) and cell.cell_type != ours.cell_type]
    told = {NoteKind.MISSING: missing, NoteKind.MERGED: merged, NoteKind.TYPE_CHANGED: retyped}
    notes += [note(kind, exercises=list(dict.fromkeys(names))) for kind, names in told.items() if names]
    marks = [(grade_id(notebook.cells[index]), grade_id(release.cells[ours])) for index, ours in found.items()]
    if any(theirs != ours for theirs, ours in marks):
        notes.append(note(NoteKind.MARKS_LOST))
    return _unique_ids(nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata))


def _is_solution(cell: NotebookNode) -> bool:
    return bool(grade_id(cell)) and not locked(cell) and cell.cell_type == "code"


def _is_a_copy(cell: NotebookNode, release: NotebookNode) -> bool:
    """A cell that is in the lab already, unchanged or locked: run twice, an old stub would undo the student's work."""
    if any(same(cell, original) for original in release.cells):
        return bool(cell.source.strip())
    return any(locked(original) and grade_id(original) == grade_id(cell) != "" for original in release.cells)


def _unique_ids(notebook: NotebookNode) -> NotebookNode:
    seen: set[str] = set()
    for cell in notebook.cells:
        if cell.get("id") in seen:
            cell.id = nbformat.v4.new_code_cell().id
        seen.add(cell.id)
    return notebook
