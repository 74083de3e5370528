"""What a student is told of a notebook before it is handed in, and the archive that comes of it."""

import json
import os
import zipfile

import nbformat
import pytest

from grading.book.intake import take_in
from tests.english import left_in_french
from tests.utils.student.toy_course import ANSWERS, ENGLISH, LAB, OTHER, TITLED, ToyCourse, as_colab_saves, by_id, fill
from utils.notebook import releases
from utils.notebook.cells import grade_id
from utils.student import handin


@pytest.fixture
def course(tmp_path, monkeypatch):
    return ToyCourse(tmp_path / "cours", monkeypatch)


@pytest.fixture
def desk(tmp_path):
    """Where the student keeps files."""
    (tmp_path / "bureau").mkdir()
    return tmp_path / "bureau"


def handed_in(path, capsys, **options):
    """(path of the archive, what was printed), without executing unless asked."""
    capsys.readouterr()
    target = handin.hand_in(path, **{"run": False, **options})
    return target, capsys.readouterr().out


def saved(notebook, path):
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
    return path


def test_a_full_copy_is_packed_as_it_is_and_the_teacher_can_take_it(course, desk, capsys, tmp_path):
    copy = saved(fill(releases.released(LAB)), desk / f"{LAB} (3).ipynb")
    before = copy.read_bytes()
    target, printed = handed_in(copy, capsys)
    assert "[WARN]" not in printed and "[FAIL]" not in printed
    assert "5 cellules d'exercice sont là" in printed and "les 3 exercices sont traités" in printed
    assert target == desk / f"rendu_{LAB}.zip" and copy.read_bytes() == before
    with zipfile.ZipFile(target) as packed:
        assert packed.namelist() == [f"{LAB}.ipynb"] and packed.read(f"{LAB}.ipynb") == before
    taken = take_in(desk, tmp_path / "taken", [releases.released(LAB)], LAB)
    sources = {name: cell.source for name, cell in by_id(nbformat.read(taken.notebook, 4)).items()}
    assert ANSWERS.items() <= sources.items()
    assert {p.name for p in desk.iterdir()} == {copy.name, target.name}  # nothing half-written is left


@pytest.mark.parametrize("editor", [lambda copy: copy, as_colab_saves, lambda copy: as_colab_saves(copy, False)])
def test_a_copy_in_english_is_compared_with_the_english_release(course, desk, capsys, editor):
    english = course.release(ENGLISH, language="en")
    _, printed = handed_in(saved(editor(nbformat.from_dict(english)), desk / f"{LAB}.ipynb"), capsys)
    assert "5 cells of the exercises are there" in printed and "no exercise has been attempted yet" in printed
    mine = fill(nbformat.from_dict(english), {"ex1_double-solution": "def double(x):\n    return 2 * x"})
    _, printed = handed_in(saved(editor(mine), desk / f"{LAB}.ipynb"), capsys)
    assert "those of the lab are intact" in printed
    assert "not attempted yet (2 out of 3): Exercise 2 — Some noise" in printed


def test_an_english_copy_is_english_all_the_way(tmp_path, capsys):
    """The English quiz as it was given out, then half wrong: what its cells print, what the check says."""
    path = tmp_path / "quiz of mine.ipynb"
    notebook = releases.released("tp0_quiz", "en")
    notebook.cells.append(nbformat.v4.new_code_cell("show('A')", id="mine"))  # the lab's own are demonstrations
    for answers in ({}, {"A1": True, "A2": True, "B1": "yes"}):
        [cell] = [cell for cell in notebook.cells if grade_id(cell) == "ex1_quiz-solution"]
        for name, answer in answers.items():
            cell.source = cell.source.replace(f'"{name}": None', f'"{name}": {answer!r}')
        nbformat.write(notebook, path)
        assert handin.hand_in(path) == tmp_path / "rendu_tp0_quiz.zip"
        printed = capsys.readouterr().out
        assert "[OK] this is lab tp0_quiz, saved on " in printed and not left_in_french(printed)
        executed = handin.execute(handin.read(path))
        texts = [
            str(output.get("text", output.get("data"))) for cell in executed.cells for output in cell.get("outputs", [])
        ]
        assert any("tp0_quiz: ready — torch " in text for text in texts)
        assert any("A1. " in text and "Yes: " in text for text in texts)  # the practice questions
        assert not left_in_french("".join(texts))
    assert "a check fails:" in printed and "vaut" not in printed


