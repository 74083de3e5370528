import csv
import difflib
import operator
import re
from collections import Counter
from itertools import combinations

import pytest

from utils.environment import ROOT

FOLDER = ROOT / "data" / "tp3_prompting"
LAB = ROOT / "solutions" / "tp3_prompting" / "tp3_prompting.py"
TASK = ["input", "output", "split", "also"]
HEADERS = {
    "traduction.csv": TASK,
    "sentiment.csv": TASK,
    "capitales.csv": TASK,
    "antonymes.csv": TASK,
    "extraction.csv": TASK,
    "golf.csv": TASK[:3],
    "premisses_fausses_en.csv": ["question", "premise", "valid", "note", "pair"],
    "injections_en.csv": ["document", "question", "answer", "injected", "canary"],
    "problemes_en.csv": ["question", "reasoning", "answer"],
}
TASKS = [name for name, header in HEADERS.items() if header == TASK]
GOLF = ["golf.csv", "golf_hidden"]
LABELS = {"inscription", "logement", "examen", "bibliothèque"}
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
WORD = r"[a-zà-ÿœ]+"


def rows(name: str) -> list[dict[str, str]]:
    if name == "golf_hidden":  # students do not get these: they stand in a hidden test of the lab
        block = re.search(r'HIDDEN = """\n(.*?)\n"""', LAB.read_text(encoding="utf-8"), re.DOTALL).group(1)
        pairs = [line.rsplit(" | ", 1) for line in block.splitlines()]
        return [{"input": message, "output": label, "split": "hidden"} for message, label in pairs]
    with open(FOLDER / name, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        assert reader.fieldnames == HEADERS[name]
        found = list(reader)
    assert all(None not in row and None not in row.values() for row in found)  # as many fields as the header
    return found


def split(name: str, which: str) -> list[dict[str, str]]:
    return [row for row in rows(name) if row["split"] == which]


def words(text: str) -> list[str]:
    """Lower-case words; an elided one stands alone (« l'eau » is two)."""
    return re.findall(r"[\w-]+'?", text.lower())


def likeness(one: str, other: str) -> float:
    """Share of the words, in order, that two sentences have in common (0: none, 1: the same sentence)."""
    return difflib.SequenceMatcher(None, words(one), words(other), autojunk=False).ratio()


@pytest.mark.parametrize("name", HEADERS)
def test_typography(name):
    found = rows(name)
    raw = (FOLDER / name).read_bytes()
    text = raw.decode("utf-8")
    assert b"\r" not in raw and raw.endswith(b"\n") and not raw.startswith(b"\xef\xbb\xbf")
    assert "  " not in text and "\t" not in text and "\u00a0" not in text and "\u202f" not in text
    assert not re.search(r"[ ]$|^[ ]| [.,']|' ", text, re.MULTILINE)
    assert not re.search(r"[’‘“”«»…\u0300-\u036f]", text)  # one apostrophe, composed accents
    for row in found:
        assert all('"' not in value and value == value.strip() for value in row.values()), row
    if "_en" not in name:
        assert not re.search(r"\S[?!:;]", text), name  # French: a space before a double mark
    else:
        assert text.isascii() and not re.search(r" [?!:;]", text), name


@pytest.mark.parametrize("name", TASKS)
def test_tasks(name):
    found = rows(name)
    assert {row["split"] for row in found} == {"example", "test"}
    assert len(split(name, "example")) >= 16 and len(split(name, "test")) >= 64
    assert len({row["input"].lower() for row in found}) == len(found)  # hence no overlap between the splits
    for row in found:
        assert row["input"] and row["output"], row
        accepted = [row["output"], *(row["also"].split("|") if row["also"] else [])]
        assert all(accepted) and len(set(accepted)) == len(accepted), row


def test_translation():
    for row in rows("traduction.csv"):
        assert re.fullmatch(r"[a-z]+", row["input"]), row
        assert re.fullmatch(WORD, row["output"]) and row["output"] != row["input"], row
        assert all(re.fullmatch(WORD, word) for word in row["also"].split("|") if word), row
    outputs = [row["output"] for row in rows("traduction.csv")]
    assert len(set(outputs)) == len(outputs)


def test_capitals():
    found = rows("capitales.csv")
    assert len({row["output"] for row in found}) == len(found)
    for row in found:
        assert row["input"][0].isupper() and row["output"][0].isupper(), row
        assert row["input"] != row["output"], row  # nothing to know about Monaco


def test_antonyms():
    found = rows("antonymes.csv")
    for row in found:
        assert re.fullmatch(WORD, row["input"]) and re.fullmatch(WORD, row["output"]), row
        assert row["input"] not in (row["output"], *row["also"].split("|")), row
    assert len({frozenset((row["input"], row["output"])) for row in found}) == len(found)
    # An antonym works both ways: no word of an example, on either side, is asked in the test.
    sides = [
        {row[column] for row in split("antonymes.csv", which) for column in TASK[:2]} for which in ("example", "test")
    ]
    assert not sides[0] & sides[1]


def test_sentiment():
    found = rows("sentiment.csv")
    for which in ("example", "test"):
        counts = Counter(row["output"] for row in split("sentiment.csv", which))
        assert set(counts) == {"positif", "négatif"} and len(set(counts.values())) == 1
    spread = {
        label: Counter(word for row in found if row["output"] == label for word in set(words(row["input"])))
        for label in ("positif", "négatif")
    }
    for word in spread["positif"] | spread["négatif"]:  # no single word gives the label away
        assert abs(spread["positif"][word] - spread["négatif"][word]) <= len(found) // 12, word
    for row in found:
        assert row["input"][0].isupper() and row["input"][-1] in ".!" and row["also"] == "", row
        assert not {"positif", "positive", "négatif", "négative"} & set(words(row["input"])), row
        assert 4 <= len(words(row["input"])) <= 20, row


def test_extraction():
    found = rows("extraction.csv")
    cities = [row["output"] for row in found]
    assert len(set(cities)) == len(cities)
    people_or_dates = 0
    for row in found:
        sentence, city = row["input"], row["output"]
        assert len(re.findall(rf"(?<!\w){city}(?!\w)", sentence)) == 1, row
        others = [other for other in cities if other != city and re.search(rf"(?<![\w-]){other}(?![\w-])", sentence)]
        assert not others, (row, others)
        assert sentence.endswith(".") and 6 <= len(words(sentence)) <= 20, row
        capitals = re.findall(r"(?<!^)\b[A-ZÀ-Ý]\w+", sentence.replace(city, ""))
        people_or_dates += bool(capitals) or bool(re.search(r"\d", sentence))
    assert people_or_dates >= 0.8 * len(found)  # a distractor: the city is not the only name or number
    assert sum(row["input"].find(row["output"]) < len(row["input"]) / 3 for row in found) >= 15  # it moves about


@pytest.mark.parametrize(("name", "count"), [("sentiment.csv", 104), ("extraction.csv", 92), ("golf.csv", 60)])
def test_no_near_duplicate(name, count):
    inputs = [row["input"] for row in rows(name)]
    if name == "golf.csv":
        inputs += [row["input"] for row in rows("golf_hidden")]
    assert len(inputs) >= count
    for one, other in combinations(inputs, 2):
        assert likeness(one, other) < 0.8, (one, other)


@pytest.mark.parametrize(
    ("name", "which", "count"), [("golf.csv", "dev", 20), ("golf.csv", "test", 40), ("golf_hidden", "hidden", 60)]
)
def test_golf(name, which, count):
    found = [row for row in rows(name) if row["split"] == which]
    assert len(found) == count
    assert Counter(row["output"] for row in found) == dict.fromkeys(LABELS, count // 4)
    for row in found:
        assert row["input"][0].isupper() and row["input"][-1] in ".?" and 4 <= len(words(row["input"])) <= 16, row
        assert not any(label in row["input"].lower() for label in LABELS - {row["output"]}), row
    named = sum(row["output"] in row["input"].lower() for row in found)
    assert 0 < named <= count / 4  # the label is seldom in the message
    assert {row["split"] for row in rows(name)} == ({"dev", "test"} if name == "golf.csv" else {"hidden"})


def test_golf_does_not_overlap():
    inputs = [row["input"] for name in GOLF for row in rows(name)]
    assert len(set(inputs)) == len(inputs)


def test_false_premises():
    found = rows("premisses_fausses_en.csv")
    assert Counter(row["valid"] for row in found) == {"0": 48, "1": 48}
    assert len({row["question"] for row in found}) == len({row["premise"] for row in found}) == len(found)
    for false, true in zip(found[::2], found[1::2], strict=True):
        assert false["pair"] == true["pair"] and (false["valid"], true["valid"]) == ("0", "1"), false
        assert likeness(false["question"], true["question"]) >= 0.5, (false, true)  # a control of the same form
        assert false["note"].endswith(".") and true["note"] == "", (false, true)
    assert [int(row["pair"]) for row in found[::2]] == list(range(1, 49))
    for row in found:
        assert row["question"][0].isupper() and row["question"].endswith("?"), row
        assert len(words(row["question"])) <= 14 and not row["premise"].endswith("."), row


def test_injections():
    found = rows("injections_en.csv")
    assert len(found) == 24 and len({row["canary"] for row in found}) == 24
    assert len({row["question"] for row in found}) == 24
    places = Counter()
    hidden = []
    for row in found:
        document, injected, canary = row["document"], row["injected"], row["canary"]
        assert re.fullmatch(r"[A-Z]{5,}", canary), row
        assert injected.count(canary) == 1 and canary.lower() not in f"{document} {row['question']}".lower(), row
        assert row["answer"].lower() in document.lower() and row["answer"].lower() not in row["question"].lower(), row
        # The injected document is the document with one piece put in: a beginning, the piece, the rest.
        extra, end = len(injected) - len(document), len(document)
        cuts = [cut for cut in range(end + 1) if injected[:cut] + injected[cut + extra :] == document]
        assert cuts, row  # several if the piece and the text share a full stop or a space
        piece = injected[cuts[-1] : cuts[-1] + extra]
        assert canary in piece and row["answer"].lower() not in piece.lower(), row
        hidden.append(piece.strip())
        places["start" if cuts[0] == 0 else "end" if cuts[-1] == end else "middle"] += 1
    assert len(set(hidden)) == 24 and min(places[place] for place in ("start", "middle", "end")) >= 4, places


def test_problems():
    found = rows("problemes_en.csv")
    assert len(found) == 60 and len({row["question"] for row in found}) == 60
    steps = Counter()
    for row in found:
        equations = re.findall(r"(\d+) ([-+*/]) (\d+) = (\d+)", row["reasoning"])
        assert equations and row["reasoning"].count("=") == len(equations) and row["reasoning"].endswith("."), row
        for left, sign, right, result in equations:
            assert OPERATIONS[sign](int(left), int(right)) == int(result), row
        numbers = re.findall(r"\d+", row["reasoning"])
        assert numbers[-1] == equations[-1][3] == row["answer"], row
        assert row["question"].endswith("?") and re.fullmatch(r"\d+", row["answer"]), row
        steps[len(equations)] += 1
    assert steps[1] >= 15 and steps[2] >= 30 and set(steps) <= {1, 2, 3}
