"""What works on this machine and what does not, with the mend: the first thing to run, and to join to a bug report.

    python -m utils.student.doctor [--deep] [lab …]

Prints lines that start with [OK], [WARN] or [FAIL], in the language of COURSE_LANG; the exit code is 1 if there
is a [FAIL].  Nothing is imported at the top but the standard library, so that it can tell what is missing; what takes
seconds to import comes last.  What each lab needs is said in notebooks/labs.json; where labs are named, only that
counts.
"""

import argparse
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from utils import environment
from utils import labs as course
from utils.environment import ROOT
from utils.labs import Needs
from utils.language import N_, _, figure, ngettext

PYTHONS = ((3, 11), (3, 13))  # oldest and newest supported, as in pyproject.toml
GIB = 2**30
NEEDED_DISK = 3.0  # GiB: models and corpora with room to convert them
INSTALL = "python -m pip install -e . -c constraints.txt"


@dataclass(frozen=True)
class Line:
    """One finding: status "OK", "WARN" or "FAIL", what was found, and how to mend it."""

    status: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"[{self.status}] {self.found}" + (f" → {self.mend}" if self.mend else "")


def diagnose(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    """Every finding, in the order in which one would mend them; a check that breaks is itself a finding."""
    for name, check in CHECKS.items():
        try:
            yield from check(deep, labs)
        except ImportError as error:
            yield Line("FAIL", _("{what} : {told}").format(what=_(name), told=error), INSTALL)
        except Exception as error:
            told = _("{what} : {told}").format(what=type(error).__name__, told=error)
            yield Line("FAIL", _("{what} : {told}").format(what=_(name), told=told))


def python_lines(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Line]:
    """The version of Python, and whether pip is there (it brings the models)."""
    shown = f"Python {'.'.join(map(str, version))} ({platform.system()} {platform.machine()})"
    oldest, newest = PYTHONS
    if oldest <= version[:2] <= newest:
        yield Line("OK", shown)
    else:
        ends = {"oldest": ".".join(map(str, oldest)), "newest": ".".join(map(str, newest))}
        yield Line("FAIL", shown, _("il faut Python {oldest} à {newest}").format(**ends))
    if importlib.util.find_spec("pip") is None:
        yield Line("WARN", _("pip est absent : les modèles ne pourront pas venir"), "python -m ensurepip --upgrade")


def package_lines(
    required: list[str], pins: list[str], version_of: Callable[[str], str | None], others: bool = True
) -> Iterator[Line]:
    """Each required library against its lower bound and its pin; then, with `others`, the other pins that differ.

    `required`: the dependencies of pyproject.toml; `pins`: the lines of constraints.txt; `version_of`: the version of
    a distribution, or None when it is not installed.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    stripped = (line.split("#")[0].strip() for line in pins)
    pinned = [Requirement(line) for line in stripped if line]
    pinned = {canonicalize_name(r.name): str(r.specifier)[2:] for r in pinned if not r.marker or r.marker.evaluate()}
    names = []
    for requirement in map(Requirement, required):
        name = canonicalize_name(requirement.name)
        names.append(name)
        installed, pin = version_of(name), pinned.get(name)
        mend = f'python -m pip install "{name}=={pin}"' if pin else INSTALL
        if installed is None:
            yield Line("FAIL", _("{name} est absent").format(name=name), mend)
        elif not requirement.specifier.contains(installed, prereleases=True):
            told = _("{name} {version} ; il faut {wanted}")
            yield Line("FAIL", told.format(name=name, version=installed, wanted=requirement.specifier), mend)
        elif pin and Version(installed).public != Version(pin).public:
            told = _("{name} {version} ; le cours est testé avec {pin}")
            yield Line("WARN", told.format(name=name, version=installed, pin=pin), mend)
        else:
            yield Line("OK", f"{name} {installed}")
    unnamed = {name: (version_of(name), pin) for name, pin in pinned.items() if others and name not in names}
    different = [
        f"{name} {installed} ({pin})"
        for name, (installed, pin) in unnamed.items()
        if installed is not None and Version(installed).public != Version(pin).public
    ]
    if different:
        told = _("autres versions que celles testées (entre parenthèses) : {names}")
        yield Line("WARN", told.format(names=", ".join(different)), INSTALL)


def extra_lines(users: dict[str, list[str]], extras: dict[str, list[str]], *known) -> Iterator[Line]:
    """The libraries that only some labs want.

    `users`: extra → the labs that ask for it; `extras`: extra → its requirements; `known`: as in `package_lines`.
    """
    for extra, labs in users.items():
        for line in package_lines(extras[extra], *known, others=False):
            yield Line(line.status, f"{line.found} ({', '.join(labs)})", line.mend)


def cached_lines(module: str, entries: dict, users: dict[str, list[str]], deep: bool) -> Iterator[Line]:
    """The models or corpora of a module: present, and with `deep` every hash right.

    `entries`: name → `CachedFolder`; `users`: name → the labs that ask for it.
    """
    for name, labs in users.items():
        folder, mend = entries[name], f"python -m {module} fetch {name}"
        shown = f"{name} ({', '.join(labs)})"
        if not folder.is_intact():
            yield Line("FAIL", _("{name} : absent ou incomplet").format(name=shown), mend)
        elif deep and (damaged := folder.damaged_files()):
            told = _("{name} : abîmé ({files})")
            yield Line("FAIL", told.format(name=shown, files=", ".join(damaged)), mend)
        else:
            told = _("{name} : présent, empreintes justes") if deep else _("{name} : présent")
            yield Line("OK", told.format(name=shown))


def memory_lines(total: float, available: float, needed: float) -> Iterator[Line]:
    """Memory, in GiB; `needed`: by the heaviest lab, at its peak."""
    shown = _("mémoire : {free} Gio libres sur {total}").format(free=_number(available), total=_number(total))
    if total < needed:
        yield Line("FAIL", shown, _("les TP demandent {needed} Gio : essayez Colab").format(needed=_number(needed)))
    elif available < needed:
        yield Line("WARN", shown, _("fermez des programmes et les notebooks qui ne servent plus"))
    else:
        yield Line("OK", shown)


def disk_lines(folder: Path, free: float, writable: bool) -> Iterator[Line]:
    """Room, in GiB, and right to write where the models are kept."""
    room = _("disque : {free} Gio libres pour {folder}").format(free=_number(free), folder=folder)
    if not writable:
        mend = _("choisissez un autre dossier avec COURSE_CACHE=…")
        yield Line("WARN", _("cache {folder} : lecture seule").format(folder=folder), mend)
    elif free < NEEDED_DISK:
        yield Line("WARN", room, _("libérez de la place, ou choisissez un autre disque avec COURSE_CACHE=…"))
    else:
        yield Line("OK", room)


def _python(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    return python_lines()


def _packages(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    yield from package_lines(project["dependencies"], pins, _installed)
    yield from extra_lines(course.users(labs, "extra"), project["optional-dependencies"], pins, _installed)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _models(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    from utils import models

    if models.profile() == "hub":
        return iter([Line("OK", _("COURSE_MODELS=hub : les modèles viennent du hub"))])
    users = course.users(labs, "models")
    return cached_lines("utils.models", {role: models.cached(role) for role in users}, users, deep)


def _corpora(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    from utils import corpora

    users = course.users(labs, "corpora")
    return cached_lines("utils.corpora", {name: corpora.cached(name) for name in users}, users, deep)


def _memory(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    import psutil

    memory = psutil.virtual_memory()
    needed = max((lab.memory or 0 for lab in labs), default=0)
    return memory_lines(memory.total / GIB, memory.available / GIB, needed)


def _disk(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    folder = environment.cache_dir()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return disk_lines(folder, shutil.disk_usage(existing).free / GIB, os.access(existing, os.W_OK))


def _processor(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    count = environment.threads()
    told = ngettext("processeur : {count} cœur pour les calculs", "processeur : {count} cœurs pour les calculs", count)
    yield Line("OK", told.format(count=count))


def _gpu(deep: bool, labs: list[Needs]) -> Iterator[Line]:
    import torch

    if torch.cuda.is_available():
        yield Line("OK", _("GPU : {name}").format(name=torch.cuda.get_device_name()))
    else:
        yield Line("OK", _("GPU : aucun (aucun TP n'en a besoin)"))


CHECKS: dict[str, Callable[[bool, list[Needs]], Iterator[Line]]] = {
    "Python": _python,
    N_("bibliothèques"): _packages,
    N_("modèles"): _models,
    N_("corpus"): _corpora,
    N_("mémoire"): _memory,
    N_("disque"): _disk,
    N_("processeur"): _processor,
    "GPU": _gpu,
}


def _number(value: float) -> str:
    return figure(value, ".1f")


def main(arguments: list[str] | None = None) -> int:
    """Print every finding; return 1 if something must be mended, else 0."""
    name = "python -m utils.student.doctor"
    parser = argparse.ArgumentParser(prog=name, description=_("Ce qui marche sur cette machine."))
    parser.add_argument("--deep", action="store_true", help=_("vérifie aussi l'empreinte de chaque fichier du cache"))
    parser.add_argument("--brief", action="store_true", help=_("ne dit que ce qui ne va pas"))
    parser.add_argument("labs", nargs="*", metavar=_("tp"), help=_("ne regarde que ce que ces TP demandent"))
    options = parser.parse_args(arguments)
    try:
        labs = course.chosen(options.labs)
    except ValueError as error:
        parser.error(str(error))
    failures = 0
    for line in diagnose(options.deep, labs):
        if line.status != "OK" or not options.brief:
            print(line, flush=True)
        failures += line.status == "FAIL"
    if options.brief and not failures:
        return 0
    left = ngettext("{count} point à régler ([FAIL]).", "{count} points à régler ([FAIL]).", failures)
    print("\n" + (left.format(count=failures) if failures else _("Tout est prêt.")))
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
