"""Folders that are made once, kept in the user's cache and never trusted half-made.

A folder is written beside its final place, described by a manifest (size and SHA-256 of every
file, and what it was made from), then renamed in one step, under a lock.  A process that dies
leaves at most a `*.partial` folder, which the next one to take the lock removes.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from utils.environment import is_grading
from utils.language import _

MANIFEST = "manifest.json"


class CacheError(RuntimeError):
    """Something needed is missing or damaged; the message says what and what to do."""


@dataclass(frozen=True)
class CachedFolder:
    """A folder of the cache and how it is made.

    `source`: a JSON-like dict that identifies the content; a change of it makes the folder anew.
    `make`: fills the empty folder that it is given.
    """

    path: Path
    source: dict
    make: Callable[[Path], None]

    def get(self) -> Path:
        """The folder's path; made first if it is absent, incomplete or from another source.

        When several processes ask at once, one makes it and the others wait.  Nothing is made while a
        notebook is graded: a folder that is missing then is a `CacheError`.
        """
        if not self.is_intact():
            self._refuse_while_grading()
            with _locked(self.path):
                if not self.is_intact():  # else another process made it while we waited
                    self._make()
        return self.path

    def repair(self) -> Path:
        """Like `get`, after a thorough look: a folder with a damaged file is made again."""
        if self.get() and self.damaged_files():
            with _locked(self.path):
                (self.path / MANIFEST).unlink(missing_ok=True)  # from now on nobody trusts it
        return self.get()

    def is_intact(self) -> bool:
        """Quick look (no hashing): the manifest is there, names this source, and every file has its size."""
        manifest = _read_manifest(self.path)
        return (
            manifest is not None
            and manifest["source"] == self.source
            and all(_size(self.path / name) == about["size"] for name, about in manifest["files"].items())
        )

    def damaged_files(self) -> list[str]:
        """Thorough look: the files that are missing or whose SHA-256 is not the one in the manifest.

        `["manifest.json"]` when the folder is absent or made from another source.
        """
        manifest = _read_manifest(self.path)
        if manifest is None or manifest["source"] != self.source:
            return [MANIFEST]
        return [
            name
            for name, about in manifest["files"].items()
            if _size(self.path / name) != about["size"] or sha256_of(self.path / name) != about["sha256"]
        ]

    def _make(self) -> None:
        """Make it beside its place, then rename; the caller holds the lock."""
        _sweep(self.path)
        partial = Path(tempfile.mkdtemp(prefix=f"{self.path.name}.", suffix=".partial", dir=self.path.parent))
        try:
            self.make(partial)
            _write_manifest(partial, self.source)
            if self.path.exists():  # damaged, or made from something else: out of the way first
                os.replace(self.path, partial.with_suffix(".old.partial"))
            os.replace(partial, self.path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            _sweep(self.path)

    def _refuse_while_grading(self) -> None:
        if is_grading():
            message = _(
                "« {name} » n'est pas dans le cache ({folder}), et rien n'est téléchargé pendant une correction. "
                "Lancez d'abord « python -m utils.models fetch » et « python -m utils.corpora fetch »."
            )
            raise CacheError(message.format(name=self.path.name, folder=self.path.parent))


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_line(module: str, entries: dict[str, tuple[str, CachedFolder]], arguments: list[str] | None) -> int:
    """The `fetch|list|verify [name …]` of a module; `entries`: name -> (description, a message; folder).

    Returns the exit code: 1 when something is missing or damaged.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("action", choices=["fetch", "list", "verify"])
    named = _("parmi : {names} (tous par défaut)").format(names=", ".join(entries))
    parser.add_argument("names", nargs="*", metavar=_("nom"), help=named)
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(entries):
        message = _("nom inconnu : {names} (noms possibles : {known})")
        parser.error(message.format(names=", ".join(sorted(unknown)), known=", ".join(entries)))
    failed = False
    for name in options.names or entries:
        what, folder = entries[name]
        if options.action == "list":
            state = _("présent") if folder.is_intact() else _("absent")
            print(f"{state:8} {name:16} {_(what)}")
            continue
        problem = ""
        if options.action == "fetch":
            try:
                folder.repair()
            except CacheError as error:
                problem = str(error)
        elif damaged := folder.damaged_files():
            problem = _("absent ou abîmé ({files}). Lancez « python -m {module} fetch {name} ».")
            problem = problem.format(files=", ".join(damaged), module=module, name=name)
        failed |= bool(problem)
        told = _("{what} : {told}").format(what=name, told=problem)
        print(f"[FAIL] {told}" if problem else f"[OK] {name}", flush=True)
    return int(failed)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` (a file beside it); say so when another process holds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        print(_("Un autre programme prépare « {name} » : on l'attend…").format(name=folder.name), flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write_manifest(folder: Path, source: dict) -> None:
    """Describe every file of `folder` and its `source` in `manifest.json`, and let a whole class read it."""
    folder.chmod(0o755)
    files = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        path.chmod(0o644)
        files[path.relative_to(folder).as_posix()] = {"size": path.stat().st_size, "sha256": sha256_of(path)}
    text = json.dumps({"source": source, "files": files}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _read_manifest(folder: Path) -> dict | None:
    """The manifest of `folder`, or None when there is none that can be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and {"source", "files"} <= manifest.keys() else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _sweep(folder: Path) -> None:
    """Remove what killed processes left; the caller holds the lock, so no living one is at work there."""
    for leftover in folder.parent.glob(f"{folder.name}.*.partial"):
        shutil.rmtree(leftover, ignore_errors=True)
