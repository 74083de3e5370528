"""A new release in a student's copy: what is the course's changes, what is the student's stays."""

import json
import random
import sys

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from tests.utils.student.toy_course import (
    ANSWERS,
    ENGLISH,
    LAB,
    TITLED,
    ToyCourse,
    as_colab_saves,
    by_id,
    by_position,
    fill,
    git,
)
from utils.notebook import releases
from utils.student import update

NEW = (
    TITLED.replace("expected = 6", "expected = 8")
    .replace("double(3)", "double(4)")
    .replace("# ### Exercice 2 — Du bruit", "# ### Exercice 2 — Beaucoup de bruit")
    .replace("import sys\n", "import sys  # la sortie d'erreur\n")
    + '\n# %% [markdown] name="takeaways"\n# ## À retenir\n'
)


@pytest.fixture
def course(tmp_path, monkeypatch):
    return ToyCourse(tmp_path / "cours", monkeypatch)


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "bureau").mkdir()
    return tmp_path / "bureau"


def saved(notebook, path):
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def brought(path, capsys, **options):
    """(the copy after the update, what was printed)."""
    capsys.readouterr()
    assert update.update(path, **options)
    return nbformat.read(path, as_version=4), capsys.readouterr().out


def test_given_cells_change_and_answers_stay(course, desk, capsys):
    mine = fill(releases.released(LAB))
    mine.cells.insert(1, nbformat.v4.new_markdown_cell("Mes notes"))
    path = saved(mine, desk / f"{LAB} (2).ipynb")
    old = path.read_bytes()
    course.release(NEW)
    after, printed = brought(path, capsys)
    cells = by_id(after)
    assert ANSWERS.items() <= {name: cell.source for name, cell in cells.items()}.items()
    assert "double(4)" in cells["ex1_double-check"].source and "Mes notes" in sources(after)
    assert sources(after).index("Mes notes") == 1 and sources(after)[-1] == "## À retenir"
    assert [s for s in sources(after) if s != "Mes notes" and s not in ANSWERS.values()] == [
        c.source for c in releases.released(LAB).cells if "grade_id" not in c.metadata.get("nbgrader", {})
        or c.metadata.nbgrader.locked
    ]  # fmt: skip
    assert "cellules du TP qui ont changé : 3" in printed
    assert '-    expect_equal(double(3), expected, "double(3)")' in printed
    assert "cellules ajoutées : 1\n     • « À retenir »" in printed and "[WARN]" not in printed
    [backup] = desk.glob("*.avant-*.ipynb")
    assert backup.read_bytes() == old and {p.name for p in desk.iterdir()} == {path.name, backup.name}


def test_a_second_time_changes_nothing(course, desk, capsys):
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    course.release(NEW)
    brought(path, capsys)
    before = path.read_bytes()
    _, printed = brought(path, capsys)
    assert "déjà à jour" in printed and path.read_bytes() == before and len(list(desk.iterdir())) == 2


@pytest.mark.parametrize("keep_ids", [True, False])
def test_a_copy_from_colab(course, desk, capsys, keep_ids):
    path = saved(as_colab_saves(fill(releases.released(LAB)), keep_ids), desk / f"Copie de {LAB}.ipynb")
    course.release(NEW)
    after, _ = brought(path, capsys)
    assert ANSWERS.items() <= {name: cell.source for name, cell in by_id(after).items()}.items()
    outputs = {cell.source: cell.outputs for cell in after.cells if cell.cell_type == "code"}
    assert outputs[ANSWERS["ex1_double-solution"]]  # what an answer printed stays with it
    nbformat.validate(after)


