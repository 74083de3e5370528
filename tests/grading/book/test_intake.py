"""Broken hand-ins: each is mended and noted, or set aside with one sentence; the others go on."""

import copy
import io
import json
import os
import re
import stat
import zipfile

import nbformat
import pytest

from grading import grade
from grading.book import intake
from grading.book.gradebook import Course
from grading.book.ledger import Entry, EntryState
from tests.english import left_in_french
from tests.toy_lab import LAB, TOY
from utils.files import member_name

DOUBLE = "def double(x):\n    return x + x"
NOISY = 'def noisy():\n    return "rien que du bruit inoffensif"'
WORDS = "Parce que."


@pytest.fixture
def filled(student_notebook):
    """A right hand-in: 3 points by the machine."""
    notebook = copy.deepcopy(student_notebook)
    by_id = cells(notebook)
    by_id["ex1_double-solution"].source = DOUBLE
    by_id["ex2_noisy-solution"].source = NOISY
    by_id["ex3_words-answer"].source = WORDS
    return notebook


def cells(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def index(notebook, grade_id):
    return notebook.cells.index(cells(notebook)[grade_id])


def hand_in(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture
def take(tmp_path, student_notebook):
    """Take in a hand-in given as {name: content}; the mended notebook and the notes."""

    def run(files):
        folder = hand_in(tmp_path / "in", files)
        taken = intake.take_in(folder, tmp_path / "out", [student_notebook], LAB)
        return nbformat.read(taken.notebook, as_version=4), [str(note) for note in taken.notes]

    return run


def right(notebook):
    """The work is in the cells where nbgrader looks for it, every cell of the lab is there once."""
    found = cells(notebook)
    assert [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata] == [
        "ex1_double-solution", "ex1_double-check", "ex2_noisy-solution", "ex2_noisy-check", "ex3_words-answer"
    ]  # fmt: skip
    assert found["ex1_double-solution"].source == DOUBLE and found["ex2_noisy-solution"].source == NOISY
    assert found["ex3_words-answer"].source == WORDS
    assert any("import Report" in cell.source for cell in notebook.cells)


def stripped(notebook):
    for cell in notebook.cells:
        cell.metadata.clear()
        cell.pop("id", None)
    notebook.nbformat_minor = 4


def by_position(notebook):
    """A copy of a release from before cells had names: its ids count them."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{LAB}-{number + 1:03d}".replace("_", "-")
    notebook.metadata.pop("course")


def by_position_and_stripped(notebook):
    by_position(notebook)
    for cell in notebook.cells:
        cell.metadata.clear()


def as_colab_saves(notebook):
    """Ids in the metadata, which is otherwise gone; nothing said of the course."""
    notebook.metadata.clear()
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"id": cell.pop("id")})
    notebook.nbformat_minor = 0


def duplicated(notebook):
    at = index(notebook, "ex1_double-solution")
    twin = copy.deepcopy(notebook.cells[at])
    twin.source = "def double(x):\n    return 0"
    notebook.cells.insert(at, twin)


def stale_stub(notebook):
    stub = copy.deepcopy(cells(notebook)["ex1_double-solution"])
    stub.source = "def double(x):\n    # VOTRE CODE ICI\n    raise ToDo"
    notebook.cells.append(stub)


def split(notebook):
    at = index(notebook, "ex1_double-solution")
    head = copy.deepcopy(notebook.cells[at])
    head.source = "helper = 2"
    notebook.cells.insert(at, head)


def reordered(notebook):
    notebook.cells.reverse()


def missing(notebook):
    del notebook.cells[index(notebook, "ex1_double-check")]
    del notebook.cells[1]  # the imports, which nbgrader knows nothing of


def edited(notebook):
    cells(notebook)["ex1_double-check"].source = "2.0"


def points(notebook):
    cells(notebook)["ex1_double-check"].metadata.nbgrader.points = 200


def as_text(notebook):
    cell = cells(notebook)["ex1_double-check"]
    cell.cell_type = "markdown"
    cell.pop("outputs", None)
    cell.pop("execution_count", None)


def retyped(kind):
    """A key stroke in JupyterLab (M, R) has changed the type of a cell that was worked in."""

    def damage(notebook):
        for name in ("ex1_double-solution", "ex3_words-answer"):
            cell = cells(notebook)[name]
            if name == "ex1_double-solution":
                cell.cell_type = kind
                cell.pop("outputs", None)
                cell.pop("execution_count", None)
            else:
                cell |= {"cell_type": "code", "outputs": [], "execution_count": None}

    return damage


def answered_below(notebook):
    at = index(notebook, "ex3_words-answer")
    notebook.cells[at].source = "*Votre réponse ici.*"
    notebook.cells.insert(at + 1, nbformat.v4.new_markdown_cell(WORDS))


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (retyped("markdown"), "changé de type.*ex1_double, ex3_words"),
        (retyped("raw"), "changé de type.*ex1_double, ex3_words"),
        (answered_below, "cellule qui suit la sienne : ex3_words"),
        (stripped, "repères"),
        (by_position, "^$"),
        (by_position_and_stripped, "repères"),
        (as_colab_saves, "repères"),
        (duplicated, "double"),
        (stale_stub, "double"),
        (split, "double"),
        (reordered, "changé de place"),
        (missing, "manquaient.*ex1_double"),
        (edited, "modifiées : ex1_double"),
        (points, "^$"),
        (as_text, "ex1_double"),
    ],
)
def test_cells_are_mended(take, filled, damage, note):
    damage(filled)
    notebook, notes = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    if damage is not edited:  # nbgrader itself puts the text of a locked cell back
        right(notebook)
        assert "expect_equal(double(3)" in cells(notebook)["ex1_double-check"].source
    assert re.search(note, " ".join(notes)), notes


def test_a_sound_hand_in_is_left_as_it_is(take, filled):
    filled.cells.insert(3, nbformat.v4.new_code_cell("mine = 1"))
    notebook, notes = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in filled.cells] and notes == []


def test_own_cells_stay_where_they_were(take, filled):
    stripped(filled)
    filled.cells.insert(3, nbformat.v4.new_code_cell("mine = 1"))
    filled.cells.insert(0, nbformat.v4.new_code_cell("first = 1"))
    notebook, _ = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    right(notebook)
    sources = [cell.source for cell in notebook.cells]
    assert sources[0] == "first = 1" and sources.index(DOUBLE) < sources.index("mine = 1") < sources.index(NOISY)


def test_what_a_copy_says_of_its_release_is_kept(take, filled, student_notebook):
    notebook, _ = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    assert notebook.metadata.course == student_notebook.metadata.course
    stripped(filled)
    notebook, _ = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    assert notebook.metadata.course == student_notebook.metadata.course
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in student_notebook.cells]


def test_a_written_answer_in_two_cells_is_read_whole(take, filled):
    at = index(filled, "ex3_words-answer")
    half = copy.deepcopy(filled.cells[at])
    half.source = "D'abord ceci."
    filled.cells.insert(at, half)
    notebook, _ = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    assert cells(notebook)["ex3_words-answer"].source == f"D'abord ceci.\n\n{WORDS}"
    assert sum("D'abord ceci." in cell.source for cell in notebook.cells) == 1


def test_cells_that_were_merged_are_not_undone_by_a_stub(take, filled):
    filled.cells[index(filled, "ex1_double-solution")].source = f"{DOUBLE}\n\n{NOISY}"
    del filled.cells[index(filled, "ex2_noisy-solution")]
    notebook, notes = take({f"{LAB}.ipynb": nbformat.writes(filled)})
    assert cells(notebook)["ex2_noisy-solution"].source == ""
    assert "réunies avec une autre : ex2_noisy" in " ".join(notes)


def test_a_pasted_image_stays_and_one_that_is_gone_is_no_fault(take, filled):
    answer = cells(filled)["ex3_words-answer"]
    answer.source = "![a](attachment:a.png) ![b](attachment:b.png)"
    answer["attachments"] = {"a.png": {"image/png": "iVBORw0KGgo=", "text/html": "<script>"}}
    for damage in (lambda _: None, lambda nb: nb.cells.reverse()):
        damage(filled)
        notebook, _ = take({f"{LAB}.ipynb": nbformat.writes(filled)})
        taken = cells(notebook)["ex3_words-answer"]
        assert taken.attachments == {"a.png": {"image/png": "iVBORw0KGgo="}}
        assert taken.source == "![a](attachment:a.png) ![b](b.png)"


def test_the_notebook_that_was_worked_in_is_graded(take, filled, student_notebook):
    untouched, text = nbformat.writes(student_notebook), nbformat.writes(filled)
    notebook, notes = take({f"{LAB}.ipynb": untouched, f"{LAB} (1).ipynb": text})
    right(notebook)
    assert "s'appelait" in " ".join(notes) and "vérifier" not in " ".join(notes)
    notebook, notes = take({f"{LAB}.ipynb": text, f"{LAB} (1).ipynb": untouched})
    right(notebook)
    other = copy.deepcopy(filled)
    cells(other)["ex1_double-solution"].source = "def double(x):\n    return 0"
    notebook, notes = take({f"{LAB}.ipynb": text, f"{LAB} (1).ipynb": nbformat.writes(other)})
    right(notebook)
    assert "À vérifier : plusieurs notebooks" in " ".join(notes)


def test_a_name_that_macos_wrote_without_saying_so(tmp_path):
    member = zipfile.ZipInfo("E\u0301lo\u00ef/x.ipynb".encode().decode("cp437"))
    assert member_name(member) == "\u00c9lo\u00ef/x.ipynb"
    member.flag_bits |= 0x800
    assert member_name(member) == member.filename  # it says what it is


def zipped(files, link=""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            about = zipfile.ZipInfo("lien.csv")
            about.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(about, link)
    return buffer.getvalue()


def test_files_are_found_and_read(take, filled, tmp_path):
    text = nbformat.writes(filled)
    v3 = nbformat.writes(nbformat.convert(filled, 3), version=3)
    windows = json.dumps(json.loads(text)).replace("\\n", "\\r\\n")
    cases = [
        ({"TP0 de Zoé (final).ipynb": text}, "TP0 de Zoé"),
        ({"vieux.ipynb": nbformat.writes(nbformat.v4.new_notebook()), "Mon TP.ipynb": text}, "Mon TP"),
        ({f"{LAB}.ipynb": text, "brouillon.ipynb": "{}"}, "brouillon"),
        ({f"dossier/{LAB}.ipynb": text}, "dossier"),
        ({f"{LAB}.ipynb": text.encode("utf-8-sig")}, ""),
        ({f"{LAB}.ipynb": text.encode("utf-16")}, ""),
        ({f"{LAB}.ipynb": json.dumps(json.loads(text), ensure_ascii=False).encode("cp1252", "replace")}, ""),
        ({f"{LAB}.ipynb": windows}, ""),
        ({f"{LAB}.ipynb": v3}, ""),
        ({"rendu.zip": zipped({f"{LAB}.ipynb": text})}, "archive"),
        ({"rendu.zip": zipped({f"{LAB}.ipynb": text, "a" * 300: "x", "b": "x", "b/c": "x"})}, "n'a pas pu être repris"),
        ({f"{LAB}.ipynb.json": text}, "json"),
        ({f"{LAB}.ipynb.txt": text}, "txt"),
        ({f"{LAB}.ipynb": text, f"._{LAB}.ipynb": "Mac OS X"}, ""),
    ]
    for number, (files, note) in enumerate(cases):
        folder = hand_in(tmp_path / str(number), files)
        release = nbformat.reads(text, as_version=4)
        cells(release)["ex1_double-solution"].source = "def double(x):\n    pass"
        taken = intake.take_in(folder, tmp_path / "out", [release], LAB)
        right(nbformat.read(taken.notebook, as_version=4))
        assert note in " ".join(map(str, taken.notes))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "vide"),
        ({f"{LAB}.ipynb": b""}, "est vide"),
        ({f"{LAB}.ipynb": '{"cells": ['}, "incomplet ou abîmé"),
        ({f"{LAB}.ipynb": "bonjour"}, "n'est pas un notebook"),
        ({f"{LAB}.ipynb": "\n<!DOCTYPE html><html>"}, "page web d'un notebook"),
        ({f"{LAB}.ipynb": b"bplist00\xd1"}, "page web d'un notebook"),
        ({f"{LAB}.ipynb": '{"cells": [\n<<<<<<< HEAD\n'}, "conflit de git"),
        ({f"{LAB}.ipynb": "[1, 2]"}, "n'est pas un notebook"),
        ({f"{LAB}.ipynb": "[" * 100_000}, "incomplet ou abîmé"),
        ({f"{LAB}.ipynb": '{"cells": [3], "nbformat": 4, "metadata": {}}'}, "notebook valable"),
        ({f"{LAB}.ipynb": b"%PDF-1.7 ..."}, "PDF"),
        ({f"{LAB}.ipynb": b"\x81\x8d\x8f\x90"}, "lisible"),
        ({f"{LAB}.py": "print(1)"}, r"seulement : \.py"),
        ({"rapport.pdf": b"%PDF-1.7"}, r"seulement : \.pdf"),
        ({f"{LAB}.ipynb": nbformat.writes(nbformat.v4.new_notebook())}, "n'est pas celui du TP"),
        ({"a.ipynb": nbformat.writes(nbformat.v4.new_notebook()), "b.ipynb": "{}"}, "n'est pas celui|Aucun|possible"),
        ({"rendu.zip": b"PK not a zip"}, "ne peut pas être lue"),
        ({"rendu.zip": zipped({"bombe.csv": b"0" * 210_000_000})}, "trop grosse"),
    ],
)
def test_what_cannot_be_mended_is_set_aside(take, tmp_path, files, sentence):
    (tmp_path / "in").mkdir()
    with pytest.raises(intake.Unusable, match=sentence) as raised:
        take(files)
    assert len(str(raised.value).splitlines()) == 1


def test_two_equal_notebooks_are_not_chosen_between(take, filled):
    text = nbformat.writes(filled)
    with pytest.raises(intake.Unusable, match="Plusieurs notebooks possibles"):
        take({"un.ipynb": text, "deux.ipynb": text})


def test_a_huge_notebook_is_not_read(tmp_path, student_notebook):
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / f"{LAB}.ipynb").open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(intake.Unusable, match="pèse 200 Mo"):
        intake.take_in(tmp_path / "in", tmp_path / "out", [student_notebook], LAB)


def test_links_and_paths_that_lead_out_are_ignored(tmp_path, filled):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    names = ("../escaped.csv", "/absolute.csv", "C:/drive.csv", ".", "fine.csv")
    archive = zipped(dict.fromkeys(names, "x"), str(secret))
    folder = hand_in(tmp_path / "in", {f"{LAB}.ipynb": nbformat.writes(filled), "data.zip": archive})
    os.symlink(secret, folder / "lien.csv")
    os.symlink(tmp_path, folder / "dossier")
    taken = intake.take_in(folder, tmp_path / "out" / "deep", [filled], LAB)
    assert set(taken.files) == {"fine.csv"} and "lien.csv" in " ".join(map(str, taken.notes))
    assert sorted(path.name for path in tmp_path.rglob("*.csv") if not path.is_symlink()) == ["fine.csv", "secret.csv"]
    os.symlink(folder, tmp_path / "whole")
    with pytest.raises(intake.Unusable, match="lien"):
        intake.take_in(tmp_path / "whole", tmp_path / "out", [filled], LAB)


def test_an_archive_that_lies_about_its_size(tmp_path, student_notebook):
    data = bytearray(zipped({f"{LAB}.ipynb": b"0" * 1_000_000}))
    real = (1_000_000).to_bytes(4, "little")
    for _ in range(2):
        at = data.index(real)
        data[at : at + 4] = (100).to_bytes(4, "little")
    with pytest.raises(intake.Unusable):
        intake.take_in(hand_in(tmp_path / "in", {"rendu.zip": bytes(data)}), tmp_path / "out", [student_notebook], LAB)


def test_a_class_with_broken_hand_ins_goes_on(classroom, filled):
    """Through the whole grading: names with accents and spaces, mended and hopeless hand-ins beside sound ones."""
    submitted = classroom / "submitted"
    stripped(filled)
    hand_in(submitted / "Éloïse d'Été" / LAB, {"mon TP.ipynb": nbformat.writes(filled)})
    duplicated_ = nbformat.read(submitted / "anne" / LAB / f"{LAB}.ipynb", as_version=4)
    duplicated(duplicated_)
    hand_in(submitted / "fanny" / LAB, {f"{LAB}.ipynb": nbformat.writes(duplicated_)})
    hand_in(submitted / "gaël" / LAB, {f"{LAB}.ipynb": '{"cells": ['})
    before = {path: path.read_bytes() for path in submitted.rglob("*") if path.is_file()}
    marks = {mark.student: mark for mark in grade.grade(classroom, TOY)}
    assert {name: mark.total for name, mark in marks.items() if not mark.error} == {
        "anne": 3.0, "boris": 1.5, "chloé": 0.0, "denis": 0.0, "fanny": 3.0, "Éloïse d'Été": 3.0
    }  # fmt: skip
    assert "incomplet" in marks["gaël"].error
    assert "repères" in str(marks["Éloïse d'Été"].notes[-1])
    assert "double" in " ".join(map(str, marks["fanny"].notes))
    assert {path: path.read_bytes() for path in submitted.rglob("*") if path.is_file()} == before


def test_a_hand_in_is_told_in_its_language_why_it_cannot_be_graded(tmp_path, student_notebook):
    """As far as its notebooks say which; and a language that the lab is not given out in is none."""
    english = copy.deepcopy(student_notebook)
    english.metadata["course"] = english.metadata.course | {"language": "en"}
    releases, mine = [student_notebook, english], nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    for language, spoken, sentence in (
        ("en", "en", f"This notebook is not that of lab {LAB}: its cells were not recognized."),
        ("fr", "fr", f"Ce notebook n'est pas celui du TP {LAB} : ses cellules n'ont pas été reconnues."),
        ("../en", "fr", f"Ce notebook n'est pas celui du TP {LAB} : ses cellules n'ont pas été reconnues."),
    ):
        mine.metadata["course"] = {"language": language}
        folder = hand_in(tmp_path / "in", {f"{LAB}.ipynb": nbformat.writes(mine)})
        with pytest.raises(intake.Unusable) as told:
            intake.take_in(folder, tmp_path / "out", releases, LAB)
        assert (str(told.value), told.value.language) == (sentence, spoken)
    taken = intake.take_in(hand_in(folder, {f"{LAB}.ipynb": nbformat.writes(english)}), tmp_path / "out", releases, LAB)
    assert taken.language == "en"


def test_the_page_of_a_hand_in_set_aside_is_in_its_language(tmp_path):
    course = Course(tmp_path, TOY)
    for student, language in (("anne", "fr"), ("bea", "en")):
        course.ledger.put(student, Entry("", EntryState.ASIDE, error="…", language=language))
    french, english = (course.page(student).read_text(encoding="utf-8") for student in ("anne", "bea"))
    assert '<html lang="fr">' in french and "Votre copie n'a pas été corrigée" in french
    assert '<html lang="en">' in english and "Your work has not been graded" in english
    assert not left_in_french(re.sub(r"<style>.*?</style>", "", english, flags=re.DOTALL))
