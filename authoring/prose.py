"""The prose of a lab's source: its units, in the order and at the places where they stand.

A unit is a block of a Markdown cell between blank lines or, in a code cell, a comment or a string that holds prose.
Cells' headers, fences of code and nbgrader's markers are no part of any unit.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

HEADER = re.compile(r"(?m)^# %%.*\n?")
MARKER = re.compile(r"#+ (?:BEGIN|END) [A-Z ]+$")  # nbgrader's
LITERAL = re.compile(r"(?P<prefix>[A-Za-z]*)(?P<quote>\"\"\"|'''|\"|')")
WORD = re.compile(r"[^\W\d_]{2,}")
PROSE = re.compile(r"\s|[À-ɏ«»“”’…—]")  # one of these, and a word: more than a name

# What is not language in a text.
CODE = re.compile(r"(`+)(?P<code>.+?)\1", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+?\$", re.DOTALL)
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))|https?://[^\s)»”>\"'…]+")
TAG = re.compile(r"<(?P<name>/?[a-z]+)[^>]*>")
# Filled at release: {{name}}, {{name:.0%}}, {{name[1]:+.2f}}, {{name[1:]:+.2f}}.
FIELD = re.compile(r"\{\{(?P<name>\w+)(?:\[(?P<index>\d+:?)\])?(?::(?P<form>[^{}]*))?\}\}")
EXPRESSION = re.compile(r"\{[^{}]*\}")  # of an f-string, or for `format`


class Kind(StrEnum):
    MARKDOWN = "markdown"
    STRING = "string"
    COMMENT = "comment"


@dataclass(frozen=True)
class Unit:
    """A piece of prose of a lab's source."""

    cell: str  # the cell's name
    kind: Kind
    text: str  # what is translated
    start: int  # its place in the source, in characters
    end: int
    margin: str = ""  # what each of its lines but the first begins with in the source
    opening: str = ""  # of a string: its prefix and quote
    required: bool = True  # False: a bare word, left as it is unless the catalogue has it

    @property
    def key(self) -> tuple[str, str]:
        return self.cell, self.text

    def written(self, translation: str) -> str:
        """`translation` as it stands in the source, between `start` and `end`."""
        return translation.replace("\n", "\n" + self.margin)

    def __str__(self) -> str:
        line = " ".join(self.text.split())
        return f"{self.cell}, “{line[:70]}{'…' if len(line) > 70 else ''}”"


def bare(text: str) -> str:
    """A text without its code, formulas, addresses, tags, fields and expressions."""
    for pattern in (CODE, FIELD, FORMULA, LINK, TAG, EXPRESSION):  # code first: what stands for the others ends it
        text = pattern.sub("`", text)
    return re.sub(r"\\[nt]", " ", text)


@dataclass(frozen=True)
class Cell:
    """A cell of a percent script: its name, its header, and the text between its header and the next one."""

    name: str
    header: str
    text: str
    start: int  # of its text in the source, in characters

    @property
    def markdown(self) -> bool:
        return "[markdown]" in self.header


def cells(source: str) -> list[Cell]:
    headers = list(HEADER.finditer(source))
    titles = [header.group().strip() for header in headers]
    starts = [header.end() for header in headers]
    ends = [header.start() for header in headers[1:]] + [len(source)]
    texts = [source[start:end] for start, end in zip(starts, ends, strict=True)]
    return list(map(Cell, cell_names(titles, texts), titles, texts, starts))


def cell_names(headers: list[str], texts: list[str]) -> list[str]:
    """A name for each cell: its own, its exercise's and role's, or the last heading and the cell's rank below it."""
    names, heading, rank = [], "start", 0
    for header, text in zip(headers, texts, strict=True):
        own = re.search(r'name="([^"]+)"', header)
        exercise = re.search(r'exercise="(\w+)" role="(\w+)"', header)
        if "[markdown]" in header and (titles := re.findall(r"(?m)^# #+ (.+)$", text)):
            heading, rank = re.sub(r"\W+", "-", titles[0].lower()).strip("-"), 0
        ranked = f"{heading}-{rank}"
        names.append(own[1] if own else "-".join(exercise.groups()).replace("_", "-") if exercise else ranked)
        rank += 1
    return names


def units(source: str) -> list[Unit]:
    """The units of a percent script, in its order."""
    return [unit for cell in cells(source) for unit in (_markdown(cell) if cell.markdown else _code(cell))]


