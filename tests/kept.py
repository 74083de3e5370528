"""Green results are kept by key, in the user's cache: a test whose key is the same as when it passed is not run again.

The key of a test is that of its module and of all that it imports (`authoring.keys`), of what else `READS` says of it,
of its lab's own files if it has a parameter `lab`, and of the machine.  Only for tests that take long and depend on
nothing else: those that `READS` does not name are run each time.  What failed is never kept; `FRESH=1` runs everything;
what was not run is said at the end.
"""

import functools
import hashlib
import json
import os
import platform
import shutil
import time
from pathlib import Path

import pytest

from authoring import keys
from utils.environment import ROOT, cache_dir

WHOLE = ("authoring", "data", "docs", "grading", "notebooks", "solutions", "tests/toy_course", "utils", "website")

# Beginning of a test's name (the first that fits) → paths that it reads besides what it imports; folders, whole.
READS = {
    "tests/authoring/test_lab.py": (),
    "tests/authoring/test_answers.py": (),
    "tests/authoring/test_keys.py": None,  # any file of the course
    "tests/authoring/test_new_lab.py": ("*", *WHOLE),
    "tests/notebooks/test_whole_labs.py::test_tp2": ("solutions/tp2_causal_lm", "data/tp2_causal_lm"),
    "tests/notebooks/": ("notebooks", "data/masked_lm"),
    "tests/grading/test_redteam.py": ("solutions", "data", "notebooks"),
    "tests/grading/test_bench.py": ("solutions", "data", "docs"),
    "tests/grading/": ("pyproject.toml", "utils/locale"),
    "tests/website/": ("docs", "solutions", "data", "notebooks", "*.md", "pyproject.toml"),
    "tests/browser/": ("docs", "solutions", "data", "notebooks", "*.md", "pyproject.toml"),
    "tests/data/": ("solutions", "data"),
    "tests/utils/student/": None,  # git, the network's absence, this checkout
    "tests/utils/test_labs.py": ("notebooks/labs.json",),
    "tests/utils/": ("data", "utils"),
    "tests/test_setup.py::test_make_lab": ("*", "utils", "data", "notebooks", "grading/teacher.mk"),
}

FOLDER = Path(os.environ.get("COURSE_RESULTS") or cache_dir() / "results")  # now: tests have caches of their own
DAYS = 60  # that a result is kept
REASON = "kept: passed"
FRESH = os.environ.get("FRESH") == "1"
# Another folder of results: of the version that a change starts from, which passed (`.ci/run` makes it with VOUCH).
ALSO = Path(os.environ["COURSE_RESULTS_ALSO"]) if os.environ.get("COURSE_RESULTS_ALSO") else None
VOUCH = os.environ.get("COURSE_RESULTS_VOUCH") == "1"  # keep every result as if it had passed; with --collect-only


@functools.cache
def machine() -> list[str]:
    """What a test may find on one machine and not on another."""
    tools = [f"{tool} {bool(shutil.which(tool))}" for tool in ("bwrap", "chromium", "git", "make", "systemd-run")]
    settings = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("COURSE_") and "RESULTS" not in k]
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        platform.python_version(),
        platform.platform(),
        f"root {root}",
        *tools,
        *settings,
    ]


@functools.cache
def module_files(path: Path) -> frozenset[Path]:
    """A module of tests, what it imports, and the fixtures above it."""
    above = [folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT / "tests")]
    return frozenset(keys.closure({path, *(conftest for conftest in above if conftest.exists())}))


@functools.cache
def named_files(pattern: str) -> frozenset[Path]:
    """The files of a path from the root, which may have wildcards."""
    places = list(ROOT.glob(pattern))
    if not places:
        raise pytest.UsageError(f"tests/kept.py: there is no {pattern}")
    found = ({place} if place.is_file() else keys.files_in(place, documents=True) for place in places if pattern != "*")
    return frozenset().union(*found, {place for place in places if pattern == "*" and place.is_file()})


@functools.cache
def key(path: Path, patterns: tuple[str, ...], lab: str) -> str:
    files = module_files(path).union(*map(named_files, patterns))
    return keys.key(files | (keys.lab_files(ROOT / "solutions" / lab) if lab else set()), machine())


def place(item: pytest.Item) -> Path | None:
    """Where the result of a test is kept; None if it is to be run each time."""
    patterns = next((reads for start, reads in READS.items() if item.nodeid.startswith(start)), None)
    if patterns is None:
        return None
    asked = item.callspec.params.get("lab", "") if hasattr(item, "callspec") else ""
    lab = getattr(asked, "name", asked)
    name = item.nodeid.partition("@")[0]
    told = f"{name} {key(item.path, patterns, lab if isinstance(lab, str) else '')}"
    return FOLDER / hashlib.sha256(told.encode()).hexdigest()[:32]


def leave_out(items: list[pytest.Item]) -> None:
    """Mark as skipped what passed before with the same key."""
    for item in items:
        item.kept = place(item)
        if item.kept and VOUCH:
            write(item, 0.0)
        if item.kept and not FRESH and (item.kept.exists() or ALSO and (ALSO / item.kept.name).exists()):
            item.add_marker(pytest.mark.skip(reason=REASON))


def keep(item: pytest.Item, report: pytest.TestReport) -> None:
    """Keep the result of a test that passed."""
    if report.when == "call" and report.passed and getattr(item, "kept", None):
        write(item, report.duration)


def write(item: pytest.Item, seconds: float) -> None:
    """Keep that a test passed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = {"test": item.nodeid, "date": time.strftime("%Y-%m-%d %H:%M"), "seconds": round(seconds, 1)}
    temporary = item.kept.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(told), encoding="utf-8")
    os.replace(temporary, item.kept)


def say(terminal) -> None:
    """How many tests of which modules were not run, and what they would have taken."""
    left = [report for report in terminal.stats.get("skipped", []) if REASON in str(report.longrepr)]
    if not left:
        return
    modules = sorted({report.nodeid.partition("::")[0] for report in left})
    terminal.section("kept results")
    for module in modules:
        count = sum(report.nodeid.startswith(f"{module}::") for report in left)
        terminal.line(f"{module}: {count} not run, passed before with the same key")
    terminal.line(f"{len(left)} results were taken from {FOLDER}; FRESH=1 runs these tests again")


def forget_old() -> None:
    """Remove what has not been made anew for long."""
    for path in FOLDER.glob("*"):
        if time.time() - path.stat().st_mtime > DAYS * 86400:
            path.unlink(missing_ok=True)
