"""Which cell of a lab a cell is: by its names, and without them by what it says and where it stands."""

import random

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from utils.notebook.matching import known, recognised


def marked(grade_id, source, **options):
    new = new_markdown_cell if grade_id.endswith("answer") else new_code_cell
    return new(source, id=grade_id.replace("_", "-"), metadata={"nbgrader": {"grade_id": grade_id}}, **options)


@pytest.fixture
def release():
    return nbformat.v4.new_notebook(
        cells=[
            new_markdown_cell("# Un TP", id="title"),
            new_code_cell("import math", id="imports"),
            marked("ex1-solution", "def f(x):\n    raise NotImplementedError"),
            marked("ex1-check", "f(1)"),
            new_markdown_cell("Suite", id="more"),
            marked("ex2-solution", "g = ..."),
            marked("ex2-check", "f(1) + g"),
            marked("ex3-answer", "*Votre réponse ici.*"),
        ]
    )


@pytest.fixture
def mine(release):
    notebook = nbformat.from_dict(release)
    for index, source in [(0, "# Un TP\n\nMa note."), (2, "def f(x):\n    return x"), (5, "g = 2"), (7, "Car.")]:
        notebook.cells[index].source = source
    return notebook


def without_marks(cells):
    for cell in cells:
        cell.metadata.clear()


def without_ids(cells):
    for number, cell in enumerate(cells):
        cell.id = f"Qx{number:010d}"


def as_on_colab(cells):
    """Its metadata too may be renewed, ids are in them."""
    for cell in cells:
        cell.metadata = nbformat.from_dict({"id": cell.pop("id")})


def by_position(cells):
    """As an old release counted them, from elsewhere: its ids name no cell."""
    for number, cell in enumerate(cells):
        cell.id = f"tp8-toy-{number + 1:03d}"


@pytest.mark.parametrize("lose", [list, without_marks, without_ids, by_position, as_on_colab])  # list: nothing is lost
def test_names_tell_whatever_the_order(release, mine, lose):
    lose(mine.cells)
    order = list(range(len(mine.cells)))
    random.Random(0).shuffle(order)
    unknown = {0} if lose in (without_ids, by_position) else set()  # a text that was edited, and has no name left
    assert known([mine.cells[index] for index in order], release.cells) == {
        place: index for place, index in enumerate(order) if index not in unknown
    }


@pytest.mark.parametrize("lose_ids", [without_ids, by_position])
def test_without_any_name_the_content_tells_then_the_place(release, mine, lose_ids):
    lose_ids(mine.cells)
    without_marks(mine.cells)
    everywhere = {index: index for index in range(1, 8)}
    assert known(mine.cells, release.cells) == everywhere
    by_content = {index: ours for index, ours in everywhere.items() if index not in (5, 7)}
    assert known(mine.cells, release.cells, by_place=False) == by_content
    mine.cells.insert(5, new_code_cell("h = 3"))  # two code cells where one could be ex2's
    assert set(known(mine.cells, release.cells).values()) == set(everywhere) - {5}


def test_of_copies_the_last_that_was_worked_on_counts(release, mine):
    stub = nbformat.from_dict(release.cells[2])
    first = {**nbformat.from_dict(mine.cells[2]), "source": "def f(x):\n    return 0"}
    mine.cells = [nbformat.from_dict(first), *mine.cells, stub]
    assert known(mine.cells, release.cells) == {index: index - 1 for index in range(1, 9)}
    mine.cells[3].source = stub.source
    assert known(mine.cells, release.cells)[0] == 2


def test_a_cell_whose_kind_changed_is_told_by_its_name_and_not_by_its_content(release, mine):
    mine.cells[3] = new_markdown_cell("f(1)", id="ex1-check", metadata=mine.cells[3].metadata)
    assert known(mine.cells, release.cells)[3] == 3
    without_ids(mine.cells)
    without_marks(mine.cells)
    assert 3 not in known(mine.cells, release.cells).values()


def test_a_content_that_is_there_twice_tells_nothing(release, mine):
    release.cells[1].source = release.cells[3].source
    mine.cells[1].source = release.cells[3].source
    without_ids(mine.cells)
    without_marks(mine.cells)
    assert not {1, 3} & set(known(mine.cells, release.cells, by_place=False).values())


def test_the_share_that_is_recognised(release, mine):
    assert recognised(mine.cells, release) == 1
    without_ids(mine.cells)
    without_marks(mine.cells)
    assert recognised(mine.cells, release) == 3 / 5
    assert recognised([new_code_cell("import math")], release) == 0
