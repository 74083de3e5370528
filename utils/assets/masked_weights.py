"""The masked language model's weights as they are stored in `data/`: int8 with one scale per row.

A matrix W (rows × columns) is stored as `name.int8` and `name.scale` (float16, one per row) with
W ≈ int8 × scale; vectors are stored as they are, in float16.  Round-to-nearest with the row's
largest absolute value mapped to 127 ("absmax", Dettmers et al. 2022, LLM.int8(), §2.1).
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def quantize(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(int8 matrix, float16 scale of shape (rows, 1)) of a float matrix."""
    scale = (matrix.abs().amax(dim=1, keepdim=True) / 127).clamp(min=1e-8).half()
    return (matrix / scale.float()).round().clamp(-127, 127).to(torch.int8), scale


def store(state: dict[str, torch.Tensor], path: Path) -> None:
    """Write a float state dict to `path` (safetensors)."""
    tensors = {}
    for name, value in state.items():
        if value.ndim == 2:
            tensors[f"{name}.int8"], tensors[f"{name}.scale"] = quantize(value.float())
        else:
            tensors[name] = value.half()
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def restore(path: Path, base: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    """Read what `store` wrote back to a float32 state dict, on top of `base` (entries stored replace its own)."""
    stored, state = load_file(path), dict(base or {})
    for name, value in stored.items():
        if name.endswith(".int8"):
            name = name.removesuffix(".int8")
            state[name] = value.float() * stored[f"{name}.scale"].float()
        elif not name.endswith(".scale"):
            state[name] = value.float()
    return state
