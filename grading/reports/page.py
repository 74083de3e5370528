"""The feedback page of a hand-in, in its language: one HTML file that needs nothing else.

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
from utils.language import LOCALE, N_, SOURCE, _, language, ngettext, speaking
from utils.outcome import State

TEMPLATES = Path(__file__).parent / "templates"
# Of a page that is a file: no script, no frame, nothing from elsewhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_LITERAL = re.compile(
    r'(<style>.*?</style>|<svg .*?</svg>|<pre.*?</pre>|<div class="message.*?</div>|<[^>]*>)', re.DOTALL
)
DETAILS = "notebook"  # the folder of nbgrader's own page
LABELS = {
    ExerciseState.RIGHT: N_("réussi"),
    ExerciseState.PARTIAL: N_("en partie réussi"),
    ExerciseState.WRONG: N_("à revoir"),
    ExerciseState.UNTOUCHED: N_("pas encore traité"),
    ExerciseState.UNRUN: N_("non exécuté"),
    ExerciseState.WAITING: N_("en attente de relecture"),
}
PLURALS = LABELS | {
    ExerciseState.RIGHT: N_("réussis"),
    ExerciseState.PARTIAL: N_("en partie réussis"),
    ExerciseState.UNTOUCHED: N_("pas encore traités"),
    ExerciseState.UNRUN: N_("non exécutés"),
}
SIGNS = dict(zip(ExerciseState, "✓◐✗○–…", strict=True))
OURS = N_("Une erreur est survenue de notre côté : vous n'avez rien à refaire.")
ADVICE = {
    True: N_("Corrigez ce point puis rendez votre copie à nouveau ; rien de ce que vous avez rendu n'a été perdu."),
    False: N_("Votre enseignant·e en est prévenu·e ; rien de ce que vous avez rendu n'a été perdu."),
}


def points(number: float) -> str:
    """A figure of at most two decimals, as the language writes it: `2`, `0,5`, `13,33`."""
    return f"{number:.2f}".rstrip("0").rstrip(".").replace(".", _(","))


def labels() -> dict[ExerciseState, str]:
    """What became of an exercise, in words."""
    return {state: _(label) for state, label in LABELS.items()}


def feedback(lab: Lab, result: Result, ours: bool = False) -> str:
    """The page.  `ours`: the hand-in could not be graded, and its student is not at fault."""
    marked = {e.name for e in result.exercises if e.by_hand and not e.is_code}  # earlier, it would give the answer away
    with speaking(result.language):
        rubrics = {name: rubric(lab, name, result.language) if name in marked else "" for name in lab.exercises}
        reason = _(OURS) if ours else result.error
        return render(
            "feedback.html",
            title=lab.title_in(result.language), result=result, reason=reason, advice=_(ADVICE[not ours]),
            counts=_counts(result), rubrics=rubrics, labels=labels(), signs=SIGNS,
            outcomes=labels() | {ExerciseState.WRONG: _("échoué")},
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


def rubric(lab: Lab, exercise: str, language: str = SOURCE) -> Markup:
    """What was expected of a written answer, from the teacher's file in a language, without its sample answers; empty
    if there is none."""
    path = lab.answers_path(exercise, ".md" if language == SOURCE else f".{language}.md")
    if not path.exists():
        return Markup("")
    text = re.split(r"^## ", path.read_text(encoding="utf-8"), maxsplit=1, flags=re.MULTILINE)[0]
    text = re.sub(r"^# .*\n", "", text)
    return Markup(mistune.create_markdown(escape=True, plugins=["table"])(text))


def render(template: str, **values) -> str:
    """A page; in French, with the no-break spaces of its prose (not in code, nor in what a check said)."""
    page = environment().get_template(template).render(**values, language=language())
    return spaced(page, _LITERAL) if language() == SOURCE else page


@cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "policy": Markup(POLICY),
        # Messages may hold tags; what fills their fields is escaped.
        "_": lambda message: Markup(_(message)),
        "ngettext": lambda *forms: Markup(ngettext(*forms)),
    }
    made.filters |= {"points": points, "share": _share, "reason": reason}
    return made


@cache
def version() -> str:
    """Identifies how pages look and what they say: an older page is made again."""
    files = [
        Path(__file__),
        TEMPLATES.parent / "result.py",
        *sorted(TEMPLATES.iterdir()),
        *sorted(LOCALE.rglob("*.mo")),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def reason(exercise: Exercise) -> str:
    """Why this mark, in one sentence (empty: the tests below say it)."""
    if exercise.by_hand:
        again = " " + _("Elle sera relue, car la copie a changé depuis.") if exercise.waiting else ""
        return _("Note donnée par votre enseignant·e.") + again
    if exercise.waiting:
        return _("Cette réponse est lue par votre enseignant·e : ses points viendront ensuite.")
    if exercise.state == ExerciseState.UNTOUCHED:
        if exercise.is_code and exercise.changed:
            return _("Si vous avez écrit du code : retirez la ligne « raise ToDo » pour qu'il soit exécuté.")
        return _("Aucune réponse dans cette cellule.")
    lost = [test for test in exercise.tests if test.of and test.state is not State.RIGHT]
    if exercise.state == ExerciseState.PARTIAL and lost:
        told = [_("« {title} » (−{points})").format(title=test.title, points=points(test.of)) for test in lost]
        return _("Des points manquent pour : {told}.").format(told=", ".join(told))
    return ""


def _share(exercise: Exercise) -> int:
    return round(100 * min(1.0, max(0.0, exercise.points / exercise.maximum))) if exercise.maximum else 0


def _counts(result: Result) -> str:
    """`6 réussis · 1 à revoir`."""
    states = [exercise.state for exercise in result.exercises]
    found = [(state, states.count(state)) for state in ExerciseState if state in states]
    return " · ".join(f"{n} {_((PLURALS if n > 1 else LABELS)[state])}" for state, n in found)
