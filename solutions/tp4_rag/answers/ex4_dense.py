# Answers to exercise 4.

# %% [right] one text at a time, argsort
def embed(encoder, tokenizer, texts):
    rows = []
    for text in texts:
        inputs = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        with torch.no_grad():
            mean = encoder(**inputs).last_hidden_state[0].mean(0)
        rows.append(mean / mean.norm())
    return torch.stack(rows)

def search(queries, vectors, k):
    products = queries @ vectors.T
    indices = products.argsort(dim=1, descending=True)[:, :k]
    return products.gather(1, indices), indices

# %% [right] einsum and a boolean mask
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(list(texts), padding="longest", truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        states = encoder(**inputs)[0]
    mask = inputs["attention_mask"].float()
    sums = torch.einsum("btd,bt->bd", states, mask)
    return (sums / torch.linalg.vector_norm(sums, dim=1, keepdim=True)).clone()

def search(queries, vectors, k):
    scores, indices = torch.einsum("qd,nd->qn", queries, vectors).sort(dim=-1, descending=True)
    return scores[:, :k], indices[:, :k]

# %% [wrong] points=1.75 message="attention_mask" the padding enters the mean
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        return F.normalize(encoder(**inputs).last_hidden_state.mean(1), dim=-1)

def search(queries, vectors, k):
    best = (queries @ vectors.T).topk(k)
    return best.values, best.indices

# %% [wrong] points=0.75 message="à la norme 1" not normalised
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        states = encoder(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return (states * mask).sum(1) / mask.sum(1)

def search(queries, vectors, k):
    best = (queries @ vectors.T).topk(k)
    return best.values, best.indices

# %% [wrong] points=0.75 message="Attendu : les vecteurs de sentence-transformers" the first token instead of the mean
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        return F.normalize(encoder(**inputs).last_hidden_state[:, 0], dim=-1)

def search(queries, vectors, k):
    best = (queries @ vectors.T).topk(k)
    return best.values, best.indices

# %% [wrong] points=1.25 message="sans autre normalisation" search by cosine
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        states = encoder(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return F.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)

def search(queries, vectors, k):
    best = (F.normalize(queries, dim=-1) @ F.normalize(vectors, dim=-1).T).topk(k)
    products = queries @ vectors.T
    return best.values, products.topk(k).indices

# %% [wrong] points=1.25 message="du plus grand au plus petit" the smallest products
def embed(encoder, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        states = encoder(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return F.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)

def search(queries, vectors, k):
    indices = (queries @ vectors.T).argsort(dim=1)[:, :k]
    return (queries @ vectors.T).gather(1, indices), indices
