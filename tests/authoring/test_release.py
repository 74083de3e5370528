"""Released notebooks: reproducible, without leaks; a source that breaks a rule is refused.

On the toy lab: `make check` compares the real ones.
"""

import nbformat
import pytest

from authoring import lab as labs
from authoring import release
from tests.toy_lab import LAB, SOURCE


def replaced(toy, old, new):
    assert old in SOURCE
    toy.write_text(SOURCE.replace(old, new), encoding="utf-8")


def test_two_releases_are_the_same_to_the_byte(toy):
    assert release.released(LAB) == release.released(LAB)


def test_stub_is_valid_python_and_the_secrets_are_gone(student_notebook):
    text = nbformat.writes(student_notebook)
    assert "the_answer_nobody_reads" not in text
    assert "a secret test of zero" not in text
    assert "Parce que le corrigé" not in text
    assert "*Votre réponse ici.*" in text
    for cell in student_notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")


def test_a_leak_is_found(toy, student_notebook):
    source = labs.read_lab(toy)
    assert labs.leaks(student_notebook, source) == []
    student_notebook.cells[1].source += "\n# the_answer_nobody_reads = 2 * x"
    assert labs.leaks(student_notebook, source) == ["the_answer_nobody_reads = 2 * x"]
    student_notebook.cells[1].source = "### BEGIN HIDDEN TESTS"
    assert labs.leaks(student_notebook, source)


def test_check_sees_a_stale_notebook_and_a_teacher_file(toy):
    assert "make release" in release.check(LAB)[0]
    path = release.release(LAB)
    assert release.check(LAB) == []
    (path.parent / "solution.py").write_text("")
    assert release.check(LAB) == [f"{LAB}: teacher's file in notebooks/: solution.py"]
    replaced(toy, "Un TP d'essai", "Un autre titre")
    assert any("make release" in problem for problem in release.check(LAB))


def test_work_done_in_a_released_notebook_is_kept(toy, capsys):
    path = release.release(LAB)
    release.release(LAB)
    assert sorted(path.parent.iterdir()) == [path]  # nobody had worked in it
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('raise NotImplementedError("pas encore traité")', "return 2 * x")
    nbformat.write(notebook, path)
    work = path.read_bytes()
    release.release(LAB)
    (kept,) = path.parent.glob("*.avant-*.ipynb")
    assert kept.read_bytes() == work and kept.name in capsys.readouterr().out and release.check(LAB) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('exercise="ex2_noisy" role="solution"', 'exercise="ex1_double" role="solution"', "twice"),
        ('role="check" points=2', 'role="check"', "points=None"),
        ('exercise="ex2_noisy" role="solution"', 'exercise="ex2_noisy" role="exam"', "role one of"),
        ("inoffensif\"\n    ### END SOLUTION\n", "inoffensif\"\n", "do not match"),
        ("    ### BEGIN SOLUTION\n    return \"rien", "    return \"rien", "do not match"),
    ],
)  # fmt: skip
def test_a_source_that_breaks_a_rule_is_refused(toy, old, new, message):
    replaced(toy, old, new)
    with pytest.raises(labs.LabError, match=message):
        labs.read_lab(toy)