def test_a_lab_s_name_means_the_notebook_that_was_begun(course, monkeypatch):
    english = course.release(ENGLISH, language="en")
    monkeypatch.chdir(course.root)
    assert handin.notebook_at(f"{LAB}.ipynb") == releases.path_of(LAB)
    mine = saved(fill(english), releases.path_of(LAB, "en"))
    assert handin.notebook_at(f"{LAB}.ipynb") == mine and releases.begun() == [mine]
    assert handin.language_at(f"{LAB}.ipynb") == "en" and handin.language_at("tp9.ipynb") == ""
    french = saved(fill(releases.released(LAB)), releases.path_of(LAB))
    os.utime(mine, (1, 1))
    assert handin.notebook_at(f"{LAB}.ipynb") == french  # saved last


@pytest.mark.parametrize("keep_ids", [True, False])
def test_a_copy_from_colab_is_recognised(course, desk, capsys, keep_ids):
    raw = as_colab_saves(fill(releases.released(LAB)), keep_ids)
    target, printed = handed_in(saved(raw, desk / f"Copie de {LAB}.ipynb"), capsys)
    assert target and "[WARN]" not in printed, printed
    assert "les 3 exercices sont traités" in printed
    assert ("repères du TP ont été perdus" in printed) != keep_ids


def test_what_is_not_treated_is_named(course, desk, capsys):
    notebook = fill(releases.released(LAB), {"ex1_double-solution": "def double(x):\n    return 2 * x"})
    _, printed = handed_in(saved(notebook, desk / f"{LAB}.ipynb"), capsys)
    assert "pas encore traité (2 sur 3) : Exercice 2 — Du bruit" in printed and "Le double" not in printed
    _, printed = handed_in(saved(releases.released(LAB), desk / f"{LAB}.ipynb"), capsys, to=desk / "a")
    assert "aucun exercice n'est encore traité" in printed


def damaged(notebook, how):
    cells = by_id(notebook)
    check = notebook.cells.index(cells["ex1_double-check"])
    if how == "missing":
        del notebook.cells[check]
    elif how == "unanswered":
        del notebook.cells[notebook.cells.index(cells["ex1_double-solution"])]
    elif how == "edited":
        notebook.cells[check].source = "2.0"
    elif how == "twice":
        twin = nbformat.from_dict(cells["ex1_double-solution"])
        notebook.cells.insert(0, {**twin, "source": "def double(x):\n    return 3"})
    elif how == "moved":
        notebook.cells.append(notebook.cells.pop(notebook.cells.index(cells["ex1_double-solution"])))
    return notebook


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("missing", "il manque 1 cellule de vérification ou de données : Exercice 1 — Le double"),
        ("unanswered", "il manque votre réponse (1 cellule) : Exercice 1 — Le double"),
        ("edited", "vous avez modifié 1 cellule de vérification ou de données : Exercice 1 — Le double"),
        ("twice", "1 cellule en double (ex1_double)"),
        ("moved", "des cellules d'exercice ont changé de place"),
    ],
)
def test_damage_is_told_and_does_not_prevent_the_archive(course, desk, capsys, how, sentence):
    target, printed = handed_in(saved(damaged(fill(releases.released(LAB)), how), desk / f"{LAB}.ipynb"), capsys)
    assert f"[WARN] {sentence}" in printed and target.exists()
    assert "relisez d'abord les lignes [WARN]" in printed


