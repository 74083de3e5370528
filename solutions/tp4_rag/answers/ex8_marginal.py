# Answers to exercise 8.

# %% [right] softmax-free log-sum-exp by hand
def rag_sequence(log_pz, logp):
    joint = log_pz + logp.sum(-1)
    top = joint.max()
    return top + (joint - top).exp().sum().log()

def rag_token(log_pz, logp):
    total = 0.0
    for t in range(logp.shape[1]):
        column = log_pz + logp[:, t]
        total = total + column.max() + (column - column.max()).exp().sum().log()
    return total

# %% [right] logaddexp, numbers
def rag_sequence(log_pz, logp):
    result = -math.inf
    for prior, row in zip(log_pz.tolist(), logp.tolist()):
        result = float(np.logaddexp(result, prior + math.fsum(row)))
    return result

def rag_token(log_pz, logp):
    return float(np.logaddexp.reduce(log_pz.numpy()[:, None] + logp.numpy(), axis=0).sum())

# %% [wrong] points=1 message="L'ordre de la somme" the two exchanged inside rag_sequence
def rag_sequence(log_pz, logp):
    return torch.logsumexp(log_pz[:, None] + logp, dim=0).sum()

def rag_token(log_pz, logp):
    return torch.logsumexp(log_pz[:, None] + logp, dim=0).sum()

# %% [wrong] points=1.5 message="infinies ou indéfinies" exponentials of tiny numbers
def rag_sequence(log_pz, logp):
    return (log_pz.exp() * logp.sum(1).exp()).sum().log()

def rag_token(log_pz, logp):
    return (log_pz.exp()[:, None] * logp.exp()).sum(0).log().sum()

# %% [wrong] points=0.5 message="L'ordre de la somme" the prior counted at each token
def rag_sequence(log_pz, logp):
    return torch.logsumexp((log_pz[:, None] + logp).sum(1), dim=0)

def rag_token(log_pz, logp):
    return torch.logsumexp(log_pz[:, None] + logp, dim=0).sum()

# %% [wrong] points=0 message="attendu : un seul nombre" one value a document
def rag_sequence(log_pz, logp):
    return log_pz + logp.sum(1)

def rag_token(log_pz, logp):
    return torch.logsumexp(log_pz[:, None] + logp, dim=0)

# %% [wrong] points=0 message="L'ordre de la somme" the best document instead of the sum
def rag_sequence(log_pz, logp):
    return (log_pz + logp.sum(1)).max()

def rag_token(log_pz, logp):
    return (log_pz[:, None] + logp).max(0).values.sum()
