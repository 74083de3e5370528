"""Released notebooks: reproducible, without leaks; a source that breaks a rule is refused.

On the toy lab: `make check` compares the real ones.
"""

import sqlite3
from contextlib import closing

import nbformat
import pytest
from nbgrader.api import Gradebook

from authoring import release
from authoring.lab import LabError
from tests.toy_lab import LAB, TOY, rewritten


def test_two_releases_are_the_same_to_the_byte():
    assert release.released(TOY) == release.released(TOY)


def test_a_gradebook_is_begun_as_nbgrader_begins_it(tmp_path):
    for name in ("ours", "its"):
        if name == "ours":
            release.begin_gradebook(tmp_path / name)
        Gradebook(f"sqlite:///{tmp_path / name}").close()
    ours, its = (dump(tmp_path / name) for name in ("ours", "its"))
    assert ours == its and any("alembic_version" in line for line in ours)


def dump(path):
    """The tables and rows of a gradebook, as SQL."""
    with closing(sqlite3.connect(path)) as database:
        return sorted(database.iterdump())


def test_stub_is_valid_python_and_the_secrets_are_gone(student_notebook):
    text = nbformat.writes(student_notebook)
    assert "the_answer_nobody_reads" not in text
    assert "a secret test of zero" not in text
    assert "Parce que le corrigé" not in text
    assert "*Votre réponse ici.*" in text
    for cell in student_notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")


def test_a_release_says_which_lab_version_and_language_it_is_and_its_cells_have_their_names(student_notebook):
    assert student_notebook.metadata.course == {"lab": LAB, "version": "1.2.3", "language": "fr"}
    assert [cell.id for cell in student_notebook.cells] == [cell.id for cell in TOY.notebook.cells]
    assert student_notebook.cells[2].id == "ex1-double-solution"


def test_a_leak_is_found(student_notebook):
    assert TOY.leaks(student_notebook) == []
    student_notebook.cells[1].source += "\n# the_answer_nobody_reads = 2 * x"
    assert TOY.leaks(student_notebook) == ["the_answer_nobody_reads = 2 * x"]
    student_notebook.cells[1].source = "### BEGIN HIDDEN TESTS"
    assert TOY.leaks(student_notebook)


def test_check_sees_a_stale_notebook_and_a_teacher_file(toy):
    assert "make release" in release.check(toy)[0]
    path, _ = release.release(toy), release.release(toy, "en")
    assert release.check(toy) == []
    (path.parent / "solution.py").write_text("")
    assert release.check(toy) == [f"{LAB}: teacher's file in notebooks/: solution.py"]
    other = rewritten(toy, "Un TP d'essai", "Un autre titre")
    assert any("make release" in problem for problem in release.check(other))


def test_work_done_in_a_released_notebook_is_kept(toy, capsys):
    toy.catalogue_path("en").unlink()
    path = release.release(toy)
    release.release(toy)
    assert sorted(path.parent.iterdir()) == [path]  # nobody had worked in it
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("raise ToDo", "return 2 * x")
    nbformat.write(notebook, path)
    work = path.read_bytes()
    release.release(toy)
    (kept,) = path.parent.glob("*.avant-*.ipynb")
    assert kept.read_bytes() == work and kept.name in capsys.readouterr().out and release.check(toy) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('exercise="ex2_noisy" role="solution"', 'exercise="ex1_double" role="solution"', "twice"),
        ('role="check" points=2', 'role="check"', "points=None"),
        ('exercise="ex2_noisy" role="solution"', 'exercise="ex2_noisy" role="exam"', "role one of"),
        ("inoffensif\"\n    ### END SOLUTION\n", "inoffensif\"\n", "has no end"),
        ("    ### BEGIN SOLUTION\n    return \"rien", "    return \"rien", "ends 'nothing'"),
    ],
)  # fmt: skip
def test_a_source_that_breaks_a_rule_is_refused(toy, old, new, message):
    with pytest.raises(LabError, match=message):
        rewritten(toy, old, new).notebook  # noqa: B018  (read when it is asked for)
