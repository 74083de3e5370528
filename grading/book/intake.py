"""From what a student handed in to a folder that can be graded.  The hand-in itself is never touched.

Real classes hand in renamed files, copied cells, notebooks that an editor stripped of their metadata.  What can be
mended without doubt is, and noted; the rest is set aside with one sentence for student and teacher, in
the language of the hand-in.
"""

import contextlib
import copy
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from grading.book.notes import Note, NoteKind, note
from utils.files import is_plain, safe_path
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
from utils.notebook.matching import RECOGNISED, edition, known, recognised

FOLDER_BYTES = 200_000_000  # with the files beside it
FOLDER_FILES = 200
IGNORED = (".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", ".DS_Store")


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
        if not other.endswith((".ipynb", ".zip")) and other != name:
            (target / other).parent.mkdir(parents=True, exist_ok=True)
            (target / other).write_bytes(data.read())
            files[other] = target / other
    return HandIn(target / f"{lab}.ipynb", files, notes, language(notebook))


def _spoken(contents: dict[str, "Content"], releases: Sequence[NotebookNode]) -> str:
    """The language of the first notebook that says one of the lab's; empty if none does."""
    known = [language(release) for release in releases]
    for name in contents:
        if name.lower().endswith(".ipynb"):
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
        folders[:] = sorted(name for name in folders if name not in IGNORED)
        for path in [Path(folder, name) for name in sorted(names + folders)]:
            if path.is_symlink():
                notes.append(note(NoteKind.LINK_IGNORED, name=path.name))
            elif path.is_file() and path.name not in IGNORED:
                found[path.relative_to(source).as_posix()] = Content(path.stat().st_size, path)
    for name, content in list(found.items()):
        if name.lower().endswith(".zip"):
            inside = _archive(content.path)
            found |= {member: file for member, file in inside.items() if member not in found}
            notes.append(note(NoteKind.ARCHIVE_READ, name=name))
    if len(found) > FOLDER_FILES:
        message = _("Le dossier rendu contient {count} fichiers : rendez seulement le notebook.")
        raise Unusable(message.format(count=len(found)))
    others = sum(content.size for name, content in found.items() if not name.endswith(".ipynb"))
    if others > FOLDER_BYTES:
        message = _("Le dossier rendu pèse {size} Mo : rendez seulement le notebook.")
        raise Unusable(message.format(size=others // 10**6))
    return found, notes


def _archive(path: Path) -> dict[str, Content]:
    """The files of an archive whose names stay inside it; refuses one that would unpack to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError):
        message = _("L'archive {name} ne peut pas être lue : rendez le notebook lui-même.")
        raise Unusable(message.format(name=path.name)) from None
    if len(members) > FOLDER_FILES or sum(member.file_size for member in members) > FOLDER_BYTES:
        message = _("L'archive {name} est trop grosse une fois ouverte : rendez seulement le notebook.")
        raise Unusable(message.format(name=path.name))
    inside = {}
    for member in members:
        name = safe_path(member.filename)
        if name and is_plain(member) and not set(name.parts) & set(IGNORED):
            inside[str(name)] = Content(member.file_size, path, member.filename)
    return inside


def _choose(contents: dict[str, Content], releases: Sequence[NotebookNode], lab: str) -> tuple[str, str, list[Note]]:
    """The notebook to grade: (name, text, notes).  The right name wins, then the one that has most of the lab."""
    if not contents:
        raise Unusable(_("Le dossier rendu est vide."))
    candidates = [name for name in contents if name.lower().endswith(".ipynb")]
    if not candidates:
        kinds = sorted({PurePosixPath(name).suffix or name for name in contents})
        message = _("Aucun notebook dans le dossier rendu (seulement : {kinds}) : rendez le fichier {lab}.ipynb.")
        raise Unusable(message.format(kinds=", ".join(kinds), lab=lab))
    exact = f"{lab}.ipynb"
    if exact in candidates:
        extra = [name for name in candidates if name != exact]
        notes = [note(NoteKind.ONE_OF_SEVERAL, name=exact, others=extra)] if extra else []
        return exact, _text(contents[exact], exact), notes
    scores, reasons = {}, []
    for name in candidates:
        try:
            text = _text(contents[name], name)
            notebook = bare(text, name)
            scores[name] = (len(known(notebook.cells, edition(notebook, releases).cells)), text)
        except Unusable as error:
            reasons.append(error)
    if not scores:
        raise reasons[0]
    best = max(scores, key=lambda name: scores[name][0])
    if len([1 for score, _found in scores.values() if score == scores[best][0]]) > 1:
        message = _("Plusieurs notebooks possibles ({names}) : rendez-en un seul, nommé {expected}.")
        raise Unusable(message.format(names=", ".join(candidates), expected=exact))
    return best, scores[best][1], [note(NoteKind.RENAMED, name=best, expected=exact)]


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
    notes = _edited(notebook, release, found)
    if has_half_characters(json.loads(text)):
        notes.append(note(NoteKind.HALF_CHARACTERS))
    if _flags(notebook) == _flags(release):
        return notebook, notes
    return _rebuilt(notebook, release, found, notes), notes


def _edited(notebook: NotebookNode, release: NotebookNode, found: dict[int, int]) -> list[Note]:
    """A note when locked cells were edited: their text comes back from the lab (nbgrader does it)."""
    edited = [
        exercise(release.cells[ours]) for index, ours in found.items()
        if locked(release.cells[ours]) and not same(notebook.cells[index], release.cells[ours])
    ]  # fmt: skip
    return [note(NoteKind.LOCKED_EDITED, exercises=edited)] if edited else []


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
            cell.metadata.pop("nbgrader", None)
            own.setdefault(after, []).append(cell)
    cells, missing = list(own.get(-1, [])), []
    for ours, original in enumerate(release.cells):
        cell = copy.deepcopy(original)
        if ours in place and not locked(cell):
            cell.source = notebook.cells[place[ours]].source
        elif ours not in place and grade_id(cell):
            missing.append(exercise(cell))
        cells += [cell, *own.get(ours, [])]
    order = [ours for _index, ours in sorted(found.items())]
    if order != sorted(order):
        notes.append(note(NoteKind.REORDERED))
    if copies:
        notes.append(note(NoteKind.COPIES, count=copies))
    if missing:
        notes.append(note(NoteKind.MISSING, exercises=list(dict.fromkeys(missing))))
    marks = [(grade_id(notebook.cells[index]), grade_id(release.cells[ours])) for index, ours in found.items()]
    if any(theirs != ours for theirs, ours in marks):
        notes.append(note(NoteKind.MARKS_LOST))
    return _unique_ids(nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata))


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
