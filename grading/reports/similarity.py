"""Hand-ins that look alike beyond what the lab itself explains: a hint for a person, never a verdict.

Code is compared as tokens, without comments and with the names that the student chose replaced by one mark; prose as
words.  What the lab gives, its reference solution and its kept right answers are left out, and so is what many
hand-ins share.  What two hand-ins alone share weighs most: a run of tokens that n others have weighs 1/n.
Runs of tokens as in Schleimer, Wilkerson and Aiken, "Winnowing" (SIGMOD 2003), section 2, without the sampling.
"""

import ast
import io
import keyword
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

RUN = 6  # tokens in a row that make one item of comparison
LEAST_SHARED = 30  # such runs, below which two hand-ins are not compared: short answers are alike by nature
LEAST_OVERLAP = 0.6
LONGEST = 30_000  # characters of one text that are compared
COMMON = 0.2  # a run that this share of a class of 20 or more has is common knowledge
_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Pair:
    """Two hand-ins; `overlap`: weighted share of the smaller that is in both; `shared`: runs in common by piece."""

    first: str
    second: str
    overlap: float
    shared: dict[str, int]


def code_tokens(source: str) -> list[str]:
    """Python source as tokens: no comments, no docstrings; strings alike; the names bound here alike."""
    own, docstrings = _bound_names(source)
    found: list[str] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _SKIPPED or (token.type == tokenize.STRING and token.start in docstrings):
                continue
            if token.type in (tokenize.INDENT, tokenize.DEDENT):
                found.append("<in>" if token.type == tokenize.INDENT else "<out>")
            elif token.type == tokenize.STRING:
                found.append("<text>")
            elif token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                found.append("<name>" if own is None or token.string in own else token.string)
            else:
                found.append(token.string)
    except (tokenize.TokenError, SyntaxError):
        pass  # code that does not parse: what was read until there
    return found


def _bound_names(source: str) -> tuple[set[str] | None, set[tuple[int, int]]]:
    """The names that a piece of code gives (None: it does not parse), and where its docstrings start."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None, set()
    names, docstrings = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.add((node.lineno, node.col_offset))
    return names, docstrings


def word_tokens(text: str) -> list[str]:
    """Prose as words, whatever its case and punctuation."""
    return re.findall(r"\w+", text.casefold())


def runs(tokens: list[str]) -> set[tuple[str, ...]]:
    """Every `RUN` tokens in a row."""
    return {tuple(tokens[i : i + RUN]) for i in range(len(tokens) - RUN + 1)}


def tokens_of(text: str, is_code: bool) -> list[str]:
    """The tokens of a text, or of its beginning: a pasted table is no work to compare."""
    return code_tokens(text[:LONGEST]) if is_code else word_tokens(text[:LONGEST])


def alike(
    works: dict[str, dict[str, str | list[str]]], standard: dict[str, Iterable[str]], prose: set[str]
) -> list[Pair]:
    """The pairs of hand-ins that share much, most alike first.

    `works`: student → piece (an exercise) → what the student wrote, one text or several.  `standard`: piece → what
    anyone may have written (given code, reference, kept right answers).  `prose`: the pieces that are no code.
    """
    expected = {
        piece: set().union(*(runs(tokens_of(text, piece not in prose)) for text in texts))
        for piece, texts in standard.items()
    }
    everywhere = set().union(*expected.values())
    items = {
        student: {
            (piece, run)
            for piece, text in pieces.items()
            for part in ([text] if isinstance(text, str) else text)
            for run in runs(tokens_of(part, piece not in prose)) - everywhere
        }
        for student, pieces in works.items()
    }
    owners: dict[tuple, list[str]] = defaultdict(list)
    for student, own in items.items():
        for item in own:
            owners[item].append(student)
    most = COMMON * len(works) if len(works) >= 20 else len(works)
    weight = {item: 1 / max(1, len(who) - 1) for item, who in owners.items() if len(who) <= max(2, most)}
    total = {student: sum(weight.get(item, 0) for item in own) for student, own in items.items()}
    shared: dict[tuple[str, str], Counter] = defaultdict(Counter)
    in_common: Counter = Counter()
    for item, who in owners.items():
        if item in weight:
            for pair in combinations(sorted(who), 2):
                shared[pair][item[0]] += 1
                in_common[pair] += weight[item]
    pairs = [
        Pair(first, second, in_common[first, second] / min(total[first], total[second]), dict(by_piece))
        for (first, second), by_piece in shared.items() if sum(by_piece.values()) >= LEAST_SHARED
    ]  # fmt: skip
    return sorted((p for p in pairs if p.overlap >= LEAST_OVERLAP), key=lambda p: (-p.overlap, p.first, p.second))
