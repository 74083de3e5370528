"""Many questions to a model at once, against one at a time; on models drawn at random, and on the course's."""

import copy
import math
import time
import weakref
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, LogitsProcessor

from utils import batching
from utils.batching import Completion, complete, label_loglikelihood, loglikelihood, token_counts
from utils.environment import DATA

ALPHABET = [*"abcdefghijklmnopqrstuvwxyz\n ", "xy"]
START, END = len(ALPHABET), len(ALPHABET) + 1


class Letters:
    """A tokenizer of one token a letter, but for "xy", a token of its own; `prefix` goes in front."""

    pad_token_id = eos_token_id = END

    def __init__(self, prefix=(START,)):
        self.prefix = list(prefix)

    def __call__(self, text):
        ids, i = list(self.prefix), 0
        while i < len(text):
            piece = "xy" if text[i : i + 2] == "xy" else text[i]
            ids.append(ALPHABET.index(piece))
            i += len(piece)
        return {"input_ids": ids}

    def batch_decode(self, rows, skip_special_tokens=False):
        pieces = [*ALPHABET, *(["", ""] if skip_special_tokens else ["<s>", "</s>"])]
        return ["".join(pieces[i] for i in row) for row in rows]


@pytest.fixture(scope="module")
def models():
    """Two models: one whose layers see all, and one where every other layer sees 24 tokens back, as in Gemma 3."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small that threads would mostly wait for one another
    torch.manual_seed(0)
    sizes = {"vocab_size": END + 1, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    llama = LlamaForCausalLM(LlamaConfig(**sizes, num_hidden_layers=2))
    config = Gemma3TextConfig(
        **sizes, num_hidden_layers=4, num_key_value_heads=1, head_dim=16, sliding_window=24,
        layer_types=["sliding_attention", "full_attention"] * 2,
    )  # fmt: skip
    made = {"llama": llama.eval(), "gemma": Gemma3ForCausalLM(config).eval()}
    for model in made.values():
        model.generation_config.eos_token_id = END
        for parameter in model.parameters():  # far from ties between tokens
            parameter.data *= 3
    yield made
    torch.set_num_threads(threads)


@pytest.fixture
def model(models):
    return models["llama"]


@contextmanager
def reading(model):
    """The list of the numbers of tokens that the model's layers are given, call by call."""
    read = []

    def count(_, __, given):
        read.append(given["input_ids"].numel())

    with model.get_decoder().register_forward_pre_hook(count, with_kwargs=True):
        yield read


# What the model writes


def written_alone(model, prompt, n, stop, **options) -> Completion:
    """The reference: `generate` for one prompt, which says the scores of all its steps."""
    tokenizer = Letters()
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, do_sample=False, pad_token_id=END,
        return_dict_in_generate=True, output_scores=True, **options,
    )  # fmt: skip
    tokens = output.sequences[0, ids.shape[1] :].tolist()
    ends = [i + 1 for i, token in enumerate(tokens) if token < START and stop in ALPHABET[token]]
    tokens = tokens[: ends[0] if ends else None]
    logprobs = [scores[0].log_softmax(-1)[token].item() for scores, token in zip(output.scores, tokens, strict=False)]
    [text] = tokenizer.batch_decode([tokens], skip_special_tokens=True)
    return Completion(text.split(stop)[0].strip(), tuple(logprobs))


def assert_same(completions, expected):
    assert [c.text for c in completions] == [e.text for e in expected]
    for completion, one in zip(completions, expected, strict=True):
        assert completion.logprobs == pytest.approx(one.logprobs, abs=1e-3)


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
def test_written_as_one_prompt_at_a_time(models, which, prompts, batch_size):
    got = complete(models[which], Letters(), prompts, max_new_tokens=6, stop="§", batch_size=batch_size)
    assert_same(got, [written_alone(models[which], prompt, 6, "§") for prompt in prompts])
    assert any(completion.text for completion in got)


@pytest.fixture
def seen_early(model):
    """A letter that some rows, not all, write before their end."""
    long = [c.text for c in complete(model, Letters(), SETS["a shared beginning"], 12, stop="§")]
    return next(a for text in long for a in text[2:] if a != " " and not all(a in other for other in long))


def test_it_stops(model, seen_early):
    """A row ends at `stop`, which counts among its tokens, even when other rows go on."""
    prompts = SETS["a shared beginning"]
    got = complete(model, Letters(), prompts, 12, stop=seen_early)
    assert_same(got, [written_alone(model, prompt, 12, seen_early) for prompt in prompts])
    assert len({len(completion.logprobs) for completion in got}) > 1


