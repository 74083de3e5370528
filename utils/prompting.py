"""Greedy or sampled answers to many prompts at once: the beginning that the prompts share is read once."""

import copy

import torch
from transformers import DynamicCache, StoppingCriteria

from utils.scoring import common_prefix


@torch.inference_mode()
def complete(
    model, tokenizer, prompts: list[str], max_new_tokens: int = 16, stop: str = "\n", batch_size: int = 32, **options
):
    """What the model writes after each prompt, up to `stop` (left out): a list of texts, stripped.

    Greedy unless `options`, passed on to `generate`, say otherwise (`do_sample=True, temperature=…`).
    """
    options = {"do_sample": False, "pad_token_id": tokenizer.pad_token_id or 0} | options
    rows = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    shared = _shareable(model, rows, max_new_tokens)
    prefix = _read(model, rows[0][:shared]) if shared else None
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # rows of a batch are padded to the longest
    texts = [""] * len(rows)
    for begin in range(0, len(order), batch_size):
        chunk = order[begin : begin + batch_size]
        width = max(len(rows[i]) for i in chunk)
        # Padded after the shared beginning, so that the rows end together.
        pads = [width - len(rows[i]) for i in chunk]
        ids = [rows[i][:shared] + [0] * pad + rows[i][shared:] for i, pad in zip(chunk, pads, strict=True)]
        mask = [[1] * shared + [0] * pad + [1] * (width - shared - pad) for pad in pads]
        cache = None
        if prefix is not None:
            cache = copy.deepcopy(prefix)  # generating extends it
            cache.batch_repeat_interleave(len(chunk))
        output = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            past_key_values=cache,
            max_new_tokens=max_new_tokens,
            stopping_criteria=[_Stop(tokenizer, width, stop)],
            **options,
        )
        for i, text in zip(chunk, tokenizer.batch_decode(output[:, width:], skip_special_tokens=True), strict=True):
            texts[i] = text.split(stop)[0].strip()
    return texts


class _Stop(StoppingCriteria):
    """A row is finished once what was generated holds `stop`."""

    def __init__(self, tokenizer, start: int, stop: str):
        self.tokenizer, self.start, self.stop = tokenizer, start, stop

    def __call__(self, input_ids, scores, **kwargs):
        texts = self.tokenizer.batch_decode(input_ids[:, self.start :])
        return torch.tensor([self.stop in text for text in texts], device=input_ids.device)


def _shareable(model, rows: list[list[int]], new: int) -> int:
    """How many first tokens to read once; 0 when the padding amid a row would fall within a sliding window."""
    shared = min(common_prefix(min(rows), max(rows)), min(map(len, rows)) - 1)
    window = getattr(model.config, "sliding_window", None)
    return 0 if len(rows) == 1 or (window and max(map(len, rows)) + new > window) else shared


def _read(model, ids: list[int]) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache
