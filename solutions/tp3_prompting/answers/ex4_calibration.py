# Answers to exercise 4.

# %% [right] in logarithms, with torch
def calibrate(logprobs, content_free):
    p = torch.tensor(logprobs).log_softmax(dim=1)
    prior = torch.tensor(content_free).softmax(dim=1).mean(dim=0)
    return (p - prior.log()).softmax(dim=1).numpy()

# %% [right] row by row
def calibrate(logprobs, content_free):
    def share(row):
        e = np.exp(np.asarray(row) - max(row))
        return e / e.sum()
    prior = sum(share(row) for row in content_free) / len(content_free)
    result = []
    for row in logprobs:
        q = share(row) / prior
        result.append(q / q.sum())
    return np.array(result)

# %% [wrong] points=2.0 message="Retirez le maximum" exponentials of the raw log-probabilities
def calibrate(logprobs, content_free):
    free = np.exp(content_free)
    prior = (free / free.sum(axis=1, keepdims=True)).mean(axis=0)
    q = np.exp(logprobs) / prior
    return q / q.sum(axis=1, keepdims=True)

# %% [wrong] points=1.5 message="on moyenne les probabilités, et non leurs logarithmes" a mean of logarithms
def calibrate(logprobs, content_free):
    q = logprobs - content_free.mean(axis=0)
    q = np.exp(q - q.max(axis=1, keepdims=True))
    return q / q.sum(axis=1, keepdims=True)

# %% [wrong] points=0.0 message="normalisez" forgets the last normalisation
def calibrate(logprobs, content_free):
    def share(rows):
        e = np.exp(rows - rows.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    return share(logprobs) / share(content_free).mean(axis=0)

# %% [wrong] points=0.5 message="calibrate" multiplies instead of dividing
def calibrate(logprobs, content_free):
    def share(rows):
        e = np.exp(rows - rows.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
    q = share(logprobs) * share(content_free).mean(axis=0)
    return q / q.sum(axis=1, keepdims=True)

# %% [wrong] points=1.5 message="Chaque ligne sans contenu est d'abord ramenée" rows without content are not normalised
def calibrate(logprobs, content_free):
    p = np.exp(logprobs - logprobs.max(axis=1, keepdims=True))
    q = p / np.exp(content_free - content_free.max()).mean(axis=0)
    return q / q.sum(axis=1, keepdims=True)