@pytest.mark.parametrize("editor", [lambda copy: copy, as_colab_saves])
def test_a_copy_in_english_follows_the_english_release(course, desk, capsys, editor):
    english = course.release(ENGLISH, language="en")
    mine = fill(nbformat.from_dict(english), {"ex1_double-solution": "def double(x):\n    return x + x"})
    path = saved(editor(mine), desk / f"{LAB}.ipynb")
    course.release(NEW)
    _, printed = brought(path, capsys)  # the French release alone is new
    assert "already up to date: nothing to change" in printed
    new = course.release(ENGLISH.replace("A lab to try", "A lab to try again"), language="en")
    after, printed = brought(path, capsys)
    assert "cells of the lab that have changed: 1" in printed and "[WARN]" not in printed
    assert sources(after)[0] == "# A lab to try again" and after.metadata.course == new.metadata.course
    assert by_id(after)["ex1_double-solution"].source == by_id(mine)["ex1_double-solution"].source
    assert by_id(after)["ex3_words-answer"].source == "*Your answer here.*"


def test_untouched_stubs_follow_the_release(course, desk, capsys):
    path = saved(fill(releases.released(LAB), {"ex2_noisy-solution": "def noisy(): ..."}), desk / f"{LAB}.ipynb")
    course.release(TITLED.replace("def double(x):", 'def double(x):\n    """Le double."""'))
    after, _ = brought(path, capsys)
    assert '"""Le double."""' in by_id(after)["ex1_double-solution"].source
    assert by_id(after)["ex2_noisy-solution"].source == "def noisy(): ..."


def test_what_both_have_changed_is_kept_as_text(course, desk, capsys):
    mine = fill(releases.released(LAB))
    by_id(mine)["ex1_double-check"].source += "\nprint('mon essai')"
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW)
    after, printed = brought(path, capsys)
    check = after.cells.index(by_id(after)["ex1_double-check"])
    kept = after.cells[check + 1]
    assert "mon essai" not in after.cells[check].source and "double(4)" in after.cells[check].source
    assert (
        kept.cell_type == "raw"
        and kept.source.startswith("Votre version de la cellule ci-dessus")
        and "mon essai" in kept.source
    )
    assert "[WARN] cellules que vous aviez modifiées" in printed
    again, printed = brought(path, capsys)
    assert "déjà à jour" in printed and sources(again) == sources(after)


def test_what_the_student_alone_has_changed_stays(course, desk, capsys):
    mine = fill(releases.released(LAB))
    text = next(cell for cell in mine.cells if "Le double" in cell.source)
    text.source += "\n\nÀ revoir avant l'examen."
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW)
    after, _ = brought(path, capsys)
    assert text.source in sources(after)


def test_a_changed_text_keeps_its_place_when_cells_are_added_before_it(course, desk, capsys):
    mine = fill(releases.released(LAB))
    text = next(cell for cell in mine.cells if "Le double" in cell.source)
    text.source += "\n\nÀ revoir avant l'examen."
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release("# %% [markdown]\n# Un avis\n\n" + NEW)
    after, printed = brought(path, capsys)
    assert sources(after)[0] == "Un avis" and "[WARN]" not in printed
    place = sources(after).index(text.source)
    assert after.cells[place + 1].metadata.nbgrader.grade_id == "ex1_double-solution"
    assert sum("Le double" in source for source in sources(after)) == 1
    again, printed = brought(path, capsys)
    assert "déjà à jour" in printed and len({cell.id for cell in again.cells}) == len(again.cells)


def test_a_text_that_changes_with_its_title_is_the_same_cell(course, desk, capsys):
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    course.release(TITLED.replace("# # Un TP d'essai", "# # Le TP\n#\n# Il est écrit de nouveau, tout autrement."))
    after, printed = brought(path, capsys)
    assert sources(after)[0].startswith("# Le TP")
    assert "cellules du TP qui ont changé : 1" in printed and "ajoutées" not in printed and "retirées" not in printed


def test_a_copy_that_was_brought_up_to_date_has_the_release_s_names_and_says_so(course, desk, capsys):
    mine = by_position(fill(releases.released(LAB)))
    path = saved(mine, desk / f"{LAB}.ipynb")
    new = course.release(NEW)
    after, _ = brought(path, capsys)
    assert [cell.id for cell in after.cells] == [cell.id for cell in new.cells]
    assert after.metadata.course == new.metadata.course


