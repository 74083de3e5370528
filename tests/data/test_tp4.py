"""The data of TP 4 pass their checks; and the checks find and name each fault."""

import copy
import importlib.util
import json
import unicodedata

import pytest

from utils.environment import DATA

FOLDER = DATA / "tp4_rag"


def script(name: str):
    """A module of data/tp4_rag, which is no package."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_fr, check_en = script("check_fr"), script("check_en")

TEXT = "Le chat roux dort depuis 2012 sur le grand fauteuil bleu du salon, près de la fenêtre. " * 5
NOTICES = [{"id": "chat", "title": "Le chat", "topic": "animaux", "text": TEXT.strip(), "reference": "Dupont, 2020"}]
QUESTIONS = [
    {"id": "q1", "question": "Où dort le chat ?", "kind": "direct", "passages": ["chat"], "answers": ["Fauteuil bleu"]},
    {"id": "q2", "question": "Quel meuble plaît au félin ?", "kind": "paraphrase", "passages": ["chat"],
     "answers": ["fauteuil bleu", "fauteuil"]},
    {"id": "q3", "question": "Quel âge a le chat ?", "kind": "unanswerable", "passages": [], "answers": []},
]  # fmt: skip


def faults(notice=(), question=(), number=0):
    """The faults once some values of the notice, or of one question, are replaced."""
    notices, questions = copy.deepcopy(NOTICES), copy.deepcopy(QUESTIONS)
    notices[0].update(notice)
    questions[number].update(question)
    return "\n".join(check_fr.check_notices(notices) + check_fr.check_questions(questions, notices))


def test_right_files_have_no_fault():
    assert faults() == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "Trop court."}, "2 words, expected 80 to 200"),
        ({"text": TEXT.strip() + " L’été."}, "curly apostrophe"),
        ({"text": TEXT.strip() + unicodedata.normalize("NFD", " été.")}, "decomposed accents"),
        ({"text": TEXT.strip() + "  Puis rien."}, "two spaces in a row"),
        ({"text": TEXT.strip() + " Vraiment?"}, "no space before one of"),
        ({"text": TEXT.strip() + " Il dit « oui\u00a0»."}, "no-break or thin space"),
        ({"id": "Le Chat"}, "not a lower-case ASCII slug"),
        ({"reference": ""}, "reference: got ''"),
        ({"source": "x"}, "keys: got"),
    ],
)
def test_faults_of_a_notice(change, message):
    assert message in faults(notice=change)


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (0, {"answers": ["fauteuil vert"]}, "does not stand in the passage"),
        (0, {"answers": ["20"]}, "does not stand in the passage"),  # a part of 2012 is no answer
        (0, {"answers": ["chat"]}, "already stands in the question"),
        (0, {"answers": ["le grand fauteuil bleu du salon, près"]}, "7 words, expected 1 to 6"),
        (0, {"answers": []}, "expected a passage and an answer"),
        (0, {"passages": ["chien"]}, "no notice has the id 'chien'"),
        (0, {"kind": "facile"}, "kind: got 'facile'"),
        (0, {"question": "Où dort le chat"}, "does not end with ' ?'"),
        (0, {"question": "Quel âge a le CHAT ?"}, "question used 2 times"),
        (0, {"id": "q2"}, "id used 2 times"),
        (1, {"question": "Quels meubles roux ?"}, "shares with 'chat': roux ~ roux"),
        (1, {"question": "Sur quoi dormait le félin en 2012 ?"}, "2012 ~ 2012"),
        (1, {"question": "Qui aime les fenêtres ?"}, "fenetres ~ fenetre"),
        (1, {"kind": "direct"}, "0 of 3 questions are paraphrase, expected 1"),
        (2, {"passages": ["chat"]}, "unanswerable, expected no passage"),
    ],
)
def test_faults_of_a_question(number, change, message):
    assert message in faults(question=change, number=number)


def test_content_words():
    assert set(check_fr.content_words("L'entropie des lettres, d'après un GPT-3 à 27 œufs")) == {
        "entro", "lettr", "gpt", "27", "oeuf"
    }  # fmt: skip


def test_command_line(tmp_path, capsys):
    base, asked = tmp_path / "kb.jsonl", tmp_path / "questions.jsonl"
    base.write_text("\n".join(map(json.dumps, NOTICES)), encoding="utf-8")
    asked.write_text("\n".join(map(json.dumps, QUESTIONS)), encoding="utf-8")
    assert check_fr.main([str(base), str(asked)]) == 0
    assert "1 notices, 3 questions" in capsys.readouterr().out
    asked.write_text(json.dumps(QUESTIONS[0]) + "\n{oups", encoding="utf-8")
    assert check_fr.main([str(base), str(asked)]) == 1
    assert "questions.jsonl:2: not valid JSON" in capsys.readouterr().out


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def test_the_french_data_are_sound():
    notices, questions = rows("kb_fr.jsonl"), rows("questions_fr.jsonl")
    assert check_fr.check_notices(notices) + check_fr.check_questions(questions, notices) == []
    assert len(notices) >= 150 and len(questions) >= 150
    assert len({passage for question in questions for passage in question["passages"]}) > 0.8 * len(notices)


@pytest.fixture(scope="module")
def passages():
    return check_en.passages()


def test_the_english_questions_are_sound(passages):
    assert check_en.check(check_en.questions(), passages) == []


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("direct", {"answers": ["a word that is not there"]}, "is not verbatim in"),
        ("direct", {"passages": ["boolq-000000000000"]}, "unknown passages"),
        ("direct", {"answers": []}, "no passage or no answer"),
        ("direct", {"question": "Who ?who"}, "not a clean question"),
        ("unanswerable", {"answers": ["yes"]}, "an unanswerable question has passages or answers"),
        ("paraphrase", None, "paraphrase shares"),
    ],
)
def test_faults_of_an_english_question(passages, kind, change, message):
    questions = check_en.questions()
    row = next(row for row in questions if row["kind"] == kind)
    title = passages[row["passages"][0]].partition(" -- ")[0] if row["passages"] else ""
    row.update(change or {"question": f"What about {title}?"})
    assert message in "\n".join(check_en.check(questions, passages))
