# Answers to exercise 2.

# %% [right] beginnings of words
def split_text(text, size, overlap):
    cuts = [0] + [m.start() for m in re.finditer(r"(?<=\s)\S", text)] + [len(text)]
    cuts = sorted(set(cuts))
    spans, first = [], 0
    while first < len(cuts) - 1:
        last = first + 1
        while last + 1 < len(cuts) and cuts[last + 1] - cuts[first] <= size:
            last += 1
        spans.append((cuts[first], cuts[last]) if cuts[last] - cuts[first] <= size or text[cuts[first]:cuts[last]].split().__len__() == 1 else None)
        if last == len(cuts) - 1:
            break
        following = last
        while following - 1 > first and cuts[last] - cuts[following - 1] <= overlap:
            following -= 1
        first = following
    return spans

# %% [right] the boundaries listed once, found with bisect
def split_text(text, size, overlap):
    from bisect import bisect_left, bisect_right
    edges = [i for i in range(len(text) + 1) if i in (0, len(text)) or text[i].isspace() or text[i - 1].isspace()]
    spans = []
    start = 0
    while start < len(text):
        i = bisect_right(edges, start + size) - 1
        end = edges[i] if edges[i] > start else edges[i + 1]
        spans.append((start, end))
        if end == len(text):
            return spans
        start = edges[bisect_left(edges, max(end - overlap, start + 1))]
    return spans

# %% [wrong] points=0 message="tombe dans un mot" cuts every size characters
def split_text(text, size, overlap):
    return [(i, min(i + size, len(text))) for i in range(0, len(text), size)]

# %% [wrong] points=0.75 message="tombe dans un mot" starts anywhere after an overlap
def split_text(text, size, overlap):
    spans, start = [], 0
    while text:
        end = min(start + size, len(text))
        while end > start and end < len(text) and not (text[end].isspace() or text[end - 1].isspace()):
            end -= 1
        if end == start:
            end = start + size
            while end < len(text) and not text[end].isspace():
                end += 1
        spans.append((start, end))
        if end == len(text):
            break
        start = max(end - overlap, start + 1)
    return spans

# %% [wrong] points=1.75 message="ne partagent que" forgets the overlap
def split_text(text, size, overlap):
    spans, start = [], 0
    while start < len(text):
        end = min(start + size, len(text))
        while end > start and end < len(text) and not text[end].isspace() and not text[end - 1].isspace():
            end -= 1
        if end == start:
            end = start + size
            while end < len(text) and not text[end].isspace():
                end += 1
        spans.append((start, end))
        start = end
    return spans

# %% [wrong] points=0 message="couvert en entier" loses the last piece
def split_text(text, size, overlap):
    spans, start = [], 0
    while start + size < len(text):
        end = start + size
        while end > start + 1 and not text[end].isspace() and not text[end - 1].isspace():
            end -= 1
        spans.append((start, end))
        start = end
    return spans

# %% [wrong] points=0 message="est de type str|couple d'entiers" returns the texts
def split_text(text, size, overlap):
    return [text[i : i + size] for i in range(0, len(text), size - overlap)]
