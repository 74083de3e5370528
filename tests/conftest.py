"""The toy lab as the only lab of the course."""

import nbformat
import pytest

from authoring import answers, release
from authoring import lab as labs
from grading import demo
from tests.toy_lab import ANSWERS, LAB, SOURCE


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
