# Answers to exercise 6.

# %% [right] masks, and sampling by inversion
def apply_temperature(logits, temperature):
    return torch.div(logits, temperature)

def keep_top_k(logits, k):
    result = torch.full_like(logits, float("-inf"))
    best = logits.topk(min(k, logits.shape[0])).indices
    result[best] = logits[best]
    return result

def sample(logits, n, generator):
    cumulative = logits.softmax(-1).cumsum(-1)
    return torch.searchsorted(cumulative, torch.rand(n, generator=generator)).clamp(max=len(logits) - 1)

# %% [right] Gumbel noise
def apply_temperature(logits, temperature):
    return logits * (1 / temperature)

def keep_top_k(logits, k):
    rank = logits.argsort(descending=True).argsort()
    return logits.masked_fill(rank >= k, -torch.inf)

def sample(logits, n, generator):
    uniform = torch.rand(n, len(logits), generator=generator).clamp(min=1e-20)
    return (logits - torch.log(-torch.log(uniform))).argmax(-1)

# %% [wrong] points=1.25 message="ont pour logit −inf, et non 0" zeros in the place of -inf
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    return torch.where(logits >= logits.topk(min(k, len(logits))).values[-1], logits, 0.0)

def sample(logits, n, generator):
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True, generator=generator)

# %% [wrong] points=1.25 message="apply_temperature\(logits, 0.5\)" multiplies by the temperature
def apply_temperature(logits, temperature):
    return logits * temperature

def keep_top_k(logits, k):
    return torch.where(logits >= logits.topk(min(k, len(logits))).values[-1], logits, -torch.inf)

def sample(logits, n, generator):
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True, generator=generator)

# %% [wrong] points=1.5 message="ne suivent pas softmax" draws uniformly among the tokens
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    return torch.where(logits >= logits.topk(min(k, len(logits))).values[-1], logits, -torch.inf)

def sample(logits, n, generator):
    return torch.randint(len(logits), (n,), generator=generator)

# %% [wrong] points=1.75 message="passez generator au tirage" draws from the global generator
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    return torch.where(logits >= logits.topk(min(k, len(logits))).values[-1], logits, -torch.inf)

def sample(logits, n, generator):
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True)

# %% [wrong] points=1.25 message="Les logits reçus ont été modifiés" works in place
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    logits[logits < logits.topk(min(k, len(logits))).values[-1]] = -torch.inf
    return logits

def sample(logits, n, generator):
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True, generator=generator)

# %% [wrong] points=1.75 message="sans le réinitialiser" seeds the generator itself
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    return torch.where(logits >= logits.topk(min(k, len(logits))).values[-1], logits, -torch.inf)

def sample(logits, n, generator):
    return torch.multinomial(logits.softmax(dim=-1), n, replacement=True, generator=generator.manual_seed(0))

# %% [wrong] points=0.5 message="pas encore traité" the first function only
def apply_temperature(logits, temperature):
    return logits / temperature

def keep_top_k(logits, k):
    raise ToDo

def sample(logits, n, generator):
    raise ToDo
