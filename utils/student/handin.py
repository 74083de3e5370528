"""Check a notebook before it is handed in, and write the archive that the teacher's import takes.

    python -m utils.student.handin tp1_mlm.ipynb                 (several files, or a lab's folder, are fine too)
    python -m utils.student.handin --no-run "tp1_mlm (3).ipynb"  (without executing it)

In a notebook, for instance on Colab: `from utils.student.handin import hand_in; hand_in("tp1_mlm.ipynb")`.
The student's file is read, never written.  The archive, `rendu_<lab>.zip`, stands beside it and holds it as it is,
under the lab's name.  What is printed is in the notebook's language; the exit code is 1 if a file could not be
handed in.
"""

import argparse
import os
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from utils.environment import ROOT, cache_dir
from utils.files import set_aside, whole
from utils.language import _, ngettext, speaking
from utils.notebook import releases
from utils.notebook.cells import TODO, Unusable, bare, decoded, exercise, grade_id, language, locked, parsed, role, same
from utils.notebook.demos import left_out
from utils.notebook.matching import known
from utils.outcome import State, shown_by
from utils.student.doctor import Line

CELL_SECONDS = 600


@dataclass
class Copy:
    """A student's notebook, read and recognised."""

    path: Path
    data: bytes
    text: str
    notebook: NotebookNode
    lab: str
    release: NotebookNode
    found: dict[int, int]  # index of each of its cells: index of the cell of the release that it is

    @property
    def language(self) -> str:
        return language(self.release)

    @property
    def place(self) -> dict[int, int]:
        return {ours: index for index, ours in self.found.items()}


# ---------------------------------------------------------------------------------------------------- which file
def notebook_at(path: str | Path) -> Path:
    """The notebook that a path means: itself, the one in a folder, or a lab's own.  Raises `Unusable`."""
    path = Path(path).expanduser()
    if path.is_dir():
        inside = sorted(p for p in path.glob("*.ipynb") if ".avant-" not in p.name)
        lab = [p for p in inside if p.stem == path.resolve().name]
        if len(lab or inside) != 1:
            shown = ", ".join(p.name for p in inside) or _("aucun")
            message = _("Le dossier {path} contient plusieurs notebooks, ou aucun ({shown}) : indiquez lequel.")
            raise Unusable(message.format(path=path, shown=shown))
        return (lab or inside)[0]
    if not path.exists():
        # `tp1_mlm.ipynb`, asked for from the course's folder
        if path.parent == Path() and (there := releases.in_place(path.stem)):
            return there
        raise Unusable(_not_there(path))
    if path.suffix != ".ipynb":
        kind = _("un fichier {suffix}").format(suffix=path.suffix) if path.suffix else _("sans extension")
        message = _("Le fichier {name} est {kind} : indiquez le notebook lui-même (.ipynb).")
        raise Unusable(message.format(name=path.name, kind=kind))
    return path


def language_at(path: str | Path) -> str:
    """The language of the notebook that a path means; empty if there is none, or none that says it."""
    try:
        return releases.spoken(notebook_at(path))
    except Unusable:
        return ""


def _not_there(path: Path) -> str:
    message = _("Le fichier {path} n'existe pas").format(path=path)
    near = sorted(p.name for p in path.parent.glob("*.ipynb")) if path.parent.is_dir() else []
    if near:
        message += _(" (dans ce dossier : {names})").format(names=", ".join(near[:5]))
    if "google.colab" in sys.modules:
        message += _(
            ". Sur Colab, votre copie est dans Google Drive : exécutez « from google.colab import drive » puis "
            "« drive.mount('/content/drive') », et donnez le chemin « /content/drive/MyDrive/Colab Notebooks/… »"
        )
    return message + "."


