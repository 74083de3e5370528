# Answers to exercise 5.

# %% [right] with the cache
@torch.no_grad()
def greedy(model, input_ids, n):
    cache, new = None, input_ids
    for _ in range(n):
        out = model(new, past_key_values=cache, use_cache=True)
        cache, new = out.past_key_values, out.logits[:, -1].argmax(-1)[:, None]
        input_ids = torch.cat([input_ids, new], dim=-1)
    return input_ids

# %% [right] a Python list
@torch.inference_mode()
def greedy(model, input_ids, n):
    ids = input_ids[0].tolist()
    for _ in range(n):
        ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return torch.tensor([ids])

# %% [wrong] points=0 message="d'après la suite allongée" always from the prompt
def greedy(model, input_ids, n):
    with torch.no_grad():
        best = model(input_ids).logits[:, -1].argmax(-1, keepdim=True)
    return torch.cat([input_ids] + [best] * n, dim=1)

# %% [wrong] points=0 message="forme attendue" only the new tokens
def greedy(model, input_ids, n):
    length = input_ids.shape[1]
    with torch.no_grad():
        for _ in range(n):
            input_ids = torch.cat([input_ids, model(input_ids).logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return input_ids[:, length:]

# %% [wrong] points=0 message="generate n'est pas permis" calls generate
def greedy(model, input_ids, n):
    return model.generate(input_ids, max_new_tokens=n, do_sample=False)

# %% [wrong] points=0.0 message="Attendu : le meilleur à chaque pas" the least probable
def greedy(model, input_ids, n):
    with torch.no_grad():
        for _ in range(max(n, 1)):
            input_ids = torch.cat([input_ids, model(input_ids).logits[:, -1].argmin(-1, keepdim=True)], dim=1)
    return input_ids