@pytest.mark.parametrize("colab", [None, True, False])
def test_a_copy_of_a_release_whose_ids_counted_cells(course, desk, capsys, colab):
    old = course.release(TITLED, change=by_position)
    mine = fill(nbformat.from_dict(old))
    text = next(cell for cell in mine.cells if "Le double" in cell.source)
    text.source += "\n\nÀ revoir avant l'examen."
    mine.cells.insert(1, nbformat.v4.new_markdown_cell("Mes notes"))
    path = saved(mine if colab is None else as_colab_saves(mine, keep_ids=colab), desk / f"{LAB}.ipynb")
    new = course.release('# %% [markdown] name="notice"\n# Un avis\n\n' + NEW)
    after, printed = brought(path, capsys)
    assert ANSWERS.items() <= {name: cell.source for name, cell in by_id(after).items()}.items()
    assert {text.source, "Mes notes", "Un avis", "## À retenir"} <= set(sources(after))
    assert "double(4)" in by_id(after)["ex1_double-check"].source
    assert list(by_id(after)) == list(by_id(new))
    assert sum("Beaucoup de bruit" in source for source in sources(after)) == 1
    again, printed = brought(path, capsys)
    assert "déjà à jour" in printed and len({cell.id for cell in again.cells}) == len(again.cells)


def test_what_the_student_has_deleted_comes_back_only_if_it_is_marked_or_new(course, desk, capsys):
    mine = fill(releases.released(LAB))
    mine.cells = [cell for cell in mine.cells if "Le double" not in cell.source and cell.source[:6] != "import"]
    mine.cells.remove(by_id(mine)["ex1_double-check"])
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW)
    after, printed = brought(path, capsys)
    assert "double(4)" in by_id(after)["ex1_double-check"].source
    assert not any("### Exercice 1" in source for source in sources(after))
    assert "cellules ajoutées" in printed and "Exercice 1 — Le double (vérification)" in printed


def test_the_start_of_a_filled_cell_is_shown_when_it_changes(course, desk, capsys):
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    course.release(TITLED.replace("def double(x):", "def double(x: float):"))
    after, printed = brought(path, capsys)
    assert by_id(after)["ex1_double-solution"].source == ANSWERS["ex1_double-solution"]
    assert "là où votre réponse est gardée : 1" in printed and "+def double(x: float):" in printed


def test_without_the_earlier_releases_nothing_of_the_student_is_lost(tmp_path, desk, capsys, monkeypatch):
    course = ToyCourse(tmp_path / "cours", monkeypatch, with_git=False)
    mine = releases.released(LAB)
    fill(mine, {"ex3_words-answer": "Parce que."})
    next(cell for cell in mine.cells if "Exercice 2 — Du bruit" in cell.source).source += "\nMa note."
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW.replace("def double(x):", "def double(x: float):"))
    after, printed = brought(path, capsys)
    cells = by_id(after)
    assert cells["ex1_double-solution"].source.startswith("def double(x: float):")  # its checksum says: not touched
    assert "double(4)" in cells["ex1_double-check"].source and cells["ex3_words-answer"].source == "Parce que."
    [kept] = [cell for cell in after.cells if cell.cell_type == "raw"]
    assert "Ma note." in kept.source and any("Beaucoup de bruit" in source for source in sources(after))


def test_on_colab_the_new_copy_stands_beside_the_open_one(course, desk, capsys, monkeypatch):
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    before = path.read_bytes()
    course.release(NEW)
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert update.update(path) and path.read_bytes() == before
    [beside] = [p for p in desk.iterdir() if p != path]
    assert beside.name in capsys.readouterr().out and beside.name.startswith(f"{LAB}.a-jour-")
    cells = by_id(nbformat.read(beside, as_version=4))
    assert "double(4)" in cells["ex1_double-check"].source and cells["ex3_words-answer"].source == "Parce que."


