# Answers to exercise 1.

# %% [right] strings, precision and recall
def exact_match(prediction, answers):
    joined = " ".join(answer_words(prediction))
    return 1.0 if joined in [" ".join(answer_words(a)) for a in answers] else 0.0

def f1(prediction, answers):
    def one(answer):
        p, a = Counter(answer_words(prediction)), Counter(answer_words(answer))
        c = sum((p & a).values())
        if c == 0:
            return 0.0
        precision, recall = c / sum(p.values()), c / sum(a.values())
        return 2 * precision * recall / (precision + recall)
    return max(map(one, answers))

# %% [right] words crossed out one by one
def exact_match(prediction, answers):
    for answer in answers:
        if answer_words(answer) == answer_words(prediction):
            return True
    return False

def f1(prediction, answers):
    scores = [0.0]
    for answer in answers:
        left, common = answer_words(answer), 0
        total = len(left) + len(answer_words(prediction))
        for word in answer_words(prediction):
            if word in left:
                left.remove(word)
                common += 1
        scores.append(2 * common / total if total else 0.0)
    return max(scores)

# %% [wrong] points=1 message="Comparez answer_words" compares the raw text
def exact_match(prediction, answers):
    return float(prediction in answers)

def f1(prediction, answers):
    p = answer_words(prediction)
    return max((2 * (Counter(p) & Counter(answer_words(a))).total() / max(1, len(p) + len(answer_words(a))) for a in answers), default=0.0)

# %% [wrong] points=1 message="avec leurs répétitions" sets forget repeated words
def exact_match(prediction, answers):
    return float(any(answer_words(prediction) == answer_words(a) for a in answers))

def f1(prediction, answers):
    best = 0.0
    for a in answers:
        p, w = set(answer_words(prediction)), set(answer_words(a))
        if p & w:
            best = max(best, 2 * len(p & w) / (len(p) + len(w)))
    return best

# %% [wrong] points=1 message="Le meilleur F1 sur les réponses" the mean over the answers
def exact_match(prediction, answers):
    return float(any(answer_words(prediction) == answer_words(a) for a in answers))

def f1(prediction, answers):
    p = answer_words(prediction)
    values = [2 * (Counter(p) & Counter(answer_words(a))).total() / max(1, len(p) + len(answer_words(a))) for a in answers]
    return sum(values) / len(values)

# %% [wrong] points=0.5 message="ZeroDivisionError" no case for no common word
def exact_match(prediction, answers):
    return float(any(answer_words(prediction) == answer_words(a) for a in answers))

def f1(prediction, answers):
    values = []
    for a in answers:
        p, w = answer_words(prediction), answer_words(a)
        c = (Counter(p) & Counter(w)).total()
        precision, recall = c / len(p), c / len(w)
        values.append(2 * precision * recall / (precision + recall))
    return max(values)
