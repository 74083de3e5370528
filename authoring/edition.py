"""`make students TO=…`: the repository to give to students, without solutions, tests, grading or teachers' documents.

It is a git repository of its own, with its own history: students clone it (or open it on Colab), `make update` brings
them each new edition.  Run it again after a release: what changed is committed there; pushing is left to you.
"""

import argparse
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

from authoring.lab import course_url
from authoring.source import MARKERS
from utils.environment import ROOT

FILES = (
    ".gitignore", "LICENSE", "LICENSES.md", "Makefile", "README.fr.md", "constraints.txt", "docs/tp1.png",
    "environment.yml", "postBuild", "pyproject.toml",
)  # fmt: skip
FOLDERS = ("data", "notebooks", "utils")
WITHHELD = ("solutions", "tests", "authoring", "grading", "class")  # a folder that has one of these was not made here
PLACEHOLDER = "votre-organisation"


class EditionError(RuntimeError):
    """The edition cannot be written there; the message says why and what to do."""


def publish(to: Path, root: Path = ROOT) -> list[str]:
    """Write the students' edition of the course in `root` into `to`, and commit it; gives the files that changed.

    Raises `EditionError`, nothing being changed, if `to` is anything but a new folder or an earlier edition without
    changes of its own, or if a file of the course shows a solution or a hidden test.
    """
    files = published(root)
    _accept(to)
    if not (to / ".git").exists():
        to.mkdir(parents=True, exist_ok=True)
        _git(to, "init", "--quiet", "--initial-branch=main")
    _git(to, "var", "GIT_COMMITTER_IDENT")  # without a name and an address, git could not commit what is copied below
    for name in set(_git(to, "ls-files", "-z").split("\0")) - {"", *files, "README.md", "README.en.md"}:
        (to / name).unlink(missing_ok=True)
    for name in files:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, to / name)
    french, english = ((root / name).read_text(encoding="utf-8") for name in ("README.fr.md", "README.md"))
    there = "*In English: [README.en.md](README.en.md).*\n\n"
    (to / "README.md").write_text(there + french, encoding="utf-8")  # what a forge shows first
    (to / "README.en.md").write_text(_for_students(english), encoding="utf-8")
    _git(to, "add", "--all")
    changed = _git(to, "diff", "--cached", "--name-only").splitlines()
    if changed:
        _git(to, "commit", "--quiet", "--message", f"Édition du {date.today():%d/%m/%Y}")
    return changed


def published(root: Path = ROOT) -> list[str]:
    """The names of the course's files that students get: of what git knows, what is listed above."""
    known = [name for name in _git(root, "ls-files", "-z").split("\0") if name and (root / name).is_file()]
    names = [name for name in known if name in FILES or name.split("/")[0] in FOLDERS]
    for name in names:
        text = (root / name).read_bytes()
        if shown := [mark for mark in MARKERS if mark.encode() in text]:
            raise EditionError(f"{name} holds {shown[0]!r}: it would show a solution or a hidden test.")
    return names


def _for_students(readme: str) -> str:
    """Of the English README: its title, and what stands between the marks."""
    title, _found, rest = readme.partition("\n")
    _before, _mark, part = rest.partition("<!-- students:begin")
    part = part.partition("-->\n")[2].partition("<!-- students:end -->")[0]
    return f"{title}\n\n*En français : [README.fr.md](README.fr.md).*\n\n{part}"


def _accept(to: Path) -> None:
    """Raise `EditionError` unless `to` can be written to without losing anything."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to / ".git").exists():
        raise EditionError(f"{to} is neither empty nor a students' edition: give a new folder (TO=../cours-etudiants).")
    if found := [name for name in WITHHELD if (to / name).exists()]:
        raise EditionError(f"{to} holds {found[0]}/: it is no students' edition. Give a new folder.")
    if _git(to, "status", "--porcelain"):
        raise EditionError(f"{to} has changes that are not committed: commit or discard them there first.")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise EditionError(f"git {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.edition", description=__doc__.splitlines()[0])
    parser.add_argument("to", help="its folder, outside this one: new, or an earlier edition")
    given = parser.parse_args(arguments).to
    to = Path(given).expanduser()
    if not given or to.resolve().is_relative_to(ROOT):
        print("[FAIL] Say where, outside this folder: make students TO=../cours-etudiants", file=sys.stderr)
        return 1
    try:
        changed = publish(to)
    except EditionError as error:
        print(f"[FAIL] {error}", file=sys.stderr)
        return 1
    for name in changed:
        print(f"  {name}")
    print(f"{len(changed)} files changed in {to}" if changed else f"{to}: nothing has changed")
    if PLACEHOLDER in course_url(ROOT):
        print("[WARN] pyproject.toml ([project.urls]) has no address yet: set that of the students' repository.")
    print(f"To publish it: git -C {to} push -u origin main (once, before: git -C {to} remote add origin ADDRESS)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
