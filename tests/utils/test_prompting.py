"""Answers to many prompts at once, against `generate` one prompt at a time; on models drawn at random."""

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from utils.prompting import complete

ALPHABET = "abcdefghijklmnopqrstuvwxyz\n "


class Letters:
    """A tokenizer of one token a letter; 28 goes in front, 29 is the end."""

    pad_token_id = eos_token_id = 29

    def __call__(self, text):
        return {"input_ids": [28] + [ALPHABET.index(letter) for letter in text]}

    def batch_decode(self, rows, skip_special_tokens=False):
        return ["".join(ALPHABET[i] if i < 28 else "" if skip_special_tokens else "#" for i in row) for row in rows]


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    llama = LlamaForCausalLM(
        LlamaConfig(vocab_size=30, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    )
    config = Gemma3TextConfig(
        vocab_size=30, hidden_size=32, intermediate_size=32, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, sliding_window=24, layer_types=["sliding_attention", "full_attention"] * 2,
    )  # fmt: skip
    made = {"llama": llama.eval(), "gemma": Gemma3ForCausalLM(config).eval()}
    for model in made.values():
        model.generation_config.eos_token_id = 29
        for parameter in model.parameters():  # far from ties between tokens
            parameter.data *= 3
    return made


def one_by_one(model, prompt, n, stop):
    ids = torch.tensor([Letters()(prompt)["input_ids"]])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, do_sample=False, pad_token_id=29
    )
    [text] = Letters().batch_decode(output[:, ids.shape[1] :].tolist(), skip_special_tokens=True)
    return text.split(stop)[0].strip()


SHARED = "example a b example"
SETS = {
    "a shared beginning": [SHARED + end for end in ["", " abc", " z", " hello world", " abd"]],
    "longer than the window": [SHARED * 2 + end for end in [" abc", " z", " hello world"]],
    "nothing shared": ["abc", "zebra", "q"],
    "one prompt": ["hello"],
    "the same twice": ["hello", "hello"],
}


@pytest.mark.parametrize("which", ["llama", "gemma"])
@pytest.mark.parametrize("prompts", SETS.values(), ids=SETS)
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_as_one_prompt_at_a_time(models, which, prompts, batch_size):
    got = complete(models[which], Letters(), prompts, max_new_tokens=6, stop="§", batch_size=batch_size)
    assert got == [one_by_one(models[which], prompt, 6, "§") for prompt in prompts]
    assert any(got)


def test_it_stops(models):
    """The text ends before `stop`, even when other rows go on; more tokens than it takes change nothing."""
    prompts = SETS["a shared beginning"]
    long = complete(models["llama"], Letters(), prompts, max_new_tokens=12, stop="§")
    letter = next(text[2] for text in long if len(text) > 3)
    cut = complete(models["llama"], Letters(), prompts, max_new_tokens=12, stop=letter)
    assert cut == [text.split(letter)[0].strip() for text in long]


def test_the_shared_beginning_is_read_once(models):
    read = []

    def count(_, __, given):
        read.append(given["input_ids"].numel())

    prompts = [SHARED + end for end in [" a", " b", " c", " d"]]
    with models["llama"].register_forward_pre_hook(count, with_kwargs=True):
        complete(models["llama"], Letters(), prompts, max_new_tokens=1, stop="§")
    shared = 1 + len(SHARED) + 1  # the token in front, and the space that all the endings share
    assert read == [shared, 4]


def test_options_go_to_generate(models):
    prompts = ["hello"] * 40
    torch.manual_seed(0)
    drawn = complete(models["llama"], Letters(), prompts, 4, stop="§", do_sample=True, temperature=3.0, top_k=0)
    assert len(set(drawn)) > 10
