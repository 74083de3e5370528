"""Feedback pages: what a student reads, and what no student may read."""

import html
import re

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook

from authoring.lab import RESERVED_LINE
from grading import grade
from grading.book.gradebook import Course
from grading.reports import page as pages
from grading.reports.feedback import HideTests
from tests.grading.conftest import HOSTILE
from tests.toy_lab import LAB, TOY
from utils.outcome import MIME

SECRETS = ("expect_equal(double(0)", 'report.test("a secret', "the_answer_nobody_reads", "HIDDEN TESTS")


def page(root, student, folder=""):
    return (root / "feedback" / student / LAB / folder / f"{LAB}.html").read_text(encoding="utf-8")


def article(text, title):
    """The part of a page that is about one exercise, as text."""
    [part] = [part for part in text.split("<article")[1:] if f">{title}</h3>" in part]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", part.split("</article>")[0])))


def test_each_exercise_says_what_became_of_it(graded):
    right = page(graded, "anne")
    assert "réussi" in article(right, "Exercice 1") and "2 / 2" in article(right, "Exercice 1")
    assert "attente de relecture" in article(right, "ex3_words") and "provisoire" in right
    assert "mon TP.ipynb" in right  # what was mended
    partial = article(page(graded, "boris"), "Exercice 1")
    assert "en partie réussi" in partial and "1,5 / 2" in partial
    assert "Des points manquent pour : « a secret test of zero » (−0,5)" in partial
    assert "obtenu : 1" in partial and "test réservé à la correction" in partial
    untouched = page(graded, "chloé")
    assert untouched.count('data-sign="○">pas encore traité') == 3
    wrong = article(page(graded, "denis"), "Exercice 1")
    assert "Votre cellule s'arrête sur SyntaxError" in wrong and "(ligne 1)" in wrong and "0 / 2" in wrong


def test_one_function_not_written_yet_is_not_a_wrong_one(graded):
    def unwritten(path):
        notebook = nbformat.read(path, as_version=4)
        [cell] = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-solution"]
        cell.source = "def double(x):\n    if x: return 2 * x\n    raise ToDo"
        nbformat.write(notebook, path)

    unwritten(graded / "submitted" / "boris" / LAB / f"{LAB}.ipynb")
    grade.grade(graded, TOY)
    text = article(page(graded, "boris"), "Exercice 1")
    assert "a secret test of zero (pas encore traité, 0 sur 0,5)" in text and "échoué" not in text


def test_no_hand_in_says_that_the_grader_stopped_it(graded):
    """Neither by the name of what it raises nor in its cells' metadata: it would wait for a person."""
    path = graded / "submitted" / "boris" / LAB / f"{LAB}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata["stopped"] = "AlteredKernel"
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-solution":
            cell.source = "class AlteredKernel(Exception): pass\nraise AlteredKernel('à vérifier : rien')"
    nbformat.write(notebook, path)
    grade.grade(graded, TOY)
    text = article(page(graded, "boris"), "Exercice 1")
    assert "s'arrête sur AlteredKernel : à vérifier" in text and "relecture" not in text and "à revoir" in text


def test_a_page_needs_nothing_and_runs_nothing(graded):
    for path in graded.glob(f"feedback/*/{LAB}/{LAB}.html"):
        text = path.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert not re.search(r"<script|<img|<link|https?://|<[^>]*\son\w+=", text), path
        assert text.count("<h1>") == 1 and '<html lang="fr">' in text
    hostile = page(graded, "fanny <b>")
    assert "fanny &lt;b&gt;" in hostile and "&lt;img src=x onerror" in hostile
    assert HOSTILE not in hostile and "&lt;script&gt;" in hostile


def test_hidden_tests_are_shown_nowhere(graded):
    found = list(graded.glob(f"feedback/*/{LAB}/**/*.html"))
    assert len(found) == 2 * 6 + 1  # ours and nbgrader's, and that of the hand-in set aside
    for path in found:
        text = html.unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8")))  # colours split the code
        assert not [secret for secret in SECRETS if secret in text], path
    assert RESERVED_LINE in article(page(graded, "denis"), "Exercice 1")  # a message that quoted one


def test_a_forged_report_changes_nothing(graded):
    text = article(page(graded, "eve"), "Exercice 1")
    assert "2 / 2" in text and "forged" not in text.split("Votre code")[0]


