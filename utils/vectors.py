"""Vectors of texts: encoded once, kept in the cache; and FAISS, imported where it can live beside PyTorch."""

import hashlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from tqdm.auto import tqdm

from utils.assets.cache import CachedFolder
from utils.environment import cache_dir, is_grading, threads

MAKING = 1  # raise it when `encode` changes what it gives, so that cached vectors are made again


@torch.inference_mode()
def encode(model, tokenizer, texts: list[str], max_length: int = 256, batch_size: int = 32) -> np.ndarray:
    """Unit vectors of the texts, float32 (n, d): mean of the last hidden states over the tokens, normalised.

    Reimers & Gurevych 2019 (Sentence-BERT), §3.  Texts are cut at `max_length` tokens, and read the longest first, so
    that little of a batch is padding.  A bar shows the progress when there is more than one batch.
    """
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    for batch in tqdm(batches, desc="vecteurs", unit="lot", leave=False, disable=len(batches) < 2):
        inputs = tokenizer(
            [texts[i] for i in batch], padding=True, truncation=True, max_length=max_length, return_tensors="pt"
        ).to(model.device)
        states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        means = (states * mask).sum(1) / mask.sum(1)
        vectors[batch] = torch.nn.functional.normalize(means, dim=-1).cpu().numpy()
    return vectors


def cached_vectors(name: str, texts: list[str], model, tokenizer, max_length: int = 256) -> np.ndarray:
    """What `encode` gives, computed once: kept in the cache under `name`, made again when texts or model change.

    While a notebook is graded the cache is read and never written: vectors that are not there are computed.
    """
    folder = vectors_folder(name, texts, model, tokenizer, max_length)
    if is_grading() and not folder.is_intact():
        return encode(model, tokenizer, texts, max_length)
    return np.load(folder.get() / "vectors.npy", allow_pickle=False)


def vectors_folder(name: str, texts: list[str], model, tokenizer, max_length: int = 256) -> CachedFolder:
    """The cache folder of the vectors `name`; what identifies it: a hash of the texts and one of the model."""

    def make(folder: Path) -> None:
        np.save(folder / "vectors.npy", encode(model, tokenizer, texts, max_length), allow_pickle=False)

    source = {
        "making": MAKING,
        "texts": hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest(),
        "model": fingerprint(model, tokenizer),
        "max_length": max_length,
    }
    return CachedFolder(cache_dir() / "vectors" / name, source, make)


def fingerprint(model, tokenizer) -> str:
    """SHA-256 of a model's weights and of its tokenizer's vocabulary: changes with either."""
    digest = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def load_faiss() -> ModuleType:
    """The module `faiss`, set so that it can be used in a process that has PyTorch.

    On macOS each of the two brings an OpenMP runtime of its own, and FAISS's parallel search crashes beside the
    other (github.com/faiss-wheels/faiss-wheels/issues/73): there it runs on one thread.
    """
    if sys.platform == "darwin":
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    import faiss

    faiss.omp_set_num_threads(1 if sys.platform == "darwin" else threads())
    return faiss