def test_outputs_that_jupyter_would_refuse_do_not_stop_it(course, desk, capsys):
    mine = fill(releases.released(LAB))
    by_id(mine)["ex1_double-solution"].outputs = [{"output_type": "stream", "surprise": 1}]
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW)
    after, _ = brought(path, capsys)
    nbformat.validate(after)
    assert by_id(after)["ex1_double-solution"].source == ANSWERS["ex1_double-solution"]


def test_cells_that_the_release_has_no_more(course, desk, capsys):
    mine = fill(releases.released(LAB))
    path = saved(mine, desk / f"{LAB}.ipynb")
    begin = NEW.rindex("# %% [markdown]", 0, NEW.index("# ### Exercice 2"))
    course.release(NEW[:begin] + NEW[NEW.index('# %% [markdown] exercise="ex3_words"') :])
    after, printed = brought(path, capsys)
    assert "ex2_noisy-check" not in by_id(after) and "cellules retirées : 2" in printed
    assert ANSWERS["ex2_noisy-solution"] in sources(after) and "ex2_noisy-solution" not in by_id(after)
    assert "votre travail dans des cellules que le TP n'a plus : Exercice 2 — Du bruit" in printed


def test_a_write_that_fails_leaves_the_copy(course, desk, capsys, monkeypatch):
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    before = path.read_bytes()
    course.release(NEW)

    def fails(*_):
        raise OSError("disque plein")

    monkeypatch.setattr("os.replace", fails)
    assert not update.update(path)
    assert "disque plein" in capsys.readouterr().out and path.read_bytes() == before
    assert not list(desk.glob("*.partial"))


@pytest.mark.parametrize(
    ("content", "told"), [("{}", "n'est pas un notebook"), ("", "est vide"), ('{"cells": [', "incomplet ou abîmé")]
)
def test_what_is_no_copy_is_refused(course, desk, capsys, content, told):
    path = desk / f"{LAB}.ipynb"
    path.write_text(content)
    assert not update.update(path) and told in capsys.readouterr().out and path.read_text() == content


def test_without_git_a_copy_elsewhere_is_brought_up_to_date(tmp_path, desk, capsys, monkeypatch):
    course = ToyCourse(tmp_path / "cours", monkeypatch, with_git=False)
    path = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    course.release(NEW)
    after, _ = brought(path, capsys)
    assert ANSWERS.items() <= {name: cell.source for name, cell in by_id(after).items()}.items()
    assert "double(4)" in by_id(after)["ex1_double-check"].source
    assert not update.update(releases.path_of(LAB)) and "sans git" in capsys.readouterr().out


@pytest.fixture
def clone(course, tmp_path, monkeypatch):
    """A student's clone of the course; the course itself goes on elsewhere."""
    git(tmp_path, "clone", "-q", str(course.root), str(tmp_path / "clone"))
    monkeypatch.setattr(releases, "ROOT", tmp_path / "clone")
    monkeypatch.setattr(releases, "NOTEBOOKS", tmp_path / "clone" / "notebooks")
    return tmp_path / "clone"


