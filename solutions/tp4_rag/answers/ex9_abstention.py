# Answers to exercise 9.

# %% [right] scikit-learn, thresholds between the scores
def refusal(scores, answerable, threshold):
    from sklearn.metrics import precision_score, recall_score
    truth, said = ~answerable, scores < threshold
    return precision_score(truth, said, zero_division=0.0), recall_score(truth, said, zero_division=0.0)

def best_threshold(scores, answerable):
    ordered = np.sort(scores)
    candidates = np.r_[ordered[0] - 1, (ordered[1:] + ordered[:-1]) / 2, ordered[-1] + 1]
    def value(t):
        p, r = refusal(scores, answerable, t)
        return 2 * p * r / (p + r) if p + r > 0 else 0
    return float(candidates[np.argmax([value(t) for t in candidates])])

# %% [right] loops
def refusal(scores, answerable, threshold):
    refused = hits = empty = 0
    for score, known in zip(scores.tolist(), answerable.tolist()):
        refused += score < threshold
        empty += not known
        hits += score < threshold and not known
    return (hits / refused if refused else 0.0), (hits / empty if empty else 0.0)

def best_threshold(scores, answerable):
    best, best_value = 0.0, -1.0
    for t in list(scores) + [float("inf")]:
        p, r = refusal(scores, answerable, t)
        value = 0.0 if p + r == 0 else 2 * p * r / (p + r)
        if value > best_value:
            best, best_value = float(t), value
    return best

# %% [wrong] points=0 message="On refuse quand score < threshold" refuses above the threshold
def refusal(scores, answerable, threshold):
    refused = scores >= threshold
    hits = (refused & ~answerable).sum()
    return float(hits / max(1, refused.sum())), float(hits / max(1, (~answerable).sum()))

def best_threshold(scores, answerable):
    values = []
    for t in scores:
        p, r = refusal(scores, answerable, t)
        values.append(2 * p * r / (p + r) if p + r else 0)
    return float(scores[np.argmax(values)])

# %% [wrong] points=0.5 message="parmi les refus" precision and recall exchanged
def refusal(scores, answerable, threshold):
    refused = scores < threshold
    hits = (refused & ~answerable).sum()
    return float(hits / max(1, (~answerable).sum())), float(hits / max(1, refused.sum()))

def best_threshold(scores, answerable):
    def value(t):
        p, r = refusal(scores, answerable, t)
        return 2 * p * r / (p + r) if p + r else 0.0
    return float(max([*scores, scores.max() + 1], key=value))

# %% [wrong] points=0.5 message="essayez tous les scores" a coarse grid
def refusal(scores, answerable, threshold):
    refused = scores < threshold
    hits = (refused & ~answerable).sum()
    return float(hits / max(1, refused.sum())), float(hits / max(1, (~answerable).sum()))

def best_threshold(scores, answerable):
    return float(np.median(scores))

# %% [wrong] points=0.5 message="obtenu|infinies" no case for a refusal of nothing, and never refuses all
def refusal(scores, answerable, threshold):
    refused = scores < threshold
    hits = (refused & ~answerable).sum()
    with np.errstate(invalid="ignore"):
        return float(np.divide(hits, refused.sum())), float(np.divide(hits, (~answerable).sum()))

def best_threshold(scores, answerable):
    best, best_value = float(scores.min()), -1.0
    for t in scores:
        p, r = refusal(scores, answerable, t)
        value = 2 * p * r / (p + r) if p + r > 0 else 0.0
        if value > best_value:
            best, best_value = float(t), value
    return best
