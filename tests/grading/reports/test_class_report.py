"""The class report, and its hint of similar hand-ins."""

import html
import re
import time

import nbformat
import pytest

from authoring.catalogue import Catalogue
from grading.book.notes import NoteKind, note
from grading.reports import class_report as report
from grading.reports import similarity
from grading.reports.result import Exercise, ExerciseState, Result, Test
from tests.english import left_in_french
from tests.toy_lab import LAB, TOY
from utils.notebook.cells import grade_id
from utils.outcome import State


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def section(html, title):
    return text_of(html.split(f"<h2>{title}</h2>")[1].split("<h2>")[0])


def test_the_report_of_a_class(graded):
    path = report.write_report(graded, TOY)
    html = path.read_text(encoding="utf-8")
    assert path == graded / "report" / f"{LAB}.html"
    assert not re.search(r"<script|<img|<link|https?://(?!www\.w3\.org)|<[^>]*\son\w+=", html)
    assert re.search(r"6 \s*corrigées sur 7", text_of(html))
    assert html.count('<svg role="img" aria-label="') == 3 and "médiane" in html and "var(--right)" in html
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "boris" in section(html, "Réponses fausses les plus fréquentes")
    assert "denis" in section(html, "Qui est bloqué") and "anne" not in section(html, "Qui est bloqué")
    assert "ex3_words (2 copies)" in section(html, "À regarder par une personne")
    assert "gaël" in section(html, "Copies réparées ou mises de côté")
    assert "mon TP.ipynb" in section(html, "Copies réparées ou mises de côté")
    assert "jamais un verdict" in section(html, "Ressemblances") and "Rien à signaler" in html
    assert "../feedback/fanny%20%3Cb%3E/" in html and "fanny &lt;b&gt;" in html


def test_nobody_handed_in(toy, tmp_path):
    assert report.write_report(tmp_path, TOY) is None


def test_all_set_aside(graded):
    course = report.Course(graded, TOY)
    for student in course.students():
        entry = course.ledger.get(student)
        entry.state, entry.error = "aside", "Le dossier rendu est vide."
        course.ledger.put(student, entry)
    assert "0 corrigée sur 7" in text_of(report.write_report(graded, TOY).read_text(encoding="utf-8"))


def result(student, message, code="value", where="", **more):
    test = Test("t", State.WRONG, 0.0, 1.0, message, code, where)
    return Result(student, [Exercise("ex1", "Exercice 1", "wrong", 0.0, 1.0, [test, test])], **more)


def test_messages_are_grouped_whatever_their_values():
    class_ = [
        result("a", "f(3) — obtenu : 7 ; attendu : 6.", where="à la ligne 2 de la cellule : return 7"),
        result("b", "f(3) — obtenu : [1, 'x'] ; attendu : 6."),
        result("c", "f vaut None : n'avez-vous pas oublié le « return » ?"),
    ]
    rows = report.frequent_messages(class_, {})
    assert [row["students"] for row in rows] == [["a", "b"], ["c"]]
    assert rows[0]["text"] == "f(…) — obtenu : … ; attendu : …."


def test_messages_of_one_code_are_one_group():
    class_ = [result("a", "Il manque [SEP].", "special"), result("b", "Il manque [CLS] et [SEP].", "special")]
    [row] = report.frequent_messages([*class_, result("c", "Il manque [SEP].", "special")], {})
    assert row["students"] == ["a", "b", "c"] and row["text"] == "Il manque …."
    said_above = Test("u", State.WRONG, 0.0, 1.0, "x", again=True)
    assert not report.frequent_messages([Result("d", [Exercise("e", "E", "wrong", 0.0, 1.0, [said_above])])], {})


def test_messages_of_one_code_are_one_group_in_every_language():
    english = Test("t in English", State.WRONG, 0.0, 1.0, "[SEP] is missing.", "special")
    class_ = [
        result("a", "Il manque [SEP].", "special"),
        Result("b", [Exercise("ex1", "Exercise 1", "wrong", 0.0, 1.0, [english])], language="en"),
    ]
    [row] = report.frequent_messages(class_, {"ex1": "Exercice 1"})
    assert row["students"] == ["a", "b"] and row["exercise"] == "Exercice 1"
    shapes = [result("a", "f(2) — obtained: [1, 2]; expected: 6."), result("b", "f(9) — obtained: 7; expected: 6.")]
    [row] = report.frequent_messages(shapes, {})
    assert row["text"] == "f(…) — obtained: …; expected: …."


def test_the_report_is_in_the_teacher_s_language_what_was_told_in_the_student_s(monkeypatch):
    monkeypatch.setenv("COURSE_LANG", "en")
    mended = [note(NoteKind.REORDERED)]
    class_ = [
        Result("anne", [Exercise("ex1_double", "Exercice 1", ExerciseState.RIGHT, 2.0, 2.0)], mended),
        Result("bea", [Exercise("ex1_double", "Exercise 1", ExerciseState.WAITING, 0.5, 2.0)], mended, language="en"),
    ]
    text = report.class_report(TOY, class_)
    told = "Des cellules avaient changé de place : l'ordre du TP a été rétabli."
    assert '<html lang="en">' in text and "The class: 2 hand-ins." in text and "Exercise 1" in text
    assert html.unescape(text).count(told) == 1 and "Cells had moved: the order of the lab has been restored." in text
    assert not left_in_french(re.sub(r"<style>.*?</style>", "", html.unescape(text), flags=re.DOTALL).replace(told, ""))