def test_a_copy_of_an_earlier_release_is_told_from_an_edited_one(course, desk, capsys):
    copy = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    course.release(TITLED.replace("expected = 6", "expected = 8"))
    _, printed = handed_in(copy, capsys)
    assert "version antérieure" in printed and "utils.student.update" in printed and "vous avez modifié" not in printed


def test_work_done_in_place_is_compared_with_what_was_released(course, capsys):
    path = releases.path_of(LAB)
    saved(damaged(fill(releases.released(LAB)), "edited"), path)
    target, printed = handed_in(path.parent, capsys)
    assert "vous avez modifié 1 cellule" in printed and target.parent == path.parent
    _, printed = handed_in(f"{LAB}.ipynb", capsys)  # from the course's folder
    assert "vous avez modifié 1 cellule" in printed


def test_without_git_work_done_in_place_cannot_be_compared_and_it_is_said(tmp_path, monkeypatch, desk, capsys):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    ToyCourse(tmp_path / "zip", monkeypatch, with_git=False)
    _, printed = handed_in(releases.path_of(LAB), capsys)
    assert "n'ont pas été comparées" in printed
    _, printed = handed_in(saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb"), capsys)
    assert "celles du TP sont intactes" in printed


def test_an_earlier_archive_is_never_lost(course, desk, capsys):
    copy = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    first, _ = handed_in(copy, capsys)
    content = first.read_bytes()
    again, printed = handed_in(copy, capsys)
    assert again == first and "fois d'avant" not in printed  # the same work: the same archive
    saved(fill(releases.released(LAB), {"ex3_words-answer": "Autrement."}), copy)
    second, printed = handed_in(copy, capsys)
    third, _ = handed_in(saved(releases.released(LAB), copy), capsys)
    assert first == second == third and first.read_bytes() != content  # the newest has the name that is handed in
    kept = sorted(desk.glob(f"rendu_{LAB}.avant-*.zip"))
    assert len(kept) == 2 and content in [path.read_bytes() for path in kept]
    assert "l'archive de la fois d'avant est gardée" in printed


def test_other_files_go_in_only_when_asked(course, desk, capsys):
    copy = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    (desk / "mesures.csv").write_text("a,b\n")
    target, _ = handed_in(copy, capsys, files=[desk / "mesures.csv"])
    with zipfile.ZipFile(target) as packed:
        assert packed.namelist() == [f"{LAB}.ipynb", "mesures.csv"]
    target, printed = handed_in(copy, capsys, files=[desk / "absent.csv"])
    assert target is None and "absent.csv n'existe pas" in printed


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (f"{LAB}.ipynb", "bonjour", "n'est pas un notebook"),
        (f"{LAB}.ipynb", '{"cells": [', "incomplet ou abîmé"),
        (f"{LAB}.ipynb", "", "est vide"),
        (f"{LAB}.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "est vide"),
        (f"{LAB}.ipynb", '{"cells": [3], "nbformat": 4, "metadata": {}}', "n'est pas un notebook valable"),
        (f"{LAB}.ipynb", "%PDF-1.7", "est un PDF"),
        (f"{LAB}.py", "print(1)", r"est un fichier .py"),
        ("autre.ipynb", nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])), "aucun TP"),
    ],
)
def test_what_cannot_be_handed_in_gets_one_clear_sentence(course, desk, capsys, name, content, sentence):
    target, printed = handed_in(saved(content, desk / name), capsys)
    fails = [line for line in printed.splitlines() if line.startswith("[FAIL]")]
    assert target is None and len(fails) == 1 and sentence in fails[0]
    assert "Traceback" not in printed and not list(desk.glob("*.zip"))


def test_a_missing_file_and_an_ambiguous_folder(course, desk, capsys):
    saved(releases.released(LAB), desk / "mon TP.ipynb")
    _, printed = handed_in(desk / "absent.ipynb", capsys)
    assert "n'existe pas (dans ce dossier : mon TP.ipynb)" in printed
    saved(releases.released(LAB), desk / "un autre.ipynb")
    _, printed = handed_in(desk, capsys)
    assert "plusieurs notebooks" in printed and "mon TP.ipynb, un autre.ipynb" in printed