@pytest.mark.parametrize("several", [False, True])
def test_the_end_of_the_text_stops_a_row(model, seen_early, several):
    """Neither the padding that `generate` puts after it, nor its log p, is part of the answer."""
    prompts, end = SETS["a shared beginning"], ALPHABET.index(seen_early)
    end = [END, end] if several else end
    got = complete(model, Letters(), prompts, 12, stop="§", eos_token_id=end, pad_token_id=0)
    assert_same(got, [written_alone(model, prompt, 12, "§", eos_token_id=end) for prompt in prompts])
    assert len({len(completion.logprobs) for completion in got}) > 1


def test_the_shared_beginning_is_read_once(model):
    prompts = [SHARED + end for end in [" a", " b", " c", " d"]]
    with reading(model) as read:
        complete(model, Letters(), prompts, max_new_tokens=1, stop="§")
    shared = 1 + len(SHARED) + 1  # the token in front, and the space that all the endings share
    assert read == [shared, 4]


def test_options_go_to_generate(model):
    torch.manual_seed(0)
    drawn = complete(model, Letters(), ["hello"] * 40, 4, stop="§", do_sample=True, temperature=3.0, top_k=0)
    assert len({completion.text for completion in drawn}) > 10


class FirstHalf(LogitsProcessor):
    """Only the first letters, written in place."""

    def __call__(self, input_ids, scores):
        scores[:, 13:] = -math.inf
        return scores


@pytest.mark.parametrize(
    "options", [{}, {"do_sample": True, "temperature": 3.0, "top_k": 5}, {"logits_processor": [FirstHalf()]}]
)
def test_logprobs_are_the_models_own(model, options):
    """Whatever the choice was made from: those of `loglikelihood`."""
    torch.manual_seed(0)
    prompts = SETS["a shared beginning"] * 4
    found = zip(prompts, complete(model, Letters(), prompts, 4, stop="§", **options), strict=True)
    plain = [(p, c) for p, c in found if len(Letters(())(c.text)["input_ids"]) == len(c.logprobs)]  # no space cut off
    assert len(plain) > 5
    expected = loglikelihood(model, Letters(), [(prompt, completion.text) for prompt, completion in plain])
    np.testing.assert_allclose([sum(completion.logprobs) for _, completion in plain], expected, atol=1e-3)


def test_the_logits_of_the_steps_are_not_kept(model, monkeypatch):
    seen, alive = [], []

    class Watched(batching._RawLogits):
        def __call__(self, input_ids, scores):
            alive.append(sum(step() is not None for step in seen))
            seen.append(weakref.ref(scores))
            return super().__call__(input_ids, scores)

    monkeypatch.setattr(batching, "_RawLogits", Watched)
    complete(model, Letters(), ["hello", "zebra"], 12, stop="§")
    assert len(alive) > 6
    assert max(alive) <= 1


@pytest.mark.parametrize("which", ["llama", "gemma"])
def test_no_prompt(models, which):
    assert complete(models[which], Letters(), []) == []


def test_confidence_is_a_geometric_mean():
    assert Completion("x", (math.log(0.5), math.log(0.125))).confidence == pytest.approx(0.25)
    assert Completion("", ()).confidence == 0.0


# How probable a continuation is


