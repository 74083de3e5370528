# Answers to exercise 3.

# %% [right] sets
def accuracy(prompt_builder, items, predict):
    def clean(text):
        return text.lower().strip().rstrip(".").strip()

    answers = predict([prompt_builder(item["input"]) for item in items])
    accepted = [{clean(text) for text in [item["output"], *item["also"].split("|")]} - {""} for item in items]
    return sum(clean(answer) in good for answer, good in zip(answers, accepted)) / len(items)

# %% [right] a mean of booleans
def accuracy(prompt_builder, items, predict):
    prompts = []
    for item in items:
        prompts.append(prompt_builder(item["input"]))
    right = []
    for text, item in zip(predict(prompts), items):
        text = re.sub(r"\s*\.$", "", text.strip().casefold())
        right.append(text == item["output"].casefold() or (text != "" and text in item["also"].casefold().split("|")))
    return float(np.mean(right))

# %% [wrong] points=1.0 message="une réponse vide n'est jamais juste" an empty field accepts an empty answer
def accuracy(prompt_builder, items, predict):
    def clean(text):
        return text.lower().strip().rstrip(".").strip()

    answers = predict([prompt_builder(item["input"]) for item in items])
    return sum(clean(a) in [clean(t) for t in [i["output"], *i["also"].split("|")]] for a, i in zip(answers, items)) / len(items)

# %% [wrong] points=1.0 message="Normalisez la réponse ET" the other answers are forgotten
def accuracy(prompt_builder, items, predict):
    def clean(text):
        return text.lower().strip().rstrip(".").strip()

    answers = predict([prompt_builder(item["input"]) for item in items])
    return sum(clean(a) == clean(i["output"]) for a, i in zip(answers, items)) / len(items)

# %% [wrong] points=0.0 message="predict a été appelé 4 fois" one call an item
def accuracy(prompt_builder, items, predict):
    return sum(predict([prompt_builder(i["input"])])[0].strip().lower().rstrip(".") == i["output"].lower() for i in items) / len(items)

# %% [wrong] points=0.0 message="accuracy" counts instead of dividing
def accuracy(prompt_builder, items, predict):
    answers = predict([prompt_builder(item["input"]) for item in items])
    return sum(a.strip().lower().rstrip(".") == i["output"].lower() for a, i in zip(answers, items))

# %% [wrong] points=1.0 message="Ni inclusion" a word that holds the answer is taken for it
def accuracy(prompt_builder, items, predict):
    def clean(text):
        return text.lower().strip().rstrip(".").strip()

    answers = predict([prompt_builder(item["input"]) for item in items])
    right = [any(clean(t) in clean(a) for t in [i["output"], *i["also"].split("|")] if t) for a, i in zip(answers, items)]
    return sum(right) / len(items)
