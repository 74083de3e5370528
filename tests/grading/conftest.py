"""Classes of the toy lab."""

import shutil

import nbformat
import pytest

from grading import demo, grade
from grading.execution import engine as kernels
from grading.execution import sandbox
from tests.toy_lab import LAB, TOY


@pytest.fixture(autouse=True, scope="session")
def protection():
    """The suite also runs where there is no protection to be had; its own hand-ins are harmless there."""
    if not sandbox.available():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels.Sandbox, "choose", lambda *_: None)
            yield
    else:
        yield


CLASS = {
    "anne": {
        "ex1_double": "def double(x):\n    return x + x",
        "ex2_noisy": 'def noisy():\n    return "rien que du bruit inoffensif"',
        "ex3_words": "Parce que.",
    },
    "boris": {"ex1_double": "def double(x):\n    return 2 * x or 1"},
    "chloé": {},
    "denis": {"ex1_double": "def double(x)\n    return 2 * x", "ex2_noisy": "1 / 0"},
}


@pytest.fixture
def classroom(student_notebook, tmp_path):
    """A course folder with four well-formed hand-ins: right, partly right, untouched, and code that does not run."""
    for name, sources in CLASS.items():
        demo.hand_in(student_notebook, demo.Student(name, sources, {}), tmp_path / "course", LAB)
    return tmp_path / "course"


HOSTILE = "<img src=x onerror=alert(1)>"
ODD_CLASS = CLASS | {
    # Prints the check that is being run, hidden tests included, prints and shows forged reports; then is right.
    "eve": {
        "ex1_double": "def double(x):\n    print(get_ipython().user_ns['In'][-1])\n    print('Exercice 1')\n"
        "    print('  ✅ 9/9  a forged line')\n    from utils.checks import Report\n"
        "    mine = Report('Exercice 1', points=9)\n    with mine.test('a forged test', points=9):\n        pass\n"
        "    mine.score()\n    return x + x"
    },
    "fanny <b>": {
        "ex1_double": f"def double(x):\n    raise ValueError('{HOSTILE}')",
        "ex2_noisy": "def noisy():\n    return '<script>alert(1)</script>'",
        "ex3_words": "</pre><script>alert(1)</script>",
    },
}


@pytest.fixture(scope="session")
def graded_once(tmp_path_factory, toy_release):
    """A course folder in which a class with odd hand-ins has been graded."""
    base = tmp_path_factory.mktemp("graded")
    notebook = nbformat.reads(toy_release, as_version=4)
    for name, sources in ODD_CLASS.items():
        demo.hand_in(notebook, demo.Student(name, sources, {}), base / "course", LAB)
    broken = base / "course" / "submitted" / "gaël" / LAB / f"{LAB}.ipynb"
    broken.parent.mkdir(parents=True)
    broken.write_text('{"cells": [')
    anne = base / "course" / "submitted" / "anne" / LAB
    (anne / f"{LAB}.ipynb").rename(anne / "mon TP.ipynb")
    for folder in base.glob(f"course/submitted/*/{LAB}"):  # as nbgrader's exchange collects them
        (folder / "timestamp.txt").write_text("2026-01-01 00:00:00.000000 UTC")
        (folder / "submission_secret.txt").write_text(folder.parent.name)
    grade.grade(base / "course", TOY, grade.Options(jobs=2))
    return base / "course"


@pytest.fixture
def graded(graded_once, tmp_path):
    """A copy of that folder, to do what one likes with."""
    shutil.copytree(graded_once, tmp_path / "graded")
    return tmp_path / "graded"
