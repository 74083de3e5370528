"""Bring a new release of a lab into a student's copy, without losing a word of what the student wrote.

    python -m utils.student.update                     the labs begun in notebooks/
    python -m utils.student.update "tp1_mlm (3).ipynb"  a copy, wherever it is
    make update                                first brings the course's new release (git), then the same

In a notebook, for instance on Colab: `from utils.student.update import update; update("tp1_mlm.ipynb", pull=True)`.

Cell by cell, three versions are compared: the release that the copy was made from, the new one, and the student's.
Answers and cells of the student's own are kept as they are; given cells become those of the new release.  A given cell
that both have changed becomes the release's, and the student's version is kept below it, as text that is not executed.
The copy as it was stays beside it (`….avant-<date>.ipynb`).  What is printed is in the copy's language.
"""

import argparse
import difflib
import hashlib
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from utils.files import free_name, set_aside, whole
from utils.language import N_, _, ngettext, speaking
from utils.notebook import releases
from utils.notebook.cells import Unusable, cell_id, course, exercise, grade_id, role, same
from utils.notebook.matching import known
from utils.student.doctor import Line
from utils.student.handin import Copy, language_at, notebook_at, read, title

DIFF_LINES = 12  # of a changed cell, how many lines of its difference are shown
ROLES = {"solution": N_("code"), "check": N_("vérification"), "answer": N_("réponse"), "given": N_("donné")}


@dataclass
class Merged:
    """A copy brought up to date, and what was done to it; cells are told by a title."""

    cells: list[NotebookNode]
    changed: list[tuple[str, str, str]] = field(default_factory=list)  # (title, before, after)
    starts: list[tuple[str, str, str]] = field(default_factory=list)  # the same, of stubs that the student has filled
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)  # changed by the release and by the student: both are kept
    orphans: list[str] = field(default_factory=list)  # the student's work in cells that the release has no more


def merged(theirs: NotebookNode, old: NotebookNode | None, new: NotebookNode) -> Merged:
    """`theirs` with the release `new`; `old`: the release it was made from, None if that is not known."""
    was = known(theirs.cells, old.cells) if old else {}
    if old:
        moved = known(old.cells, new.cells, by_place=False)
        ours = {index: moved[before] for index, before in was.items() if before in moved}
        gone = moved.keys() - was.values()  # what the student has deleted
        deleted = {moved[before] for before in gone if _stays_out(old, before, new, moved[before])}
    else:
        ours, deleted = known(theirs.cells, new.cells), set()
    place = {now: index for index, now in ours.items()}
    result = Merged([])
    own = _own_cells(theirs, ours, was, old, result)
    result.cells += own.pop(-1, [])
    for now, cell in enumerate(new.cells):
        if now in place:
            index = place[now]
            before = old.cells[was[index]] if index in was else _as_given(theirs.cells[index], cell)
            result.cells += _one(theirs.cells[index], before, cell, _told(new, now), result)
            result.cells += own.pop(index, [])
        elif now not in deleted:
            result.added.append(_told(new, now))
            result.cells.append(nbformat.from_dict(cell))
    return result


def _stays_out(old: NotebookNode, before: int, new: NotebookNode, now: int) -> bool:
    """A cell that the student has deleted, no part of an exercise and not changed since, is not put back."""
    return not grade_id(new.cells[now]) and _text(old.cells[before]) == _text(new.cells[now])


def _as_given(theirs: NotebookNode, cell: NotebookNode) -> NotebookNode | None:
    """A student's cell itself if the checksum that nbgrader left in it says that it is as it was given out."""
    if not grade_id(theirs):
        return None
    marks, given = theirs.metadata.nbgrader, hashlib.md5(usedforsecurity=False)
    parts = [theirs.source, theirs.cell_type, *(str(bool(marks.get(flag))) for flag in ("grade", "solution", "locked"))]
    for part in [*parts, grade_id(theirs), *_points(marks)]:
        given.update(part.encode())
    return theirs if marks.get("checksum") == given.hexdigest() else None


def _points(marks: NotebookNode) -> list[str]:
    """As nbgrader writes them into its checksum."""
    points = marks.get("points")
    return [str(float(points))] if marks.get("grade") and isinstance(points, (int, float)) else []


def _one(theirs: NotebookNode, was: NotebookNode | None, cell: NotebookNode, told: str, result: Merged) -> list:
    """What becomes of a cell that the student and the new release both have."""
    kept = nbformat.from_dict(theirs)
    kept.metadata = nbformat.from_dict({**theirs.metadata, **cell.metadata})  # an editor may have lost its marks
    kept.metadata.pop("id", None)
    kept.id = cell.id  # its name, which an editor may have lost too
    if was is not None and _text(was) == _text(cell):
        return [kept]  # not changed by the release: as the student has it
    touched = was is None or not same(theirs, was)
    if touched and same(theirs, cell):
        return [kept]
    if touched and role(cell) in ("solution", "answer"):
        if was is not None:
            result.starts.append((told, was.source, cell.source))
        return [kept]
    fresh = nbformat.from_dict(cell)
    result.changed.append((told, theirs.source, cell.source))
    if not touched or not theirs.source.strip():
        return [fresh]
    result.clashes.append(told)
    kept_as = _("Votre version de la cellule ci-dessus, avant la mise à jour (gardée comme texte, non exécutée) :")
    return [fresh, nbformat.v4.new_raw_cell(f"{kept_as}\n\n{theirs.source}")]


