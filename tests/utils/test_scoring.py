"""Log-probabilities of continuations, against one row at a time; on models drawn at random, and on the course's."""

import copy
import time

import numpy as np
import pandas as pd
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from utils.environment import DATA
from utils.scoring import continuation_logprobs, label_logprobs, pair_logprobs


class Letters:
    """A tokenizer of one token a letter, but for "xy", a token of its own; `prefix` goes in front."""

    def __init__(self, prefix=()):
        self.prefix = list(prefix)

    def __call__(self, text):
        ids, i = list(self.prefix), 0
        while i < len(text):
            pair = text[i : i + 2] == "xy"
            ids.append(26 if pair else ord(text[i]) - 97)
            i += 1 + pair
        return {"input_ids": ids}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=28, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def sliding():
    """Layers that see 8 tokens back at most, between layers that see all, as in Gemma 3."""
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=28, hidden_size=32, intermediate_size=32, num_hidden_layers=4, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, sliding_window=8,
        layer_types=["sliding_attention", "full_attention"] * 2,
    )  # fmt: skip
    return Gemma3ForCausalLM(config).eval()


@torch.no_grad()
def one_by_one(model, tokenizer, prompt, continuation):
    ids = torch.tensor([tokenizer(prompt + continuation)["input_ids"]])
    first = max(len(tokenizer(prompt)["input_ids"]), 1)
    costs = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return -costs[first - 1 :].sum().item(), ids.shape[1] - first


@pytest.mark.parametrize("prefix", [(), (27,)])
@pytest.mark.parametrize("prompt", ["", "a", "hello"])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_as_one_row_at_a_time(model, prefix, prompt, batch_size):
    tokenizer = Letters(prefix)
    continuations = ["bc", "xyz", "qqqqqqq", "mn", "zxy"]
    totals, counts = continuation_logprobs(model, tokenizer, prompt, continuations, batch_size)
    expected = [one_by_one(model, tokenizer, prompt, c) for c in continuations]
    np.testing.assert_allclose(totals, [t for t, _ in expected], atol=1e-4)
    assert counts.tolist() == [n for _, n in expected]


def test_the_next_tokens_sum_to_one(model):
    totals, _ = continuation_logprobs(model, Letters((27,)), "ab", [chr(97 + i) for i in range(26)])
    assert 0.5 < np.exp(totals).sum() < 1


@pytest.mark.parametrize(("prompt", "continuation"), [("ax", "yz"), ("ab", "")])
def test_a_boundary_inside_a_token_is_refused(model, prompt, continuation):
    with pytest.raises(ValueError, match="frontière de tokens"):
        continuation_logprobs(model, Letters(), prompt, [continuation])
    with pytest.raises(ValueError, match="frontière de tokens"):
        label_logprobs(model, Letters(), ["ab", prompt], ["c", continuation])


EXAMPLES = "thequickbrownfoxjumpsoverthelazydog"
PROMPTS = [EXAMPLES + query for query in ["a", "hello", "hell", "", "xyxyxyxyxy", "worlds", "hello"]]
LABELS = ["b", "bc", "bcd", "zxyz", "c"]


@pytest.mark.parametrize("which", ["model", "sliding"])
@pytest.mark.parametrize("prefix", [(), (27,)])
@pytest.mark.parametrize("prompts", [PROMPTS, ["abc", "d", "xy"], ["hello"]], ids=["shared", "nothing shared", "one"])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_labels_as_one_row_at_a_time(request, which, prefix, prompts, batch_size):
    tokenizer, read = Letters(prefix), request.getfixturevalue(which)
    got = label_logprobs(read, tokenizer, prompts, LABELS, batch_size)
    expected = [[one_by_one(read, tokenizer, prompt, label)[0] for label in LABELS] for prompt in prompts]
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_a_model_under_lora(model):
    """TP 2 measures its model with adapters on, which `peft` wraps: they count."""
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    tuned = get_peft_model(copy.deepcopy(model), config).eval()
    expected = [one_by_one(tuned, Letters(), "hello", c)[0] for c in ("bc", "xyz")]
    assert abs(expected[0] - one_by_one(model, Letters(), "hello", "bc")[0]) > 1e-3
    np.testing.assert_allclose(
        continuation_logprobs(tuned, Letters(), "hello", ["bc", "xyz"])[0], expected, atol=1e-4
    )


def test_a_model_that_caps_its_logits_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.config, "final_logit_softcapping", 30.0, raising=False)
    with pytest.raises(ValueError, match="borne ses logits"):
        pair_logprobs(model, Letters(), [("hello", "b")])


def test_pairs_of_different_prompts(model):
    pairs = [("hello", "b"), ("help", "cde"), ("hello", "bcd"), ("zebra", "xy")]
    expected = [one_by_one(model, Letters(), *pair)[0] for pair in pairs]
    np.testing.assert_allclose(pair_logprobs(model, Letters(), pairs, 2), expected, atol=1e-4)


def test_a_prompt_longer_than_the_sliding_window(sliding):
    continuations = ["a", "bcdefghijklmnop", EXAMPLES]
    totals, _ = continuation_logprobs(sliding, Letters((27,)), EXAMPLES * 2, continuations)
    expected = [one_by_one(sliding, Letters((27,)), EXAMPLES * 2, c)[0] for c in continuations]
    np.testing.assert_allclose(totals, expected, atol=1e-4)


def test_what_is_shared_is_read_once(model):
    """60 items after 60 shared tokens, two labels of one token: the naive loop reads the whole 120 times."""
    read = []

    def count(_, __, given):
        read.append(given["input_ids"].numel())

    prompts = ["ab" * 30 + chr(97 + i % 20) + chr(97 + i // 20) for i in range(60)]
    with model.get_decoder().register_forward_pre_hook(count, with_kwargs=True):
        label_logprobs(model, Letters(), prompts, ["u", "v"])
    assert read == [60] + [16 * 2] * 3 + [12 * 2]


@pytest.mark.slow
def test_sixty_reviews_with_the_course_model():
    """TP 3's prompts (eight examples, two labels): the naive loop's scores, for a quarter of its computing at most."""
    from utils.models import load_causal_lm

    model, tokenizer = load_causal_lm()
    table = pd.read_csv(DATA / "tp3_prompting" / "sentiment.csv")
    examples, queries = (table[table["split"] == which] for which in ("example", "test"))
    start = "".join(f"Critique : {e.input}\nAvis : {e.output}\n\n" for e in examples.head(8).itertuples())
    prompts = [f"{start}Critique : {query}\nAvis :" for query in queries["input"].head(60)]
    labels = [" positif", " négatif"]
    began = time.process_time()
    got = label_logprobs(model, tokenizer, prompts, labels)
    shared, began = time.process_time() - began, time.process_time()
    expected = [[one_by_one(model, tokenizer, prompt, label)[0] for label in labels] for prompt in prompts]
    naive = time.process_time() - began
    print(f"{naive:.1f} s one by one, {shared:.1f} s together: {naive / shared:.1f} times less")
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert naive >= 4 * shared
