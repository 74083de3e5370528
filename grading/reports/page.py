"""The feedback page of a hand-in, in French: one HTML file that needs nothing else.

What a student wrote is hostile text: everything is escaped by the template, and the page forbids itself scripts and
addresses.  It takes the place of nbgrader's page (same name, so that nbgrader's exchange delivers it); nbgrader's
own, the whole notebook with its outputs, lies beside it in `notebook/`.
"""

import hashlib
import os
import re
import shutil
from functools import cache
from pathlib import Path

import jinja2
import mistune
from markupsafe import Markup

from authoring.lab import Lab
from authoring.typography import spaced
from grading.reports.result import Exercise, ExerciseState, Result
from utils.files import whole
from utils.outcome import State

TEMPLATES = Path(__file__).parent / "templates"
# Of a page that is a file: no script, no frame, nothing from elsewhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_LITERAL = re.compile(
    r'(<style>.*?</style>|<svg .*?</svg>|<pre.*?</pre>|<div class="message.*?</div>|<[^>]*>)', re.DOTALL
)
DETAILS = "notebook"  # the folder of nbgrader's own page
LABELS = {
    ExerciseState.RIGHT: "réussi",
    ExerciseState.PARTIAL: "en partie réussi",
    ExerciseState.WRONG: "à revoir",
    ExerciseState.UNTOUCHED: "pas encore traité",
    ExerciseState.UNRUN: "non exécuté",
    ExerciseState.WAITING: "en attente de relecture",
}
PLURALS = LABELS | {
    ExerciseState.RIGHT: "réussis",
    ExerciseState.PARTIAL: "en partie réussis",
    ExerciseState.UNTOUCHED: "pas encore traités",
    ExerciseState.UNRUN: "non exécutés",
}
SIGNS = dict(zip(ExerciseState, "✓◐✗○–…", strict=True))
OURS = "Une erreur est survenue de notre côté : vous n'avez rien à refaire."
ADVICE = {
    True: "Corrigez ce point puis rendez votre copie à nouveau ; rien de ce que vous avez rendu n'a été perdu.",
    False: "Votre enseignant·e en est prévenu·e ; rien de ce que vous avez rendu n'a été perdu.",
}


def points(number: float) -> str:
    """French figures, at most two decimals: `2`, `0,5`, `13,33`."""
    return f"{number:.2f}".rstrip("0").rstrip(".").replace(".", ",")


def feedback(lab: Lab, result: Result, ours: bool = False) -> str:
    """The page.  `ours`: the hand-in could not be graded, and its student is not at fault."""
    marked = {e.name for e in result.exercises if e.by_hand and not e.is_code}  # earlier, it would give the answer away
    rubrics = {name: rubric(lab, name) if name in marked else "" for name in lab.exercises}
    reason = OURS if ours else result.error
    return render(
        "feedback.html",
        lab=lab, result=result, reason=reason, advice=ADVICE[not ours], counts=_counts(result), rubrics=rubrics,
        labels=LABELS, signs=SIGNS, outcomes=LABELS | {ExerciseState.WRONG: "échoué"},
    )  # fmt: skip


def publish(folder: Path, lab: Lab, result: Result, submitted: Path, ours: bool = False) -> Path:
    """Write the page of a hand-in into its feedback `folder`."""
    page = folder / f"{lab.name}.html"
    if result.error:
        shutil.rmtree(folder, ignore_errors=True)  # what it shows is of an older hand-in
        folder.mkdir(parents=True)
        for name in ("timestamp.txt", "submission_secret.txt"):  # nbgrader's exchange asks for them
            if (source := submitted / name).is_file() and not source.is_symlink():
                shutil.copyfile(source, folder / name)
    write(page, feedback(lab, result, ours))
    return page


def put_aside(page: Path) -> None:
    """Make room for our page where nbgrader's is: that one goes into the folder `notebook` beside it."""
    (page.parent / DETAILS).mkdir(exist_ok=True)
    os.replace(page, page.parent / DETAILS / page.name)


def write(path: Path, text: str) -> None:
    """Write a page, whole or not at all."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="replace")  # lone surrogates that a student printed


def rubric(lab: Lab, exercise: str) -> Markup:
    """What was expected of a written answer, from the teacher's file, without its sample answers; empty if none."""
    path = lab.answers_path(exercise, ".md")
    if not path.exists():
        return Markup("")
    text = re.split(r"^## ", path.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    text = re.sub(r"^# .*\n", "", text)
    return Markup(mistune.create_markdown(escape=True, plugins=["table"])(text))


def render(template: str, **values) -> str:
    """A page, with the no-break spaces of French in its prose (not in code, nor in what a check said)."""
    return spaced(environment().get_template(template).render(**values), _LITERAL)


@cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["policy"] = Markup(POLICY)
    made.filters |= {"points": points, "share": _share, "reason": reason}
    return made


@cache
def version() -> str:
    """Identifies how pages look: an older page is made again."""
    files = [Path(__file__), TEMPLATES.parent / "result.py", *sorted(TEMPLATES.iterdir())]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def reason(exercise: Exercise) -> str:
    """Why this mark, in one sentence (empty: the tests below say it)."""
    if exercise.by_hand:
        again = " Elle sera relue, car la copie a changé depuis." if exercise.waiting else ""
        return f"Note donnée par votre enseignant·e.{again}"
    if exercise.waiting:
        return "Cette réponse est lue par votre enseignant·e : ses points viendront ensuite."
    if exercise.state == ExerciseState.UNTOUCHED:
        kept = exercise.is_code and exercise.changed
        return (
            "Si vous avez écrit du code : retirez la ligne « raise ToDo » pour qu'il soit exécuté."
            if kept else "Aucune réponse dans cette cellule."
        )  # fmt: skip
    lost = [test for test in exercise.tests if test.of and test.state is not State.RIGHT]
    if exercise.state == ExerciseState.PARTIAL and lost:
        told = ", ".join(f"« {test.title} » (−{points(test.of)})" for test in lost)
        return f"Des points manquent pour : {told}."
    return ""


def _share(exercise: Exercise) -> int:
    return round(100 * min(1.0, max(0.0, exercise.points / exercise.maximum))) if exercise.maximum else 0


def _counts(result: Result) -> str:
    """`6 réussis · 1 à revoir`."""
    states = [exercise.state for exercise in result.exercises]
    found = [(state, states.count(state)) for state in ExerciseState if state in states]
    return " · ".join(f"{n} {(PLURALS if n > 1 else LABELS)[state]}" for state, n in found)
