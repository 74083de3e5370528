# Answers to exercise 3.

# %% [right] two loops
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        s = 0.0
        for term in query:
            n = sum(term in other for other in documents)
            f = document.count(term)
            s += np.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * len(document) / mean))
        scores.append(s)
    return np.array(scores)

# %% [right] a matrix of counts
def bm25_scores(query, documents, k1=1.5, b=0.75):
    f = np.array([[d.count(t) for t in query] for d in documents], dtype=float)
    n = (f > 0).sum(0)
    lengths = np.array([len(d) for d in documents], dtype=float)[:, None]
    idf = np.log1p((len(documents) - n + 0.5) / (n + 0.5))
    return (idf * f / (f + k1 * (1 - b + b * lengths / lengths.mean()))).sum(1)

# %% [wrong] points=0 message="le facteur k1 \+ 1" the form of Robertson's numerator
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = np.zeros(N)
    for i, document in enumerate(documents):
        for term in query:
            n, f = sum(term in other for other in documents), document.count(term)
            scores[i] += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f * (k1 + 1) / (f + k1 * (1 - b + b * len(document) / mean))
    return scores

# %% [wrong] points=0 message="bm25_scores\(\['noir', 'chien'\]" b and 1 - b exchanged
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = np.zeros(N)
    for i, document in enumerate(documents):
        for term in query:
            n, f = sum(term in other for other in documents), document.count(term)
            scores[i] += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (b + (1 - b) * len(document) / mean))
    return scores

# %% [wrong] points=1.75 message="compte autant de fois" a set of terms
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = np.zeros(N)
    for i, document in enumerate(documents):
        for term in set(query):
            n, f = sum(term in other for other in documents), document.count(term)
            scores[i] += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * len(document) / mean))
    return scores

# %% [wrong] points=1.75 message="k1=0.9, b=0.4" ignores its parameters
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = np.zeros(N)
    for i, document in enumerate(documents):
        for term in query:
            n, f = sum(term in other for other in documents), document.count(term)
            scores[i] += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + 1.5 * (0.25 + 0.75 * len(document) / mean))
    return scores

# %% [wrong] points=0 message="obtenu : .* attendu" n counts occurrences, not documents
def bm25_scores(query, documents, k1=1.5, b=0.75):
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = np.zeros(N)
    for i, document in enumerate(documents):
        for term in query:
            n, f = sum(other.count(term) for other in documents), document.count(term)
            scores[i] += math.log(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * len(document) / mean))
    return scores
