"""Check of the French knowledge base of TP 4 and of its questions: form, answers, paraphrases, typography.

    python check_kb.py kb.jsonl questions.jsonl      exit code 1, and one line a fault, when something is wrong

A notice is {"id", "title", "topic", "text", "reference"}; a question {"id", "question", "kind", "passages", "answers"}.
The first answer of a question stands word for word in each of its passages; the others are forms accepted beside it.
"""

import argparse
import json
import math
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path

NOTICE_KEYS = {"id", "title", "topic", "text", "reference"}
QUESTION_KEYS = {"id", "question", "kind", "passages", "answers"}
KINDS = ("direct", "paraphrase", "unanswerable")
WORDS = (80, 200)  # bounds of a notice, in words
ANSWER_WORDS = 6  # longest answer, in words
LEAST_SHARE = 0.2  # of paraphrases, and of unanswerable questions
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
PREFIX = 5  # letters by which two words are held to be of one family

# Words of three letters or more that carry no subject: grammar, auxiliaries, question words.
STOP_WORDS = """
afin aient ailleurs ainsi ait alors apres assez aucun aucune aucuns aujourd aupres auquel auraient aurait aussi
autant autour autre autrement autres aux auxquelles auxquels avaient avait avant avec avez avoir avons ayant
beaucoup bien car ceci cela celle celles celui cependant certain certaine certaines certains ces cet cette ceux
chacun chacune chaque chez combien comme comment contre dans davantage dehors deja depuis derriere des desormais
desquelles desquels dessous dessus deux devant devoir devraient devrait dit doit doivent donc dont duquel durant
elle elles encore enfin ensuite entre environ est etaient etait etant ete etre eurent eut eux faire faisaient
faisait fait faites faut fois font furent fut grace guere hors ici ils jamais jusque laquelle lequel les lesquelles
lesquels leur leurs loin lors lorsque lui mais malgre meme memes mes mieux moins mon neanmoins non nos notamment
notre nous ont par parce parfois parmi pas pendant peu peut peuvent plus plusieurs plutot pour pourquoi pourraient
pourrait pourtant pouvaient pouvait pouvoir pres presque puis puisque quand quant que quel quelle quelles quelque
quelques quels qui quiconque quoi quoique rien sans sauf selon sera seraient serait seront ses seul seule seulement
seuls sinon soi soient soit sommes son sont sous souvent suite sur surtout tandis tant tel telle telles tels
toujours tous tout toute toutes tres trop une uniquement uns vers via voici voila vont vos votre vous
"""
STOP_WORDS = frozenset(STOP_WORDS.split())


def read_jsonl(path: Path) -> tuple[list[dict], list[str]]:
    """The objects of a JSON Lines file, and what is wrong with its lines."""
    rows, faults = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").rstrip("\n").split("\n"), start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            faults.append(f"{path.name}:{number}: not valid JSON ({error})")
            continue
        if isinstance(row, dict):
            rows.append(row)
        else:
            faults.append(f"{path.name}:{number}: got a {type(row).__name__}, expected an object {{...}}")
    return rows, faults


def normalised(text: str) -> str:
    """`text` as answers are compared: lower case, single spaces, accents kept."""
    return " ".join(text.casefold().split())


def contains(text: str, answer: str) -> bool:
    """Whether `answer` stands in `text` between word boundaries ("12" does not stand in "2012")."""
    return re.search(rf"(?<!\w){re.escape(normalised(answer))}(?!\w)", normalised(text)) is not None


def word_count(text: str) -> int:
    """Number of words: what stands between two spaces and holds a letter or a digit."""
    return sum(any(c.isalnum() for c in chunk) for chunk in text.split())


def content_words(text: str) -> dict[str, str]:
    """The families of the content words of `text`, each with a word of it: a light stemmer for French.

    Lower case, no accents, elisions cut, stop words and words of one or two letters dropped (a number or an acronym of
    two signs is kept); then no mark of the plural or the feminine, and the first five letters.
    """
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    plain = plain.replace("œ", "oe").replace("Œ", "OE")
    families = {}
    for word in re.findall(r"[^\W_]+", plain):
        lower = word.lower()
        acronym = len(word) > 1 and (word.isupper() or any(c.isdigit() for c in word))
        if not acronym and (len(lower) < 3 or lower in STOP_WORDS):
            continue
        stem = lower if acronym else re.sub(r"e$", "", re.sub(r"[sx]$", "", lower))
        families.setdefault(stem[:PREFIX], word)
    return families


def typographic_faults(text: str) -> list[str]:
    """What breaks the rules of the data: plain spaces, straight apostrophes, composed accents, French spacing."""
    rules = [
        (r"[\u2018\u2019\u02bc]", "a curly apostrophe, expected the straight one (')"),
        (r"[\u00a0\u202f\u2009]", "a no-break or thin space, expected a plain one"),
        (r"[\"\u201c\u201d]", "English quotes, expected « … »"),
        (r"[\t\r\n]|  +|^ | $", "two spaces in a row, a line break, or a space at an end"),
        (r"«(?! )|(?<! )»", "no space inside « … »"),
        (r"\w[;?!](?=\W|$)|[\w)»]:(?=\s|$)", "no space before one of ; : ? !"),
        (r" [,.](?=\s|$)", "a space before a comma or a full stop"),
        (r"\.\.\.", "three dots, expected …"),
    ]
    faults = [message for pattern, message in rules if re.search(pattern, text)]
    if unicodedata.normalize("NFC", text) != text:
        faults.append("decomposed accents, expected composed ones (Unicode NFC)")
    return faults


