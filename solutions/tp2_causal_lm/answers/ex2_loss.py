# Answers to exercise 2.

# %% [right] logsumexp and indexing
def causal_loss(logits, input_ids):
    z, y = logits[:, :-1].flatten(0, 1), input_ids[:, 1:].flatten()
    return (z.logsumexp(-1) - z[torch.arange(len(y)), y]).mean()

# %% [right] a loop over the sequences
def causal_loss(logits, input_ids):
    rows = [-z[:-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0] for z, ids in zip(logits, input_ids)]
    return torch.cat(rows).mean()

# %% [wrong] points=0 message="C'est le coût sans décalage" forgets the shift
def causal_loss(logits, input_ids):
    return -logits.log_softmax(-1).gather(-1, input_ids.unsqueeze(-1)).mean()

# %% [wrong] points=1.5 message="Passez par log_softmax ou logsumexp" overflows
def causal_loss(logits, input_ids):
    e = torch.exp(logits[:, :-1])
    p = e / e.sum(-1, keepdim=True)
    return -torch.log(p.gather(-1, input_ids[:, 1:].unsqueeze(-1))).mean()

# %% [wrong] points=0.5 message="ne garde pas le gradient" a plain number
def causal_loss(logits, input_ids):
    return -logits[:, :-1].log_softmax(-1).gather(-1, input_ids[:, 1:].unsqueeze(-1)).mean().item()

# %% [wrong] points=0 message="causal_loss . obtenu" shifted the wrong way
def causal_loss(logits, input_ids):
    return -logits[:, 1:].log_softmax(-1).gather(-1, input_ids[:, :-1].unsqueeze(-1)).mean()

# %% [wrong] points=0 message="cross_entropy et nll_loss ne sont pas permis" calls the library
def causal_loss(logits, input_ids):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), input_ids[:, 1:].flatten())
