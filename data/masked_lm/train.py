"""Train the course's masked language model from all-MiniLM-L6-v2, on CPU or GPU.

    python data/masked_lm/train.py --tokens 9e6

No package ships a BERT with its masked-LM head, so we train one: the encoder and the
tokenizer of all-MiniLM-L6-v2, a head whose decoder is tied to the word embeddings and
whose transform starts at the identity.  Logits are computed at masked positions only.

The learning rate is warmed up, then constant, then falls linearly to zero over `--cooldown`
tokens.  Killed and started again, it goes on from the last checkpoint; `--tokens` may then be
another number, as long as the cooldown has not begun.  `--warm weights.safetensors` goes on from
weights that were shipped (the optimizers start anew, the tokens are counted from their log).
"""

import argparse
import json
import math
import re
import time
from pathlib import Path

import numpy as np
import torch
from corpus import download, sources, split
from safetensors.torch import load_file, save_file
from tqdm import tqdm
from transformers import AutoTokenizer, BertForMaskedLM

from utils.assets.masked_weights import restore
from utils.models import local_path

BATCH_TOKENS = 4096
MASKED_SHARE = 0.20
LONG, SHORT = 128, 32
# Share of the training tokens that each source gives.
MIXTURE = {
    "wikipedia": 0.37, "brown": 0.20, "everyday": 0.10, "essays": 0.08, "speeches": 0.06, "dictionary": 0.06,
    "novel": 0.04, "fortunes": 0.04, "computing": 0.04, "stories": 0.01,
}  # fmt: skip


def pieces(texts, tokenizer, length):
    """Token rows `[CLS] … [SEP]` of at most `length`, each from one document; the pad id fills the rest."""
    cls, sep, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    rows = []
    for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]:
        for start in range(0, len(ids), length - 2):
            piece = ids[start : start + length - 2]
            if len(piece) >= 6:
                rows.append([cls, *piece, sep] + [pad] * (length - 2 - len(piece)))
    return np.array(rows, dtype=np.int32)


