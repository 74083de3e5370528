# Answers to exercise 6.

# %% [right] a loop over the choices
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        result = torch.full(scores.shape, -torch.inf)
        for i in range(len(input_ids)):
            done, any_left = input_ids[i, self.start :].tolist(), False
            for choice in self.choices:
                if list(choice[: len(done)]) == done:
                    any_left = True
                    token = choice[len(done)] if len(choice) > len(done) else self.eos_id
                    result[i, token] = scores[i, token]
            if not any_left:
                result[i, self.eos_id] = scores[i, self.eos_id]
        return result

# %% [right] a mask, with the end of each choice written out
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        ended = [list(choice) + [self.eos_id] for choice in self.choices]
        banned = torch.ones_like(scores, dtype=torch.bool)
        for i, ids in enumerate(input_ids):
            done = ids[self.start :].tolist()
            n = len(done)
            following = [choice[n] for choice in ended if choice[:n] == done and n < len(choice)] or [self.eos_id]
            banned[i, following] = False
        return scores.masked_fill(banned, float("-inf"))

# %% [wrong] points=2.0 message="déjà engendré \[5\] : les tokens permis" the end is allowed only when nothing can follow
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        result = torch.full_like(scores, -torch.inf)
        for i, ids in enumerate(input_ids):
            done = ids[self.start :].tolist()
            allowed = [c[len(done)] for c in self.choices if c[: len(done)] == done and len(c) > len(done)] or [self.eos_id]
            result[i, allowed] = scores[i, allowed]
        return result

# %% [wrong] points=1.5 message="ligne 1, déjà engendré" only the first row is read
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        done = input_ids[0, self.start :].tolist()
        allowed = [c[len(done)] for c in self.choices if c[: len(done)] == done and len(c) > len(done)]
        if done in self.choices or not allowed:
            allowed.append(self.eos_id)
        result = torch.full_like(scores, -torch.inf)
        result[:, allowed] = scores[:, allowed]
        return result

# %% [wrong] points=0.5 message="les tokens permis" any token of any choice, at any step
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        allowed = sorted({token for choice in self.choices for token in choice} | {self.eos_id})
        if input_ids.shape[1] == self.start:
            allowed = sorted({choice[0] for choice in self.choices})
        result = torch.full_like(scores, -torch.inf)
        result[:, allowed] = scores[:, allowed]
        return result

# %% [wrong] points=0.5 message="Les scores reçus ont été modifiés" writes into the scores
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        for i, ids in enumerate(input_ids):
            done = ids[self.start :].tolist()
            allowed = [c[len(done)] for c in self.choices if c[: len(done)] == done and len(c) > len(done)]
            if done in self.choices or not allowed:
                allowed.append(self.eos_id)
            kept = scores[i, allowed].clone()
            scores[i] = -torch.inf
            scores[i, allowed] = kept
        return scores

# %% [wrong] points=0.0 message="les tokens permis" a score of 0 for what is forbidden
class ChoiceProcessor(LogitsProcessor):
    def __init__(self, choices, eos_id):
        self.choices, self.eos_id = choices, eos_id
        self.start = None

    def __call__(self, input_ids, scores):
        if self.start is None:
            self.start = input_ids.shape[1]
        result = torch.zeros_like(scores)
        for i, ids in enumerate(input_ids):
            done = ids[self.start :].tolist()
            allowed = [c[len(done)] for c in self.choices if c[: len(done)] == done and len(c) > len(done)]
            if done in self.choices or not allowed:
                allowed.append(self.eos_id)
            result[i, allowed] = scores[i, allowed]
        return result

