"""Names of cells: unique, said in the source, and not moved by what is written around them."""

import re

import pytest

from authoring import naming
from authoring.catalogue import Catalogue
from authoring.lab import LabError, read_script
from tests.toy_lab import SOURCE, TOY

INSERTED = "# %% [markdown]\n# # Un avis\n\n"


def ids(source):
    return [cell.id for cell in read_script(source, TOY.name, TOY.root).cells]


def test_a_cell_is_called_by_its_exercise_its_name_or_its_section():
    source = SOURCE.replace(
        "# %%\nfrom utils", "# %% [markdown]\n# ## Le coût, à la main\n\n# %%\n1\n\n# %%\nfrom utils"
    )
    assert ids(source.replace("# %%\n1", '# %% tags=["demo"] name="one"\n1')) == [
        "un-tp-d-essai", "le-cout-a-la-main", "one", "le-cout-a-la-main-2", "ex1-double-solution", "ex1-double-check",
        "ex2-noisy-solution", "ex2-noisy-check", "ex3-words-answer", "result",
    ]  # fmt: skip
    assert ids("# %%\n1\n\n# %%\n2\n") == ["start", "start-2"]


def test_sections_of_one_title_and_names_that_look_like_defaults_do_not_collide():
    section = "# %% [markdown]\n# ## Bilan\n\n# %%\n{}\n\n"
    source = section.format(1) + section.format(2) + '# %% name="bilan-3"\n3\n'
    assert ids(source) == ["bilan", "bilan-2", "bilan-4", "bilan-5", "bilan-3"]


def test_once_written_a_name_is_moved_by_no_cell_inserted_before_it():
    named = naming.named(SOURCE)
    assert naming.named(named) == named and ids(named) == ids(SOURCE)
    assert ids(INSERTED + "# %%\n1\n\n" + named)[2:] == ids(named)
    cell = '# %% exercise="ex2_noisy" role="solution"'
    assert set(ids(named.replace(cell, f"# %%\n1\n\n{cell}"))) > set(ids(named))


def test_only_headers_are_written():
    bare = SOURCE.replace(' name="result"', "")
    named = naming.named(bare)
    assert named.count("name=") == 3 and re.sub(r'(?m)^(# %%.*) name="[a-z0-9-]+"$', r"\1", named) == bare


@pytest.mark.parametrize("source", ["1\n\n# %%\n2\n", '# %%\ntext = """\n# %% no cell\n"""\n'])
def test_a_source_whose_headers_are_not_its_cells_is_left_alone(tmp_path, capsys, source):
    path = tmp_path / "lab.py"
    path.write_text(source, encoding="utf-8")
    assert naming.main([str(path)]) == 1 and "[FAIL]" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == source


def test_the_command_writes_the_names(tmp_path, capsys):
    path = tmp_path / "tp0_toy.py"
    path.write_text(SOURCE, encoding="utf-8")
    assert naming.main([str(path)]) == 0 and "2 names written" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == naming.named(SOURCE)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ('# %% name="ex1-double-check"\n1', "'ex1-double-check' is there twice"),
        ('# %% name="a"\n1\n\n# %% name="a"\n2', "'a' is there twice"),
        ('# %% name="Été"\n1', "'Été' is not of the form"),
        (f'# %% name="{"a" * 65}"\n1', "is not of the form"),
        ('# %% exercise="ex4" role="solution" name="mine"\n### BEGIN SOLUTION\n### END SOLUTION', "takes no other"),
    ],
)
def test_a_name_that_breaks_a_rule_is_refused(header, message):
    with pytest.raises(LabError, match=message):
        ids(f"{SOURCE}\n{header}\n")


@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_every_cell_of_the_course_has_a_name_of_its_author_s(lab):
    source = lab.script.read_text(encoding="utf-8")
    assert naming.named(source) == source, f"python -m authoring.naming {lab.script}, then better names"
