"""What the course knows of the place it runs in: folders, cores, budgets, grading or not.

Nothing is imported but the standard library: this is what the light half of the course stands on, and what still
works where a library is missing.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


def cache_dir() -> Path:
    """The folder that holds fetched archives, models and corpora (`COURSE_CACHE`, else the user's cache folder).

    It may not exist yet.  It can be deleted at any time: everything in it is made again at need.
    """
    if chosen := os.environ.get("COURSE_CACHE"):
        return Path(chosen).expanduser().resolve()
    import platformdirs  # here: the doctor must be able to say that it is missing

    return Path(platformdirs.user_cache_dir("llm-course"))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Threads for a lab's computations: one a core, 8 at most (small models gain nothing beyond)."""
    return min(cores(), 8)


def is_grading() -> bool:
    """True when nbgrader runs the notebook (`autograde` or `validate`)."""
    return os.environ.get("NBGRADER_EXECUTION", "") in {"autograde", "validate"}


def budget(full, small):
    """`full` for a student, `small` under grading or when `COURSE_BUDGET=small` (CI): the checks hold for both."""
    return small if is_grading() or os.environ.get("COURSE_BUDGET") == "small" else full
