"""Bring a new release of a lab into a student's copy, without losing a word of what the student wrote.

    python -m utils.update                     the labs begun in notebooks/
    python -m utils.update "tp1_mlm (3).ipynb"  a copy, wherever it is
    make update                                first brings the course's new release (git), then the same

In a notebook, for instance on Colab: `from utils.update import update; update("tp1_mlm.ipynb", pull=True)`.

Cell by cell, three versions are compared: the release that the copy was made from, the new one, and the student's.
Answers and cells of the student's own are kept as they are; given cells become those of the new release.  A given cell
that both have changed becomes the release's, and the student's version is kept below it, as text that is not executed.
The copy as it was stays beside it (`….avant-<date>.ipynb`).  Everything printed is in French.
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from utils import releases
from utils.cells import Unusable, cell_id, exercise, known, role, same
from utils.doctor import Line
from utils.handin import Copy, notebook_at, read, title

DIFF_LINES = 12  # of a changed cell, how many lines of its difference are shown
KEPT = "Votre version de la cellule ci-dessus, avant la mise à jour (gardée comme texte, non exécutée) :"


@dataclass
class Merged:
    """A copy brought up to date, and what was done to it; cells are told by a title."""

    cells: list[NotebookNode]
    changed: list[tuple[str, str, str]] = field(default_factory=list)  # (title, before, after)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)  # changed by the release and by the student: both are kept
    orphans: list[str] = field(default_factory=list)  # the student's work in cells that the release has no more


def merged(theirs: NotebookNode, old: NotebookNode | None, new: NotebookNode) -> Merged:
    """`theirs` with the release `new`; `old`: the release it was made from, None if that is not known."""
    ours = known(theirs.cells, new.cells)
    before = known(theirs.cells, old.cells) if old else {}
    place = {index: i for i, index in ours.items()}
    result = Merged([])
    own = _own_cells(theirs, ours, before, old, result)
    result.cells += own.pop(-1, [])
    for index, cell in enumerate(new.cells):
        told = _told(new, index)
        if index not in place:
            result.added.append(told)
            result.cells.append(nbformat.from_dict(cell))
            continue
        theirs_cell = theirs.cells[place[index]]
        was = old.cells[before[place[index]]] if place[index] in before else None
        result.cells += _one(theirs_cell, was, cell, told, result)
        result.cells += own.pop(place[index], [])
    return result


def _one(theirs: NotebookNode, was: NotebookNode | None, cell: NotebookNode, told: str, result: Merged) -> list:
    """What becomes of a cell that the student and the new release both have."""
    kept = nbformat.from_dict(theirs)
    kept.metadata = nbformat.from_dict({**theirs.metadata, **cell.metadata})  # an editor may have lost its marks
    if same(theirs, cell):
        return [kept]
    touched = was is None or not same(theirs, was)
    if role(cell) in ("solution", "answer") and touched:
        return [kept]
    if was is not None and touched and same(was, cell):
        return [kept]  # the student's change, of a cell that the release has not changed
    fresh = nbformat.from_dict(cell)
    result.changed.append((told, theirs.source, cell.source))
    if was is None or not touched:
        return [fresh]
    result.clashes.append(told)
    return [fresh, nbformat.v4.new_raw_cell(f"{KEPT}\n\n{theirs.source}")]


def _own_cells(
    theirs: NotebookNode, ours: dict[int, int], before: dict[int, int], old: NotebookNode | None, result: Merged
) -> dict[int, list[NotebookNode]]:
    """The student's cells that the new release does not have, after which of those that it has (-1: at the start)."""
    own: dict[int, list[NotebookNode]] = {}
    last = -1
    for i, cell in enumerate(theirs.cells):
        if i in ours:
            last = i
            continue
        if i in before and same(cell, old.cells[before[i]]):
            result.removed.append(_told(old, before[i]))
            continue
        kept = nbformat.from_dict(cell)
        if i in before:  # work in a cell that is gone: its marks would mislead the grading
            result.orphans.append(_told(old, before[i]))
            kept.metadata.pop("nbgrader", None)
        own.setdefault(last, []).append(kept)
    return own


def _told(release: NotebookNode, index: int) -> str:
    cell = release.cells[index]
    if exercise(cell):
        return title(release, index)
    first = next((line.strip("# ").strip() for line in cell.source.splitlines() if line.strip("# %")), "cellule vide")
    return f"« {first[:60]}{'…' if len(first) > 60 else ''} »"


# ------------------------------------------------------------------------------------------------------ one file
def update(path: str | Path, lab: str | None = None, pull: bool = False) -> bool:
    """Bring a copy up to date, in place, and say what changed; gives False if that could not be done.

    `lab`: what it must be a copy of.  `pull`: first bring the course's new release, with git.
    """
    try:
        if pull:
            fetched()
        place = notebook_at(path)
        print(f"Mise à jour de {place}", flush=True)
        copy = read(place, lab)
        if not releases.is_certain(copy.lab, place):
            raise Unusable(
                "sans git, rien ici ne dit ce que le TP contient de nouveau. Téléchargez le cours à neuf dans un autre "
                f'dossier, et donnez-y votre copie : python -m utils.update "{place}".'
            )
        result = merged(copy.notebook, _origin(copy), copy.release)
        if [cell.source for cell in result.cells] == [cell.source for cell in copy.notebook.cells]:
            print(Line("OK", "déjà à jour : rien à changer"), flush=True)
            return True
        backup = _written(copy, result)
    except Unusable as error:
        print(Line("FAIL", str(error)), flush=True)
        return False
    except OSError as error:
        print(Line("FAIL", f"fichier illisible, ou dossier où l'on ne peut pas écrire : {error}"), flush=True)
        return False
    for line in _report(result):
        print(line, flush=True)
    print(f"→ vos réponses sont gardées ; la copie d'avant est dans {backup.name}", flush=True)
    return True


