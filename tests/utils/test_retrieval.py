import math

import numpy as np
import pytest

from utils.retrieval import answer_words, bm25_matrix, exact_match, terms, token_f1


def test_terms():
    assert terms("Qu'est-ce que l'attention, dans BERT ?") == ["attention", "bert"]
    assert terms("What is the name of Ada's dog?", "en") == ["name", "ada", "dog"]
    assert terms("Où ? À Orsay, été 1985.") == ["orsay", "1985"]


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "f1"),
    [
        ("Le cache KV.", ["cache KV", "autre"], 1.0, 1.0),
        ("au supercalculateur Jean Zay", ["Jean Zay"], 0.0, 2 * 2 / (4 + 2)),
        ("Paris", ["Londres", "Lyon"], 0.0, 0.0),
        ("", ["Paris"], 0.0, 0.0),
        ("six six", ["six"], 0.0, 2 * 1 / 3),
        ("28,4", ["28.4"], 1.0, 1.0),
    ],
)
def test_answers(prediction, answers, em, f1):
    assert exact_match(prediction, answers) == em
    assert token_f1(prediction, answers) == pytest.approx(f1)


def test_answer_words():
    assert answer_words("L'École, la « Nationale » !") == ["école", "nationale"]


def test_bm25_is_the_formula():
    documents = [["a", "b", "a"], ["b", "c"], ["c", "d", "e", "a"]]
    scores = bm25_matrix([["a"], ["z"], [], ["a", "a", "z"]], documents)
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    expected = [idf * tf / (tf + 1.5 * (0.25 + 0.75 * n / 3)) for tf, n in [(2, 3), (0, 2), (1, 4)]]
    np.testing.assert_allclose(scores, [expected, [0] * 3, [0] * 3, [2 * s for s in expected]], atol=1e-6)
