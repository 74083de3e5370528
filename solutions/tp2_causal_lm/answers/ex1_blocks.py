# Answers to exercise 1.

# %% [right] stack of slices
def make_blocks(token_ids, k):
    n = len(token_ids) // k
    return torch.stack([token_ids[i * k : (i + 1) * k] for i in range(n)]) if n else token_ids.new_zeros((0, k))

# %% [right] unfold
def make_blocks(token_ids, k):
    return token_ids.unfold(0, k, k) if len(token_ids) >= k else torch.empty((0, k), dtype=token_ids.dtype)

# %% [wrong] points=0 message="forme attendue : \(2, 4\)" overlapping blocks
def make_blocks(token_ids, k):
    return token_ids.unfold(0, k, 1)

# %% [wrong] points=0 message="RuntimeError" keeps the rest
def make_blocks(token_ids, k):
    return token_ids.view(-1, k)

# %% [wrong] points=0 message="attendu : un tenseur PyTorch" a list of tensors
def make_blocks(token_ids, k):
    return [token_ids[i : i + k] for i in range(0, len(token_ids) - k + 1, k)]

# %% [wrong] points=0 message="laissés de côté" from the end
def make_blocks(token_ids, k):
    n = len(token_ids) // k
    return token_ids[len(token_ids) - n * k :].view(n, k)