def _origin(copy: Copy) -> NotebookNode | None:
    """The release that a copy was made from; None where git does not have the earlier ones."""
    if (releases.git("rev-parse", "--is-shallow-repository") or "").strip() != "false":
        return None
    return releases.origin(copy.notebook, releases.earlier(copy.lab))


def _written(copy: Copy, result: Merged) -> Path:
    """Put the new copy in the place of the old one, at once; gives the path of the old one's copy."""
    notebook = nbformat.from_dict(copy.notebook)
    notebook.cells, notebook.nbformat_minor = result.cells, 5
    seen: set[str] = set()
    for cell in notebook.cells:
        name = cell_id(cell)
        cell.id = name if name and name not in seen else uuid.uuid4().hex[:8]
        seen.add(cell.id)
    nbformat.validate(notebook)
    backup = set_aside(copy.path)
    handle, temporary = tempfile.mkstemp(prefix=".maj-", suffix=".tmp", dir=copy.path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            nbformat.write(notebook, file)
        shutil.copymode(copy.path, temporary)
        os.replace(temporary, copy.path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return backup


def set_aside(path: Path) -> Path:
    """A copy of a file beside it, under a name that no file has yet."""
    day = time.strftime("%Y-%m-%d_%Hh%M")
    names = (f"{path.stem}.avant-{day}{suffix}{path.suffix}" for suffix in ("", *(f"-{i}" for i in range(2, 1000))))
    for name in names:
        try:
            with (path.parent / name).open("xb") as file:
                file.write(path.read_bytes())
            return path.parent / name
        except FileExistsError:
            continue
    raise Unusable(f"Trop de sauvegardes de {path.name} : supprimez les anciennes.")


def _report(result: Merged) -> list[Line]:
    lines = []
    if result.changed:
        shown = "".join(f"\n     • {told}{_difference(before, after)}" for told, before, after in result.changed)
        lines.append(Line("OK", f"cellules du TP qui ont changé : {len(result.changed)}{shown}"))
    for told, names in (("ajoutées", result.added), ("retirées", result.removed)):
        if names:
            lines.append(Line("OK", f"cellules {told} : {len(names)}" + "".join(f"\n     • {name}" for name in names)))
    if result.clashes:
        lines.append(
            Line(
                "WARN",
                f"cellules que vous aviez modifiées, et qui ont changé : {' ; '.join(result.clashes)}",
                "votre version est gardée sous la nouvelle, comme texte",
            )
        )
    if result.orphans:
        lines.append(
            Line(
                "WARN",
                f"votre travail dans des cellules que le TP n'a plus : {' ; '.join(result.orphans)}",
                "il est gardé à sa place, mais ne sera pas noté",
            )
        )
    return lines


def _difference(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    more = [f"… et {len(lines) - DIFF_LINES} lignes"] if len(lines) > DIFF_LINES else []
    return "".join(f"\n         {line}" for line in lines[:DIFF_LINES] + more)


# ---------------------------------------------------------------------------------------------------- the course
def fetched() -> None:
    """Bring the course's new release into this checkout, the work done in notebooks/ set aside meanwhile.

    Raises `Unusable`; in any case the work is back in its place, and a copy of it beside.
    """
    if releases.git("rev-parse", "--abbrev-ref", "@{upstream}") is None:
        raise Unusable(
            "Ce dossier ne suit aucune adresse git : téléchargez le cours à neuf dans un autre dossier, et donnez-y "
            'votre copie : python -m utils.update "votre copie.ipynb".'
        )
    shallow = (releases.git("rev-parse", "--is-shallow-repository") or "").strip() == "true"
    _git("fetch", "--quiet", *(["--unshallow"] if shallow else []))
    if releases.git("rev-parse", "HEAD") == releases.git("rev-parse", "@{upstream}"):
        print(Line("OK", "le cours est à jour"), flush=True)
        return
    work = {path: path.read_bytes() for path in begun()}
    try:
        for path in work:
            set_aside(path)
            _git("checkout", "--quiet", "HEAD", "--", str(path))
        _git("merge", "--quiet", "--ff-only", "@{upstream}")
    finally:
        for path, data in work.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    print(Line("OK", "le cours a reçu sa nouvelle version"), flush=True)


def begun() -> list[Path]:
    """The notebooks of `notebooks/` that are not as they were released."""
    paths = [releases.path_of(lab) for lab in releases.labs()]
    return [path for path in paths if releases.at("HEAD", path.stem) != path.read_text(encoding="utf-8")]


def _git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(releases.ROOT), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        raise Unusable(
            f"git {arguments[0]} a échoué : {' '.join(told[-3:])}. Le réseau fonctionne-t-il ? Si vous avez modifié "
            "d'autres fichiers du cours que ses notebooks, « git stash » les met de côté."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.update", description="Apporte la nouvelle version d'un TP dans votre copie."
    )
    parser.add_argument("notebooks", nargs="*", help="vos copies (par défaut : les TP commencés de notebooks/)")
    parser.add_argument("--lab", help="le TP, si le nom du fichier en annonce un autre")
    parser.add_argument("--pull", action="store_true", help="apporte d'abord la nouvelle version du cours, par git")
    options = parser.parse_args(arguments)
    try:
        if options.pull:
            fetched()
    except Unusable as error:
        print(Line("FAIL", str(error)))
        return 1
    paths = options.notebooks or begun()
    if not paths:
        print("Aucun TP commencé dans notebooks/ : ceux qui s'y trouvent sont ceux du cours, à jour.")
    return 0 if all([update(path, options.lab) for path in paths]) else 1


if __name__ == "__main__":
    sys.exit(main())