def released_upstream(course, source, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(releases, "NOTEBOOKS", course.root / "notebooks")
        patch.setattr(releases, "ROOT", course.root)
        course.release(source)


def test_the_course_is_fetched_and_work_in_place_goes_on(course, clone, capsys, monkeypatch):
    path = saved(fill(releases.released(LAB)), releases.path_of(LAB))
    released_upstream(course, NEW, monkeypatch)
    assert update.main(["--pull"]) == 0
    printed = capsys.readouterr().out
    after = nbformat.read(path, as_version=4)
    assert "a reçu sa nouvelle version" in printed and "double(4)" in by_id(after)["ex1_double-check"].source
    assert ANSWERS.items() <= {name: cell.source for name, cell in by_id(after).items()}.items()
    assert update.main(["--pull"]) == 0 and "déjà à jour" in capsys.readouterr().out


def test_work_is_back_when_the_course_cannot_be_merged(course, clone, capsys, monkeypatch):
    path = saved(fill(releases.released(LAB)), releases.path_of(LAB))
    work = path.read_bytes()
    (clone / "more.txt").write_text("à moi")
    (course.root / "more.txt").write_text("au cours")  # git refuses to write over a file that it does not know
    released_upstream(course, NEW, monkeypatch)
    assert update.main(["--pull"]) == 1
    assert "git merge a échoué" in capsys.readouterr().out and path.read_bytes() == work
    assert [p.read_bytes() for p in path.parent.glob("*.avant-*.ipynb")] == [work]


def test_commits_of_the_student_s_own_are_left_alone(course, clone, capsys, monkeypatch):
    path = saved(fill(releases.released(LAB)), releases.path_of(LAB))
    git(clone, "commit", "-q", "-a", "-m", "Mes réponses")
    work = path.read_bytes()
    released_upstream(course, NEW, monkeypatch)
    assert update.main(["--pull"]) == 1
    assert "des commits que le cours n'a pas" in capsys.readouterr().out and path.read_bytes() == work


def test_a_shallow_clone_fetches_the_earlier_releases(course, desk, tmp_path, capsys, monkeypatch):
    mine = fill(releases.released(LAB))
    text = next(cell for cell in mine.cells if "Le double" in cell.source)
    text.source += "\n\nÀ revoir."
    path = saved(mine, desk / f"{LAB}.ipynb")
    course.release(NEW)
    git(tmp_path, "clone", "-q", "--depth", "1", course.root.as_uri(), str(tmp_path / "court"))
    monkeypatch.setattr(releases, "ROOT", tmp_path / "court")
    monkeypatch.setattr(releases, "NOTEBOOKS", tmp_path / "court" / "notebooks")
    after, printed = brought(path, capsys)
    assert text.source in sources(after) and "[WARN]" not in printed


def test_a_course_that_follows_nothing_says_so(course, capsys):
    assert update.main(["--pull"]) == 1 and "ne suit aucune adresse" in capsys.readouterr().out


def test_nothing_begun(course, capsys):
    assert update.main([]) == 0 and "Aucun TP commencé" in capsys.readouterr().out


def scrambled(rng, cells, token, share=0.3):
    """Some cells with a word more, some gone, some new ones among them; exercises' cells may change but not leave."""
    result = []
    for cell in map(nbformat.from_dict, cells):
        draw, marked = rng.random(), "nbgrader" in cell.metadata
        if draw < share:
            cell.source += f"\n# {token} {rng.random()}"
        elif draw < share + 0.1 and not marked:
            continue
        if rng.random() < 0.2:
            result.append(nbformat.v4.new_code_cell(f"# {token} {rng.random()}"))
        result.append(cell)
    return result


@pytest.mark.parametrize("known_origin", [True, False])
@pytest.mark.parametrize("ids", [nbformat.from_dict, by_position])
def test_whatever_changes_no_line_of_the_student_is_lost(course, known_origin, ids):
    named = releases.released(LAB)
    old = ids(nbformat.from_dict(named))
    for seed in range(40):
        rng = random.Random(seed)
        new, mine = nbformat.from_dict(old), nbformat.from_dict(old)
        new.cells = scrambled(rng, named.cells, "édition 2")
        for cell in new.cells:
            if "nbgrader" in cell.metadata:
                cell.metadata.nbgrader.checksum = compute_checksum(cell)
        mine.cells = scrambled(rng, old.cells, "à moi")
        result = update.merged(mine, old if known_origin else None, new)
        written = {line for cell in mine.cells for line in cell.source.splitlines() if "à moi" in line}
        there = {line for cell in result.cells for line in cell.source.splitlines()}
        assert written <= there, seed
        after = nbformat.v4.new_notebook(cells=result.cells)
        marked = by_id(after)
        assert {name: cell.source for name, cell in by_id(new).items() if cell.metadata.nbgrader.locked}.items() <= {
            name: cell.source.split("\n# à moi")[0] for name, cell in marked.items()
        }.items()
        again = update.merged(after, new, new)
        assert sources(nbformat.v4.new_notebook(cells=again.cells)) == sources(after), seed
