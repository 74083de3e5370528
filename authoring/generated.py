"""What the course says of its labs in many places, made from solutions/*/lab.toml, measures.json and plan.md.

    python -m authoring.generated            write it (`make release` does)
    python -m authoring.generated --check    fail if something is not what the labs give

A document has `<!-- labs:begin -->` and `<!-- labs:end -->`, which do not show, around what is written here; the rest
of it is its author's.  notebooks/labs.json, for students' tools (`utils.labs`), is written whole.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from authoring import measures
from authoring.catalogue import Catalogue
from authoring.lab import OTHERS, SOURCE_LANGUAGE, Lab, LabError, project
from utils import labs as course
from utils.files import whole

BEGIN, END = "<!-- labs:begin (made by make release) -->", "<!-- labs:end -->"
MARKED = re.compile(rf"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """What a table of labs is written with, in one language."""

    header: str
    about: str  # {}: a time
    languages: dict[str, str]
    absent: str  # {}: the languages that the lab is not given out in
    measured: str
    all_labs: str


WORDS = {
    "en": Words(
        header="| lab | subject | student's time | computing, 2 cores | memory | points | notebook |",
        about="about {}", languages={"fr": "French", "en": "English"}, absent="not yet in {}", all_labs="all labs",
        measured="Measured: the reference notebook from top to bottom, full budget, peak memory of the process; on {}.",
    ),
    "fr": Words(
        header="| TP | sujet | durée | calcul, 2 cœurs | mémoire | points | notebook |",
        about="environ {}", languages={"fr": "français", "en": "anglais"}, absent="pas encore en {}",
        all_labs="tous les TP",
        measured="Mesuré : le corrigé du début à la fin, budget complet, mémoire maximale du processus ; sur {}.",
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------- the tables of labs
def table(catalogue: Catalogue, language: str) -> str:
    """The labs as a README shows them, and where they were measured."""
    words = WORDS[language]
    rows = [words.header, "|---" * (words.header.count("|") - 1) + "|"]
    rows += [f"| {' | '.join(_row(lab, language, words))} |" for lab in catalogue]
    return "\n".join(rows) + f"\n\n{words.measured.format(_machines(list(catalogue), language))}\n"


def _row(lab: Lab, language: str, words: Words) -> Iterator[str]:
    runs = measures.read(lab.folder).runs
    yield f"`{lab.name}`"
    yield lab.settings.subject.get(language, lab.settings.subject[SOURCE_LANGUAGE])
    yield words.about.format(measures.duration(lab.settings.minutes))
    yield measures.computing(runs, language)
    yield measures.memory(runs, language)
    yield measures.written(lab.points, "g", language)
    yield _notebooks(lab, language, words)


def _notebooks(lab: Lab, language: str, words: Words) -> str:
    """Links to those that there are, the reader's language first; then the languages that are wanting."""
    order = sorted((SOURCE_LANGUAGE, *OTHERS), key=lambda other: other != language)
    paths = {other: lab.release_path(other) for other in order}
    there = [
        f"[{words.languages[other]}]({path.relative_to(lab.root).as_posix()})"
        for other, path in paths.items() if path.exists()
    ]  # fmt: skip
    lacking = [words.languages[other] for other, path in paths.items() if not path.exists()]
    return ", ".join(there + [words.absent.format(name) for name in lacking])


def _machines(labs: list[Lab], language: str) -> str:
    """Each machine, with the labs that were measured there."""
    all_labs, unmeasured = WORDS[language].all_labs, measures.WORDS[language].unmeasured
    found: dict[str, list[str]] = {}
    for lab in labs:
        for machine in dict.fromkeys(run.machine for run in measures.read(lab.folder).runs):
            found.setdefault(machine, []).append(lab.name)
    everywhere = [lab.name for lab in labs]
    told = {
        machine: all_labs if names == everywhere else ", ".join(f"`{name}`" for name in names)
        for machine, names in found.items()
    }
    return ", ".join(f"{machine} ({names})" for machine, names in sorted(told.items())) or unmeasured


# ------------------------------------------------------------------------------------------------------- other places
def plans(catalogue: Catalogue) -> str:
    """The index of the session plans, as docs/session-plans.md shows it."""
    return "".join(f"- {_plan(lab)}\n" for lab in catalogue)


def _plan(lab: Lab) -> str:
    path = lab.folder / "plan.md"
    if not path.exists():
        return f"`{lab.name}`: no plan yet"
    text = path.read_text(encoding="utf-8")
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    if not heading:
        raise LabError(f"{lab.name}/plan.md has no heading.")
    total = re.search(r"^Total: (\d+ minutes)", text, re.MULTILINE)
    return f"[{heading[1]}](../solutions/{lab.name}/plan.md)" + (f", {total[1]}" if total else "")


def index(catalogue: Catalogue) -> str:
    """notebooks/labs.json."""
    return course.written([needs(lab) for lab in catalogue])


def needs(lab: Lab) -> course.Needs:
    """What students' tools know of a lab.  Raises `LabError` for an extra that pyproject.toml does not have."""
    told = lab.settings
    if told.extra and told.extra not in (extras := project(lab.root).get("optional-dependencies", {})):
        raise LabError(f"{lab.name}/lab.toml: no extra {told.extra!r} in pyproject.toml (it has {', '.join(extras)}).")
    memory = max((run.memory for run in measures.read(lab.folder).runs), default=None)
    return course.Needs(lab.name, told.title, told.models, told.corpora, told.extra, memory)


MARKED_IN: dict[str, Callable[[Catalogue], str]] = {
    "README.md": lambda catalogue: table(catalogue, "en"),
    "README.fr.md": lambda catalogue: table(catalogue, "fr"),
    "docs/session-plans.md": plans,
}
WHOLE: dict[str, Callable[[Catalogue], str]] = {"notebooks/labs.json": index}


def texts(catalogue: Catalogue) -> dict[Path, str]:
    """Every file that is written here, as it must be.  Raises `LabError` for a document without its marks."""
    found = {catalogue.root / name: make(catalogue) for name, make in WHOLE.items()}
    for name, make in MARKED_IN.items():
        path = catalogue.root / name
        before = path.read_text(encoding="utf-8")
        if len(MARKED.findall(before)) != 1:
            raise LabError(f"{name}: a line {BEGIN!r} and a line {END!r} are wanted, once.")
        made = make(catalogue)
        found[path] = MARKED.sub(lambda _, made=made: made, before)
    return found


def stale(catalogue: Catalogue) -> dict[Path, str]:
    """The files that are not what the labs give, with what they must be."""
    return {
        path: text for path, text in texts(catalogue).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }  # fmt: skip


def write(catalogue: Catalogue) -> list[Path]:
    """Bring every file up to date, each whole or not at all; those that changed."""
    changed = stale(catalogue)
    for path, text in changed.items():
        with whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return list(changed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.generated", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    catalogue = Catalogue()
    try:
        if options.check:
            problems = [
                f"{path.relative_to(catalogue.root)} is not what the labs give; run `make release`"
                for path in stale(catalogue)
            ]
        else:
            problems = []
            for path in write(catalogue):
                print(path.relative_to(catalogue.root))
    except LabError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"[FAIL] {problem}", file=sys.stderr)
    if options.check and not problems:
        print("[OK] generated: up to date")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