def _text(cell: NotebookNode) -> str:
    return "\n".join(line.rstrip() for line in cell.source.strip().splitlines())


def _own_cells(
    theirs: NotebookNode, ours: dict[int, int], was: dict[int, int], old: NotebookNode | None, result: Merged
) -> dict[int, list[NotebookNode]]:
    """The student's cells that the new release does not have, after which of those that it has (-1: at the start)."""
    own: dict[int, list[NotebookNode]] = {}
    last = -1
    for index, cell in enumerate(theirs.cells):
        if index in ours:
            last = index
            continue
        if index in was and same(cell, old.cells[was[index]]):
            result.removed.append(_told(old, was[index]))
            continue
        kept = nbformat.from_dict(cell)
        kept.pop("id", None)
        kept.metadata.pop("id", None)
        if index in was:  # work in a cell that is gone: its marks would mislead the grading
            result.orphans.append(_told(old, was[index]))
            kept.metadata.pop("nbgrader", None)
        own.setdefault(last, []).append(kept)
    return own


def _told(release: NotebookNode, index: int) -> str:
    cell = release.cells[index]
    if exercise(cell):
        return f"{title(release, index)} ({_(ROLES.get(role(cell), role(cell)))})"
    lines = [line.strip("# ").strip() for line in cell.source.splitlines() if line.strip("# %")]
    first = lines[0] if lines else _("cellule vide")
    return _("« {text} »").format(text=first[:60] + "…" * (len(first) > 60))


# ------------------------------------------------------------------------------------------------------ one file
def update(path: str | Path, lab: str | None = None, pull: bool = False) -> bool:
    """Bring a copy up to date, in place, and say what changed; gives False if that could not be done.

    `lab`: what it must be a copy of.  `pull`: first bring the course's new release, with git.
    """
    with speaking(language_at(path)):
        return _updated(path, lab, pull)


def _updated(path: str | Path, lab: str | None, pull: bool) -> bool:
    try:
        if pull:
            fetched()
        place = notebook_at(path)
        print(_("Mise à jour de {path}").format(path=place), flush=True)
        copy = read(place, lab)
        if not releases.is_certain(copy.lab, place, copy.language):
            message = _(
                "sans git, rien ici ne dit ce que le TP contient de nouveau. Téléchargez le cours à neuf dans un autre "
                'dossier, et donnez-y votre copie : python -m utils.student.update "{path}".'
            )
            raise Unusable(message.format(path=place))
        result = merged(copy.notebook, _origin(copy), copy.release)
        if _shown(result.cells) == _shown(copy.notebook.cells):
            print(Line("OK", _("déjà à jour : rien à changer")), flush=True)
            return True
        # Colab saves an open notebook by itself, over whatever has been written there: the new one stands beside it.
        beside = "google.colab" in sys.modules
        backup = copy.path if beside else set_aside(copy.path)
        target = free_name(copy.path, "a-jour") if beside else copy.path
        _written(copy, result, target)
    except Unusable as error:
        print(Line("FAIL", str(error)), flush=True)
        return False
    except OSError as error:
        told = _("fichier illisible, ou dossier où l'on ne peut pas écrire : {error}")
        print(Line("FAIL", told.format(error=error)), flush=True)
        return False
    for line in _report(result):
        print(line, flush=True)
    print(f"→ {target}", flush=True)
    last = [_("Vos réponses y sont ; le notebook d'avant la mise à jour reste dans {name}.").format(name=backup.name)]
    if not beside:
        last.append(_("Ouvert dans JupyterLab ? File → Reload Notebook from Disk, avant d'y écrire."))
    print("\n".join(f"  {line}" for line in last), flush=True)
    return True


def _shown(cells: Sequence[NotebookNode]) -> list:
    """What a student or the grading sees of cells: if that does not change, nothing is written."""
    return [(cell.source, cell.metadata.get("nbgrader"), cell.metadata.get("tags")) for cell in cells]


def _origin(copy: Copy) -> NotebookNode | None:
    """The release that a copy was made from; None where git does not have the earlier ones."""
    if _is_shallow():  # as Colab's set-up cell clones
        releases.git("fetch", "--quiet", "--unshallow")
    if _is_shallow() or releases.at("HEAD", copy.lab, copy.language) is None:
        return None
    return releases.origin(copy.notebook, releases.earlier(copy.lab, copy.language))


def _is_shallow() -> bool:
    return (releases.git("rev-parse", "--is-shallow-repository") or "").strip() == "true"


