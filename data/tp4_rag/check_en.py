"""Check of the English questions of TP 4 against the passages of `utils.corpora.load_boolq`.

python data/tp4_rag/check_en.py      exit code 1, and one line a fault, when something is wrong (needs NLTK's stemmers)
"""

import collections
import json
import pathlib
import re
import sys
import unicodedata

from nltk.stem import PorterStemmer
from nltk.stem.snowball import SnowballStemmer

HERE = pathlib.Path(__file__).parent
FIELDS = {"id", "kind", "question", "passages", "answers"}
KINDS = ("direct", "paraphrase", "unanswerable")
MIN_QUESTIONS, MIN_PASSAGES, MIN_OF_A_KIND = 130, 110, 27
STEMMERS = (PorterStemmer(), SnowballStemmer("english"))
# Function words, prepositions, pronouns, quantifiers and auxiliaries: all that is no content word.
STOP = """
a about above according across after again against all also am an and another any anything are around as at away be
because been before behind being below beneath beside besides between both but by can could did do does doing done
down during each either else even ever every few for from further get give given goes had has have having he her
here hers herself him himself his how however i if in into is it its itself just less let lets like many may me
might more most much must my myself near neither never no none nor not nothing of off often on once one only onto or
other others ought our ours out over own per perhaps put quite rather really same several shall she should since so
some someone something still such take than that the their theirs them themselves then there these they thing things
this those though through to together too toward two under until up upon us very was we well were what when where
whether which while who whom whose why will with within without would yet you your yours yourself
"""
STOP = frozenset(STOP.split())


def words(text: str) -> list[str]:
    """Lower-cased words, without the possessive 's."""
    return re.findall(r"[^\W_]+", re.sub(r"['’]s\b", "", text.lower()))


def content_words(text: str) -> set[str]:
    return {word for word in words(text) if len(word) > 1 and word not in STOP}


def stems(text: str) -> dict[str, str]:
    """Stem (of either stemmer) → a content word that has it."""
    return {stemmer.stem(word): word for word in content_words(text) for stemmer in STEMMERS}


def passages() -> dict[str, str]:
    """Passage id → title and text."""
    from utils.corpora import load_boolq

    return {row["id"]: f"{row['title']} -- {row['text']}" for row in load_boolq()["passages"]}


def questions() -> list[dict]:
    lines = (HERE / "questions_en.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def has_answer(passage: str, answer: str) -> bool:
    """The answer stands in the passage, as whole words."""
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", passage) is not None


def check(rows: list[dict], corpus: dict[str, str]) -> list[str]:
    """The faults of the question set, in words; none when it is sound."""
    faults = []

    def fault(row: dict, text: str) -> None:
        faults.append(f"{row.get('id')}: {text}")

    for index, row in enumerate(rows, 1):
        if set(row) != FIELDS:
            fault(row, f"fields {sorted(row)}, expected {sorted(FIELDS)}")
            continue
        if row["id"] != f"en-{index:03d}":
            fault(row, f"expected the id en-{index:03d}")
        question, kind, gold, answers = row["question"], row["kind"], row["passages"], row["answers"]
        if kind not in KINDS:
            fault(row, f"unknown kind {kind!r}")
        if not question.endswith("?") or not question[0].isupper() or question != " ".join(question.split()):
            fault(row, f"not a clean question: {question!r}")
        if any(unicodedata.normalize("NFC", text) != text for text in [question, *answers]):
            fault(row, "not in Unicode's NFC")
        if kind == "unanswerable":
            if gold or answers:
                fault(row, "an unanswerable question has passages or answers")
            continue
        if not gold or not answers:
            fault(row, "no passage or no answer")
            continue
        if len(set(gold)) != len(gold) or len(set(answers)) != len(answers):
            fault(row, "a passage or an answer is given twice")
        unknown = [passage for passage in gold if passage not in corpus]
        if unknown:
            fault(row, f"unknown passages {unknown}")
            continue
        if not has_answer(corpus[gold[0]], answers[0]):
            fault(row, f"{answers[0]!r} is not verbatim in {gold[0]}")
        for passage in gold:
            if not any(has_answer(corpus[passage], answer) for answer in answers):
                fault(row, f"no answer stands in {passage}")
        for answer in answers:
            if not 1 <= len(answer.split()) <= 6 or answer != answer.strip():
                fault(row, f"not a short answer: {answer!r}")
        if set(words(answers[0])) <= set(words(question)):
            fault(row, "the question gives its answer away")
        shared = {
            word for stem, word in stems(question).items() if any(stem in stems(corpus[passage]) for passage in gold)
        }
        if kind == "paraphrase" and shared:
            fault(row, f"paraphrase shares {sorted(shared)} with its passage")
        if kind == "direct" and not shared:
            fault(row, "direct question without a word in common with its passage")

    for question, count in collections.Counter(" ".join(words(row["question"])) for row in rows).items():
        if count > 1:
            faults.append(f"question asked {count} times: {question}")
    for passage, count in collections.Counter(row["passages"][0] for row in rows if row["passages"]).items():
        if count > 1:
            faults.append(f"{passage} is the first passage of {count} questions")
    kinds = collections.Counter(row["kind"] for row in rows)
    chosen = {passage for row in rows for passage in row["passages"]}
    if len(rows) < MIN_QUESTIONS or len(chosen) < MIN_PASSAGES:
        faults.append(f"{len(rows)} questions over {len(chosen)} passages: too few")
    for kind in ("paraphrase", "unanswerable"):
        if kinds[kind] < max(MIN_OF_A_KIND, len(rows) / 5):
            faults.append(f"only {kinds[kind]} of kind {kind} among {len(rows)}")
    return faults


def main() -> int:
    faults = check(questions(), passages())
    print(*faults, f"{len(faults)} fault(s)", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
