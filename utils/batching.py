"""Many questions to a causal model at once: what it writes after a prompt, and how probable it finds a continuation.

A causal model's keys and values of a token depend on what precedes it only.  So the beginning that all the texts share
(the instruction and the examples of a prompt) is read once, and its key-value cache serves them all.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import DynamicCache, LogitsProcessor, StoppingCriteria

from utils.language import _


class SharedPrefix:
    """First tokens that many rows share, read once: their keys and values, and their last hidden states (1, n, d)."""

    def __init__(self, model, ids: Sequence[int]):
        self.ids, self._cache, self.states = list(ids), None, None
        if self.ids:
            self._cache = DynamicCache(config=model.config)
            self.states = _states(model, [self.ids], self._cache)

    def __len__(self) -> int:
        return len(self.ids)

    def cache(self, rows: int) -> DynamicCache | None:
        """A cache for a batch of so many rows to read on from, and to extend; None when nothing is shared."""
        if not self.ids:
            return None
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return cache


def _states(model, rows: list[list[int]], cache: DynamicCache | None) -> torch.Tensor:
    """The last hidden states of the rows, which follow what `cache` holds: (rows, longest, d).

    Rows are padded on the right: a causal model does not look there, so neither mask nor positions are needed, and
    layers with a sliding window count the same distances as in a text read alone.
    """
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=model.device)
    decoder = model.get_decoder()  # through LoRA too; the vocabulary, most of a small model's work, is left alone
    return decoder(input_ids=ids, past_key_values=cache, use_cache=cache is not None).last_hidden_state


def _common_prefix(rows: Sequence[Sequence[int]]) -> Sequence[int]:
    """The first tokens that all the rows share: none for one row alone, which has nobody to share with."""
    if len(rows) < 2:
        return []
    first, last = min(rows), max(rows)  # in order, these two differ the soonest
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _batches(rows: Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """The indices of the rows, `size` at a time; those of about the same length together, for they are padded."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    return [order[begin : begin + size] for begin in range(0, len(order), size)]


# What the model writes


