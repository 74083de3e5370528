"""The probability that a causal model gives to a continuation: many texts at a time, what they share read once.

A causal model's keys and values of a token depend on what precedes it only.  So the beginning that all the texts share
(the instruction and the examples of a prompt) is read once and its key-value cache serves them all; and each text that
is the beginning of another (a prompt, for its labels of one token) costs nothing more than that other.
"""

import copy

import numpy as np
import torch


def continuation_logprobs(model, tokenizer, prompt: str, continuations: list[str], batch_size: int = 16):
    """log P(continuation | prompt), in nats, and the number of tokens scored: two NumPy arrays of shape (n,).

    Prompt and continuation are tokenized together, so that the tokens are those of the text as a whole.  With an empty
    prompt and a tokenizer that puts nothing in front, the first token is not scored.  Raises `ValueError` when the
    boundary of the prompt is not a boundary of tokens: then the probability asked for is not defined.
    """
    rows, starts = _rows(tokenizer, [(prompt, continuation) for continuation in continuations])
    return _score(model, rows, starts, batch_size), np.array([len(row) for row in rows]) - starts


def pair_logprobs(model, tokenizer, pairs: list[tuple[str, str]], batch_size: int = 16):
    """log P(continuation | prompt), in nats, for each (prompt, continuation): a NumPy array (n,).

    As `continuation_logprobs`, for prompts that may differ: what all of them share is read once.  Same `ValueError`.
    """
    return _score(model, *_rows(tokenizer, pairs), batch_size)


def label_logprobs(model, tokenizer, prompts: list[str], labels: list[str], batch_size: int = 16):
    """log P(label | prompt), in nats, for every prompt and every label: a NumPy array (prompts, labels).

    As `continuation_logprobs` prompt by prompt, to rounding, but faster: see the module.  Same `ValueError`.
    """
    pairs = [(prompt, label) for prompt in prompts for label in labels]
    return pair_logprobs(model, tokenizer, pairs, batch_size).reshape(len(prompts), len(labels))


def _rows(tokenizer, pairs: list[tuple[str, str]]) -> tuple[list[list[int]], np.ndarray]:
    """The tokens of each prompt + continuation, and where those to score begin (n,)."""
    lengths, rows, starts = {}, [], []
    for prompt, continuation in pairs:
        if prompt not in lengths:
            lengths[prompt] = tokenizer(prompt)["input_ids"]
        start, row = lengths[prompt], tokenizer(prompt + continuation)["input_ids"]
        if row[: len(start)] != start or len(row) <= max(len(start), 1):
            raise ValueError(
                f"{prompt!r} + {continuation!r} : la fin de la requête n'est pas une frontière de tokens, ou la suite "
                "est vide. Mettez l'espace au début de la suite, et non à la fin de la requête."
            )
        rows.append(row)
        starts.append(max(len(start), 1))
    return rows, np.array(starts, dtype=int)


@torch.inference_mode()
def _score(model, rows: list[list[int]], starts: np.ndarray, batch_size: int) -> np.ndarray:
    """log P(row[start:] | row[:start]) for each row, (n,)."""
    if getattr(model.config, "final_logit_softcapping", None):  # Gemma 2: more than a matrix after the last layer
        raise ValueError("Ce modèle borne ses logits (final_logit_softcapping) : prenez-en un qui ne le fait pas.")
    totals = np.zeros(len(rows))
    wanted: dict[tuple[int, ...], list[tuple[int, int]]] = {}  # context -> (row, the token that follows it)
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        for t in range(start, len(row)):
            wanted.setdefault(tuple(row[:t]), []).append((i, row[t]))
    contexts = _maximal(wanted)
    shared = common_prefix(contexts[0], contexts[-1]) if len(contexts) > 1 else 0  # they are sorted
    cache = None
    if shared:
        cache = _read(model, [contexts[0][:shared]], wanted, totals, None, 0)
        contexts = [context for context in contexts if len(context) > shared]
    contexts.sort(key=len)  # rows of a batch are padded to the longest
    for begin in range(0, len(contexts), batch_size):
        _read(model, contexts[begin : begin + batch_size], wanted, totals, cache, shared)
    return totals


def _maximal(contexts) -> list[tuple[int, ...]]:
    """The contexts that are not the beginning of another one, which reads them too."""
    ordered = sorted(contexts)  # what begins with a context follows it at once
    return [c for c, following in zip(ordered, ordered[1:] + [()], strict=True) if following[: len(c)] != c]


def common_prefix(one, other) -> int:
    """The number of first elements that two sequences share."""
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return shared


def _read(model, contexts, wanted: dict, totals: np.ndarray, cache, shared: int):
    """Read the contexts beyond their first `shared` tokens, add to `totals` all that is wanted there; the new cache.

    Rows are padded on the right: a causal model does not look there, so neither mask nor positions are needed, and
    layers with a sliding window count the same distances as in a text read alone.
    """
    width = max(len(context) for context in contexts)
    ids = torch.tensor([list(c[shared:]) + [0] * (width - len(c)) for c in contexts], device=model.device)
    if cache is not None:
        cache = copy.deepcopy(cache)  # reading extends it
        cache.batch_repeat_interleave(len(contexts))
    found = {}  # (row of the batch, position of its context's last token) -> what is wanted there, each context once
    for b, context in enumerate(contexts):
        for length in range(shared + 1, len(context) + 1):
            if context[:length] in wanted:
                found[b, length - shared - 1] = wanted.pop(context[:length])
    output = model.get_decoder()(input_ids=ids, past_key_values=cache, use_cache=True)  # through LoRA too
    if found:
        # The vocabulary is most of a small model's work: it is read where something is wanted, and nowhere else.
        last = output.last_hidden_state[tuple(torch.tensor(list(found), device=model.device).T)]
        logits = model.get_output_embeddings()(last).float()
        norms = logits.logsumexp(-1).tolist()
        for row, norm, tokens in zip(logits, norms, found.values(), strict=True):
            for (i, _), logit in zip(tokens, row[[token for _, token in tokens]].tolist(), strict=True):
                totals[i] += logit - norm
    return output.past_key_values