def packed(texts, tokenizer, length):
    """Like `pieces`, for many texts of one source in a row, `[SEP]` between them, so that nothing is padding."""
    sep = tokenizer.sep_token_id
    stream = [token for ids in tokenizer(texts, add_special_tokens=False)["input_ids"] for token in (*ids, sep)]
    body = np.array(stream[: len(stream) // (length - 1) * (length - 1)], dtype=np.int32).reshape(-1, length - 1)
    return np.hstack([np.full((len(body), 1), tokenizer.cls_token_id, np.int32), body])


def build(work, tokenizer):
    """Token rows: `{source}.long`, `{source}.short` (single sentences) and `{source}.held_out`, cached in `work`."""
    cache = work / "rows.npz"
    if not cache.exists():
        download(work / "archives")
        rows = {}
        for name, documents in sources(work / "archives").items():
            train, held_out = split(documents)
            rng = np.random.default_rng(0)
            rng.shuffle(train)
            rows[f"{name}.long"] = packed(train, tokenizer, LONG)
            some = train[: len(train) // 4] if name != "everyday" else train
            sentences = [s for text in some for s in re.split(r"(?<=[.!?]) +(?=[A-Z])", text) if 25 < len(s) < 140]
            rows[f"{name}.short"] = pieces(sentences, tokenizer, SHORT)
            rows[f"{name}.held_out"] = pieces(held_out, tokenizer, LONG)
            print(f"{name:11s}", {k.split(".")[1]: v.size for k, v in rows.items() if k.startswith(name)}, flush=True)
        np.savez(work / "rows.tmp.npz", **rows)
        (work / "rows.tmp.npz").rename(cache)
    return dict(np.load(cache))


def batches(rows, seed):
    """Endless batches of `BATCH_TOKENS` tokens in the stated mixture; three in ten are single short sentences."""
    rng = np.random.default_rng(seed)
    names, shares = list(MIXTURE), np.array(list(MIXTURE.values()))
    while True:
        kind, length = ("short", SHORT) if rng.random() < 0.3 else ("long", LONG)
        counts = rng.multinomial(BATCH_TOKENS // length, shares / shares.sum())
        chosen = [(rows[f"{name}.{kind}"], count) for name, count in zip(names, counts, strict=True) if count]
        parts = [source[rng.integers(0, len(source), count)] for source, count in chosen]
        yield torch.from_numpy(np.concatenate(parts)).long()


def mask(input_ids, tokenizer, generator, share=MASKED_SHARE):
    """BERT's 80/10/10 corruption of a fixed number of tokens: (corrupted ids, flat positions, their true ids)."""
    special = torch.isin(input_ids, torch.tensor(tokenizer.all_special_ids)).flatten()
    score = torch.rand(input_ids.numel(), generator=generator).masked_fill(special, 2)
    positions = score.topk(
        int(share * (0.5 if input_ids.shape[1] == SHORT else 1) * input_ids.numel()), largest=False
    ).indices
    truth = input_ids.flatten()[positions]
    fate = torch.rand(len(positions), generator=generator)
    noise = torch.randint(len(tokenizer), (len(positions),), generator=generator)
    new = torch.where(fate < 0.8, tokenizer.mask_token_id, torch.where(fate < 0.9, noise, truth))
    corrupted = input_ids.flatten().clone()
    corrupted[positions] = new
    return corrupted.view_as(input_ids), positions, truth


def start_model(path):
    """all-MiniLM-L6-v2 with a fresh tied head, transform at the identity, no dropout."""
    model = BertForMaskedLM.from_pretrained(path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with torch.no_grad():
        head = model.cls.predictions
        torch.nn.init.eye_(head.transform.dense.weight)
        head.transform.dense.bias.zero_()
        head.transform.LayerNorm.weight.fill_(1.0)
        head.transform.LayerNorm.bias.zero_()
        head.bias.zero_()
    return model


class MaskedLoss(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, positions, truth):
        hidden = self.model.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        logits = self.model.cls(hidden.flatten(0, 1)[positions])
        return torch.nn.functional.cross_entropy(logits.float(), truth), logits.argmax(-1)


@torch.no_grad()
def evaluate(model, rows, tokenizer, limit=48):
    """{source: (masked top-1 accuracy, mean cross-entropy in nats)} on held-out rows with one fixed 15 % masking.

    `all` weighs the sources as the training mixture does.
    """
    step, result = MaskedLoss(model), {}
    for name in MIXTURE:
        held_out = torch.from_numpy(rows[f"{name}.held_out"][:limit]).long()
        generator = torch.Generator().manual_seed(7)
        real = int((held_out != tokenizer.pad_token_id).sum())
        share = 0.15 * real / held_out.numel()
        ids, positions, truth = mask(held_out, tokenizer, generator, share)
        loss, best = step(ids, (held_out != tokenizer.pad_token_id).long(), positions, truth)
        result[name] = ((best == truth).float().mean().item(), loss.item(), len(truth))
    total = sum(n for *_, n in result.values())
    share = {name: MIXTURE[name] / sum(MIXTURE.values()) for name in MIXTURE}
    result["all"] = tuple(sum(share[name] * result[name][i] for name in MIXTURE) for i in (0, 1)) + (total,)
    return result


def optimizers(model, lr):
    """Muon for the encoder's matrices, AdamW for the rest (Jordan et al. 2024; Liu et al. 2025, arXiv:2502.16982)."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embeddings" not in n and "decoder" not in n]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(matrices, lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)]


def schedule(done, since_start, total, cooldown, warmup=200_000):
    """Learning-rate factor after `done` tokens: up over `warmup`, constant, down to zero over the last `cooldown`."""
    return min(1.0, since_start / warmup, max(0.0, (total - done) / cooldown))


def save(work, model, optims, state):
    tensors = {f"model.{k}": v for k, v in model.state_dict().items() if k != "cls.predictions.decoder.weight"}
    for i, optim in enumerate(optims):
        for j, group in optim.state_dict()["state"].items():
            tensors |= {f"optim.{i}.{j}.{k}": v for k, v in group.items()}
    save_file(
        {k: v.contiguous().clone() for k, v in tensors.items()}, work / "checkpoint.tmp", {"state": json.dumps(state)}
    )
    (work / "checkpoint.tmp").rename(work / "checkpoint.safetensors")


def resume(work, model, optims):
    path = work / "checkpoint.safetensors"
    if not path.exists():
        return {"step": 0, "tokens": 0, "seconds": 0.0}
    from safetensors import safe_open

    tensors = load_file(path)
    missing, unexpected = model.load_state_dict(
        {k[6:]: v for k, v in tensors.items() if k[:6] == "model."}, strict=False
    )
    assert not unexpected and set(missing) <= {"cls.predictions.decoder.weight"}, (missing, unexpected)
    for i, optim in enumerate(optims):
        full = optim.state_dict()
        for key, value in tensors.items():
            if key.startswith(f"optim.{i}."):
                _, _, j, name = key.split(".", 3)
                full["state"].setdefault(int(j), {})[name] = value
        optim.load_state_dict(full)
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["state"])


def warm_start(weights, model):
    """Load shipped weights into `model`; the state that their log ends with."""
    model.load_state_dict(restore(weights), strict=False)
    last = json.loads((weights.parent / "log.jsonl").read_text().splitlines()[-1])
    return {key: last[key] for key in ("step", "tokens", "seconds")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/masked_lm"), help="archives, rows, checkpoint and log")
    parser.add_argument("--start", type=Path, help="folder of all-MiniLM-L6-v2 (by default the course's embedder)")
    parser.add_argument("--warm", type=Path, help="weights.safetensors to go on from, its log.jsonl beside it")
    parser.add_argument("--tokens", type=float, default=9e6, help="tokens to train on in all")
    parser.add_argument("--cooldown", type=float, default=2e6, help="tokens over which the learning rate falls to zero")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop earlier (with a checkpoint) after this long"
    )
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--no-compile", action="store_true")
    args = parser.parse_args()

    args.start = args.start or local_path("embedder")
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(args.start)
    rows = build(args.work, tokenizer)
    model = start_model(args.start).to(device)
    optims = optimizers(model, args.lr)
    warm = args.warm and not (args.work / "checkpoint.safetensors").exists()
    state = warm_start(args.warm, model) if warm else resume(args.work, model, optims)
    first = state["tokens"] if warm else 0  # the learning rate is warmed up from here
    step = MaskedLoss(model)
    if not args.no_compile:
        step = torch.compile(step)
    stream, generator = batches(rows, state["step"]), torch.Generator().manual_seed(state["step"])
    log = (args.work / "log.jsonl").open("a")
    began = last = time.time()

    progress = tqdm(total=int(args.tokens), initial=state["tokens"], unit="tok", unit_scale=True, mininterval=10)
    while state["tokens"] < args.tokens and time.time() - began < args.minutes * 60:
        after = state["tokens"] + BATCH_TOKENS
        factor = schedule(after, after - first, args.tokens + BATCH_TOKENS, args.cooldown)
        for optim in optims:
            for group in optim.param_groups:
                group["lr"] = args.lr * factor
        original = next(stream)
        ids, positions, truth = mask(original, tokenizer, generator)
        attention = (original != tokenizer.pad_token_id).long()
        with torch.autocast(device, torch.bfloat16):
            loss, _ = step(*(t.to(device) for t in (ids, attention, positions, truth)))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        state["step"] += 1
        state["tokens"] += original.numel()
        progress.update(original.numel())
        if state["step"] % 100 == 0 or state["tokens"] >= args.tokens:
            now = time.time()
            state["seconds"] += now - last
            last = now
            scores = {k: [round(v, 4) for v in r[:2]] for k, r in evaluate(model, rows, tokenizer).items()}
            log.write(json.dumps({**state, "train_loss": round(loss.item(), 3), "held_out": scores}) + "\n")
            log.flush()
            progress.set_postfix(acc=scores["all"][0], ppl=round(math.exp(scores["all"][1]), 1))
            save(args.work, model, optims, state)
    save(args.work, model, optims, state)


if __name__ == "__main__":
    main()
