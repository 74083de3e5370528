# Answers to exercise 6.

# %% [right] a dictionary
def rrf(rankings, k=60):
    scores = {}
    for ranking in rankings:
        for position, item in enumerate(ranking):
            scores[item] = scores.get(item, 0.0) + 1 / (k + position + 1)
    return [item for item, _ in sorted(scores.items(), key=lambda pair: -pair[1])]

# %% [right] item by item
def rrf(rankings, k=60):
    items = {item for ranking in rankings for item in ranking}
    def total(item):
        return sum(1 / (k + r.index(item) + 1) for r in rankings if item in r)
    return sorted(items, key=total)[::-1]

# %% [wrong] points=0 message="le plus grand total d'abord" smallest first
def rrf(rankings, k=60):
    totals = Counter()
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            totals[item] += 1 / (k + rank)
    return sorted(totals, key=totals.get)

# %% [wrong] points=0 message="une seule fois" concatenates
def rrf(rankings, k=60):
    return [item for ranking in rankings for item in ranking]

# %% [wrong] points=0 message="à partir de 1|les éléments de" sums the ranks
def rrf(rankings, k=60):
    totals = Counter()
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            totals[item] += k + rank
    return sorted(totals, key=totals.get)

# %% [wrong] points=0.5 message="ZeroDivisionError" ranks from zero
def rrf(rankings, k=60):
    totals = Counter()
    for ranking in rankings:
        for rank, item in enumerate(ranking):
            totals[item] += 1 / (k + rank)
    return sorted(totals, key=totals.get, reverse=True)
