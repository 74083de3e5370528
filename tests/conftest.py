"""The toy lab as the only lab of a course."""

import nbformat
import pytest

from authoring import release
from tests.toy_lab import TOY, copy_to


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