def test_what_asks_for_a_person():
    class_ = [
        result("a", "", notes=[note(NoteKind.ALTERED, exercise="ex1")]),
        result("b", "", status="died"),
        result("c", "", notes=[note(NoteKind.RENAMED, name="À vérifier.ipynb", expected="tp.ipynb")]),
    ]
    assert [row["student"] for row in report._to_check(class_)] == ["a", "b"]


FIRST = '''
def masked(ids, chance, draw):
    """Hide some."""
    chosen = []
    for place, token in enumerate(ids):
        lot = draw.random()  # one lot a token
        if lot < chance and token not in (0, 1, 2):
            chosen.append((place, token, lot * 2))
        elif lot > 1 - chance and len(chosen) % 3 == 1:
            chosen.append((place, -token, lot / 2))
    kept = {place: token for place, token, lot in chosen if lot < 0.8}
    return [kept.get(place, token) for place, token in enumerate(ids)], kept
'''


def renamed(source):
    for old, new in (("chosen", "picked"), ("place", "where"), ("token", "word"), ("lot", "p"), ("kept", "d")):
        source = re.sub(rf"\b{old}\b", new, source)
    return re.sub(r"  # .*", "", source).replace('    """Hide some."""\n', "    # mine\n")


OTHER = """
import numpy as np
def masked(ids, chance, draw):
    array = np.asarray(ids)
    lots = np.array([draw.random() for _ in array])
    special = np.isin(array, [0, 1, 2])
    hidden = (lots < chance) & ~special
    flipped = (lots > 1 - chance) & (np.cumsum(hidden) % 3 == 1) & ~hidden
    signs = np.where(flipped, -1, 1) * np.where(hidden, 1, 0)
    where = np.flatnonzero(signs)
    table = dict(zip(where.tolist(), (array * signs)[where].tolist()))
    return [table.get(i, v) for i, v in enumerate(ids)], table
"""


def test_a_renamed_copy_is_seen_and_another_way_is_not():
    works = {"a": {"ex": FIRST}, "b": {"ex": renamed(FIRST)}, "c": {"ex": OTHER}}
    [pair] = similarity.alike(works, {}, set())
    assert (pair.first, pair.second) == ("a", "b") and pair.overlap > 0.95 and pair.shared["ex"] > 50


def test_what_the_lab_gives_and_short_answers_do_not_count():
    same = {"a": {"ex": FIRST}, "b": {"ex": renamed(FIRST)}}
    assert similarity.alike(same, {"ex": [FIRST]}, set()) == []
    assert similarity.alike(same, {"cellules ajoutées": [FIRST]}, set()) == []
    short = "def double(x):\n    return x + x + 0"
    assert similarity.alike({"a": {"ex": short}, "b": {"ex": short}}, {}, set()) == []


@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_untouched_copies_are_no_pair_and_nothing_of_the_lab_is_a_student_s(lab):
    """Nor those of an earlier version of the lab, whose given cells had other texts."""
    cells = [cell for cell in lab.notebook.cells if cell.cell_type == "code" and not grade_id(cell)]
    assert cells and all(lab.gives(cell) for cell in cells)
    earlier = nbformat.v4.new_code_cell("as = it.was('in an earlier version')", id=cells[0].id)
    assert lab.gives(earlier) and not lab.gives(nbformat.v4.new_code_cell("mine = 1"))
    for number in (2, 12, 30):
        results = [Result(f"s{i}", [], own_cells=[c.source for c in cells if not lab.gives(c)]) for i in range(number)]
        assert report.similar(lab, results) == []


def test_a_pasted_table_is_compared_in_no_time():
    table = "x = [" + ", ".join(map(str, range(200_000))) + "]"
    began = time.process_time()
    similarity.alike({"a": {"ex": table}, "b": {"ex": table}, "c": {"ex": "y = 1"}}, {}, set())
    assert time.process_time() - began < 3


def test_a_way_that_much_of_the_class_took_weighs_little():
    many = {f"s{i}": {"ex": FIRST, "own": OTHER.replace("3", str(i)) * (i > 1)} for i in range(2, 30)}
    assert similarity.alike(many, {}, set()) == []  # FIRST is common knowledge here


def test_a_copied_text_and_code_that_does_not_parse():
    words = "L'intervalle de la différence contient zéro, donc on ne peut rien conclure de ces mille phrases seules. "
    words += (
        "Il faudrait refaire l'expérience avec plusieurs graines et un jeu de test bien plus grand pour trancher ici."
    )
    [pair] = similarity.alike({"a": {"w": words}, "b": {"w": words.upper()}}, {}, {"w"})
    assert pair.overlap == 1
    broken = FIRST + "\ndef oops(:\n"
    assert similarity.alike({"a": {"ex": broken}, "b": {"ex": broken}}, {}, set())[0].overlap == 1
    assert similarity.code_tokens("x = '") is not None


def test_a_large_class_is_compared_quickly():
    works = {f"s{i}": {f"e{j}": OTHER.replace("3", str(i * j)) for j in range(4)} for i in range(150)}
    began = time.process_time()
    similarity.alike(works, {}, set())
    assert time.process_time() - began < 20


def test_the_lab_knows_its_text_stub():
    assert TOY.exercises["ex3_words"].stub == "*Votre réponse ici.*"