def read(path: Path, lab: str | None = None) -> Copy:
    """A student's notebook.  Raises `Unusable`: not a notebook, or not that of a lab (of `lab`, if it is given)."""
    data = path.read_bytes()
    text = decoded(data, path.name)
    notebook = parsed(text, path.name)
    found = releases.identified(bare(text, path.name), path.name, lab)
    announced = releases.named(path.name)
    if lab is None and announced and announced != found:
        message = _(
            "Le fichier {name} contient le TP {found}, et non {announced} : rendez l'autre fichier, ou confirmez "
            "avec « --lab {found} »."
        )
        raise Unusable(message.format(name=path.name, found=found, announced=announced))
    release = releases.released_for(notebook, found)
    return Copy(path, data, text, notebook, found, release, known(notebook.cells, release.cells))


# -------------------------------------------------------------------------------------------------- what is there
def findings(copy: Copy) -> Iterator[Line]:
    """What can be said without executing: the lab, its exercise cells, what is not treated yet."""
    saved = time.localtime(copy.path.stat().st_mtime)
    # The form of a date is a message too: the day before the month in French, the year first in English.
    values = {"lab": copy.lab, "saved": time.strftime(_("%d/%m/%Y à %H:%M"), saved)}
    if copy.path.name == f"{copy.lab}.ipynb":
        told = _("c'est le TP {lab}, enregistré le {saved}")
    else:
        told = _("c'est le TP {lab}, enregistré le {saved} ; dans l'archive, il s'appellera {lab}.ipynb")
    yield Line("OK", told.format(**values))
    if releases.is_certain(copy.lab, copy.path, copy.language):
        yield from _cells(copy)
    else:
        yield Line(
            "WARN",
            _(
                "sans git, rien ici ne dit ce que ce notebook contenait à l'origine : ses cellules n'ont pas été "
                "comparées"
            ),
        )
    yield from _untouched(copy)


def _cells(copy: Copy) -> Iterator[Line]:
    ids = [ours for ours, cell in enumerate(copy.release.cells) if grade_id(cell)]
    missing = [ours for ours in ids if ours not in copy.place]
    answers = [ours for ours in missing if role(copy.release.cells[ours]) in ("solution", "answer")]
    others = [ours for ours in missing if ours not in answers]
    if answers:
        told = ngettext(
            "il manque votre réponse ({count} cellule) : {titles}",
            "il manque votre réponse ({count} cellules) : {titles}",
            len(answers),
        )
        yield Line(
            "WARN",
            told.format(count=len(answers), titles=_titles(copy, answers)),
            _("remettez-la dans une copie neuve du TP : sans elle, l'exercice vaut 0"),
        )
    if others:
        told = ngettext(
            "il manque {count} cellule de vérification ou de données : {titles}",
            "il manque {count} cellules de vérification ou de données : {titles}",
            len(others),
        )
        yield Line(
            "WARN",
            told.format(count=len(others), titles=_titles(copy, others)),
            _("la correction reprendra celles du TP, et vos réponses sont là ; ici, ces points ne sont pas comptés"),
        )
    edited = [
        ours for ours, index in copy.place.items()
        if locked(copy.release.cells[ours]) and not same(copy.notebook.cells[index], copy.release.cells[ours])
    ]  # fmt: skip
    if edited and _is_older(copy, edited):
        told = ngettext(
            "cette copie vient d'une version antérieure du TP ({count} cellule a changé depuis)",
            "cette copie vient d'une version antérieure du TP ({count} cellules ont changé depuis)",
            len(edited),
        )
        mend = _('python -m utils.student.update "{name}" la met à jour et garde vos réponses')
        yield Line("WARN", told.format(count=len(edited)), mend.format(name=copy.path.name))
    elif edited:
        told = ngettext(
            "vous avez modifié {count} cellule de vérification ou de données : {titles}",
            "vous avez modifié {count} cellules de vérification ou de données : {titles}",
            len(edited),
        )
        yield Line(
            "WARN",
            told.format(count=len(edited), titles=_titles(copy, edited)),
            _("la correction reprendra celles du TP : ne comptez pas sur vos changements"),
        )
    ours = {grade_id(copy.release.cells[i]) for i in ids}
    twice = [c for i, c in enumerate(copy.notebook.cells) if grade_id(c) in ours and i not in copy.found]
    if twice:
        names = ", ".join(dict.fromkeys(exercise(cell) for cell in twice))
        told = ngettext("{count} cellule en double ({names})", "{count} cellules en double ({names})", len(twice))
        yield Line("WARN", told.format(count=len(twice), names=names), _("gardez une seule fois votre réponse"))
    order = [ours for _index, ours in sorted(copy.found.items()) if grade_id(copy.release.cells[ours])]
    if order != sorted(order):
        yield Line("WARN", _("des cellules d'exercice ont changé de place"), _("la correction rétablira l'ordre du TP"))
    if not (missing or edited or twice or order != sorted(order)):
        told = _("les {count} cellules d'exercice sont là, et celles du TP sont intactes")
        yield Line("OK", told.format(count=len(ids)))
    if not any(grade_id(cell) for cell in copy.notebook.cells):
        yield Line("OK", _("les repères du TP ont été perdus (par un autre éditeur ?) : la correction les rétablira"))


