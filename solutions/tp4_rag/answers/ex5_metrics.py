# Answers to exercise 5.

# %% [right] comprehensions and numpy
def recall_at_k(ranking, relevant, k):
    return sum(item in relevant for item in ranking[:k]) / len(relevant)

def reciprocal_rank(ranking, relevant):
    return max([1 / (i + 1) for i, item in enumerate(ranking) if item in relevant], default=0.0)

def ndcg_at_k(ranking, relevant, k):
    gains = np.array([item in relevant for item in ranking[:k]], dtype=float)
    ideal = np.ones(min(k, len(relevant)))
    def dcg(g):
        return float((g / np.log2(np.arange(2, len(g) + 2))).sum())
    return dcg(gains) / dcg(ideal)

# %% [right] plain loops
def recall_at_k(ranking, relevant, k):
    found = 0
    for item in relevant:
        if item in ranking[:k]:
            found += 1
    return found / len(relevant)

def reciprocal_rank(ranking, relevant):
    ranks = [ranking.index(item) + 1 for item in relevant if item in ranking]
    return 1 / min(ranks) if ranks else 0.0

def ndcg_at_k(ranking, relevant, k):
    gain = best = 0.0
    for i in range(k):
        if i < len(ranking) and ranking[i] in relevant:
            gain += math.log(2) / math.log(i + 2)
        if i < len(relevant):
            best += math.log(2) / math.log(i + 2)
    return gain / best

# %% [wrong] points=1.5 message="divisée par len\(relevant\)" divides by k: a precision
def recall_at_k(ranking, relevant, k):
    return len(set(ranking[:k]) & relevant) / k

def reciprocal_rank(ranking, relevant):
    return next((1 / r for r, item in enumerate(ranking, start=1) if item in relevant), 0.0)

def ndcg_at_k(ranking, relevant, k):
    gain = sum(1 / math.log2(r + 1) for r, item in enumerate(ranking[:k], start=1) if item in relevant)
    return gain / sum(1 / math.log2(r + 1) for r in range(1, min(k, len(relevant)) + 1))

# %% [wrong] points=1.5 message="à partir de 1" ranks from zero
def recall_at_k(ranking, relevant, k):
    return len(set(ranking[:k]) & relevant) / len(relevant)

def reciprocal_rank(ranking, relevant):
    return next((1 / r if r else 1.0 for r, item in enumerate(ranking) if item in relevant), 0.0)

def ndcg_at_k(ranking, relevant, k):
    gain = sum(1 / math.log2(r + 1) for r, item in enumerate(ranking[:k], start=1) if item in relevant)
    return gain / sum(1 / math.log2(r + 1) for r in range(1, min(k, len(relevant)) + 1))

# %% [wrong] points=1.5 message="ndcg_at_k" the ideal gain has all the relevant ones, even beyond k
def recall_at_k(ranking, relevant, k):
    return len(set(ranking[:k]) & relevant) / len(relevant)

def reciprocal_rank(ranking, relevant):
    return next((1 / r for r, item in enumerate(ranking, start=1) if item in relevant), 0.0)

def ndcg_at_k(ranking, relevant, k):
    gain = sum(1 / math.log2(r + 1) for r, item in enumerate(ranking[:k], start=1) if item in relevant)
    return gain / sum(1 / math.log2(r + 1) for r in range(1, k + 1))

# %% [wrong] points=1.5 message="le gain idéal met tous les bons en tête" the natural logarithm, without + 1
def recall_at_k(ranking, relevant, k):
    return len(set(ranking[:k]) & relevant) / len(relevant)

def reciprocal_rank(ranking, relevant):
    found = [r for r, item in enumerate(ranking, start=1) if item in relevant]
    return sum(1 / r for r in found[:1])

def ndcg_at_k(ranking, relevant, k):
    gain = sum(1 / (r + 1) for r, item in enumerate(ranking[:k], start=1) if item in relevant)
    return gain / sum(1 / (r + 1) for r in range(1, min(k, len(relevant)) + 1))
