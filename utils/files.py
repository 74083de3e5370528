"""Files that must not be lost, nor be found half-written."""

import glob
import itertools
import time
from pathlib import Path


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