def _is_older(copy: Copy, edited: Sequence[int]) -> bool:
    """Whether the cells that differ are those of an earlier release."""
    cells = [copy.notebook.cells[copy.place[ours]] for ours in edited]
    earlier = releases.earlier(copy.lab, copy.language)
    return any(all(releases.is_current(cell, old) for cell in cells) for old in earlier)


def untouched(copy: Copy) -> list[int]:
    """Indexes, in the release, of the exercises' cells that are as they were given out."""
    found = []
    for ours, original in enumerate(copy.release.cells):
        if role(original) in ("solution", "answer"):
            cell = copy.notebook.cells[copy.place[ours]] if ours in copy.place else original
            stub = TODO in original.source or role(original) == "answer"
            if same(cell, original) and stub:
                found.append(ours)
    return found


def _untouched(copy: Copy) -> Iterator[Line]:
    todo = untouched(copy)
    total = sum(role(cell) in ("solution", "answer") for cell in copy.release.cells)
    if len(todo) == total:
        mend = _("est-ce le bon fichier ? l'avez-vous enregistré ?")
        yield Line("WARN", _("aucun exercice n'est encore traité"), mend)
    elif todo:
        told = _("pas encore traité ({count} sur {total}) : {titles}")
        yield Line("WARN", told.format(count=len(todo), total=total, titles=_titles(copy, todo)))
    else:
        told = ngettext("l'exercice est traité", "les {count} exercices sont traités", total)
        yield Line("OK", told.format(count=total))


def title(release: NotebookNode, index: int) -> str:
    """`Exercice 2 — Le coût causal`, from the text above a cell; without one, nbgrader's name of the exercise."""
    for cell in reversed(release.cells[: index + 1]):
        if cell.cell_type == "markdown":
            headers = re.findall(r"^#+ +(Exerci[cs]e .+)$", cell.source, re.MULTILINE)
            if headers:
                return headers[-1].strip()
    return exercise(release.cells[index])


def _titles(copy: Copy, indexes: Sequence[int]) -> str:
    return _(" ; ").join(dict.fromkeys(title(copy.release, index) for index in indexes))