def shape_faults(row: dict, keys: set[str], lists: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with the keys and the types of one object."""
    if set(row) != keys:
        return [f"keys: got {sorted(row)}, expected {sorted(keys)}"]
    faults = []
    for key in sorted(keys):
        value = row[key]
        if key in lists:
            if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
                faults.append(f"{key}: got {value!r}, expected a list of strings that are not empty")
        elif not isinstance(value, str) or not value.strip():
            faults.append(f"{key}: got {value!r}, expected a string that is not empty")
    return faults


def repeated(rows: list[dict], key: str) -> list[str]:
    """The values of `key` that two rows or more share, case and punctuation aside."""
    values = [" ".join(re.findall(r"\w+", row[key].casefold())) for row in rows if isinstance(row.get(key), str)]
    return [f"{key} used {count} times: {value!r}" for value, count in Counter(values).items() if count > 1]


def check_notices(notices: list[dict]) -> list[str]:
    """Everything that is wrong with the knowledge base, one message a fault."""
    faults = [fault for key in ("id", "title", "text") for fault in repeated(notices, key)]
    for notice in notices:
        where = f"notice {notice.get('id', '?')}"
        shape = shape_faults(notice, NOTICE_KEYS)
        faults += [f"{where}: {fault}" for fault in shape]
        if shape:
            continue
        if not SLUG.fullmatch(notice["id"]):
            faults.append(f"{where}: the id is not a lower-case ASCII slug such as 'gpt-2'")
        if not WORDS[0] <= (count := word_count(notice["text"])) <= WORDS[1]:
            faults.append(f"{where}: {count} words, expected {WORDS[0]} to {WORDS[1]}")
        for key in ("title", "topic", "text"):
            faults += [f"{where}: {key}: {fault}" for fault in typographic_faults(notice[key])]
    return faults


def answer_faults(question: dict, passages: list[str]) -> list[str]:
    """What is wrong with one question that has an answer, given the texts of its passages."""
    faults = []
    for answer in question["answers"]:
        faults += [f"answer {answer!r}: {fault}" for fault in typographic_faults(answer)]
        if not 1 <= word_count(answer) <= ANSWER_WORDS:
            faults.append(f"answer {answer!r}: {word_count(answer)} words, expected 1 to {ANSWER_WORDS}")
        if contains(question["question"], answer):
            faults.append(f"answer {answer!r} already stands in the question")
    if len({normalised(answer) for answer in question["answers"]}) < len(question["answers"]):
        faults.append("two answers are the same")
    for passage in passages:
        if not contains(passage, question["answers"][0]):
            faults.append(f"answer {question['answers'][0]!r} does not stand in the passage {passage[:60]!r}…")
    return faults


def check_questions(questions: list[dict], notices: list[dict]) -> list[str]:
    """Everything that is wrong with the questions over this knowledge base, one message a fault."""
    base = {notice["id"]: notice for notice in notices if not shape_faults(notice, NOTICE_KEYS)}
    faults = [fault for key in ("id", "question") for fault in repeated(questions, key)]
    for question in questions:
        where = f"question {question.get('id', '?')}"
        shape = shape_faults(question, QUESTION_KEYS, lists=("passages", "answers"))
        if not shape and question["kind"] not in KINDS:
            shape = [f"kind: got {question['kind']!r}, expected one of {', '.join(KINDS)}"]
        faults += [f"{where}: {fault}" for fault in shape]
        if shape:
            continue
        faults += [f"{where}: {fault}" for fault in typographic_faults(question["question"])]
        if not question["question"].endswith(" ?"):
            faults.append(f"{where}: does not end with ' ?'")
        if question["kind"] == "unanswerable":
            if question["passages"] or question["answers"]:
                faults.append(f"{where}: unanswerable, expected no passage and no answer")
            continue
        if not question["passages"] or not question["answers"]:
            faults.append(f"{where}: {question['kind']}, expected a passage and an answer at least")
            continue
        if unknown := [name for name in question["passages"] if name not in base]:
            faults.append(f"{where}: no notice has the id {', '.join(map(repr, unknown))}")
            continue
        found = [base[name] for name in question["passages"]]
        faults += [f"{where}: {fault}" for fault in answer_faults(question, [notice["text"] for notice in found])]
        if question["kind"] == "paraphrase":
            asked = content_words(question["question"])
            for notice in found:
                read = content_words(f"{notice['title']} {notice['text']}")
                if shared := [f"{asked[stem]} ~ {read[stem]}" for stem in asked if stem in read]:
                    faults.append(f"{where}: paraphrase, but shares with {notice['id']!r}: {', '.join(shared)}")
    kinds = Counter(question.get("kind") for question in questions)
    least = math.ceil(LEAST_SHARE * len(questions))
    for kind in ("paraphrase", "unanswerable"):
        if kinds[kind] < least:
            faults.append(f"{kinds[kind]} of {len(questions)} questions are {kind}, expected {least} at least")
    return faults


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notices", type=Path, help="the knowledge base, JSON Lines")
    parser.add_argument("questions", type=Path, help="its questions, JSON Lines")
    options = parser.parse_args(arguments)
    for path in (options.notices, options.questions):
        if not path.is_file():
            parser.error(f"no file {path}")
    notices, faults = read_jsonl(options.notices)
    questions, more = read_jsonl(options.questions)
    faults += more + check_notices(notices) + check_questions(questions, notices)
    print(*faults, sep="\n", end="\n" if faults else "")
    kinds = Counter(str(question.get("kind")) for question in questions)
    shares = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{len(notices)} notices, {len(questions)} questions ({shares}): {len(faults)} fault(s)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
