"""Compare ways to store the trained masked model, draw its learning curve, write `weights.safetensors` and the tables.

    python data/masked_lm/compress.py

Candidates: the full fine-tune in fp16, int8 with one scale per row, and low-rank deltas over the
official weights (LoRA-style: W = W_official + A·B by truncated SVD; Hu et al. 2021, §4.1).
"""

import argparse
import json
import math
from pathlib import Path

import matplotlib
import torch
from safetensors.torch import load_file
from train import MIXTURE, build, evaluate, start_model
from transformers import AutoTokenizer

from utils.assets.masked_weights import quantize, restore, store
from utils.models import local_path

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
LIMIT_MB = 25
SENTENCES = [  # everyday sentences, with what a reader would accept
    ("The capital of France is [MASK].", {"paris", "lyon", "france", "brussels"}),
    ("She drank a cup of [MASK].", {"tea", "coffee", "water", "milk", "wine", "chocolate", "beer"}),
    ("The dog started to [MASK] at the stranger.", {"bark", "growl", "run", "look", "jump", "stare", "yell"}),
    ("He opened the [MASK] and walked in.", {"door", "doors", "gate", "house", "window", "room"}),
    ("In winter it is very [MASK].", {"cold", "cool", "warm", "dark", "wet", "dry", "hot"}),
    ("The children went to [MASK] by bus.", {"school", "work", "town", "church", "college", "london", "camp"}),
    ("My favorite color is [MASK].", {"blue", "red", "green", "black", "white", "yellow", "pink", "purple", "brown"}),
    ("They ate dinner at a [MASK].", {"restaurant", "hotel", "table", "bar", "diner", "party", "house", "home"}),
    ("He plays the [MASK] in a band.", {"guitar", "drums", "bass", "piano", "trumpet", "drum", "violin", "flute"}),
    ("The sun rises in the [MASK].", {"east", "morning", "sky", "west", "summer"}),
]


def low_rank(state, start, rank):
    """(state with every changed matrix replaced by its rank-`rank` delta over `start`, bytes needed in fp16)."""
    result, size = {}, 0
    for name, value in state.items():
        old = start.get(name)
        if value.ndim == 2 and old is not None and old.shape == value.shape and min(value.shape) > rank:
            u, s, v = torch.svd_lowrank(value - old, q=rank, niter=4)
            result[name] = old + (u * s).half().float() @ v.T.half().float()
            size += 2 * rank * sum(value.shape)
        else:
            result[name] = value.half().float()
            size += 2 * value.numel()
    return result, size


def candidates(state, start):
    """name -> (state dict as it would be read back, bytes)."""
    count = sum(v.numel() for v in state.values())
    int8 = {
        k: (lambda q, s: q.float() * s.float())(*quantize(v)) if v.ndim == 2 else v.half().float()
        for k, v in state.items()
    }
    size8 = sum(v.numel() + 2 * v.shape[0] if v.ndim == 2 else 2 * v.numel() for v in state.values())
    result = {
        "float32": (state, 4 * count),
        "float16": ({k: v.half().float() for k, v in state.items()}, 2 * count),
        "int8 per row": (int8, size8),
    }
    for rank in (16, 64, 128):
        result[f"low-rank delta, r={rank}"] = low_rank(state, start, rank)
    return result


def completions(model, tokenizer):
    """[(sentence, top-5 tokens, is one of them sensible)]"""
    rows = []
    for sentence, sensible in SENTENCES:
        ids = tokenizer(sentence, return_tensors="pt")
        position = (ids["input_ids"][0] == tokenizer.mask_token_id).nonzero().item()
        with torch.no_grad():
            best = model(**ids).logits[0, position].topk(5).indices
        words = tokenizer.convert_ids_to_tokens(best.tolist())
        rows.append((sentence, words, any(word in sensible for word in words)))
    return rows


def learning_curve(log, path):
    tokens = [entry["tokens"] / 1e6 for entry in log]
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), constrained_layout=True)
    for name in ("all", "wikipedia", "brown", "everyday"):
        accuracy, nats = zip(*(entry["held_out"][name] for entry in log), strict=True)
        axes[0].plot(tokens, [100 * a for a in accuracy], label=name)
        axes[1].plot(tokens, [math.exp(n) for n in nats], label=name)
    axes[0].set(title="Masked top-1 accuracy on held-out text (%)", xlabel="training tokens (millions)")
    axes[1].set(title="Perplexity on held-out text", xlabel="training tokens (millions)", yscale="log")
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/masked_lm"))
    parser.add_argument("--start", type=Path, help="folder of all-MiniLM-L6-v2 (by default the course's embedder)")
    args = parser.parse_args()

    args.start = args.start or local_path("embedder")
    tokenizer = AutoTokenizer.from_pretrained(args.start)
    rows = build(args.work, tokenizer)
    model = start_model(args.start).eval()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    checkpoint = load_file(args.work / "checkpoint.safetensors")
    state = {k.removeprefix("model."): v for k, v in checkpoint.items() if k.startswith("model.")}
    state.pop("cls.predictions.decoder.bias", None)  # tied to cls.predictions.bias

    lines = ["| stored as | MB | masked accuracy | perplexity | accuracy points per MB |", "|---|---|---|---|---|"]
    for name, (values, size) in candidates(state, start).items():
        model.load_state_dict(values, strict=False)
        accuracy, nats, _ = evaluate(model, rows, tokenizer, limit=160)["all"]
        mb = size / 1e6
        lines.append(
            f"| {name} | {mb:.1f} | {100 * accuracy:.1f} % | {math.exp(nats):.1f} | {100 * accuracy / mb:.2f} |"
        )
        print(lines[-1], flush=True)
    store(state, HERE / "weights.safetensors")
    assert (HERE / "weights.safetensors").stat().st_size < LIMIT_MB * 1e6

    model.load_state_dict(restore(HERE / "weights.safetensors"), strict=False)
    lines += [
        "",
        "| held-out source | share of the mixture | masked accuracy | perplexity | masked tokens |",
        "|---|---|---|---|---|",
    ]
    for name, (accuracy, nats, count) in evaluate(model, rows, tokenizer, limit=160).items():
        share = f"{MIXTURE[name]:.0%}" if name in MIXTURE else ""
        lines.append(f"| {name} | {share} | {100 * accuracy:.1f} % | {math.exp(nats):.1f} | {count} |")
    lines += ["", "| sentence | five best | sensible? |", "|---|---|---|"]
    rows_ = completions(model, tokenizer)
    lines += [f"| {sentence} | {', '.join(words)} | {'yes' if ok else 'no'} |" for sentence, words, ok in rows_]
    lines.append(f"\n{sum(ok for *_, ok in rows_)} of {len(rows_)} sensible.")
    (HERE / "measures.md").write_text("\n".join(lines) + "\n")
    log = (args.work / "log.jsonl").read_text()
    (HERE / "log.jsonl").write_text(log)
    learning_curve([json.loads(line) for line in log.splitlines()], HERE / "learning_curve.png")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