def test_tracebacks_do_not_quote_hidden_tests():
    source = "check()\n### BEGIN HIDDEN TESTS\nassert secret(3) == 123456789012\n### END HIDDEN TESTS"
    quoted = "\x1b[0;32m      2\x1b[0m \x1b[32massert\x1b[39m secret(\x1b[34m3\x1b[39m) == \x1b[34m123456789012\x1b[39m"
    failed = new_output("error", ename="AssertionError", evalue="", traceback=["Traceback", quoted])
    elsewhere = new_output("stream", name="stdout", text=f"above\n{quoted}\nbelow")
    value = new_output("execute_result", data={"text/plain": "'check()\\nassert secret(3) == 123456789012'"})
    data = {MIME: {"tests": [{"title": "secret(3) == 123456789012"}]}, "text/plain": ""}
    found = new_output("display_data", data=data)
    notebook = new_notebook(
        cells=[new_code_cell(source, outputs=[found, failed]), new_code_cell("x", outputs=[elsewhere, value])]
    )
    notebook, _ = HideTests().preprocess(notebook, {})
    assert "123456789012" not in nbformat.writes(notebook)
    assert notebook.cells[0].outputs[0].traceback == ["AssertionError: "]
    assert notebook.cells[1].outputs[0].text == f"above\n{RESERVED_LINE}\nbelow"


def test_a_hand_in_set_aside_has_its_sentence(graded):
    text = page(graded, "gaël")
    assert "incomplet ou abîmé\u00a0:" in text and "rendez votre copie à nouveau" in text and "<article" not in text


def test_a_failure_of_ours_is_not_told_as_the_students(toy, graded):
    course = Course(graded, TOY)
    entry = course.ledger.get("gaël")
    entry.state, entry.error = "failed", "OSError : /home/teacher/secret"
    course.ledger.put("gaël", entry)
    assert "/home/teacher" not in course.page("gaël").read_text() and pages.OURS.split(" :")[0] in page(graded, "gaël")


def test_the_files_that_the_exchange_asks_for_come_along(graded):
    submitted = graded / "submitted" / "gaël" / LAB
    (submitted / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    (submitted / "submission_secret.txt").unlink()
    (submitted / "submission_secret.txt").symlink_to(graded / "gradebook.db")
    Course(graded, TOY).page("gaël")
    assert (graded / "feedback" / "gaël" / LAB / "timestamp.txt").exists()
    assert not (graded / "feedback" / "gaël" / LAB / "submission_secret.txt").exists()


def test_nbgraders_exchange_delivers_every_page(toy, graded, tmp_path):
    """`nbgrader release_feedback` takes our pages, that of a hand-in set aside too, and nothing else."""
    from nbgrader.apps import NbGraderAPI

    from authoring.nbgrader import configuration

    config = configuration(graded)
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    config.Exchange.root = str(tmp_path / "exchange")
    assert NbGraderAPI(config=config).release_feedback(LAB)["success"]
    delivered = list((tmp_path / "exchange" / "llm" / "feedback").glob("*.html"))
    assert len(delivered) == 7 and all("Correction de la copie de" in path.read_text() for path in delivered)


def test_a_persons_mark_comment_and_rubric(toy, graded):
    rubric = (
        "# Exercice 3\n\n| critère | points |\n|---|---|\n| dit pourquoi | 2 |\n\n## Copies types\n\n« Parce que 42 »"
    )
    toy.answers_path("ex3_words", ".md").write_text(rubric, encoding="utf-8")
    assert "dit pourquoi" not in Course(graded, toy).page("anne").read_text()  # it would give the answer away
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as gradebook:
        grade_ = gradebook.find_grade("ex3_words-answer", LAB, LAB, "anne")
        grade_.manual_score, grade_.needs_manual_grade = 1.5, False
        gradebook.find_comment("ex3_words-answer", LAB, LAB, "anne").manual_comment = "Bien <i>vu</i>."
        gradebook.db.commit()
    grade.grade(graded, toy)  # nothing is executed: the page alone is made again
    text = page(graded, "anne")
    words = article(text, "ex3_words")
    assert "1,5 / 2" in words and "Note donnée par votre enseignant·e" in words and "dit pourquoi" in words
    assert "Parce que 42" not in text and "Bien &lt;i&gt;vu&lt;/i&gt;." in text and "provisoire" not in text
