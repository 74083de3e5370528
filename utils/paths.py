"""Where things are: the checkout of the course, its data, the user's cache; and a file that must not be lost."""

import glob
import itertools
import os
import time
from pathlib import Path

import platformdirs

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


def cache_dir() -> Path:
    """The folder that holds fetched archives, models and corpora (`COURSE_CACHE`, else the user's cache folder).

    It may not exist yet.  It can be deleted at any time: everything in it is made again at need.
    """
    chosen = os.environ.get("COURSE_CACHE")
    return Path(chosen).expanduser().resolve() if chosen else Path(platformdirs.user_cache_dir("llm-course"))


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
