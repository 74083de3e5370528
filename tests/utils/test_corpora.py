"""Splits that are fixed, disjoint by group, and free of near-duplicates (found here by another method)."""

import difflib
import hashlib
import importlib.util
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from utils import corpora
from utils.corpora import SPLITS, Seen, make_splits, words
from utils.environment import DATA

LOADERS = {"film_reviews": corpora.load_film_reviews, "general_english": corpora.load_general_english}
# (rows by split, SHA-256 of all rows in order): the same on every machine.  If the making of a corpus changes on
# purpose, raise `corpora.MAKING`, then copy here what the test shows, and the figures to the card.
FIXED = {
    "film_reviews": ((10107, 1238, 1241), "67fec232057b50797129833a9d7f6b179648f2662f12c652762837d320f87582"),
    "general_english": ((11365, 288, 285), "3b970d1c80ad1a5e916da60809bb7635e1c1ca45b9386997fc9912d9151ec1b0"),
}


BOOLQ = (
    12271,
    15942,
    "5825872db231c7b7fb6c8b03071bee6350dd6366720018b48a4b3328e778f3fc",
)  # (passages, questions, SHA-256 of both tables)


@pytest.fixture(scope="module", params=LOADERS)
def corpus(request):
    """(name, DatasetDict), from the user's cache, filled at need."""
    return request.param, LOADERS[request.param]()


def test_the_splits_are_fixed(corpus):
    name, splits = corpus
    digest = hashlib.sha256()
    for split in SPLITS:
        for row in splits[split]:
            digest.update(repr(sorted(row.items())).encode())
    assert (tuple(len(splits[split]) for split in SPLITS), digest.hexdigest()) == FIXED[name]


def test_columns():
    reviews, general = (load() for load in LOADERS.values())
    for splits, columns in ((reviews, ["text", "label", "film"]), (general, ["text", "title"])):
        assert list(splits) == list(SPLITS) and all(split.column_names == columns for split in splits.values())
    assert reviews["train"].features["label"].names == ["rotten", "fresh"]
    for split in reviews.values():
        assert 0.5 < sum(split["label"]) / len(split) < 0.65  # as even as the source, whose share of fresh is 0.58


def test_texts_are_clean(corpus):
    name, splits = corpus
    shortest = {"film_reviews": 3, "general_english": 20}[name]
    for text in (text for split in splits.values() for text in split["text"]):
        assert text == " ".join(text.split()) and len(words(text)) >= shortest
        assert not any(mark in text for mark in ("&amp;", "&quot;", "’", "“", "``"))


def test_no_group_is_in_two_splits(corpus):
    name, splits = corpus
    group = corpora.CORPORA[name].group
    groups = [set(splits[split][group]) for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))


def test_no_text_twice(corpus):
    _, splits = corpus
    for split in splits.values():
        repeated = [key for key, n in Counter(map(words, split["text"])).items() if n > 1]
        assert not repeated


def test_no_near_duplicate_across_splits(corpus):
    """By another method than the one that removed them: cosine of character n-grams, then difflib on the closest."""
    _, splits = corpus
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), sublinear_tf=True, dtype=np.float32)
    train = vectorizer.fit_transform(splits["train"]["text"])
    for held_out, others in (("validation", ["train"]), ("test", ["train", "validation"])):
        texts = splits[held_out]["text"]
        vectors = vectorizer.transform(texts)
        for other in others:
            known = train if other == "train" else vectorizer.transform(splits[other]["text"])
            closest = (vectors @ known.T).tocoo()
            for i, j, cosine in zip(closest.row, closest.col, closest.data, strict=True):
                if cosine > 0.75:
                    a, b = texts[i].lower(), splits[other]["text"][j].lower()
                    assert difflib.SequenceMatcher(None, a, b, autojunk=False).ratio() < 0.9, (a, b)


def test_no_long_run_of_words_across_splits(corpus):
    """Runs of ten words (of two letters or more, as scikit-learn splits them) belong to one split."""
    _, splits = corpus
    runs = [set(CountVectorizer(ngram_range=(10, 10)).fit(splits[split]["text"]).vocabulary_) for split in SPLITS]
    assert runs[0].isdisjoint(runs[1]) and runs[0].isdisjoint(runs[2]) and runs[1].isdisjoint(runs[2])


