"""Names in their order, files that must not be lost nor found half-written, and archives that somebody else made."""

import contextlib
import glob
import hashlib
import itertools
import os
import re
import stat
import time
import unicodedata
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def natural(name: str) -> list[str | int]:
    """The key that sorts names as people number them: tp2 before tp10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def alphabetical(name: str) -> str:
    """The key that sorts people: accents and case do not count, Élodie comes after Denis."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def no_formula(text: str) -> str:
    """A text that a spreadsheet shows as it is, and never computes."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def encodable(text: str) -> str:
    """A text as UTF-8 can write it: half a character (of a cut emoji, of a name in another encoding) becomes `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def plain_name(name: str, longest: int = 150) -> str:
    """A folder's name as every program takes it: one that is too long (in bytes), cannot be encoded, or holds signs
    that stand for something else (`*`, `[`…) is changed, and gets a mark so that no two become the same."""
    plain = re.sub(r"[\x00-\x1f*?\[\]]", "_", encodable(name))
    short = plain.encode()[:longest].decode(errors="ignore").strip()
    mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return name if short == name else f"{short}~{mark}"


# -------------------------------------------------------------------------------------------------------- writing
@contextlib.contextmanager
def whole(path: Path, durable: bool = False) -> Iterator[Path]:
    """Write a file whole or not at all: what the block writes under the name that it is given becomes `path`.

    Nobody sees it before the block ends; if the block raises, `path` stays as it was.  `durable`: the content is on
    the disk when this returns, whatever then happens to the machine.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{uuid.uuid4().hex[:12]}.partial")
    try:
        yield partial
        if durable:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def free_name(path: Path, mark: str) -> Path:
    """`<name>.<mark>-<date><suffix>`, beside a file: a name that no file has yet."""
    day = time.strftime("%Y-%m-%d_%Hh%M")
    endings = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    names = (path.with_name(f"{path.stem}.{mark}-{day}{ending}{path.suffix}") for ending in endings)
    return next(name for name in names if not name.exists())


def set_aside(path: Path) -> Path:
    """A copy of a file, beside it, under a name that no file had; the one that is there, if it holds the same."""
    data = path.read_bytes()
    for kept in path.parent.glob(f"{glob.escape(path.stem)}.avant-*{path.suffix}"):
        if kept.read_bytes() == data:
            return kept
    target = free_name(path, "avant")
    try:
        with target.open("xb") as file:
            file.write(data)
    except OSError:
        target.unlink(missing_ok=True)
        raise
    return target


# ------------------------------------------------------------------------------------------------------- archives
IGNORED = (".ipynb_checkpoints", "__pycache__", "__MACOSX", ".git", ".DS_Store")  # what tools leave beside files


def ignored(name: str) -> bool:
    """Whether a file or folder is a tool's and nobody's work: macOS leaves a twin `._x` of each `x`."""
    return name in IGNORED or name.startswith("._")


def member_name(member: zipfile.ZipInfo) -> str:
    """A member's name as its author wrote it: macOS writes UTF-8 without saying so, accents apart from letters."""
    name = member.filename
    if not member.flag_bits & 0x800:  # read as code page 437, which gives every byte a sign
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return unicodedata.normalize("NFC", name)


def is_plain(member: zipfile.ZipInfo) -> bool:
    """Whether a member of a zip is an ordinary file: neither a link nor a device (many tools do not say: it is)."""
    return stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG)


def safe_path(name: str) -> PurePosixPath | None:
    """The name of a zip's member as a path that stays under the folder it is put in, on any system; None if it may not.

    A backslash is part of a name on Linux and a folder on Windows: it counts as a folder everywhere.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    safe = path.parts and not path.is_absolute() and ".." not in path.parts and ":" not in path.parts[0]
    return path if safe else None
