"""The masked model: its storage, and the loss computed at masked positions only."""

import torch
from transformers import BertConfig, BertForMaskedLM

from utils.assets.masked_weights import quantize, restore, store
from utils.masked_model import SparseBertForMaskedLM

CONFIG = {
    "vocab_size": 97,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def test_int8_is_within_half_a_step_of_every_value():
    matrix = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    values, scale = quantize(matrix)
    assert values.dtype == torch.int8 and scale.shape == (50, 1)
    assert (
        values.float() * scale.float() - matrix
    ).abs().max() <= 0.502 * scale.float().max() + 1e-3 * matrix.abs().max()


def test_store_and_restore(tmp_path):
    state = {"matrix": torch.randn(8, 16), "zeros": torch.zeros(4, 4), "bias": torch.tensor([0.5, -1.0])}
    store(state, tmp_path / "w.safetensors")
    back = restore(tmp_path / "w.safetensors", {"other": torch.ones(1)})
    assert set(back) == {"matrix", "zeros", "bias", "other"}
    assert torch.equal(back["bias"], state["bias"]) and not back["zeros"].any()
    assert torch.allclose(back["matrix"], state["matrix"], atol=0.02)
    assert all(value.dtype == torch.float32 for value in back.values())


def problem():
    ids = torch.randint(5, 97, (3, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    labels = torch.where(torch.rand(3, 12, generator=torch.Generator().manual_seed(2)) < 0.3, ids, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def test_same_loss_and_gradients_as_the_full_model():
    torch.manual_seed(0)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    sparse = SparseBertForMaskedLM(BertConfig(**CONFIG, **dropout)).train()
    full = BertForMaskedLM(BertConfig(**CONFIG, **dropout)).train()
    full.load_state_dict(sparse.state_dict())
    ours, theirs = sparse(**problem()), full(**problem())
    assert torch.allclose(ours.loss, theirs.loss, atol=1e-6) and ours.logits is None
    ours.loss.backward()
    theirs.loss.backward()
    for (name, a), b in zip(sparse.named_parameters(), full.parameters(), strict=True):
        if b.grad is not None:
            assert torch.allclose(a.grad, b.grad, atol=1e-6), name


def test_unchanged_in_evaluation():
    torch.manual_seed(0)
    model = SparseBertForMaskedLM(BertConfig(**CONFIG)).eval()
    with torch.no_grad():
        output = model(**problem())
    assert output.logits.shape == (3, 12, 97) and output.loss.isfinite()