def _markdown(cell: Cell) -> Iterator[Unit]:
    """Blocks between blank lines; fences of code and nbgrader's markers end a block too, and belong to none."""
    fenced, block, place = False, [], cell.start
    for line in [*_lines(cell.text), ""]:
        fence = line.startswith("# ```")
        if not (fenced or fence or line.strip() in ("", "#") or MARKER.search(line.rstrip())):
            block.append(line)
        elif block:
            yield from _unit(cell, Kind.MARKDOWN, block, place - sum(map(len, block)))
            block = []
        fenced ^= fence
        place += len(line)


def _code(cell: Cell) -> list[Unit]:
    strings, comments = _tokens(cell.text)
    found = [unit for span in strings for unit in _string(cell, *span)]
    found += [unit for start, lines in _blocks(cell.text, comments) for unit in _comment(cell, lines, start)]
    return sorted(found, key=lambda unit: unit.start)


def in_comments(code: str, change: Callable[[str], str]) -> str:
    """The code of a cell, each of its comments (from its `#` to the end of its line) changed."""
    lines = _lines(code)
    for row, column in _tokens(code)[1]:
        lines[row] = lines[row][:column] + change(lines[row][column:])
    return "".join(lines)


def _comment(cell: Cell, lines: list[str], start: int) -> Iterator[Unit]:
    return _unit(cell, Kind.COMMENT, lines, cell.start + start)


def _blocks(code: str, comments: list[tuple[int, int]]) -> list[tuple[int, list[str]]]:
    """Comments by place (in characters) and lines: those that follow each other, alone on their lines, are one."""
    lines, starts = _lines(code), _line_starts(code)
    blocks, margin, goes_on = [], "", -1
    for row, column in comments:
        line, alone = lines[row], not lines[row][:column].strip()
        if MARKER.search(line.rstrip()):
            continue
        if alone and row == goes_on and line.startswith(margin):
            blocks[-1][1].append(line)
        elif alone:
            blocks.append((starts[row], [line]))
            margin = _margin(line)
        else:
            blocks.append((starts[row] + column, [line[column:]]))
        goes_on = row + 1 if alone else -1
    return blocks


def _unit(cell: Cell, kind: Kind, lines: list[str], start: int) -> Iterator[Unit]:
    """The unit that lines beginning with `# ` make, if there is a word in it."""
    margin, raw = _margin(lines[0]), "".join(lines).rstrip("\n")
    text = raw.removeprefix(margin).replace("\n" + margin, "\n")
    if WORD.search(bare(text)):
        yield Unit(cell.name, kind, text, start + len(margin), start + len(raw), margin)


def _string(cell: Cell, start: int, end: int) -> Iterator[Unit]:
    literal = cell.text[start:end]
    opening = LITERAL.match(literal)
    shown = [text for text in _shown(literal) if WORD.search(text)]
    if shown:
        text = literal[opening.end() : -len(opening["quote"])]
        start += cell.start + opening.end()
        prose = any(PROSE.search(words.strip()) for words in shown)
        yield Unit(cell.name, Kind.STRING, text, start, start + len(text), opening=opening.group(), required=prose)


def _shown(literal: str) -> list[str]:
    """The texts that a literal writes: its own, with `{}` for each expression, and those inside its expressions."""
    tree = ast.parse(literal, mode="eval").body
    if isinstance(tree, ast.Constant):
        return [tree.value] if isinstance(tree.value, str) else []  # bytes are no prose
    own = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in tree.values)
    inside = (node.value for part in tree.values for node in ast.walk(part) if isinstance(node, ast.Constant))
    return [own, *(text for text in inside if isinstance(text, str))]


def _margin(line: str) -> str:
    return re.match(r"\s*# ?", line).group()


def _lines(text: str) -> list[str]:
    """Lines as the tokenizer counts them: `str.splitlines` has other ends of lines than `\\n`."""
    return list(io.StringIO(text))


def _line_starts(text: str) -> list[int]:
    return [0, *accumulate(map(len, _lines(text)))]


def _tokens(code: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where the strings are (start and end, in characters), and the comments (row from 0, column).

    Python 3.12 and later cut an f-string into tokens; before, it is one.
    """
    opening, closing = (getattr(tokenize, f"FSTRING_{end}", None) for end in ("START", "END"))
    starts, strings, comments, open_ones = _line_starts(code), [], [], []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        if token.type == tokenize.COMMENT:
            comments.append((token.start[0] - 1, token.start[1]))
        elif token.type == opening:
            open_ones.append(begin)
        elif token.type == closing:
            begin = open_ones.pop()
        if token.type in (tokenize.STRING, closing) and not open_ones:
            strings.append((begin, end))
    return strings, comments
