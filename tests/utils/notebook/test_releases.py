"""Of which lab, and of which of its releases, a notebook is a copy."""

import json

import nbformat
import pytest

from tests.utils.student.toy_course import ENGLISH, LAB, OTHER, TITLED, ToyCourse, as_colab_saves, by_id, fill
from utils.notebook import releases
from utils.notebook.cells import Unusable, parsed


@pytest.fixture
def course(tmp_path, monkeypatch):
    return ToyCourse(tmp_path / "cours", monkeypatch)


def test_what_a_copy_says_is_believed_if_its_cells_agree(course, monkeypatch):
    mine = releases.released(LAB)
    read = []
    released = releases.released
    monkeypatch.setattr(releases, "released", lambda lab, *more: read.append(lab) or released(lab, *more))
    assert releases.identified(mine, "copie.ipynb") == LAB and read == [LAB]  # no other lab was read
    mine.metadata.course.lab = OTHER  # cells pasted into another lab's notebook
    assert releases.identified(mine, "copie.ipynb") == LAB
    mine.cells = [nbformat.v4.new_code_cell("1")]
    with pytest.raises(Unusable, match="n'est celui d'aucun TP"):
        releases.identified(mine, "copie.ipynb")


@pytest.mark.parametrize("says", [None, {}, "tp8_toy", {"lab": "tp8"}, {"lab": ["tp8_toy"]}, ["lab"]])
def test_what_says_nothing_sound_is_told_by_its_cells(course, says):
    mine = releases.released(LAB)
    mine.metadata["course"] = says
    assert releases.identified(mine, "copie.ipynb") == LAB


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_language_is_the_one_that_a_copy_says_or_shows(course, language):
    course.release(ENGLISH, language="en")
    assert releases.languages(LAB) == ["fr", "en"] and releases.languages(OTHER) == ["fr"]
    mine = releases.released(LAB, language)
    fill(mine, {"ex1_double-solution": "def double(x): return 2 * x"})
    assert releases.released_for(mine, LAB).metadata.course.language == language
    raw = parsed(json.dumps(as_colab_saves(mine, keep_ids=False)), "copie.ipynb")  # neither metadata nor names
    assert releases.released_for(raw, LAB).metadata.course.language == language
    assert releases.identified(raw, "copie.ipynb") == LAB


def versioned(version):
    def change(notebook):
        notebook.metadata["course"]["version"] = version
        return notebook

    return change


def test_the_origin_is_of_the_version_that_a_copy_names(course):
    old = course.release(TITLED, change=versioned("1.0"))
    course.release(TITLED.replace("expected = 6", "expected = 8"), change=versioned("1.0"))
    new = course.release(TITLED + '\n# %% name="own"\n1 + 1\n', change=versioned("2.0"))
    mine = nbformat.from_dict(old)
    mine.cells.append(nbformat.from_dict(new.cells[-1]))  # in a text of its own, it has all of the new one
    found = releases.origin(mine, releases.earlier(LAB))
    assert found.metadata.course.version == "1.0" and "expected = 6" in by_id(found)["ex1_double-check"].source
    mine.metadata.pop("course")
    assert releases.origin(mine, releases.earlier(LAB)).metadata.course.version == "2.0"


def test_the_origin_of_a_copy_without_a_version_is_what_it_has_most_of(course):
    old = course.release(TITLED.replace("def double(x):", "def double(x: int):"))
    course.release(TITLED.replace("def double(x):", "def double(x: float):"))
    mine = fill(nbformat.from_dict(old))  # its stub is gone, but not the checksum that nbgrader left
    mine.metadata.pop("course")
    found = releases.origin(mine, releases.earlier(LAB))
    assert "x: int" in by_id(found)["ex1_double-solution"].source
    assert releases.origin(mine, []) is None
