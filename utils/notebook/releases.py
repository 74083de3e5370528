"""The notebooks of the labs as they were given out: the current release, and the earlier ones where git knows them.

A student works in `notebooks/<language>/<lab>/<lab>.ipynb` itself as often as in a copy, so the file there may hold the
student's work: in a git checkout, what was released is what is committed.
"""

import functools
import subprocess
from pathlib import Path

from nbformat import NotebookNode

from utils.environment import ROOT
from utils.files import natural
from utils.labs import INDEX, read
from utils.language import _
from utils.notebook.cells import FRENCH, Unusable, course, decoded, grade_id, language, parsed, same
from utils.notebook.matching import RECOGNISED, edition, recognised

NOTEBOOKS = ROOT / "notebooks"


def labs() -> list[str]:
    """The names of the labs, in teaching order; those that the index does not know come last."""
    index = NOTEBOOKS / INDEX.name
    order = {lab.name: i for i, lab in enumerate(read(index))} if index.exists() else {}
    found = (path.parent.name for path in (NOTEBOOKS / FRENCH).glob("*/*.ipynb") if path.stem == path.parent.name)
    return sorted(found, key=lambda name: (order.get(name, len(order)), natural(name)))


def path_of(lab: str, language: str = FRENCH) -> Path:
    return NOTEBOOKS / language / lab / f"{lab}.ipynb"


def languages(lab: str) -> list[str]:
    """Those in which a lab is given out, French first."""
    found = sorted(path.name for path in NOTEBOOKS.glob("*") if path_of(lab, path.name).exists())
    return sorted({FRENCH, *found}, key=lambda language: (language != FRENCH, language))


def released(lab: str, language: str = FRENCH) -> NotebookNode:
    """The current release of a lab in a language.  Raises `Unusable` if there is no such lab."""
    text, path = at("HEAD", lab, language), path_of(lab, language)
    if text is None:
        if not path.exists():
            raise _unknown(lab)
        text = path.read_text(encoding="utf-8")
    return parsed(text, f"{lab}.ipynb")


def _unknown(lab: str) -> Unusable:
    message = _("Le TP « {lab} » n'existe pas ici (TP connus : {known}).")
    return Unusable(message.format(lab=lab, known=", ".join(labs())))


def released_for(notebook: NotebookNode, lab: str) -> NotebookNode:
    """The current release of a lab in the language of a student's copy."""
    return edition(notebook, [released(lab, language) for language in languages(lab)])


def in_place(lab: str) -> Path | None:
    """The notebook of `notebooks/` that a lab's name means: the one begun (of several, saved last), else the French."""
    there = [path for language in languages(lab) if (path := path_of(lab, language)).exists()]
    mine = [path for path in begun() if path in there]
    return max(mine or there[:1], key=lambda path: path.stat().st_mtime, default=None)


def begun() -> list[Path]:
    """The notebooks of `notebooks/` that are not as they were released."""
    named = [(lab, language) for lab in labs() for language in languages(lab)]
    paths = {path_of(*one): at("HEAD", *one) for one in named if path_of(*one).exists()}
    return [path for path, text in paths.items() if text != path.read_text(encoding="utf-8")]


def is_certain(lab: str, file: Path, language: str = FRENCH) -> bool:
    """False where `file` is the only copy of the release: without git, work done in place cannot be told from it."""
    path = path_of(lab, language)
    return at("HEAD", lab, language) is not None or not path.exists() or not path.samefile(file)


def earlier(lab: str, language: str = FRENCH) -> list[NotebookNode]:
    """Every release of a lab that git knows, newest first, the current one included; empty without git."""
    log = git("log", "--format=%H", "--max-count=200", "--", _name(lab, language))
    texts = {at(commit, lab, language): None for commit in (log or "").split()}
    return [parsed(text, f"{lab}.ipynb") for text in texts if text]


def origin(notebook: NotebookNode, releases: list[NotebookNode]) -> NotebookNode | None:
    """The release that a student's copy was made from.

    Of those of the version that the copy names (of all, if it names none), the one it has most in common with; the
    newest, if several.
    """

    def traces(cells: list[NotebookNode]) -> set[str]:
        """Their texts, and the checksums that nbgrader left of what they were."""
        checksums = {str(cell.metadata.nbgrader.get("checksum")) for cell in cells if grade_id(cell)}
        return {cell.source.strip() for cell in cells} | checksums

    def in_common(release: NotebookNode) -> float:
        ours = traces(release.cells)
        return len(traces(notebook.cells) & ours) - 0.5 * len(ours)  # one with cells that the copy lacks is less likely

    said = course(notebook)
    likely = [release for release in releases if said and course(release) == said] or releases
    return max(likely, key=in_common, default=None)


def identified(notebook: NotebookNode, name: str, lab: str | None = None) -> str:
    """The lab that a notebook is a copy of.  Raises `Unusable`: none, or another than `lab`."""
    if not any(cell.source.strip() for cell in notebook.cells):
        raise Unusable(_("Le notebook {name} est vide : il ne contient aucune cellule écrite.").format(name=name))
    if lab is not None and lab not in labs():
        raise _unknown(lab)
    best = _lab(notebook)
    if best is None:
        message = _(
            "Le notebook {name} n'est celui d'aucun TP du cours ({known}) : ses cellules n'ont pas été reconnues. "
            "Est-ce le bon fichier ?"
        )
        raise Unusable(message.format(name=name, known=", ".join(labs())))
    if lab is not None and best != lab:
        message = _("Le notebook {name} n'est pas celui du TP {lab} : ses cellules sont celles de {other}.")
        raise Unusable(message.format(name=name, lab=lab, other=best))
    return best


def spoken(path: Path) -> str:
    """The language of the notebook in a file: as it says, else as its cells tell; empty if neither does."""
    try:
        notebook = parsed(decoded(path.read_bytes(), path.name), path.name)
        if said := course(notebook).get("language"):
            return said
        lab = _lab(notebook)
        return language(released_for(notebook, lab)) if lab else ""
    except (OSError, Unusable):
        return ""


def _lab(notebook: NotebookNode) -> str | None:
    """The lab that a notebook says it comes from, if it has its cells; else the one whose cells it has most of."""
    said = course(notebook).get("lab")
    for candidates in ([said] if said in labs() else [], labs()):
        shares = {lab: recognised(notebook.cells, released_for(notebook, lab)) for lab in candidates}
        best = max(shares, key=shares.get, default=None)
        if best is not None and shares[best] >= RECOGNISED:
            return best
    return None


def named(name: str) -> str | None:
    """The lab that a file's name announces (`Copie de tp1_mlm (3).ipynb`: tp1_mlm), if any."""
    found = [lab for lab in labs() if lab in name]
    return max(found, key=len, default=None)


# ----------------------------------------------------------------------------------------------------------- git
def git(*arguments: str) -> str | None:
    """What git prints when it is asked in the checkout; None if it cannot answer."""
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode("utf-8", "replace")


@functools.lru_cache(maxsize=256)
def _blob(name: str) -> str | None:
    return git("cat-file", "blob", name)


def at(commit: str, lab: str, language: str = FRENCH) -> str | None:
    """The text of a lab's notebook in a commit; None if it is not there."""
    blob = git("rev-parse", "--verify", "--quiet", f"{commit}:./{_name(lab, language)}")
    return _blob(blob.strip()) if blob else None


def _name(lab: str, language: str) -> str:
    return path_of(lab, language).relative_to(ROOT).as_posix()


def is_current(cell: NotebookNode, release: NotebookNode) -> bool:
    """Whether a cell stands in a release as it is."""
    return any(same(cell, other) for other in release.cells)