@dataclass(frozen=True)
class Completion:
    """What a model writes after a prompt: the text, and log p of each token chosen (nats).

    The token that ends the text counts among them: a model that is not sure where to stop is not sure of its answer.
    """

    text: str
    logprobs: tuple[float, ...]

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities, between 0 and 1; 0 when there is no token."""
        return float(np.exp(np.mean(self.logprobs))) if self.logprobs else 0.0


@torch.inference_mode()
def complete(
    model, tokenizer, prompts: list[str], max_new_tokens: int = 16, stop: str = "\n", batch_size: int = 32, **options
) -> list[Completion]:
    """What the model writes after each prompt, up to `stop` (left out of the text, which is stripped).

    Greedy unless `options`, passed on to `generate`, say otherwise (`do_sample=True, temperature=…`).  Log p is always
    the model's own: before a temperature, a top-k, or the `logits_processor` of the options.
    """
    rows = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    prefix = SharedPrefix(model, _readable_once(model, rows, max_new_tokens))
    completions: dict[int, Completion] = {}
    batches = _batches(rows, batch_size)
    for batch in tqdm(batches, desc=_("réponses"), unit=_("lot"), leave=False, disable=len(batches) < 2):
        written = _write(model, tokenizer, prefix, [rows[i] for i in batch], stop, max_new_tokens, options)
        completions.update(zip(batch, written, strict=True))
    return [completions[i] for i in range(len(rows))]


def _readable_once(model, rows: list[list[int]], new: int) -> Sequence[int]:
    """The first tokens to read once; none when the padding amid a row would fall within a sliding window."""
    window = getattr(model.config, "sliding_window", None)
    if window and max(map(len, rows), default=0) + new > window:
        return []
    return _common_prefix([row[:-1] for row in rows])  # of each row, something must remain to be read


def _write(model, tokenizer, prefix: SharedPrefix, rows, stop: str, new: int, options: dict) -> list[Completion]:
    """What the model writes after each row, all of which begin with `prefix`."""
    shared, width = len(prefix), max(map(len, rows))
    pads = [width - len(row) for row in rows]
    # Padded after the shared beginning, so that the rows end together.
    ids = [row[:shared] + [0] * pad + row[shared:] for row, pad in zip(rows, pads, strict=True)]
    mask = [[1] * shared + [0] * pad + [1] * (width - shared - pad) for pad in pads]
    options = {"do_sample": False, "pad_token_id": tokenizer.pad_token_id or 0} | options
    others = options.pop("logits_processor", [])
    raw = _RawLogits(copied=bool(others))
    ends = _Ends(tokenizer, stop, width, options.get("eos_token_id", model.generation_config.eos_token_id), raw)
    output = model.generate(
        input_ids=torch.tensor(ids, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        past_key_values=prefix.cache(len(rows)),
        max_new_tokens=new,
        logits_processor=[raw, *others],
        stopping_criteria=[ends],
        **options,
    )
    tokens = [row[: len(found)] for row, found in zip(output[:, width:].tolist(), ends.logprobs, strict=True)]
    texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    return [Completion(t.split(stop)[0].strip(), tuple(found)) for t, found in zip(texts, ends.logprobs, strict=True)]


class _RawLogits(LogitsProcessor):
    """First of the processors: it changes nothing, and keeps the logits of the present step, and of no other.

    All the steps' logits (`output_logits`) would take half a gigabyte for 32 rows, 16 tokens and a large vocabulary.
    """

    def __init__(self, copied: bool):
        self.copied = copied  # for those who come after may write in place

    def __call__(self, input_ids, scores):
        self.logits = scores.clone() if self.copied else scores
        return scores


class _Ends(StoppingCriteria):
    """A row is finished once what was generated holds `stop` or ends the text; until then, log p of each token."""

    def __init__(self, tokenizer, stop: str, start: int, eos: int | list[int] | None, raw: _RawLogits):
        self.tokenizer, self.stop, self.start, self.raw = tokenizer, stop, start, raw
        self.eos = {eos} if isinstance(eos, int) else set(eos or [])
        self.logprobs: list[list[float]] = []  # one list a row
        self.done: list[bool] = []

    def __call__(self, input_ids, scores, **kwargs):
        logits, self.raw.logits = self.raw.logits, None
        texts = self.tokenizer.batch_decode(input_ids[:, self.start :])
        if not self.done:
            self.logprobs, self.done = [[] for _text in texts], [False] * len(texts)
        for i, (text, token) in enumerate(zip(texts, input_ids[:, -1].tolist(), strict=True)):
            if not self.done[i]:
                self.logprobs[i].append(logits[i].log_softmax(-1)[token].item())
                self.done[i] = self.stop in text or token in self.eos
        return torch.tensor(self.done, device=input_ids.device)


# How probable a continuation is


@torch.inference_mode()
def loglikelihood(model, tokenizer, pairs: Sequence[tuple[str, str]], batch_size: int = 16) -> np.ndarray:
    """log P(continuation | prompt), in nats, for each pair (prompt, continuation): (n,).

    Prompt and continuation are tokenized together, so that the tokens are those of the text as a whole.  With an empty
    prompt and a tokenizer that puts nothing in front, the first token is not scored.  Raises `ValueError` when the
    boundary of a prompt is not a boundary of tokens: then the probability asked for is not defined.
    """
    if getattr(model.config, "final_logit_softcapping", None):  # Gemma 2: more than a matrix after the last layer
        raise ValueError(_("Ce modèle borne ses logits (final_logit_softcapping) : prenez-en un qui ne le fait pas."))
    totals = np.zeros(len(pairs))
    wanted: dict[tuple[int, ...], list[tuple[int, int]]] = {}  # context -> (pair, the token that follows it)
    for i, (row, start) in enumerate(_rows(tokenizer, pairs)):
        for t in range(start, len(row)):
            wanted.setdefault(tuple(row[:t]), []).append((i, row[t]))
    contexts = _maximal(wanted)
    prefix = SharedPrefix(model, _common_prefix(contexts))
    if prefix:
        _add(model, prefix.states, [prefix.ids], 0, wanted, totals)
    for batch in _batches(contexts, batch_size):
        chosen = [contexts[i] for i in batch]
        states = _states(model, [list(context[len(prefix) :]) for context in chosen], prefix.cache(len(chosen)))
        _add(model, states, chosen, len(prefix), wanted, totals)
    return totals


def label_loglikelihood(model, tokenizer, prompts: list[str], labels: list[str], batch_size: int = 16) -> np.ndarray:
    """log P(label | prompt), in nats, for every prompt and every label: (prompts, labels).  As `loglikelihood`."""
    pairs = [(prompt, label) for prompt in prompts for label in labels]
    return loglikelihood(model, tokenizer, pairs, batch_size).reshape(len(prompts), len(labels))


def token_counts(tokenizer, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """The number of tokens that `loglikelihood` scores in each continuation: (n,).  Same `ValueError`."""
    return np.array([len(row) - start for row, start in _rows(tokenizer, pairs)], dtype=int)


def _rows(tokenizer, pairs: Sequence[tuple[str, str]]) -> list[tuple[list[int], int]]:
    """The tokens of each prompt + continuation, and where those to score begin."""
    heads: dict[str, list[int]] = {}
    rows = []
    for prompt, continuation in pairs:
        if prompt not in heads:
            heads[prompt] = tokenizer(prompt)["input_ids"]
        head, row = heads[prompt], tokenizer(prompt + continuation)["input_ids"]
        start = max(len(head), 1)
        if row[: len(head)] != head or len(row) <= start:
            message = _(
                "{prompt!r} + {continuation!r} : la fin de la requête n'est pas une frontière de tokens, ou la suite "
                "est vide. Mettez l'espace au début de la suite, et non à la fin de la requête."
            )
            raise ValueError(message.format(prompt=prompt, continuation=continuation))
        rows.append((row, start))
    return rows


def _maximal(contexts) -> list[tuple[int, ...]]:
    """The contexts that are not the beginning of another one, which reads them too."""
    ordered = sorted(contexts)  # what begins with a context follows it at once
    return [c for c, following in zip(ordered, ordered[1:] + [()], strict=False) if following[: len(c)] != c]


def _add(model, states: torch.Tensor, contexts, shared: int, wanted: dict, totals: np.ndarray) -> None:
    """Add to `totals` all that is wanted where `states` were read: the contexts beyond their first `shared` tokens."""
    found = {}  # (row, position) -> what is wanted there, each context once
    for b, context in enumerate(contexts):
        for length in range(shared + 1, len(context) + 1):
            if tuple(context[:length]) in wanted:
                found[b, length - shared - 1] = wanted.pop(tuple(context[:length]))
    if not found:
        return
    # The vocabulary is read where something is wanted, and nowhere else.
    logits = model.get_output_embeddings()(states[tuple(torch.tensor(list(found), device=states.device).T)]).float()
    norms = logits.logsumexp(-1).tolist()
    for row, norm, tokens in zip(logits, norms, found.values(), strict=True):
        for (i, _token), logit in zip(tokens, row[[token for _i, token in tokens]].tolist(), strict=True):
            totals[i] += logit - norm
