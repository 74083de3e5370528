"""Short answers to many prompts at a time, and how sure the model is of each of their tokens."""

from dataclasses import dataclass

import torch
from tqdm.auto import tqdm


@dataclass(frozen=True)
class Answer:
    """The first line that a model writes after a prompt: its text, and log p of each token chosen (nats).

    The token that ends the line counts among them: a model that is not sure where to stop is not sure of its answer.
    """

    text: str
    logprobs: tuple[float, ...]

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities, between 0 and 1."""
        return float(torch.tensor(self.logprobs).mean().exp()) if self.logprobs else 0.0


def greedy_answers(model, tokenizer, prompts: list[str], max_new_tokens: int = 12, batch_size: int = 8) -> list[Answer]:
    """The greedy continuation of each prompt up to the end of its line, or of `max_new_tokens` tokens.

    Prompts of about the same length go together, padded on the left.
    """
    answers: dict[int, Answer] = {}
    rows = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    for batch in tqdm(batches, desc="réponses", unit="lot", leave=False, disable=len(batches) < 2):
        for i, answer in zip(batch, _lines(model, tokenizer, [rows[i] for i in batch], max_new_tokens), strict=True):
            answers[i] = answer
    return [answers[i] for i in range(len(rows))]


@torch.inference_mode()
def _lines(model, tokenizer, rows: list[list[int]], max_new_tokens: int) -> list[Answer]:
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=model.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=model.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    chosen: list[list[int]] = [[] for _ in rows]
    logprobs: list[list[float]] = [[] for _ in rows]
    done, cache = [False] * len(rows), None
    for _ in range(max_new_tokens):
        output = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True,
            logits_to_keep=1,
        )  # fmt: skip
        cache = output.past_key_values
        best = output.logits[:, -1].float().log_softmax(-1).max(-1)
        for i, (token, logprob) in enumerate(zip(best.indices.tolist(), best.values.tolist(), strict=True)):
            if not done[i]:
                logprobs[i].append(logprob)
                done[i] = _ends_line(tokenizer, token)
                chosen[i].append(token)
        if all(done):
            break
        ids = best.indices.unsqueeze(-1)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
    texts = [tokenizer.decode(tokens, skip_special_tokens=True).split("\n")[0].strip() for tokens in chosen]
    return [Answer(text, tuple(values)) for text, values in zip(texts, logprobs, strict=True)]


def _ends_line(tokenizer, token: int) -> bool:
    return token in tokenizer.all_special_ids or "\n" in tokenizer.decode([token])
