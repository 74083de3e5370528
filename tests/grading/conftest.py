"""The toy lab as the only lab of the course."""

import nbformat
import pytest

from grading import answers, demo, kernels, labs, release, sandbox
from tests.grading.toy_lab import ANSWERS, LAB, SOURCE


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The toy lab as the only lab of the course; gives its source file."""
    solutions = tmp_path / "solutions"
    (solutions / LAB / "answers").mkdir(parents=True)
    path = solutions / LAB / f"{LAB}.py"
    path.write_text(SOURCE, encoding="utf-8")
    for name, text in ANSWERS.items():
        (solutions / LAB / "answers" / f"{name}.py").write_text(text, encoding="utf-8")
    for module in (labs, release, answers, demo):
        monkeypatch.setattr(module, "SOLUTIONS", solutions)
    monkeypatch.setattr(release, "NOTEBOOKS", tmp_path / "notebooks")
    return path


@pytest.fixture
def student_notebook(toy, toy_release):
    return nbformat.reads(toy_release, as_version=4)


@pytest.fixture(scope="session")
def toy_release(tmp_path_factory):
    """The text of the toy lab's student notebook, made once: nbgrader takes seconds."""
    solutions = tmp_path_factory.mktemp("solutions")
    (solutions / LAB).mkdir()
    (solutions / LAB / f"{LAB}.py").write_text(SOURCE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labs, "SOLUTIONS", solutions)
        patch.setattr(release, "SOLUTIONS", solutions)
        return release.released(LAB).decode()


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