def test_general_validation_and_test_are_held_out_of_the_masked_model():
    """The rule here and the one of data/masked_lm/corpus.py, which chose what the model was trained on, agree."""
    spec = importlib.util.spec_from_file_location("masked_corpus", DATA / "masked_lm" / "corpus.py")
    masked_corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(masked_corpus)
    splits = corpora.load_general_english()
    titles = {split: sorted(set(splits[split]["title"])) for split in SPLITS}
    unlike = [(f"text number {i}", title) for i, title in enumerate(sum(titles.values(), []))]
    seen, held_out = masked_corpus.split(unlike)
    title_of = dict(unlike)
    assert {title_of[text] for text in held_out} == {*titles["validation"], *titles["test"]}
    assert {title_of[text] for text in seen} == set(titles["train"])


def test_boolq_is_fixed_and_its_tables_agree():
    boolq = corpora.load_boolq()
    passages, questions = boolq["passages"], boolq["questions"]
    digest = hashlib.sha256()
    for row in [*passages, *questions]:
        digest.update(repr(sorted(row.items())).encode())
    assert (len(passages), len(questions), digest.hexdigest()) == BOOLQ
    ids = set(passages["id"])
    assert len(ids) == len(passages) and set(questions["passage"]) == ids  # each passage has its question
    assert all(row["title"] and row["text"] == " ".join(row["text"].split()) for row in passages)


def test_a_boolq_id_is_the_hash_of_the_passage_as_published():
    # From the paper's own example (Clark et al. 2019, figure 1): "Has the UK been hit by a hurricane?"
    boolq = corpora.load_boolq()
    row = next(row for row in boolq["questions"] if row["question"] == "has the uk been hit by a hurricane")
    passage = next(p for p in boolq["passages"] if p["id"] == row["passage"])
    assert "1987" in passage["text"]


def test_an_unknown_name():
    with pytest.raises(ValueError, match="Corpus inconnu : « poems »"):
        corpora.load("poems")


# The method itself, on made-up text.

text = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20).map(tuple)


def nearly_by_definition(a, b):
    runs = [{t[i : i + Seen.RUN] for i in range(len(t) - Seen.RUN + 1)} for t in (a, b)]
    short = len(a) < Seen.SHORT and len(b) < Seen.SHORT
    return bool(runs[0] & runs[1]) or (short and len({*a} & {*b}) >= Seen.OVERLAP * len({*a} | {*b}))


@given(known=st.lists(text, max_size=6), new=text)
def test_seen_agrees_with_its_definition(known, new):
    seen = Seen()
    for each in known:
        seen.add(each)
    assert seen.nearly(new) == any(nearly_by_definition(new, each) for each in known)


@given(st.lists(st.tuples(st.sampled_from(SPLITS), text), max_size=30))
def test_make_splits(rows):
    given_rows = [{"text": " ".join(words_), "group": split, "order": i} for i, (split, words_) in enumerate(rows)]
    splits = make_splits(given_rows, "group", str)
    kept = [(split, words(row["text"])) for split in SPLITS for row in splits[split]]
    for i, (split, a) in enumerate(kept):
        for other, b in kept[:i]:
            assert not nearly_by_definition(a, b) if split != other else a != b
    for split in SPLITS:
        assert [row["order"] for row in splits[split]] == sorted(row["order"] for row in splits[split])
        assert all(row["group"] == split for row in splits[split])
    firsts = {words(row["text"]): row["order"] for row in reversed(given_rows) if row["group"] == "train"}
    assert [row["order"] for row in splits["train"]] == sorted(firsts.values())  # train only loses exact repeats


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  A\nfine   film ", "A fine film"),
        ("Harry &amp; Tonto", "Harry & Tonto"),
        ("It’s “good”…", 'It\'s "good"...'),
        ("``domestic trilogy'' of", '"domestic trilogy" of'),
        ("'A quiet, moving film.'", "A quiet, moving film."),
        ("'Rain' is a 'washout'", "'Rain' is a 'washout'"),
    ],
)
def test_clean(raw, clean):
    assert corpora._clean(raw) == clean


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        ("Es una de esas películas de las que uno sale reconfortado", False),
        ("Os problemas têm início a partir do momento em que saímos do cinema", False),
        ("Touché, a fine piece of work from the director of El Mariachi", True),
        ("Exceptional!", True),
    ],
)
def test_is_english(sentence, english):
    assert corpora._is_english(sentence) is english