def test_the_wrong_lab(course, desk, capsys):
    copy = saved(releases.released(OTHER), desk / f"{LAB}.ipynb")
    target, printed = handed_in(copy, capsys)
    assert target is None and f"contient le TP {OTHER}, et non {LAB}" in printed
    target, printed = handed_in(copy, capsys, lab=LAB)
    assert target is None and f"n'est pas celui du TP {LAB}" in printed
    target, _ = handed_in(copy, capsys, lab=OTHER)
    assert target.name == f"rendu_{OTHER}.zip"
    target, printed = handed_in(copy, capsys, lab="tp7")
    assert target is None and "n'existe pas ici" in printed


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written(course, desk, capsys):
    copy = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    desk.chmod(0o500)
    try:
        target, printed = handed_in(copy, capsys)
    finally:
        desk.chmod(0o700)
    assert target is None and "[FAIL]" in printed


def test_it_runs_in_a_new_kernel_and_says_what_stops(course, desk, capsys):
    notebook = fill(releases.released(LAB))
    cells = by_id(notebook)
    cells["ex1_double-solution"].source = "def double(x):\n    return 3 * x"
    cells["ex2_noisy-solution"].source += "\n    raise ToDo"
    cells["ex2_noisy-solution"].source = cells["ex2_noisy-solution"].source.replace("    return", "    text =")
    notebook.cells.insert(1, nbformat.v4.new_code_cell("1 / 0"))
    notebook.cells.append(nbformat.v4.new_code_cell("open('trace.txt', 'w').write('x')"))
    copy = saved(notebook, desk / f"{LAB}.ipynb")
    before = copy.read_bytes()
    target, printed = handed_in(copy, capsys, run=True)
    assert target and copy.read_bytes() == before
    assert "1 cellule en erreur" in printed and "« 1 / 0 » : ZeroDivisionError : division by zero" in printed
    assert "Exercice 1 — Le double : 0 sur 1,5 (et 0,5 sur des tests que seule la correction exécute)" in printed
    assert "la vérification dit « pas encore traité » : Exercice 2 — Du bruit" in printed
    assert not list(desk.glob("*.txt")), "the notebook ran in the student's folder"


def test_demonstrations_run_only_if_the_student_uses_them(course, desk, capsys):
    course.release(TITLED + '\n# %% tags=["demo"]\nshown = 1 / 0\n')
    notebook = fill(releases.released(LAB))
    _, printed = handed_in(saved(notebook, desk / f"{LAB}.ipynb"), capsys, run=True)
    assert "du début à la fin (sauf 1 démonstration, dont la note ne dépend pas)" in printed
    notebook.cells[-1].source = "shown = 2 / 0"
    _, printed = handed_in(saved(notebook, desk / f"{LAB}.ipynb"), capsys, run=True)
    assert "1 cellule en erreur" in printed and "« shown = 2 / 0 »" in printed


def test_a_kernel_that_dies_does_not_prevent_the_archive(course, desk, capsys):
    notebook = fill(releases.released(LAB))
    notebook.cells.insert(0, nbformat.v4.new_code_cell("import os\nos._exit(1)"))
    target, printed = handed_in(saved(notebook, desk / f"{LAB}.ipynb"), capsys, run=True)
    assert target and "[WARN] l'exécution s'est arrêtée : le noyau Python s'est éteint" in printed


def test_the_command(course, desk, capsys):
    good = saved(fill(releases.released(LAB)), desk / f"{LAB}.ipynb")
    assert handin.main(["--no-run", str(good)]) == 0
    assert handin.main(["--no-run", "--to", str(desk / "ici"), str(good), str(desk / "absent.ipynb")]) == 1
    assert (desk / "ici" / f"rendu_{LAB}.zip").exists()
