"""Data first: no module of ours reads back a French sentence to decide something.

States, codes, kinds and classes decide (`utils.outcome`, `grading.execution.status`, `grading.book.notes`); sentences
are made from them, and may change or be translated without a mark, a state or a warning changing.
"""

import ast
import re
from pathlib import Path

import pytest

from utils.environment import ROOT

FOLDERS = ("utils", "grading", "authoring", "website")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TEMPLATES = sorted(ROOT.glob("grading/reports/templates/*.html"))
# What is compared with a text: a method's arguments, the pattern of a function of `re`.
METHODS = {"startswith", "endswith", "removeprefix", "removesuffix", "find", "rfind", "index", "count", "partition"}
METHODS |= {"rpartition", "split", "rsplit", "get", "__contains__", "__eq__"}
PATTERNS = {"compile", "search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn"}

# French by its letters, its spaces before punctuation, the signs of our reports, or its commonest words.
LETTERS = re.compile(r"[^\W\d_][àâçéèêëîïôûùœÀÂÇÉÈÊËÎÏÔÛÙŒ]|[àâçéèêëîïôûùœÀÂÇÉÈÊËÎÏÔÛÙŒ][^\W\d_]|\bà\b")
SIGNS = re.compile(r"[✅❌⏳]|\w [:;!?»](?:\W|$)|« ?\w|\b[cdjlmnst]'\w", re.IGNORECASE)
WORDS = re.compile(
    r"\b(?:le|la|les|des|du|un|une|est|sont|ne|pas|dans|pour|sur|avec|vous|votre|vos|que|qui|au|aux|cellule|exercice|"
    r"ce|cette|ces|nous|noyau|obtenu|attendu|correction|copie|fichier|vrai|faux)s?\b",
    re.IGNORECASE,
)

# What may be looked for all the same (module, how it begins): the reason.
UNSET = "stands for an address that is not set yet"
HEADING = "the heading over an exercise in a lab's text"
ALLOWED = {
    ("grading/reports/class_report.py", "obtenu : "): "stands before a value in the messages of labs; groups them only",
    ("utils/student/handin.py", "^#+ +(Exerci"): HEADING,
    ("website/pages.py", "^#+ (Exercice"): HEADING,
    ("website/pages.py", "<summary>[^<]*J'ai ce message"): "the heading of a lab's own list of messages",
    ("authoring/edition.py", "votre-organisation"): UNSET,
    ("authoring/templates/setup_fr.py", "votre-organisation"): UNSET,
    ("authoring/templates/setup_en.py", "votre-organisation"): UNSET,
}


def is_french(text: str) -> bool:
    return bool(LETTERS.search(text) or SIGNS.search(text) or WORDS.search(text))


def _texts(node: ast.AST, constants: dict[str, list[str]]) -> list[str]:
    """The texts in an expression, by themselves or under the name of a module's constant."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            found.append(part.value)
        elif isinstance(part, ast.Name):
            found += constants.get(part.id, [])
        elif isinstance(part, ast.Attribute):
            found += constants.get(part.attr, [])
    return found


def compared(tree: ast.AST, constants: dict[str, list[str]]) -> list[tuple[int, str]]:
    """The texts that a piece of code compares something with: (line, text)."""
    found = []
    for node in ast.walk(tree):
        needles: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            kinds = (ast.Constant, ast.JoinedStr, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Set)
            needles = [side for side in sides if isinstance(side, kinds)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            if of_re and node.func.attr in PATTERNS:
                needles = node.args[:1]
            elif not of_re and node.func.attr in METHODS:
                needles = node.args
        elif isinstance(node, ast.Subscript):
            needles = [node.slice] if isinstance(node.slice, ast.Constant) else []
        elif isinstance(node, ast.MatchValue):
            needles = [node.value]
        found += [
            (node.lineno if hasattr(node, "lineno") else 0, text) for n in needles for text in _texts(n, constants)
        ]
    return found


def constants_of(trees: list[ast.Module]) -> dict[str, list[str]]:
    """The texts that modules keep under a name, alone or in a list."""
    found: dict[str, list[str]] = {}
    for tree in trees:
        for node in tree.body:
            marked = isinstance(node, ast.Assign) and getattr(getattr(node.value, "func", None), "id", "") == "N_"
            kinds = (ast.Constant, ast.Tuple, ast.List, ast.Set)
            if marked or isinstance(node, ast.Assign) and isinstance(node.value, kinds):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).extend(_texts(node.value, {}))
    return found


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


CONSTANTS = constants_of([parsed(path) for path in MODULES])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_matches_a_sentence(path):
    name = path.relative_to(ROOT).as_posix()
    allowed = tuple(text for module, text in ALLOWED if module == name)
    found = [(line, text) for line, text in compared(parsed(path), CONSTANTS) if is_french(text)]
    assert not [(line, text) for line, text in found if not (allowed and text.startswith(allowed))]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_page_matches_a_sentence(path):
    conditions = re.findall(r"\{%-? *(?:el)?if (.*?)%\}|\bif ([^}]*)\}\}", path.read_text(encoding="utf-8"))
    texts = [text for pair in conditions for text in re.findall(r"[=n] *[\"']([^\"']*)", " ".join(pair))]
    assert texts is not None and not [text for text in texts if is_french(text)]


def test_what_is_allowed_is_still_there():
    """Each exception is one that the code makes."""
    for (module, start), reason in ALLOWED.items():
        found = [text for _, text in compared(parsed(ROOT / module), CONSTANTS)]
        assert reason and [text for text in found if text.startswith(start)], (module, start)


@pytest.mark.parametrize(
    "code",
    [
        'note.startswith("À vérifier")', 'if "pas encore traité" in printed: pass', 'state == "échoué"',
        're.findall(r"^Points : (.+)$", printed)', 'text in ("réussi", "raté")', "message == UNTOUCHED",
        'checks.UNTOUCHED in printed', 'match x:\n    case "à revoir": pass', 'table["à revoir"]',
        'line.startswith(f"⏳ {title} :")', 're.match("cellule |le noyau ", told)', 'printed.count("❌")',
    ],
)  # fmt: skip
def test_such_code_would_be_seen(code):
    constants = {"UNTOUCHED": ["pas encore traité"]}
    assert any(is_french(text) for _, text in compared(ast.parse(code), constants))


@pytest.mark.parametrize(
    "code", ['state == "wrong"', 'name in ("solution", "check")', 're.match(r"ex(\\d+)", name)', 'print("déjà")']
)
def test_plain_code_is_not(code):
    assert not any(is_french(text) for _, text in compared(ast.parse(code), {}))
