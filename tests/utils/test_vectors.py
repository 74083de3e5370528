"""Vectors are right, made once, made again when what they come from changes, and never written while grading."""

import numpy as np
import pytest
import torch
import transformers

from utils import vectors
from utils.vectors import cached_vectors, encode, fingerprint, load_faiss, vectors_folder

TEXTS = ["a cat", "a black cat on a mat", "the mat", "black", "on the cat a mat", "mat"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A BERT of 2 layers × 8 with random weights, and a tokenizer of seven words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "black", "cat", "mat", "on"]
    file = tmp_path_factory.mktemp("tiny") / "vocab.txt"
    file.write_text("\n".join(words), encoding="utf-8")
    tokenizer = transformers.BertTokenizerFast(vocab=str(file))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    return transformers.BertModel(config).eval(), tokenizer


def one_by_one(model, tokenizer, text, max_length=256):
    with torch.no_grad():
        inputs = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
        mean = model(**inputs).last_hidden_state[0].mean(0)
    return (mean / mean.norm()).numpy()


def test_encode_gives_unit_means_whatever_the_batch(tiny):
    expected = np.stack([one_by_one(*tiny, text) for text in TEXTS])
    for batch_size in (1, 4, 32):
        got = encode(*tiny, TEXTS, batch_size=batch_size)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)
    assert encode(*tiny, []).shape == (0, 8)


def test_encode_cuts_long_texts(tiny):
    np.testing.assert_allclose(
        encode(*tiny, ["a black cat on a mat"], max_length=4)[0], one_by_one(*tiny, "a black"), atol=1e-5
    )


def count_encodings(monkeypatch):
    calls = []

    def counted(model, tokenizer, texts, max_length):
        calls.append(len(texts))
        return encode(model, tokenizer, texts, max_length)

    monkeypatch.setattr(vectors, "encode", counted)
    return calls


def test_vectors_are_made_once(tiny, cache, monkeypatch):
    calls = count_encodings(monkeypatch)
    first = cached_vectors("some", TEXTS, *tiny)
    again = cached_vectors("some", TEXTS, *tiny)
    assert calls == [len(TEXTS)]
    np.testing.assert_array_equal(first, again)


def test_another_text_order_length_or_model_makes_them_again(tiny, cache, monkeypatch):
    model, tokenizer = tiny
    calls = count_encodings(monkeypatch)
    cached_vectors("some", TEXTS, *tiny)
    cached_vectors("some", [*TEXTS[:-1], "the"], *tiny)
    reordered = cached_vectors("some", TEXTS[::-1], *tiny)
    np.testing.assert_allclose(reordered, encode(*tiny, TEXTS)[::-1], atol=1e-5)
    cached_vectors("some", TEXTS[::-1], *tiny, max_length=8)
    assert len(calls) == 4
    changed = transformers.BertModel(model.config).eval()
    changed.load_state_dict(model.state_dict())
    assert fingerprint(changed, tokenizer) == fingerprint(model, tokenizer)
    with torch.no_grad():
        changed.encoder.layer[1].output.dense.weight[0, 0] += 1e-3
    cached_vectors("some", TEXTS[::-1], changed, tokenizer, max_length=8)
    assert len(calls) == 5


def test_a_damaged_file_is_made_again(tiny, cache, monkeypatch):
    first = cached_vectors("some", TEXTS, *tiny)
    file = vectors_folder("some", TEXTS, *tiny).path / "vectors.npy"
    file.write_bytes(file.read_bytes()[:-10])  # cut short
    calls = count_encodings(monkeypatch)
    np.testing.assert_array_equal(cached_vectors("some", TEXTS, *tiny), first)
    assert len(calls) == 1


def test_an_interrupted_making_leaves_nothing(tiny, cache, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(vectors, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached_vectors("some", TEXTS, *tiny)
    assert not vectors_folder("some", TEXTS, *tiny).is_intact()
    assert not list((cache / "vectors").glob("*.partial"))


def test_nothing_is_written_while_grading(tiny, cache, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    np.testing.assert_allclose(cached_vectors("some", TEXTS, *tiny), encode(*tiny, TEXTS), atol=1e-6)
    assert not cache.exists()


def test_faiss_finds_what_numpy_finds():
    faiss = load_faiss()
    rng = np.random.default_rng(0)
    base, queries = (rng.standard_normal((n, 16)).astype(np.float32) for n in (200, 5))
    index = faiss.IndexFlatIP(16)
    index.add(base)
    np.testing.assert_array_equal(index.search(queries, 3)[1], np.argsort(-queries @ base.T, axis=1)[:, :3])


def test_faiss_keeps_to_one_thread_on_macos(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr("os.environ", dict(__import__("os").environ))
    assert load_faiss().omp_get_max_threads() == 1