# ---------------------------------------------------------------------------------------------- whether it runs
def execute(copy: Copy) -> NotebookNode:
    """The notebook after "Run all" with the small budget, in a new kernel and an empty folder.

    As under grading, the demonstrations are left out that nothing of the student's depends on: their source is empty.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from tqdm import tqdm

    class Manager(AsyncKernelManager):
        @property
        def kernel_spec(self):  # this very Python, whatever kernels this Jupyter has
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, language="python", display_name="Python 3")

    class Client(NotebookClient):
        def create_kernel_manager(self):
            self.km = Manager()
            return self.km

    notebook = bare(copy.text, copy.path.name)
    for index in left_out(notebook, copy.release):
        notebook.cells[index].source = ""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "COURSE_CACHE": str(cache_dir()),
        "COURSE_BUDGET": "small",
        "COURSE_LANG": copy.language,  # that of the points and errors quoted below
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tqdm(total=len(code), desc=_("exécution"), unit=_("cellule"), leave=False) as bar,
    ):
        client = Client(
            notebook, timeout=CELL_SECONDS, interrupt_on_timeout=True, allow_errors=True, shutdown_kernel="immediate",
            resources={"metadata": {"path": folder}}, extra_arguments=["--IPKernelApp.log_level=40"],
            on_cell_executed=lambda **_told: bar.update(),
        )  # fmt: skip
        client.execute(env=env)
    return notebook


def outcome(copy: Copy, executed: NotebookNode) -> Iterator[Line]:
    """What came out: cells that stop, and what the checks say."""
    stopped = []
    for index, cell in enumerate(executed.cells):
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        if errors:
            stopped.append(_pair(_where(copy, index), _told(errors[0])))
    if stopped:
        count, more = len(stopped), len(stopped) - 5
        told = ngettext("{count} cellule en erreur :", "{count} cellules en erreur :", count).format(count=count)
        rest = ngettext("… et {count} autre", "… et {count} autres", more).format(count=more)
        yield Line(
            "WARN",
            told + _listed(stopped[:5] + [rest] * (more > 0)),
            _("si c'est une réponse, elle ne rapportera sans doute aucun point : corrigez-la, enregistrez, relancez"),
        )
    else:
        both = zip(copy.notebook.cells, executed.cells, strict=True)
        skipped = sum(cell.source != "" and run.source == "" for cell, run in both)
        told = _("toutes les cellules s'exécutent, du début à la fin")
        if skipped:
            told = ngettext(
                "toutes les cellules s'exécutent, du début à la fin (sauf {count} démonstration, dont la note ne "
                "dépend pas)",
                "toutes les cellules s'exécutent, du début à la fin (sauf {count} démonstrations, dont la note ne "
                "dépend pas)",
                skipped,
            ).format(count=skipped)
        yield Line("OK", told)
    points, forgotten, unreadable = [], [], []
    for ours, original in enumerate(copy.release.cells):
        check = role(original) == "check" and ours in copy.place
        found = shown_by(executed.cells[copy.place[ours]]) if check else None
        if found:
            name = title(copy.release, ours)
            points += [_pair(name, found.told)] if found.attempted else []
            failed = [test for test in found.tests if test.state is State.WRONG and not test.of]
            unreadable += [_pair(name, f"{test.title}. {test.told.splitlines()[0]}") for test in failed]
            work = [i for i in untouched(copy) if exercise(copy.release.cells[i]) == exercise(original)]
            todo = any(test.state is State.UNTOUCHED for test in found.tests)
            forgotten += [ours] if todo and not work else []
    if forgotten:
        told = _("vous avez écrit, mais la vérification dit « pas encore traité » : {titles}")
        yield Line("WARN", told.format(titles=_titles(copy, forgotten)), _("retirez la ligne « raise ToDo »"))
    if unreadable:
        told = _("une vérification échoue :")
        yield Line("WARN", told + _listed(unreadable), _("corrigez, enregistrez, relancez"))
    if points:
        yield Line("OK", _("vos points, sur les tests visibles :") + _listed(points))


def _listed(lines: Sequence[str]) -> str:
    return "".join(f"\n       {line}" for line in lines)


def _pair(what: str, told: str) -> str:
    return _("{what} : {told}").format(what=what, told=told)


def _where(copy: Copy, index: int) -> str:
    if index in copy.found and grade_id(copy.release.cells[copy.found[index]]):
        return title(copy.release, copy.found[index])
    lines = [line for line in copy.notebook.cells[index].source.splitlines() if line.strip()]
    return _("« {text} »").format(text=lines[0].strip()[:50]) if lines else _("vide")


def _told(error: NotebookNode) -> str:
    text = str(error.evalue).splitlines()
    return _pair(error.ename, text[0][:120]) if text and text[0] else str(error.ename)


# ---------------------------------------------------------------------------------------------------- the archive
def archive(copy: Copy, folder: Path, files: Sequence[Path] = ()) -> tuple[Path, Path | None]:
    """Write the archive, at once or not at all; gives its path, and where an earlier one is kept, if there was one."""
    names = [f"{copy.lab}.ipynb", *(file.name for file in files)]
    if len(set(names)) < len(names):
        message = _("Deux fichiers de l'archive auraient le même nom ({names}) : renommez-en un.")
        raise Unusable(message.format(names=", ".join(names)))
    first = folder / f"rendu_{copy.lab}.zip"
    if _holds(first, {names[0]: copy.data, **{file.name: file.read_bytes() for file in files}}):
        return first, None
    with whole(first) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(names[0], copy.data)
            for other in files:
                packed.write(other, other.name)
        kept = set_aside(first) if first.exists() else None
    return first, kept


def _holds(path: Path, contents: dict[str, bytes]) -> bool:
    """Whether an archive is there already that holds just this."""
    try:
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist()} == contents
    except (OSError, zipfile.BadZipFile, RuntimeError):
        return False


def hand_in(
    path: str | Path, run: bool = True, lab: str | None = None, to: str | Path | None = None, files: Sequence = ()
) -> Path | None:
    """Check a notebook, say in its language what there is to say, and write its archive; gives the archive's path, or
    None.

    `run`: execute it too.  `lab`: what it must be a copy of.  `to`: the archive's folder (by default the notebook's).
    `files`: what to add to the archive, besides the notebook.
    """
    with speaking(language_at(path)):
        return _handed_in(path, run, lab, to, files)


def _handed_in(path: str | Path, run: bool, lab: str | None, to: str | Path | None, files: Sequence) -> Path | None:
    try:
        place = notebook_at(path)
        print(_("Vérification de {path}").format(path=place), flush=True)
        copy = read(place, lab)
        extra = [Path(file) for file in files]
        for file in extra:
            if not file.is_file():
                raise Unusable(_("Le fichier à joindre {file} n'existe pas.").format(file=file))
        warned = False
        for line in _lines(copy, run):
            warned |= line.status != "OK"
            print(line, flush=True)
        target, kept = archive(copy, Path(to) if to else place.parent, extra)
    except Unusable as error:
        print(Line("FAIL", str(error)), flush=True)
        return None
    except OSError as error:
        told = _("fichier illisible, ou dossier où l'on ne peut pas écrire : {error}")
        print(Line("FAIL", told.format(error=error)), flush=True)
        return None
    if kept:
        told = _("l'archive de la fois d'avant est gardée sous le nom {name}")
        print(Line("OK", told.format(name=kept.name)))
    last = _("C'est ce fichier qu'il faut rendre.")
    if warned:
        last = _("C'est ce fichier qu'il faut rendre (relisez d'abord les lignes [WARN]).")
    print(f"→ {target}\n  {last}", flush=True)
    return target


def _lines(copy: Copy, run: bool) -> Iterator[Line]:
    yield from findings(copy)
    if run:
        try:
            executed = execute(copy)
        except Exception as error:  # a kernel that dies: the copy can be handed in all the same
            told = _("l'exécution s'est arrêtée : le noyau Python s'est éteint ({error})")
            yield Line("WARN", told.format(error=type(error).__name__))
        else:
            yield from outcome(copy, executed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m utils.student.handin", description=_("Vérifie un notebook et prépare l'archive à rendre.")
    )
    parser.add_argument("notebooks", nargs="+", help=_("un ou plusieurs notebooks, ou leurs dossiers"))
    parser.add_argument("--no-run", action="store_true", help=_("sans exécuter le notebook"))
    parser.add_argument("--lab", help=_("le TP rendu, si le nom du fichier en annonce un autre"))
    parser.add_argument("--to", metavar=_("DOSSIER"), help=_("où écrire l'archive (par défaut : à côté du notebook)"))
    parser.add_argument("--with", dest="files", metavar=_("FICHIER"), action="append", default=[], help=_("à joindre"))
    options = parser.parse_args(arguments)
    done = []
    try:
        for path in options.notebooks:
            done.append(hand_in(path, not options.no_run, options.lab, options.to, options.files))
    except KeyboardInterrupt:
        print("\n" + _("Interrompu : aucune archive n'a été écrite pour ce notebook."))
        return 130
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
