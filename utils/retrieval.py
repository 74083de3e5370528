"""What a lab on retrieval takes for granted: words to search by, the score of an answer, a library's BM25."""

import re
from collections import Counter

import bm25s
import numpy as np

# Words that carry no subject; elided articles come out of `terms` as one letter.
STOP_WORDS = {
    "fr": """a ai au aux avec c ce ces cet cette combien comme comment d dans de des dont du elle elles en est et eu
    eux il ils j je l la laquelle le lequel les leur leurs lui m mais me n ne nous on ont ou où par pas plus pour qu
    quand que quel quelle quelles quels qui quoi s sa se ses son sont sur t te tu un une vous y à été être""",
    "en": """a an and are as at be been by can could did do does for from had has have how in is it its of on or s that
    the their there these they this those to was were what when where which who whom whose why will with""",
}
STOP_WORDS = {language: frozenset(words.split()) for language, words in STOP_WORDS.items()}
ARTICLES = frozenset(["le", "la", "les", "l", "un", "une", "des", "du", "de", "d", "the", "a", "an"])


def terms(text: str, language: str = "fr") -> list[str]:
    """The words of a text, in lower case and in order, without those of `STOP_WORDS[language]`."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOP_WORDS[language]]


def answer_words(text: str) -> list[str]:
    """The words that an answer is compared by: lower case, no punctuation, no article (Rajpurkar et al. 2016)."""
    return [word for word in re.sub(r"[^\w\s]", " ", text.lower()).split() if word not in ARTICLES]


def exact_match(prediction: str, answers: list[str]) -> float:
    """1.0 when the prediction has the words of one of the answers, in order; else 0.0."""
    return float(any(answer_words(prediction) == answer_words(answer) for answer in answers))


def token_f1(prediction: str, answers: list[str]) -> float:
    """The best F1 between the words of the prediction and those of an answer, each counted as often as it comes."""
    best, predicted = 0.0, Counter(answer_words(prediction))
    for answer in answers:
        wanted = Counter(answer_words(answer))
        common = (predicted & wanted).total()
        if common:
            best = max(best, 2 * common / (predicted.total() + wanted.total()))
    return best


def bm25_matrix(queries: list[list[str]], documents: list[list[str]], k1: float = 1.5, b: float = 0.75) -> np.ndarray:
    """BM25 of every document for every query, (queries, documents): bm25s in its Lucene form (Kamphuis et al. 2020)."""
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index(documents, show_progress=False)
    known = set(index.vocab_dict)
    scores = np.zeros((len(queries), len(documents)), dtype=np.float32)
    for row, query in zip(scores, queries, strict=True):
        if query := [term for term in query if term in known]:  # bm25s refuses a query without a known word
            row[:] = index.get_scores(query)
    return scores
