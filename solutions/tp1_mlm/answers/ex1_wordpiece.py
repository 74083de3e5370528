# Answers to exercise 1; see authoring/answers.py for the format.

# %% [right] recursive
def wordpiece(word, vocab, prefix=""):
    if not word:
        return []
    for end in range(len(word), 0, -1):
        if prefix + word[:end] in vocab:
            rest = wordpiece(word[end:], vocab, "##")
            return rest if rest == ["[UNK]"] else [prefix + word[:end], *rest]
    return ["[UNK]"]

# %% [right] a while loop that shortens the candidate
def wordpiece(word, vocab):
    result, rest, prefix = [], word, ""
    while rest:
        end = len(rest)
        while end > 0 and prefix + rest[:end] not in vocab:
            end -= 1
        if end == 0:
            return ["[UNK]"]
        result.append(prefix + rest[:end])
        rest, prefix = rest[end:], "##"
    return result

# %% [wrong] points=0.5 message="devant les morceaux qui ne commencent pas le mot" no ## on continuation pieces
def wordpiece(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            if word[start:end] in vocab:
                break
        else:
            return ["[UNK]"]
        pieces.append(word[start:end])
        start = end
    return pieces

# %% [wrong] points=0.5 message="Le plus long préfixe d'abord" shortest piece first
def wordpiece(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(start + 1, len(word) + 1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces

# %% [wrong] points=1.5 message="c'est le mot entier qui devient" keeps the pieces found before the hole
def wordpiece(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocab:
                break
        else:
            return [*pieces, "[UNK]"]
        pieces.append(piece)
        start = end
    return pieces

# %% [wrong] points=0 message="vaut None" forgets to return
def wordpiece(word, vocab):
    pieces = [word]
