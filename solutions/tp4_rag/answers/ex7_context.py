# Answers to exercise 7.

# %% [right] choose the ranks, then write
def build_context(passages, tokenizer, budget):
    chosen = []
    def written(ranks):
        return "".join(passage_line(r, passages[r - 1]) for r in sorted(ranks, reverse=True))
    for r in range(1, len(passages) + 1):
        if len(tokenizer(written([*chosen, r]), add_special_tokens=False)["input_ids"]) <= budget:
            chosen.append(r)
    return written(chosen), sorted(chosen, reverse=True)

# %% [right] two lists, reversed at the end
def build_context(passages, tokenizer, budget):
    lines, kept = [], []
    for rank, passage in enumerate(passages, 1):
        lines.append(passage_line(rank, passage))
        kept.append(rank)
        if len(tokenizer.tokenize("".join(lines[::-1]))) > budget:
            lines.pop()
            kept.pop()
    return "".join(reversed(lines)), kept[::-1]

# %% [wrong] points=0 message="le meilleur en dernier" the best first
def build_context(passages, tokenizer, budget):
    text, kept = "", []
    for rank, passage in enumerate(passages, start=1):
        longer = text + passage_line(rank, passage)
        if len(tokenizer(longer, add_special_tokens=False)["input_ids"]) <= budget:
            text, kept = longer, kept + [rank]
    return text, kept

# %% [wrong] points=1 message="est sauté" stops at the first that does not fit
def build_context(passages, tokenizer, budget):
    text, kept = "", []
    for rank, passage in enumerate(passages, start=1):
        longer = passage_line(rank, passage) + text
        if len(tokenizer(longer, add_special_tokens=False)["input_ids"]) > budget:
            break
        text, kept = longer, [rank] + kept
    return text, kept

# %% [wrong] points=1 message="le budget est" counts the words of the text only
def build_context(passages, tokenizer, budget):
    used, kept = 0, []
    for rank, passage in enumerate(passages, start=1):
        n = len(tokenizer(passage["text"], add_special_tokens=False)["input_ids"])
        if used + n <= budget:
            used += n
            kept = [rank] + kept
    return "".join(passage_line(r, passages[r - 1]) for r in kept), kept

# %% [wrong] points=1 message="rangs gardés|le texte de" numbers again
def build_context(passages, tokenizer, budget):
    text, kept = "", []
    for passage in passages:
        longer = passage_line(len(kept) + 1, passage) + text
        if len(tokenizer(longer, add_special_tokens=False)["input_ids"]) <= budget:
            text, kept = longer, [len(kept) + 1] + kept
    return text, kept