def _written(copy: Copy, result: Merged, target: Path) -> None:
    """Write the new copy, at once or not at all."""
    notebook = nbformat.from_dict(copy.notebook)
    notebook.cells, notebook.nbformat_minor = result.cells, 5
    notebook.metadata["course"] = course(copy.release)
    seen: set[str] = set()
    for cell in notebook.cells:
        name = cell_id(cell)
        cell.id = name if name and name not in seen else uuid.uuid4().hex[:8]
        seen.add(cell.id)
    if not _is_valid(notebook):  # an output that another editor wrote in its own way: the backup has it
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        if not _is_valid(notebook):
            message = _("Le notebook {name} est abîmé : enregistrez-le de nouveau depuis JupyterLab.")
            raise Unusable(message.format(name=copy.path.name))
    with whole(target) as partial:
        nbformat.write(notebook, partial)
        shutil.copymode(copy.path, partial)


def _is_valid(notebook: NotebookNode) -> bool:
    try:
        nbformat.validate(notebook)
        return True
    except nbformat.ValidationError:
        return False


def _report(result: Merged) -> list[Line]:
    def changes(cells: list[tuple[str, str, str]]) -> list[str]:
        return [f"{told}{_difference(before, after)}" for told, before, after in cells]

    lines = []
    for told, items in (
        (_("cellules du TP qui ont changé : {count}"), changes(result.changed)),
        (_("points de départ qui ont changé, là où votre réponse est gardée : {count}"), changes(result.starts)),
        (_("cellules ajoutées : {count}"), result.added),
        (_("cellules retirées : {count}"), result.removed),
    ):
        if items:
            lines.append(Line("OK", told.format(count=len(items)) + "".join(f"\n     • {item}" for item in items)))
    if result.clashes:
        told = _("cellules que vous aviez modifiées, et qui ont changé : {titles}")
        mend = _("votre version est gardée sous la nouvelle, comme texte")
        lines.append(Line("WARN", told.format(titles=_(" ; ").join(result.clashes)), mend))
    if result.orphans:
        told = _("votre travail dans des cellules que le TP n'a plus : {titles}")
        mend = _("il est gardé à sa place, mais ne sera pas noté")
        lines.append(Line("WARN", told.format(titles=_(" ; ").join(result.orphans)), mend))
    return lines or [Line("OK", _("les repères du TP ont été rétablis ; aucun texte n'a changé"))]


def _difference(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    left = len(lines) - DIFF_LINES
    more = [ngettext("… et {count} ligne", "… et {count} lignes", left).format(count=left)] if left > 0 else []
    return "".join(f"\n         {line}" for line in lines[:DIFF_LINES] + more)


# ---------------------------------------------------------------------------------------------------- the course
def fetched() -> None:
    """Bring the course's new release into this checkout, the work done in notebooks/ set aside meanwhile.

    Raises `Unusable`; in any case the work is back in its place, and a copy of it beside.
    """
    if releases.git("rev-parse", "--abbrev-ref", "@{upstream}") is None:
        raise Unusable(
            _(
                "Ce dossier ne suit aucune adresse git : téléchargez le cours à neuf dans un autre dossier, et "
                'donnez-y votre copie : python -m utils.student.update "votre copie.ipynb".'
            )
        )
    _git("fetch", "--quiet", *(["--unshallow"] if _is_shallow() else []))
    here, there = releases.git("rev-parse", "HEAD"), releases.git("rev-parse", "@{upstream}")
    common = releases.git("merge-base", "HEAD", "@{upstream}")
    if common == there:
        print(Line("OK", _("le cours est à jour")), flush=True)
        return
    if common != here:
        raise Unusable(
            _(
                "ce dossier a des commits que le cours n'a pas : téléchargez le cours à neuf dans un autre dossier, et "
                'donnez-y votre copie : python -m utils.student.update "votre copie.ipynb".'
            )
        )
    work = {path: path.read_bytes() for path in releases.begun()}
    try:
        for path in work:
            set_aside(path)
            _git("checkout", "--quiet", "HEAD", "--", str(path))
        _git("merge", "--quiet", "--ff-only", "@{upstream}")
    finally:
        for path, data in work.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    print(Line("OK", _("le cours a reçu sa nouvelle version")), flush=True)


def _git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(releases.ROOT), *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()
        message = _(
            "git {command} a échoué : {told}. Le réseau fonctionne-t-il ? Si vous avez modifié d'autres fichiers du "
            "cours que ses notebooks, « git stash » les met de côté."
        )
        raise Unusable(message.format(command=arguments[0], told=" ".join(told[-3:])))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.student.update", description=_("Apporte la nouvelle version d'un TP dans votre copie.")
    )
    parser.add_argument("notebooks", nargs="*", help=_("vos copies (par défaut : les TP commencés de notebooks/)"))
    parser.add_argument("--lab", help=_("le TP, si le nom du fichier en annonce un autre"))
    parser.add_argument("--pull", action="store_true", help=_("apporte d'abord la nouvelle version du cours, par git"))
    options = parser.parse_args(arguments)
    try:
        if options.pull:
            fetched()
    except (Unusable, OSError) as error:
        print(Line("FAIL", str(error)))
        return 1
    paths = options.notebooks or releases.begun()
    if not paths:
        print(_("Aucun TP commencé dans notebooks/ : ceux qui s'y trouvent sont ceux du cours, à jour."))
    return 0 if all([update(path, options.lab) for path in paths]) else 1


if __name__ == "__main__":
    sys.exit(main())
