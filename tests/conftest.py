"""Every test: what is kept, what stands side by side; and the toy lab as the only lab of the course."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `utils` has it, for what imports torch before it
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: one thread each, before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

os.environ.pop("COURSE_LANG", None)  # what is said is in French, unless a test asks for another language

import nbformat
import pytest

from authoring import release
from tests import kept
from tests.toy_lab import TOY, copy_to
from utils.files import encodable

# Modules whose tests take longest, so that none of them is left for the end.
LONGEST = (
    "tests/authoring/test_lab.py", "tests/notebooks/test_whole_labs.py", "tests/grading/test_redteam.py",
    "tests/grading/test_pool.py", "tests/grading/execution/test_engine.py", "tests/grading/book/test_intake.py",
    "tests/website/", "tests/grading/",
)  # fmt: skip
# Modules whose tests do not share what took long to make: each test goes where there is room.
APART = ("tests/authoring/test_lab.py", "tests/notebooks/test_whole_labs.py")


def pytest_collection_modifyitems(items):
    """Longest modules first; a module stays on one worker (pytest-xdist), where its fixtures are made once."""

    def rank(item) -> int:
        return next((i for i, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    items.sort(key=rank)
    for item in items:
        module = item.nodeid.partition("::")[0]
        group = item.nodeid if module in APART else "graded once" if "graded_once" in item.fixturenames else module
        item.add_marker(pytest.mark.xdist_group(group))
    kept.leave_out(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    kept.keep(item, report)
    # pytest-xdist cannot send what UTF-8 cannot write, such as the name of a file of a broken hand-in.
    report.sections = [(title, encodable(text)) for title, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter):
    kept.say(terminalreporter)


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        kept.forget_old()


@pytest.fixture
def toy(tmp_path):
    """The toy lab, to do what one likes with."""
    return copy_to(tmp_path / "toy")


@pytest.fixture(scope="session")
def toy_release():
    """The text of the toy lab's student notebook, made once: nbgrader takes seconds."""
    return release.released(TOY).decode()


@pytest.fixture
def student_notebook(toy_release):
    return nbformat.reads(toy_release, as_version=4)
