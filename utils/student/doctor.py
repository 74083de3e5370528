"""What works on this machine and what does not, with the mend: the first thing to run, and to join to a bug report.

    python -m utils.student.doctor [--deep]

Prints lines that start with [OK], [WARN] or [FAIL], in French; the exit code is 1 if there is a [FAIL].
Nothing is imported at the top but the standard library, so that it can tell what is missing; what takes seconds to
import comes last.
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
from utils.environment import ROOT
from utils.language import figure

PYTHONS = ((3, 11), (3, 13))  # oldest and newest supported, as in pyproject.toml
GIB = 2**30
NEEDED_MEMORY, NEEDED_DISK = 3.5, 3.0  # GiB: peak of the heaviest lab; models and corpora with room to convert them
INSTALL = "python -m pip install -e . -c constraints.txt"


@dataclass(frozen=True)
class Line:
    """One finding: status "OK", "WARN" or "FAIL", what was found, and how to mend it."""

    status: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        return f"[{self.status}] {self.found}" + (f" → {self.mend}" if self.mend else "")


def diagnose(deep: bool) -> Iterator[Line]:
    """Every finding, in the order in which one would mend them; a check that breaks is itself a finding."""
    for name, check in CHECKS.items():
        try:
            yield from check(deep)
        except ImportError as error:
            yield Line("FAIL", f"{name} : {error}", INSTALL)
        except Exception as error:
            yield Line("FAIL", f"{name} : {type(error).__name__} : {error}")


def python_lines(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Line]:
    """The version of Python, and whether pip is there (it brings the models)."""
    shown = f"Python {'.'.join(map(str, version))} ({platform.system()} {platform.machine()})"
    oldest, newest = PYTHONS
    if oldest <= version[:2] <= newest:
        yield Line("OK", shown)
    else:
        wanted = f"{'.'.join(map(str, oldest))} à {'.'.join(map(str, newest))}"
        yield Line("FAIL", shown, f"il faut Python {wanted}")
    if importlib.util.find_spec("pip") is None:
        yield Line("WARN", "pip est absent : les modèles ne pourront pas venir", "python -m ensurepip --upgrade")


def package_lines(required: list[str], pins: list[str], version_of: Callable[[str], str | None]) -> Iterator[Line]:
    """Each required library against its lower bound and its pin; then, in one line, the other pins that differ.

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
            yield Line("FAIL", f"{name} est absent", mend)
        elif not requirement.specifier.contains(installed, prereleases=True):
            yield Line("FAIL", f"{name} {installed} ; il faut {requirement.specifier}", mend)
        elif pin and Version(installed).public != Version(pin).public:
            yield Line("WARN", f"{name} {installed} ; le cours est testé avec {pin}", mend)
        else:
            yield Line("OK", f"{name} {installed}")
    others = {name: (version_of(name), pin) for name, pin in pinned.items() if name not in names}
    different = [
        f"{name} {installed} ({pin})"
        for name, (installed, pin) in others.items()
        if installed is not None and Version(installed).public != Version(pin).public
    ]
    if different:
        yield Line("WARN", f"autres versions que celles testées (entre parenthèses) : {', '.join(different)}", INSTALL)


def cached_lines(module: str, entries: dict, deep: bool) -> Iterator[Line]:
    """The models or corpora (name -> `CachedFolder`) of a module: present, and with `deep` every hash right."""
    for name, folder in entries.items():
        mend = f"python -m {module} fetch {name}"
        if not folder.is_intact():
            yield Line("FAIL", f"{name} : absent ou incomplet", mend)
        elif deep and (damaged := folder.damaged_files()):
            yield Line("FAIL", f"{name} : abîmé ({', '.join(damaged)})", mend)
        else:
            yield Line("OK", f"{name} : présent" + (", empreintes justes" if deep else ""))


def memory_lines(total: float, available: float) -> Iterator[Line]:
    """Memory, in GiB."""
    shown = f"mémoire : {_number(available)} Gio libres sur {_number(total)}"
    if total < NEEDED_MEMORY:
        yield Line("FAIL", shown, f"les TP demandent {_number(NEEDED_MEMORY)} Gio : essayez Colab")
    elif available < NEEDED_MEMORY:
        yield Line("WARN", shown, "fermez des programmes et les notebooks qui ne servent plus")
    else:
        yield Line("OK", shown)


def disk_lines(folder: Path, free: float, writable: bool) -> Iterator[Line]:
    """Room, in GiB, and right to write where the models are kept."""
    if not writable:
        yield Line("WARN", f"cache {folder} : lecture seule", "choisissez un autre dossier avec COURSE_CACHE=…")
    elif free < NEEDED_DISK:
        mend = "libérez de la place, ou choisissez un autre disque avec COURSE_CACHE=…"
        yield Line("WARN", f"disque : {_number(free)} Gio libres pour {folder}", mend)
    else:
        yield Line("OK", f"disque : {_number(free)} Gio libres pour {folder}")


def _python(deep: bool) -> Iterator[Line]:
    return python_lines()


def _packages(deep: bool) -> Iterator[Line]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return package_lines(project["dependencies"], pins, _installed)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _models(deep: bool) -> Iterator[Line]:
    from utils import models

    if models.profile() == "hub":
        return iter([Line("OK", "COURSE_MODELS=hub : les modèles viennent du hub")])
    return cached_lines("utils.models", {role: models.cached(role) for role in models.ROLES}, deep)


def _corpora(deep: bool) -> Iterator[Line]:
    from utils import corpora

    return cached_lines("utils.corpora", {name: corpora.cached(name) for name in corpora.CORPORA}, deep)


def _memory(deep: bool) -> Iterator[Line]:
    import psutil

    memory = psutil.virtual_memory()
    return memory_lines(memory.total / GIB, memory.available / GIB)


def _disk(deep: bool) -> Iterator[Line]:
    folder = environment.cache_dir()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return disk_lines(folder, shutil.disk_usage(existing).free / GIB, os.access(existing, os.W_OK))


def _processor(deep: bool) -> Iterator[Line]:
    threads = environment.threads()
    yield Line("OK", f"processeur : {threads} cœur{'s' if threads > 1 else ''} pour les calculs")


def _gpu(deep: bool) -> Iterator[Line]:
    import torch

    if torch.cuda.is_available():
        yield Line("OK", f"GPU : {torch.cuda.get_device_name()}")
    else:
        yield Line("OK", "GPU : aucun (aucun TP n'en a besoin)")


CHECKS: dict[str, Callable[[bool], Iterator[Line]]] = {
    "Python": _python,
    "bibliothèques": _packages,
    "modèles": _models,
    "corpus": _corpora,
    "mémoire": _memory,
    "disque": _disk,
    "processeur": _processor,
    "GPU": _gpu,
}


def _number(value: float) -> str:
    return figure(value, ".1f")


def main(arguments: list[str] | None = None) -> int:
    """Print every finding; return 1 if something must be mended, else 0."""
    name = "python -m utils.student.doctor"
    parser = argparse.ArgumentParser(prog=name, description="Ce qui marche sur cette machine.")
    parser.add_argument("--deep", action="store_true", help="vérifie aussi l'empreinte de chaque fichier du cache")
    parser.add_argument("--brief", action="store_true", help="ne dit que ce qui ne va pas")
    options = parser.parse_args(arguments)
    failures = 0
    for line in diagnose(options.deep):
        if line.status != "OK" or not options.brief:
            print(line, flush=True)
        failures += line.status == "FAIL"
    if options.brief and not failures:
        return 0
    print(f"\n{failures} point{'s' if failures > 1 else ''} à régler ([FAIL])." if failures else "\nTout est prêt.")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
