"""Roles, profiles and conversions.  What needs real weights takes them from the user's cache, filled at need."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
import transformers
from safetensors import safe_open

from utils import models
from utils.assets import masked_weights
from utils.assets.archive import FetchError
from utils.assets.cache import CacheError

LOADERS = {
    "causal": models.load_causal_lm,
    "instruct": models.load_instruct,
    "embedder": models.load_embedder,
}


@pytest.fixture
def embedded(monkeypatch):
    monkeypatch.delenv("COURSE_MODELS", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.fixture
def course_cache(embedded, cache):
    """A cache of our own that holds the embedder, linked from the user's."""
    kept = os.environ.pop("COURSE_CACHE")
    source = models.cached("embedder").get()
    os.environ["COURSE_CACHE"] = kept
    shutil.copytree(source, models.cached("embedder").path, copy_function=_link)
    return cache


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.parametrize("role", LOADERS)
def test_what_a_role_gives(embedded, role):
    model, tokenizer = LOADERS[role]()
    assert not model.training and model.dtype == torch.float32 and isinstance(model, transformers.PreTrainedModel)
    assert tokenizer("Hello").input_ids
    folder = models.local_path(role)
    assert models.cached(role).damaged_files() == []
    assert not [path for path in folder.rglob("*") if path.suffix in {".bin", ".pt", ".pkl", ".gguf", ".py"}]


