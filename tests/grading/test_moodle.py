"""Moodle's files, both ways, made as Moodle makes them (mod/assign: locallib.php, feedback/offline, feedback/file)."""

import csv
import re
import stat
import zipfile

import pytest
from nbgrader.api import Gradebook

from grading import moodle
from grading.book.notes import NoteKind, note
from grading.grade import Marks, marks_of
from tests.english import left_in_french
from tests.toy_lab import LAB, TOY
from utils.files import plain_name

ENGLISH = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
    "Last modified (submission)", "Last modified (grade)", "Feedback comments",
]  # fmt: skip
FRENCH = [
    "Identifiant", "Nom complet", "Adresse de courriel", "Statut", "Note", "Note maximale",
    "La note peut être modifiée", "Dernière modification (travail remis)", "Dernière modification (note)",
    "Feedback par commentaires",
]  # fmt: skip


def archive(path, files, link=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(f"Zoé Lien_9_assignsubmission_file_/{link}")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(info, "/etc/passwd")
    return path


def submitted(root):
    base = root / "submitted"
    return {str(p.relative_to(base)): p.read_bytes().decode() for p in base.rglob("*") if p.is_file()}


@pytest.mark.parametrize("layout", ["_/", "/", "_"])  # Moodle 3.1 to 4.0; 4.1 and later; not in folders
def test_an_archive_of_submissions_comes_in(tmp_path, layout):
    files = {
        f"Élodie d'Été_101_assignsubmission_file{layout}{LAB}.ipynb": "a",
        f"Jean-Marc Le Goff_102_assignsubmission_file{layout}mon TP final (2).ipynb": "b",
        "Jean-Marc Le Goff_102_assignsubmission_onlinetext_/onlinetext.html": "<p>bonjour</p>",
        f"Wei 王_103_assignsubmission_file{layout}a_b.zip": "c",
    }
    students, notes = moodle.import_submissions(archive(tmp_path / "m.zip", files), tmp_path, LAB)
    assert students == ["Jean-Marc Le Goff", "Wei 王", "Élodie d'Été"] and notes == []
    assert submitted(tmp_path) == {
        f"Élodie d'Été/{LAB}/{LAB}.ipynb": "a",
        f"Jean-Marc Le Goff/{LAB}/mon TP final (2).ipynb": "b",
        f"Jean-Marc Le Goff/{LAB}/onlinetext.html": "<p>bonjour</p>",
        f"Wei 王/{LAB}/a_b.zip": "c",
    }


def test_sub_folders_stay_and_one_more_folder_around_it_all_goes(tmp_path):
    files = {
        "TP 1/Anne B_1_assignsubmission_file_/data/table.csv": "x",
        "__MACOSX/Anne B_1_assignsubmission_file_/._a": "junk",
        "TP 1/Anne B_1_assignsubmission_file_/.ipynb_checkpoints/a.ipynb": "junk",
    }
    _, notes = moodle.import_submissions(archive(tmp_path / "m.zip", files), tmp_path, LAB)
    assert submitted(tmp_path) == {f"Anne B/{LAB}/data/table.csv": "x"} and notes == []


def test_homonyms_and_anonymous_marking_do_not_mix(tmp_path):
    files = {
        "Jean Martin_1_assignsubmission_file_/a.ipynb": "1",
        "jean martin_2_assignsubmission_file_/a.ipynb": "2",
        "Participant_3_assignsubmission_file_/a.ipynb": "3",
    }
    moodle.import_submissions(archive(tmp_path / "m.zip", files), tmp_path, LAB)
    assert {path.split("/")[0]: text for path, text in submitted(tmp_path).items()} == {
        "Jean Martin (1)": "1", "jean martin (2)": "2", "Participant (3)": "3"
    }  # fmt: skip
    # A third one, alone in a later archive, takes nobody's place.
    later = archive(tmp_path / "n.zip", {"Jean Martin_7_assignsubmission_file_/a.ipynb": "7"})
    moodle.import_submissions(later, tmp_path, LAB)
    assert submitted(tmp_path)[f"Jean Martin (7)/{LAB}/a.ipynb"] == "7" and len(submitted(tmp_path)) == 4


def test_long_names_are_cut_and_stay_apart(tmp_path):
    long = {"1": "字" * 90, "2": "字" * 89 + "学", "3": "😀" * 100, "4": "Prénom [M1]"}
    files = {f"{name}_{id}_assignsubmission_file_/a.ipynb": id for id, name in long.items()}
    moodle.import_submissions(archive(tmp_path / "m.zip", files), tmp_path, LAB)
    found = {text: path.split("/")[0] for path, text in submitted(tmp_path).items()}
    assert len(set(found.values())) == 4 and all(len(name.encode()) <= 150 for name in found.values())
    assert found["4"] == "Prénom M1" and [plain_name(name) for name in found.values()] == list(found.values())


def test_a_worksheet_tells_homonyms_apart_by_address(tmp_path):
    rows = [["Participant 1", "Jean Martin", "jean.a@univ.fr"], ["Participant 2", "Jean Martin", "jean.b@univ.fr"]]
    sheet = worksheet(tmp_path / "w.csv", ENGLISH, [[*row, "", "", "20", "Yes", "-", "-", ""] for row in rows])
    files = {f"Jean Martin_{i}_assignsubmission_file_/a.ipynb": str(i) for i in (1, 2)}
    moodle.import_submissions(archive(tmp_path / "m.zip", files), tmp_path, LAB, sheet)
    assert submitted(tmp_path)[f"Jean Martin (jean.b@univ.fr)/{LAB}/a.ipynb"] == "2"


def test_a_new_archive_replaces_a_submission_and_keeps_the_old_one(tmp_path):
    old = {"Anne B_1_assignsubmission_file_/a.ipynb": "old", "Anne B_1_assignsubmission_file_/withdrawn.csv": "x"}
    moodle.import_submissions(archive(tmp_path / "m.zip", old), tmp_path, LAB)
    new = {"Anne B_1_assignsubmission_file_/a.ipynb": "new"}
    moodle.import_submissions(archive(tmp_path / "n.zip", new), tmp_path, LAB)
    assert submitted(tmp_path) == {f"Anne B/{LAB}/a.ipynb": "new"}
    assert (tmp_path / "moodle" / LAB / "before" / "Anne B" / "a.ipynb").read_text() == "old"


def test_what_leads_out_is_left_out(tmp_path):
    files = {
        "Eve X_1_assignsubmission_file_/../../../escaped": "x",
        "Eve X_1_assignsubmission_file_//absolute": "x",
        "Eve X_1_assignsubmission_file_/..\\..\\windows": "x",
        "Eve X_1_assignsubmission_file_/C:/drive": "x",
        "Eve X_1_assignsubmission_file_/" + "long" * 100: "x",
        "../Eve X_1_assignsubmission_file_/up": "x",
        ".._2_assignsubmission_file_/fine.ipynb": "dots",
        "Eve X_1_assignsubmission_file_/clash": "x",
        "Eve X_1_assignsubmission_file_/clash/below": "x",
        "Eve X_1_assignsubmission_file_/fine.ipynb": "y",
        "notes.txt": "x",
    }
    root = tmp_path / "deep" / "course"
    made = archive(tmp_path / "m.zip", files, link="lien")
    before = set(tmp_path.rglob("*"))
    _, notes = moodle.import_submissions(made, root, LAB)
    assert {path.split("/")[0] for path in submitted(root)} <= {"Eve X", "sans nom"}
    assert submitted(root)[f"Eve X/{LAB}/fine.ipynb"] == "y" and submitted(root)[f"sans nom/{LAB}/fine.ipynb"] == "dots"
    assert not [p for p in set(tmp_path.rglob("*")) - before if root not in p.parents and p not in (root, root.parent)]
    assert not [p for p in root.rglob("*") if p.is_symlink()]
    told = "\n".join(notes)
    assert (
        "symbolic link" in told and told.count("leads out") >= 4 and "notes.txt" in told and "cannot be written" in told
    )


def test_bombs_and_other_files_are_refused(tmp_path, monkeypatch):
    bomb = {"Eve X_1_assignsubmission_file_/a.csv": b"0" * 5_000_000, "Anne B_2_assignsubmission_file_/a.ipynb": "a"}
    monkeypatch.setattr(moodle, "FOLDER_BYTES", 1_000_000)
    _, notes = moodle.import_submissions(archive(tmp_path / "m.zip", bomb), tmp_path, LAB)
    assert list(submitted(tmp_path)) == [f"Anne B/{LAB}/a.ipynb"] and "Eve X: 1 files, 5 MB unpacked" in notes[0]
    monkeypatch.setattr(moodle, "ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(moodle.MoodleError, match="too much to unpack"):
        moodle.import_submissions(tmp_path / "m.zip", tmp_path / "other", LAB)
    with pytest.raises(moodle.MoodleError, match="no submission"):
        moodle.import_submissions(archive(tmp_path / "o.zip", {"a.txt": "x"}), tmp_path / "other", LAB)
    (tmp_path / "p.zip").write_text("not a zip")
    with pytest.raises(moodle.MoodleError, match="download it again"):
        moodle.import_submissions(tmp_path / "p.zip", tmp_path / "other", LAB)
    assert not (tmp_path / "other" / "submitted").exists()


def test_an_archive_that_lies_about_its_sizes(tmp_path):
    path = archive(tmp_path / "m.zip", {"Eve X_1_assignsubmission_file_/a.csv": b"0" * 1_000_000})
    data = bytearray(path.read_bytes())
    for _ in range(2):
        at = data.index((1_000_000).to_bytes(4, "little"))
        data[at : at + 4] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(moodle.MoodleError):
        moodle.import_submissions(path, tmp_path / "course", LAB)
    assert not (tmp_path / "course" / "submitted").exists()


# ---------------------------------------------------------------------------------------------------------- export
def worksheet(path, titles, rows, encoding="utf-8-sig", delimiter=","):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([titles, *rows])
    return path


@pytest.fixture
def from_moodle(graded):
    """The graded class, as if its hand-ins had come from Moodle."""
    people = {}
    for number, student in enumerate(sorted(p.name for p in (graded / "submitted").iterdir()), start=100):
        people[str(number)] = moodle.Participant(student, str(number), student, f"{student[:4]}@univ.fr")
    moodle._keep(people, graded, LAB)
    return graded, {person.student: person.id for person in people.values()}


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_moodles_own_worksheet_is_filled_in(from_moodle):
    root, number = from_moodle
    for titles, maximum, delimiter in ((ENGLISH, "100.00", ","), (FRENCH, "100,00", ";")):
        rows = [[f"Participant {id}", name, "x@univ.fr", "Submitted", "", maximum, "Yes", "lundi", "-", ""]
                for name, id in number.items()]  # fmt: skip
        rows.append(["Participant 999", "Absent", "y@univ.fr", "No submission", "", maximum, "Yes", "-", "-", "déjà"])
        sheet = worksheet(root / "w.csv", titles, rows, delimiter=delimiter)
        folder, notes = moodle.export(root, TOY, sheet)
        done = {row[titles[1]]: row for row in read(folder / "notes.csv")}
        assert list(next(iter(done.values()))) == titles
        assert done["boris"][titles[4]] == "30.00"  # 1.5 of 5, out of 100
        assert "1,5 sur 5" in done["boris"][titles[9]] and done["boris"][titles[7]] == "lundi"
        assert done["anne"][titles[4]] == ""  # a written answer waits for a person
        assert done["anne"][titles[9]] == ""
        assert done["gaël"][titles[4]] == "" and "incomplet" in done["gaël"][titles[9]]
        assert done["Absent"][titles[9]] == "déjà" and done["Absent"][titles[4]] == ""
        assert any("2 without a mark" in note for note in notes)
    _, notes = moodle.export(root, TOY, sheet, provisional=True)
    assert {row["Nom complet"]: row for row in read(folder / "notes.csv")}["anne"]["Note"] == "60.00"


def test_a_worksheet_is_made_where_there_is_none(from_moodle):
    root, number = from_moodle
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne")
        grade.manual_score, grade.needs_manual_grade = 2, False
        gradebook.db.commit()
    folder, _ = moodle.export(root, TOY)
    done = {row["Full name"]: row for row in read(folder / "notes.csv")}
    assert done["anne"]["Identifier"] == f"Participant {number['anne']}" and done["anne"]["Grade"] == "5.00"
    assert done["anne"]["Maximum Grade"] == "5.00" and done["anne"]["Email address"] == "anne@univ.fr"
    assert "mon TP.ipynb" in done["anne"]["Feedback comments"]
    assert {mark.student: f"{mark.total:.2f}" for mark in marks_of(root, TOY) if not (mark.error or mark.to_grade)} == {
        name: row["Grade"] for name, row in done.items() if row["Grade"]
    }


def test_a_file_that_is_no_worksheet(from_moodle):
    root, _ = from_moodle
    with pytest.raises(moodle.MoodleError, match="no column Identifier nor Grade"):
        moodle.export(root, TOY, worksheet(root / "w.csv", ["a", "b"], [["1", "2"]]))
    with pytest.raises(moodle.MoodleError, match="import-moodle"):
        moodle.export(root / "nowhere", TOY)


def test_the_feedback_goes_where_moodle_looks_for_it(from_moodle):
    root, number = from_moodle
    folder, _ = moodle.export(root, TOY)
    first = (folder / "feedback.zip").read_bytes()
    with zipfile.ZipFile(folder / "feedback.zip") as made:
        names = made.namelist()
        assert len(names) == len(number)
        for name in names:
            part, rest = name.split("/")
            full, id, subtype, plugin, end = part.split("_", 4)  # as Moodle's importer does
            assert number[full.replace("fanny b", "fanny <b>")] == id and (subtype, plugin, end) == (
                "assignsubmission", "file", ""
            ) and rest == f"{LAB}.html"  # fmt: skip
        text = made.read(f"boris_{number['boris']}_assignsubmission_file_/{LAB}.html").decode()
        assert "en partie réussi" in text and not re.search(r"href=\"(?!#)", text)
    moodle.export(root, TOY)
    assert (folder / "feedback.zip").read_bytes() == first


def test_in_graded_and_out_again(toy, tmp_path, student_notebook, monkeypatch):
    """The names of the archive are those of the feedback: what came in goes back to the same person."""
    monkeypatch.setattr(moodle, "marks_of", lambda root, lab: [])
    folder = "Éloïse d'Été_12_assignsubmission_file_"
    moodle.import_submissions(archive(tmp_path / "m.zip", {f"{folder}/a.ipynb": "{}"}), tmp_path, LAB)
    page = tmp_path / "feedback" / "Éloïse d'Été" / LAB / f"{LAB}.html"
    page.parent.mkdir(parents=True)
    page.write_text("bien")
    where, _ = moodle.export(tmp_path, TOY)
    with zipfile.ZipFile(where / "feedback.zip") as made:
        assert made.namelist() == [f"{folder}/{LAB}.html"]


def test_the_comment_is_in_the_language_of_the_hand_in():
    marks = {"points": {"ex1": 1.5}, "maximum": 2.0, "notes": [note(NoteKind.REORDERED)]}
    french, english = (moodle.comment(Marks("anne", LAB, **marks, language=language)) for language in ("fr", "en"))
    assert french.startswith("<p>1,5 sur 2. Le détail") and "l&#x27;ordre du TP a été rétabli." in french
    assert english.startswith("<p>1.5 out of 2. The details") and not left_in_french(english)
