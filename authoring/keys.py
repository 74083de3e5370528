"""Keys of kept results: what a result depends on, found from the code, and nothing else.

A kept answer, a reference run or the grading of a hand-in is computed again when, and only when, its key is another:
the lab's own files, the modules of ours that they import (directly or not, imports inside functions included), the
pins of the libraries, or the settings changed.
"""

import ast
import functools
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from utils.environment import DATA, ROOT

PACKAGES = ("utils", "authoring", "grading", "website", "tests")
PINS = ROOT / "constraints.txt"
TEMPLATES = ROOT / "authoring" / "templates"
NAMED = re.compile(rf"((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?::\w*)?")  # as in ["-m", "grading.inside.zygote"]


def key(files: Iterable[Path], *settings: object) -> str:
    """SHA-256 of the contents of files, of the pins, and of settings (anything that JSON or `str` can tell)."""
    # By folder and name: the same for a copy of a lab elsewhere.
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in {*files, PINS}}
    told = [f"{path.parent.name}/{path.name} {found}" for path, found in hashes.items()]
    return hashlib.sha256(json.dumps([sorted(told), settings], default=str, sort_keys=True).encode()).hexdigest()


def lab_files(folder: Path, answers: bool = True) -> set[Path]:
    """The lab's own files and data, what its cells import, and the shared data that they name.

    `folder`: such as `solutions/tp1_mlm`.  `answers`: with the kept answers, which decide no mark of a student.
    """
    own = {path for path in files_in(folder) if answers or path.parent.name != "answers"}
    own |= set(TEMPLATES.glob("setup_*.py"))  # a cell of every lab
    code = [path for path in own if path.suffix == ".py"]
    modules = closure(set().union(*(imports(path) for path in code)))
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*code, *modules] if path.suffix == ".py")
    shared = [path for path in sorted(DATA.iterdir()) if path.is_dir() and f'"{path.name}"' in text]
    return own | modules | set().union(files_in(DATA / folder.name), *map(files_in, shared))


def modules(*names: str) -> set[Path]:
    """The files of modules of ours, and of all that they import."""
    return closure(set().union(*map(located, names)))


def closure(files: set[Path]) -> set[Path]:
    """Files, and those of all modules of ours that they import, and so on."""
    found, waiting = set(), set(files)
    while waiting:
        path = waiting.pop()
        found.add(path)
        if path.suffix == ".py":
            waiting |= imports(path) - found
    return found


def imports(path: Path) -> set[Path]:
    """The files of the modules of ours that a file imports, or names in a string (to start one)."""
    return set(_imports(path, path.read_text(encoding="utf-8")))


@functools.cache
def _imports(path: Path, text: str) -> frozenset[Path]:
    package = path.relative_to(ROOT).parent.parts if path.is_relative_to(ROOT) else ()
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = NAMED.fullmatch(node.value)
            names |= {named[1]} if named and ROOT.joinpath(*named[1].split(".")).with_suffix(".py").is_file() else set()
    return frozenset().union(*map(located, names))


def located(name: str) -> set[Path]:
    """The files that importing `name` reads: its module and the packages above it; empty if it is not ours.

    A package brings along what lies in its folder and is no module: templates, styles, scripts that it reads.
    """
    found: set[Path] = set()
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return found
    for end in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[:end])
        if (place / "__init__.py").is_file():
            found |= _package(place)
        elif place.with_suffix(".py").is_file():
            return found | {place.with_suffix(".py")}
        elif not place.is_dir():
            break
    return found


def _package(folder: Path) -> set[Path]:
    scripts = (place for place in folder.iterdir() if place.is_dir() and not (place / "__init__.py").exists())
    beside = {path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".mk")}
    return {folder / "__init__.py"} | beside | set().union(*map(files_in, scripts))


def files_in(folder: Path, documents: bool = False) -> set[Path]:
    """The files of a folder (none if it is not there), but for documents and what Python or a system leaves."""
    left_out = (".pyc", ".tmp") if documents else (".md", ".pyc", ".tmp")
    return {
        path for path in folder.rglob("*")
        if path.is_file() and path.suffix not in left_out and not path.name.startswith(".")
    }  # fmt: skip