def test_embedder_tells_close_sentences_from_others(embedded):
    model, tokenizer = models.load_embedder()
    assert type(model) is transformers.BertModel and model.config.hidden_size == 384
    batch = tokenizer(["A cat sleeps.", "A kitten is asleep.", "Stock prices fell."], padding=True, return_tensors="pt")
    with torch.no_grad():
        states, mask = model(**batch).last_hidden_state, batch["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.6 and cosines[0, 2] < 0.3


def test_instruct_answers_through_its_chat_template(embedded):
    model, tokenizer = models.load_instruct()
    question = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(answer) and answer[-1] == tokenizer.eos_token_id  # and it knows where to stop
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_causal_continues_french(embedded):
    model, tokenizer = models.load_causal_lm()
    batch = tokenizer("Quelle est ta couleur préférée ? Ma couleur préférée est le", return_tensors="pt")
    assert batch["input_ids"][0, 0] == tokenizer.bos_token_id
    with torch.no_grad():
        best = model(**batch).logits[0, -1].topk(4).indices
    assert {tokenizer.decode(i).strip() for i in best} & {"bleu", "rouge", "noir", "vert", "blanc"}


@pytest.mark.parametrize("role", ["causal", "instruct"])
def test_converted_weights_are_tied_bfloat16_and_not_quantized(embedded, role):
    folder = models.local_path(role)
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118  # tied: stored once
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    model, _ = LOADERS[role]()
    assert model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def test_loading_costs_little_more_than_the_bare_library(embedded):
    """At most twice a bare from_pretrained of model and tokenizer: fastest of several, taken in turns."""
    folder = models.local_path("instruct")

    def bare():
        transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        transformers.AutoTokenizer.from_pretrained(folder)

    times = {bare: [], models.load_instruct: []}
    for _ in range(5):
        for load, taken in times.items():
            start = time.perf_counter()
            load()
            taken.append(time.perf_counter() - start)
    assert min(times[models.load_instruct]) <= 2 * min(times[bare]) + 0.05


def test_a_preloaded_model_is_given_once(monkeypatch):
    """As processes forked by the grader have it: a second load gives another, as it would anywhere."""
    monkeypatch.setattr(models, "_read", lambda role: (f"another {role}", "tokenizer"))
    monkeypatch.setitem(models.preloaded, "masked", ("the shared one", "tokenizer"))
    loaded = [models.load_masked_lm()[0], models.load_masked_lm()[0], models.load_embedder()[0]]
    assert loaded == ["the shared one", "another masked", "another embedder"]


def test_loading_says_nothing(embedded, capfd):
    models.load_embedder()
    assert capfd.readouterr() == ("", "")


# The masked model, with stand-in weights.


def make_weights(path: Path, seed: int = 0) -> dict:
    torch.manual_seed(seed)
    config = transformers.BertConfig.from_pretrained(models.local_path("embedder"))
    state = transformers.BertForMaskedLM(config).state_dict()
    for tied in ("cls.predictions.decoder.weight", "cls.predictions.decoder.bias"):
        state.pop(tied, None)
    masked_weights.store(state, path)
    return masked_weights.restore(path)


def test_masked(course_cache, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "MASKED_WEIGHTS", tmp_path / "weights.safetensors")
    with pytest.raises(CacheError, match="weights.safetensors"):
        models.load_masked_lm()
    state = make_weights(models.MASKED_WEIGHTS)
    model, tokenizer = models.load_masked_lm()
    assert isinstance(model, transformers.BertForMaskedLM) and not model.training
    assert model.config.hidden_dropout_prob == 0 and model.config.vocab_size == len(tokenizer) == 30522
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    assert model.cls.predictions.decoder.weight.data_ptr() == model.bert.embeddings.word_embeddings.weight.data_ptr()
    assert tokenizer.mask_token == "[MASK]" and tokenizer("Touché!").input_ids == [101, 3543, 2063, 999, 102]
    batch = tokenizer("A [MASK].", return_tensors="pt")
    assert model(**batch).logits.shape == (1, 5, 30522)

    before = models.cached("masked").source
    make_weights(models.MASKED_WEIGHTS, seed=1)  # the course brings new weights
    assert models.cached("masked").source != before and not models.cached("masked").is_intact()
    renewed, _ = models.load_masked_lm()
    assert not torch.equal(renewed.bert.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)


def test_masked_weights_that_do_not_fit(course_cache, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "MASKED_WEIGHTS", tmp_path / "weights.safetensors")
    masked_weights.store({"bert.embeddings.word_embeddings.weight": torch.zeros(30522, 384)}, models.MASKED_WEIGHTS)
    with pytest.raises(CacheError, match="ne va pas avec le modèle"):
        models.load_masked_lm()
    assert not models.cached("masked").path.exists()


# Rules.


def test_unknown_role_and_profile(monkeypatch):
    with pytest.raises(ValueError, match="Rôle inconnu : « translator »"):
        models.local_path("translator")
    monkeypatch.setenv("COURSE_MODELS", "cloud")
    with pytest.raises(ValueError, match="COURSE_MODELS vaut « cloud »"):
        models.profile()


@pytest.mark.parametrize("role", models.ROLES)
def test_a_missing_model_is_not_fetched_while_grading(cache, monkeypatch, role):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(CacheError, match="pendant une correction"):
        models.local_path(role)
    assert not cache.exists()


def test_gemma_parts_are_joined_in_order_and_verified(embedded, cache, tmp_path, monkeypatch):
    """With four small parts: a wrong join is refused, the right one reaches the converter."""
    for number, archive in enumerate(models.GEMMA):
        part = tmp_path / archive.project / archive.members[0]
        part.parent.mkdir(parents=True)
        part.write_bytes(bytes([number]) * 3)
    converted = []
    monkeypatch.setattr(models, "fetch", lambda archive: tmp_path / archive.project)
    monkeypatch.setattr(models, "_convert_gguf", lambda gguf, folder: converted.append(gguf.read_bytes()))
    (target := tmp_path / "target").mkdir()
    with pytest.raises(FetchError, match=models.GEMMA_GGUF_SHA256):
        models._make_causal(target)
    assert not converted and not list(target.iterdir())
    right = hashlib.sha256(b"\0\0\0\1\1\1\2\2\2\3\3\3").hexdigest()
    monkeypatch.setattr(models, "GEMMA_GGUF_SHA256", right)
    models._make_causal(target)
    assert converted == [b"\0\0\0\1\1\1\2\2\2\3\3\3"] and not list(target.iterdir())


def test_gemma_notice_is_printed_once(cache, capsys):
    for _ in range(2):
        models._print_gemma_notice()
    assert capsys.readouterr().out.count("Gemma Terms of Use") == 1


def test_command_line(cache, capsys):
    assert models.main(["list"]) == 0
    assert capsys.readouterr().out.count("absent") == 4
    assert models.main(["verify", "embedder"]) == 1
    assert "python -m utils.models fetch embedder" in capsys.readouterr().out


# The hub profile, on a local folder laid out as the hub's own cache.


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """hub(role, **save options): puts a tiny causal model where the hub's cache would have the role's repository."""
    monkeypatch.setenv("COURSE_MODELS", "hub")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def put(role: str, revision: str | None = None) -> Path:
        repository, pinned = models.ROLES[role].hub
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / (revision or pinned)
        config = transformers.BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
        transformers.BertModel(config).save_pretrained(folder)
        (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\n")
        transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
        return folder

    return put


def test_hub(hub, cache):
    folder = hub("embedder")
    assert models.local_path("embedder") == folder
    model, tokenizer = models.load_embedder()
    assert model.config.vocab_size == 8 and tokenizer.mask_token_id == 4
    assert not cache.exists()


def test_hub_revision_of_one_s_own(hub, monkeypatch):
    folder = hub("embedder", revision="f" * 40)
    monkeypatch.setenv("COURSE_HUB_REVISION_EMBEDDER", "f" * 40)
    assert models.local_path("embedder") == folder


def test_hub_that_cannot_be_reached(hub):
    with pytest.raises(CacheError, match="Le hub n'a pas donné sentence-transformers/all-MiniLM-L6-v2"):
        models.load_embedder()


def test_hub_never_loads_a_pickle(hub):
    folder = hub("embedder")
    (folder / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": torch.zeros(8, 8)}, folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        models.load_embedder()


@pytest.mark.parametrize("role", models.ROLES)
def test_hub_revisions_are_commits(role):
    repository, revision = models.ROLES[role].hub
    assert repository.count("/") == 1 and len(revision) == 40 and set(revision) <= set("0123456789abcdef")


def test_the_hub_profile_asks_for_no_pickle(hub, monkeypatch):
    asked = {}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *a, **options: asked.update(options) or ".")
    models.local_path("causal")
    wanted, unwanted = asked["allow_patterns"], asked["ignore_patterns"]
    names = ["model.safetensors", "config.json", "pytorch_model.bin", "onnx/model.onnx", "tf_model.h5", "x.pkl", "a.py"]
    kept = list(huggingface_hub.utils.filter_repo_objects(names, allow_patterns=wanted, ignore_patterns=unwanted))
    assert kept == ["model.safetensors", "config.json"]