@torch.no_grad()
def scored_alone(model, tokenizer, prompt, continuation):
    """The reference: (log p of the continuation, its number of tokens) from a text read alone."""
    ids = torch.tensor([tokenizer(prompt + continuation)["input_ids"]])
    first = max(len(tokenizer(prompt)["input_ids"]), 1)
    costs = torch.nn.functional.cross_entropy(model(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    return -costs[first - 1 :].sum().item(), ids.shape[1] - first


def assert_scored(got, model, tokenizer, pairs):
    np.testing.assert_allclose(got, [scored_alone(model, tokenizer, *pair)[0] for pair in pairs], atol=1e-3)


@pytest.mark.parametrize("prefix", [(), (START,)])
@pytest.mark.parametrize("prompt", ["", "a", "hello"])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_scored_as_one_row_at_a_time(model, prefix, prompt, batch_size):
    tokenizer = Letters(prefix)
    pairs = [(prompt, continuation) for continuation in ["bc", "xyz", "qqqqqqq", "mn", "zxy"]]
    assert_scored(loglikelihood(model, tokenizer, pairs, batch_size), model, tokenizer, pairs)
    assert token_counts(tokenizer, pairs).tolist() == [scored_alone(model, tokenizer, *pair)[1] for pair in pairs]


def test_the_next_tokens_sum_to_one(model):
    with torch.no_grad():
        special = model(torch.tensor([Letters()("ab")["input_ids"]])).logits[0, -1].softmax(-1)[START:].sum().item()
    letters = np.exp(loglikelihood(model, Letters(), [("ab", token) for token in ALPHABET])).sum()
    assert letters + special == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("prompt", "continuation"), [("ax", "yz"), ("ab", "")])
def test_a_boundary_inside_a_token_is_refused(model, prompt, continuation):
    with pytest.raises(ValueError, match="frontière de tokens"):
        loglikelihood(model, Letters(), [(prompt, continuation)])
    with pytest.raises(ValueError, match="frontière de tokens"):
        label_loglikelihood(model, Letters(), ["ab", prompt], ["c", continuation])
    with pytest.raises(ValueError, match="frontière de tokens"):
        token_counts(Letters(), [(prompt, continuation)])


EXAMPLES = "thequickbrownfoxjumpsoverthelazydog"
PROMPTS = [EXAMPLES + query for query in ["a", "hello", "hell", "", "xyxyxyxyxy", "worlds", "hello"]]
LABELS = ["b", "bc", "bcd", "zxyz", "c"]


@pytest.mark.parametrize("which", ["llama", "gemma"])
@pytest.mark.parametrize("prefix", [(), (START,)])
@pytest.mark.parametrize("prompts", [PROMPTS, ["abc", "d", "xy"], ["hello"]], ids=["shared", "nothing shared", "one"])
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_labels_as_one_row_at_a_time(models, which, prefix, prompts, batch_size):
    tokenizer = Letters(prefix)
    got = label_loglikelihood(models[which], tokenizer, prompts, LABELS, batch_size)
    assert got.shape == (len(prompts), len(LABELS))
    assert_scored(got.ravel(), models[which], tokenizer, [(p, label) for p in prompts for label in LABELS])


def test_pairs_of_different_prompts(model):
    pairs = [("hello", "b"), ("help", "cde"), ("hello", "bcd"), ("zebra", "xy")]
    assert_scored(loglikelihood(model, Letters(()), pairs, 2), model, Letters(()), pairs)


def test_a_prompt_longer_than_the_sliding_window(models):
    pairs = [(EXAMPLES * 2, continuation) for continuation in ["a", "bcdefghijklmnop", EXAMPLES]]
    assert_scored(loglikelihood(models["gemma"], Letters(), pairs), models["gemma"], Letters(), pairs)


def test_a_model_under_lora(model):
    """TP 2 measures its model with adapters on, which `peft` wraps: they count."""
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    tuned = get_peft_model(copy.deepcopy(model), config).eval()
    pairs = [("hello", "bc"), ("hello", "xyz")]
    assert abs(scored_alone(tuned, Letters(), *pairs[0])[0] - scored_alone(model, Letters(), *pairs[0])[0]) > 1e-2
    assert_scored(loglikelihood(tuned, Letters(), pairs), tuned, Letters(), pairs)
    prompts = SETS["a shared beginning"]
    assert_same(complete(tuned, Letters(), prompts, 6), [written_alone(tuned, prompt, 6, "\n") for prompt in prompts])


def test_a_model_that_caps_its_logits_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.config, "final_logit_softcapping", 30.0, raising=False)
    with pytest.raises(ValueError, match="borne ses logits"):
        loglikelihood(model, Letters(), [("hello", "b")])


def test_no_pair(model):
    assert loglikelihood(model, Letters(), []).shape == token_counts(Letters(), []).shape == (0,)


def test_what_is_shared_is_read_once(model):
    """60 items after 60 shared tokens, two labels of one token: the naive loop reads the whole 120 times."""
    prompts = ["ab" * 30 + chr(97 + i % 20) + chr(97 + i // 20) for i in range(60)]
    with reading(model) as read:
        label_loglikelihood(model, Letters(()), prompts, ["u", "v"])
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
    got = label_loglikelihood(model, tokenizer, prompts, labels)
    shared, began = time.process_time() - began, time.process_time()
    expected = [[scored_alone(model, tokenizer, prompt, label)[0] for label in labels] for prompt in prompts]
    naive = time.process_time() - began
    print(f"{naive:.1f} s one by one, {shared:.1f} s together: {naive / shared:.1f} times less")
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert naive >= 4 * shared
