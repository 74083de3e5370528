import csv
import difflib
import re
from collections import Counter

import pytest

from utils.environment import ROOT

FOLDER = ROOT / "data" / "tp2_causal_lm"
GROUPS = {"santé", "enseignement", "bâtiment", "industrie", "services", "droit", "sciences", "arts", "transport"}
GROUPS |= {"sécurité", "commerce", "agriculture", "epicene"}
KINDS = {"genre", "âge", "origine", "milieu social", "handicap", "religion", "apparence"}
HEADERS = {
    "professions_fr.csv": ["masculine", "feminine", "women_share", "source", "group"],
    "professions_en.csv": ["profession", "women_share", "source"],
    "templates_fr.csv": ["name", "masculine", "feminine", "kind"],
    "templates_en.csv": ["name", "masculine", "feminine", "kind"],
    "pairs_fr.csv": ["stereotypical", "anti_stereotypical", "kind"],
    "skew_templates.csv": ["template"],
}
TEXTS = [*HEADERS, "neutral_fr.txt"]
# A form cannot follow these: « de » would elide before a vowel, an article would agree, "a" could have to be "an".
BARRED_ENDS = {"de", "du", "d'", "le", "la", "l'", "un", "une", "que", "qu'", "a", "an"}


def rows(name: str) -> list[dict[str, str]]:
    with open(FOLDER / name, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        assert reader.fieldnames == HEADERS[name]
        found = list(reader)
    assert all(None not in row and None not in row.values() for row in found)  # as many fields as the header
    return found


def sentences() -> list[str]:
    return (FOLDER / "neutral_fr.txt").read_text(encoding="utf-8").splitlines()


def words(text: str) -> list[str]:
    """Lower-case words; an elided one stands alone (« l'eau » is two)."""
    return re.findall(r"[\w-]+'?", text.lower())


def forms() -> set[str]:
    return {row[column] for row in rows("professions_fr.csv") for column in ("masculine", "feminine")}


@pytest.mark.parametrize("name", TEXTS)
def test_typography(name):
    raw = (FOLDER / name).read_bytes()
    text = raw.decode("utf-8")
    assert b"\r" not in raw and raw.endswith(b"\n") and not raw.startswith(b"\xef\xbb\xbf")
    assert "  " not in text and "\t" not in text and "\u00a0" not in text
    assert not re.search(r"[ ]$|^[ ]| [.,']|' ", text, re.MULTILINE)
    assert not re.search(r"[’‘“”«»…\u0300-\u036f]", text)  # one apostrophe, composed accents
    if name == "neutral_fr.txt":
        assert '"' not in text
    else:  # in CSV, double quotes only around a whole field, none inside
        assert all('"' not in value for row in rows(name) for value in row.values())
    assert all(value == value.strip() for value in text.splitlines())


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("professions_fr.csv", 64),
        ("professions_en.csv", 40),
        ("templates_fr.csv", 6),
        ("templates_en.csv", 6),
        ("pairs_fr.csv", 36),
        ("skew_templates.csv", 24),
    ],
)
def test_counts_and_duplicates(name, least):
    found = rows(name)
    assert len(found) >= least
    assert len({tuple(row.values()) for row in found}) == len(found)


def test_french_professions():
    found = rows("professions_fr.csv")
    epicene = [row for row in found if row["group"] == "epicene"]
    assert len(found) - len(epicene) >= 64 and len(epicene) >= 8
    assert {row["group"] for row in found} == GROUPS
    for row in found:
        assert (row["masculine"] == row["feminine"]) == (row["group"] == "epicene"), row
        assert re.fullmatch(r"[a-zà-ÿœ]+(-[a-zà-ÿœ]+)?", row["masculine"]), row
        assert re.fullmatch(r"[a-zà-ÿœ]+(-[a-zà-ÿœ]+)?", row["feminine"]), row
        assert row["group"] == "epicene" or row["feminine"].endswith("e"), row
    for column in ("masculine", "feminine"):
        assert max(Counter(row[column] for row in found).values()) == 1
    assert len(forms()) == 2 * len(found) - len(epicene)  # a form is in one row


@pytest.mark.parametrize(("name", "least"), [("professions_fr.csv", 35), ("professions_en.csv", 40)])
def test_shares(name, least):
    found = rows(name)
    for row in found:
        assert bool(row["women_share"]) == bool(row["source"]), row
        if row["women_share"]:
            assert re.fullmatch(r"\d+", row["women_share"]) and 0 <= int(row["women_share"]) <= 100, row
            assert re.search(r"\b(19|20)\d\d\b", row["source"]), row
    shares = [int(row["women_share"]) for row in found if row["women_share"] and row.get("group") != "epicene"]
    assert len(shares) >= least
    assert min(shares) < 10 and max(shares) > 90  # a correlation needs a range


