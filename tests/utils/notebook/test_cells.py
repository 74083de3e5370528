"""What a notebook and its cells say of themselves."""

import nbformat
import pytest

from utils.notebook.cells import bare, cell_id, course


@pytest.mark.parametrize(
    ("says", "believed"),
    [
        (
            {"lab": "tp1_mlm", "version": "1.0", "language": "fr"},
            {"lab": "tp1_mlm", "version": "1.0", "language": "fr"},
        ),
        ({"lab": ["tp1_mlm"], "version": 1, "language": "en", "more": "…"}, {"language": "en"}),
        ("tp1_mlm", {}),
        (None, {}),
    ],
)
def test_of_its_course_a_notebook_is_believed_what_is_sound(says, believed):
    notebook = nbformat.v4.new_notebook(metadata={"course": says, "colab": {}})
    assert course(notebook) == believed
    kept = bare(nbformat.writes(notebook), "copie.ipynb").metadata
    assert kept.get("course", {}) == believed and "colab" not in kept


@pytest.mark.parametrize(
    ("id", "in_metadata", "found"),
    [
        ("setup", "other", "setup"),
        (None, "setup", "setup"),
        ("with a space", "setup", "setup"),
        (None, 3.5, ""),
        (1, "", "1"),
    ],
)
def test_the_id_of_a_cell_stands_in_it_or_where_colab_puts_it(id, in_metadata, found):
    cell = nbformat.v4.new_code_cell("1", metadata={"id": in_metadata})
    cell.id = id
    assert cell_id(cell) == found
