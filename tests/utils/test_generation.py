"""Greedy answers: those of `generate`, whatever the batch; and how sure each token is."""

import math

import pytest
import torch
import transformers

from utils import generation
from utils.generation import Answer, greedy_answers

WORDS = ["<pad>", "<eos>", "\n", "ab", "cd", "ef", "gh", "ij"]


class TinyTokenizer:
    """One token a character pair or line break."""

    all_special_ids = [0, 1]

    def __call__(self, text):
        pairs = text.replace("\n", "\n\n")
        return {"input_ids": [WORDS.index(pairs[i : i + 2].replace("\n\n", "\n")) for i in range(0, len(pairs), 2)]}

    def decode(self, ids, skip_special_tokens=False):
        return "".join(WORDS[i] for i in ids if not (skip_special_tokens and i < 2))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, bos_token_id=None, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


PROMPTS = ["ab", "cdefgh", "abab\ncd", "ghijabcdefgh", "ij"]


def by_generate(model, prompt, n):
    tokenizer = TinyTokenizer()
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    output = model.generate(
        ids, max_new_tokens=n, do_sample=False, eos_token_id=[0, 1, 2], output_scores=True, return_dict_in_generate=True
    )
    tokens = output.sequences[0, ids.shape[1] :].tolist()
    values = [s[0].log_softmax(-1)[t].item() for s, t in zip(output.scores, tokens, strict=True)]
    return tokenizer.decode(tokens, skip_special_tokens=True).split("\n")[0].strip(), values


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_the_answers_of_generate(model, batch_size):
    answers = greedy_answers(model, TinyTokenizer(), PROMPTS, max_new_tokens=6, batch_size=batch_size)
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        text, values = by_generate(model, prompt, 6)
        assert answer.text == text
        assert answer.logprobs == pytest.approx(values, abs=1e-4)


def test_a_line_ends_an_answer(model, monkeypatch):
    monkeypatch.setattr(generation, "_ends_line", lambda tokenizer, token: True)
    assert all(len(answer.logprobs) == 1 for answer in greedy_answers(model, TinyTokenizer(), PROMPTS))


def test_confidence_is_a_geometric_mean():
    assert Answer("x", (math.log(0.5), math.log(0.125))).confidence == pytest.approx(0.25)
    assert Answer("", ()).confidence == 0.0


def test_no_prompt(model):
    assert greedy_answers(model, TinyTokenizer(), []) == []