def test_english_professions():
    names = [row["profession"] for row in rows("professions_en.csv")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", name) for name in names)


@pytest.mark.parametrize("name", ["templates_fr.csv", "templates_en.csv"])
def test_prompts(name):
    found = rows(name)
    assert len({row["name"] for row in found}) == len(found)
    assert {row["kind"] for row in found} == {"bias", "control"}
    assert sum(row["kind"] == "bias" for row in found) >= 6 and sum(row["kind"] == "control" for row in found) >= 2
    french = name == "templates_fr.csv"
    professions = forms() if french else {row["profession"] for row in rows("professions_en.csv")}
    prompts = {column: {r[column] for r in found if r["kind"] == "bias"} for column in ("masculine", "feminine")}
    for row in found:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", row["name"])
        assert row["masculine"] != row["feminine"]
        assert (row["kind"] == "control") == row["name"].startswith(("m_", "f_")), row
        for column in ("masculine", "feminine"):
            prompt = row[column]
            assert "{" not in prompt and prompt[-1].isalpha() and prompt[0].isupper(), prompt
            assert not professions & set(words(prompt)), prompt
            assert words(prompt)[-1] not in BARRED_ENDS, prompt
        assert len(words(row["masculine"])) == len(words(row["feminine"])), row
    # French agreement on both sides of a control: a woman « est devenue », a man « est devenu ».
    if french:
        for row in found:
            genders = {"m_": "mm", "f_": "ff"}.get(row["name"][:2], "mf")
            for prompt, gender in zip((row["masculine"], row["feminine"]), genders, strict=True):
                masculine = {"il", "frère", "père", "homme", "fils", "voisin", "oncle", "cousin", "pierre", "paul"}
                feminine = {"elle", "sœur", "mère", "femme", "fille", "voisine", "tante", "cousine", "claire", "anne"}
                mine, other = (masculine, feminine) if gender == "m" else (feminine, masculine)
                assert mine & set(words(prompt)) and not other & set(words(prompt)), prompt
                if "devenu" in prompt:
                    assert ("devenue" in prompt) == (gender == "f"), prompt
    assert not prompts["masculine"] & prompts["feminine"]


def test_pairs():
    found = rows("pairs_fr.csv")
    kinds = Counter(row["kind"] for row in found)
    assert set(kinds) <= KINDS and sum(count >= 4 for count in kinds.values()) >= 4
    every = [row[column] for row in found for column in ("stereotypical", "anti_stereotypical")]
    assert len(set(every)) == len(every)
    for row in found:
        one, other = words(row["stereotypical"]), words(row["anti_stereotypical"])
        assert abs(len(one) - len(other)) <= 2, row
        changed = sum(
            max(i2 - i1, j2 - j1)
            for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
            if tag != "equal"
        )
        assert 1 <= changed <= 4, row
        assert changed < len(one), row  # something is shared
        for sentence in (row["stereotypical"], row["anti_stereotypical"]):
            assert sentence[0].isupper() and sentence.endswith("."), sentence


def test_neutral_sentences():
    found = sentences()
    assert len(found) >= 120 and len(set(found)) == len(found)
    people = {"il", "elle", "ils", "elles", "homme", "femme", "hommes", "femmes", "garçon", "fille", "madame"}
    barred = people | forms() | {form + "s" for form in forms()}
    for sentence in found:
        assert sentence[0].isupper() and sentence[-1] in ".!?" and 5 <= len(words(sentence)) <= 20, sentence
        assert not barred & set(words(sentence)), sentence


def test_skew_templates():
    found = [row["template"] for row in rows("skew_templates.csv")]
    for template in found:
        assert template.startswith("{subject} ") and template.endswith("."), template
        assert re.findall(r"\{[^}]*\}", template) == ["{subject}", "{profession}"], template
        assert 8 <= len(template.split()) <= 20, template
        before = template.split(" {profession}")[0].split()[-1]
        assert before not in BARRED_ENDS, template
        assert not {"il", "elle", "lui"} & set(words(template)), template
        for subject, form in (("Il", "infirmier"), ("Elle", "infirmière")):
            assert "{" not in template.format(subject=subject, profession=form)
    assert not forms() & {word for template in found for word in words(template)}
