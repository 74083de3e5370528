"""`make report`: class/report/<lab>.html, what a class made of a lab, for its teachers.

    python -m grading.reports.class_report [lab …]

Made from the gradebook and the ledger as they are: nothing is executed.  `make grade` ends with it.
"""

import argparse
import io
import re
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from authoring.answers import read_answers
from authoring.catalogue import Catalogue
from authoring.lab import Exercise, Lab, LabError
from authoring.nbgrader import COURSE
from authoring.release import quiet
from grading.book.gradebook import Course
from grading.book.notes import TO_CHECK
from grading.execution.status import Status
from grading.reports.page import SIGNS, labels, points, render, write
from grading.reports.result import ExerciseState, Result
from grading.reports.similarity import Pair, alike
from utils.environment import ROOT
from utils.language import SOURCE, _, language, speaking
from utils.outcome import Code, State

LOW = 40  # per cent of the points, below which a student is stuck
OBTAINED = "obtenu : |obtained: "  # what stands before a value, in the messages of labs and of `utils.checks`
NOTHING = (ExerciseState.UNTOUCHED, ExerciseState.UNRUN)  # there is no answer to speak of
OWN_CELLS = "own cells"  # no exercise of a lab has this name
# Colours that the page's style replaces, so that a figure follows the reader's light or dark theme.
INK, SOFT, CLEAR = "#010101", "#010102", "#010103"
COLOURS = {state: f"#01010{number}" for number, state in enumerate(ExerciseState, start=4)}
STYLE = {INK: "ink", SOFT: "soft", CLEAR: "card", "#010104": "right", "#010105": "partial", "#010106": "wrong"}
STYLE |= {"#010107": "neutral-bg", "#010108": "line", "#010109": "waiting"}


@dataclass(frozen=True)
class Figure:
    """A drawing for the page, with a sentence that tells it in words."""

    svg: Markup
    caption: str
    full: bool = False


def class_report(lab: Lab, results: list[Result]) -> str:
    """The page."""
    graded = [result for result in results if not result.error]
    totals = sorted(result.points for result in graded)
    maximum = max((result.maximum for result in graded), default=lab.points)
    quartiles = statistics.quantiles(totals, n=4, method="inclusive")[::2] if len(totals) > 1 else totals * 2
    spoken = language() if language() in lab.languages else SOURCE
    exercises = lab.exercises_in(spoken)
    rows = [_exercise(asked, graded) for asked in exercises.values()]
    titles = {name: asked.title for name, asked in exercises.items()}
    return render(
        "report.html",
        title=lab.title_in(spoken), titles=titles, results=results, graded=graded, maximum=maximum, quartiles=quartiles,
        median=statistics.median(totals) if totals else 0.0, exercises=rows, states=[s for s in ExerciseState if any(
            row["counts"][s] for row in rows)], labels=labels(), signs=SIGNS, low=LOW,
        figures=_figures(totals, maximum, rows, graded) if graded else [], messages=frequent_messages(graded, titles),
        stuck=_stuck(lab, graded), to_check=_to_check(graded), to_mark=_to_mark(titles, graded),
        aside=[r for r in results if r.error],
        mended=[{"student": r.student, "told": _told(r)} for r in graded if r.notes], pairs=similar(lab, graded),
        links={r.student: f"../feedback/{quote(r.student)}/{lab.name}/{lab.name}.html" for r in results},
    )  # fmt: skip


def _told(result: Result) -> str:
    """What a student was told of a hand-in that was mended, as it was told."""
    with speaking(result.language):
        return " ".join(map(str, result.notes))


def _exercise(asked: Exercise, graded: list[Result]) -> dict:
    found = [exercise for result in graded for exercise in result.exercises if exercise.name == asked.name]
    marked = [e.points / e.maximum for e in found if e.state != ExerciseState.WAITING and e.maximum]
    read = 2 * len(marked) >= len(found)  # with most answers unread, a mean would be of the empty ones
    success = round(100 * statistics.mean(marked)) if marked and read else None
    counts = Counter(exercise.state for exercise in found)
    return {"title": asked.title, "maximum": asked.points, "success": success, "counts": counts}


# ------------------------------------------------------------------------------------------------ what went wrong
def frequent_messages(graded: list[Result], titles: dict[str, str], most: int = 20) -> list[dict]:
    """What the checks said most often, by its code, else by message without values; each student counts once.

    `titles`: of the exercises, by name.  A code is the same in every language; a test's title and message are not.
    """
    groups: dict[tuple, dict] = {}
    for result in graded:
        for exercise in result.exercises:
            if exercise.state in NOTHING:
                continue
            failed = [test for test in exercise.tests if test.state == State.WRONG and test.message and not test.again]
            told = [(test.title, test.message, test.code) for test in failed]
            told += [("", exercise.message, "")] if exercise.message else []
            for test, message, code in told:
                text = normalised(message)
                key = (exercise.name, test, text) if Code.is_general(code) else (exercise.name, code)
                title = titles.get(exercise.name, exercise.title)
                row = {"exercise": title, "test": test, "text": text, "students": {}}
                groups.setdefault(key, row)["students"][result.student] = None
    rows = [row | {"students": list(row["students"])} for row in groups.values()]
    return sorted(rows, key=lambda row: -len(row["students"]))[:most]


def normalised(message: str) -> str:
    """A message without the values in it, which differ from one hand-in to the next."""
    text = re.sub(rf"({OBTAINED}).*?(?= ?; |$)", r"\1…", message, flags=re.MULTILINE)
    text = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|\[[^\[\]\n]*\]", "…", text)
    return re.sub(r"[-−+]?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?", "…", text)[:600]


def _stuck(lab: Lab, graded: list[Result]) -> list[dict]:
    """Those with few points or much untouched, the furthest behind first."""
    number = {name: str(i) for i, name in enumerate(lab.exercises, start=1)}
    rows = []
    for result in graded:
        untouched = [number[e.name] for e in result.exercises if e.state in NOTHING]
        wrong = [number[e.name] for e in result.exercises if e.state == ExerciseState.WRONG]
        marked = [
            e for e in result.exercises if e.state != ExerciseState.WAITING
        ]  # what no person has read says nothing
        maximum = sum(e.maximum for e in marked)
        low = sum(e.points for e in marked) < LOW / 100 * maximum - 1e-9
        if low or 2 * len(untouched) >= len(result.exercises):
            rows.append({"student": result.student, "points": result.points, "maximum": result.maximum,
                         "untouched": untouched, "wrong": wrong})  # fmt: skip
    return sorted(rows, key=lambda row: row["points"])


def _to_check(graded: list[Result]) -> list[dict]:
    """What a person must look at, besides the written answers: one row a hand-in."""
    rows = []
    for result in graded:
        reasons = [str(note) for note in result.notes if note.kind in TO_CHECK]
        again = [e.title for e in result.waiting if e.by_hand]
        if again:
            told = _("Note donnée par une personne, copie changée depuis : {titles}.")
            reasons.append(told.format(titles=", ".join(again)))
        if result.status != Status.OK:
            reasons.append(_("L'exécution ne s'est pas terminée normalement."))
        if reasons:
            rows.append({"student": result.student, "reasons": reasons})
    return rows


def _to_mark(titles: dict[str, str], graded: list[Result]) -> list[tuple[str, int]]:
    """Answers that no person has marked yet: (exercise, how many)."""
    names = [e.name for result in graded for e in result.waiting if not e.by_hand]
    return [(title, names.count(name)) for name, title in titles.items() if name in names]


def similar(lab: Lab, graded: list[Result]) -> list[Pair]:
    """Hand-ins that look alike, in what the lab does not explain."""
    works: dict[str, dict[str, str | list[str]]] = {
        result.student: {e.name: e.answer for e in result.exercises if e.changed} | {OWN_CELLS: result.own_cells}
        for result in graded
    }
    standard: dict[str, list[str]] = {OWN_CELLS: lab.given}
    for name in lab.exercises:
        told = [lab.exercises_in(language)[name] for language in lab.languages]
        standard[name] = [text for one in told for text in (one.stub, one.reference)]
        kept = lab.answers_path(name)
        if kept.exists():
            standard[name] += [answer.source for answer in read_answers(kept) if answer.kind == "right"]
    return alike(works, standard, prose={name for name, asked in lab.exercises.items() if not asked.is_code})


# --------------------------------------------------------------------------------------------------------- figures
def _figures(totals: list[float], maximum: float, rows: list[dict], graded: list[Result]) -> list[Figure]:
    return [_marks(totals, maximum), _times([result.seconds for result in graded]), _success(rows)]


def _axes(width: float, height: float):
    canvas = Canvas(figsize=(width, height), layout="constrained")
    canvas.patch.set_alpha(0)
    axes = canvas.subplots()
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=SOFT, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_color(SOFT)
    return canvas, axes


def _svg(canvas: Canvas, name: str, told: str) -> Markup:
    """The drawing as inline SVG: a text alternative, names of its own, colours of the page."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        canvas.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' (id|xlink:href)="(#?)', rf' \1="\2{name}-', text).replace("url(#", f"url(#{name}-")
    for colour, variable in STYLE.items():
        text = text.replace(colour, f"var(--{variable})")
    label = Markup.escape(told)
    text = re.sub(r'^<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", re.sub(r"\s*\n\s*", " ", text))
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))


def _marks(totals: list[float], maximum: float) -> Figure:
    canvas, axes = _axes(5.2, 3.1)
    step = 1 if maximum <= 25 else maximum / 20
    edges = [i * step for i in range(int(maximum / step + 1e-9) + 1)]
    counts, *_rest = axes.hist(
        [min(t, maximum - 1e-9) for t in totals], bins=edges, color=COLOURS[ExerciseState.WAITING], rwidth=0.9
    )
    median = statistics.median(totals)
    axes.axvline(median, color=INK, linestyle="--", linewidth=1.2)
    low = median < 0.7 * maximum
    told = _("médiane {median}").format(median=points(median))
    axes.annotate(told, (median, max(counts)), xytext=(4 if low else -4, 2),
                  textcoords="offset points", color=INK, fontsize=9, ha="left" if low else "right")  # fmt: skip
    axes.xaxis.set_major_formatter(lambda value, _place: points(value))
    axes.set_xlim(0, maximum)
    axes.set_ylim(0, max(counts) * 1.15)
    axes.set_xlabel(_("note sur {maximum}").format(maximum=points(maximum)), color=INK)
    axes.set_ylabel(_("copies"), color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    told = _("Notes : de {low} à {high} sur {maximum}, médiane {median}.").format(
        low=points(totals[0]), high=points(totals[-1]), maximum=points(maximum), median=points(median)
    )
    return Figure(_svg(canvas, "marks", told), told)


def _times(seconds: list[float]) -> Figure:
    canvas, axes = _axes(5.2, 3.1)
    axes.hist(seconds, bins=min(20, max(5, len(seconds) // 3)), color=COLOURS[ExerciseState.PARTIAL], rwidth=0.9)
    axes.set_xlabel(_("secondes d'exécution d'une copie"), color=INK)
    axes.set_ylabel(_("copies"), color=INK)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(lambda value, _place: points(value))
    median = statistics.median(seconds)
    told = _("Temps d'exécution : médiane {median} s, la plus longue {longest} s.").format(
        median=points(median), longest=points(max(seconds))
    )
    return Figure(_svg(canvas, "times", told), told)


def _success(rows: list[dict]) -> Figure:
    canvas, axes = _axes(10.6, 0.42 * len(rows) + 1.1)
    places = range(len(rows), 0, -1)
    left = [0.0] * len(rows)
    for state in ExerciseState:
        counts = [row["counts"][state] for row in rows]
        if not any(counts):
            continue
        sums = [sum(row["counts"].values()) for row in rows]
        shares = [100 * n / s if s else 0 for n, s in zip(counts, sums, strict=True)]
        axes.barh(places, shares, left=left, color=COLOURS[state], label=labels()[state], height=0.74)
        for place, share, start, n in zip(places, shares, left, counts, strict=True):
            if share >= 4:
                ink = INK if state in NOTHING else CLEAR
                axes.text(start + share / 2, place, str(n), ha="center", va="center", color=ink, fontsize=9)
        left = [a + b for a, b in zip(left, shares, strict=True)]
    titles = [row["title"] if len(row["title"]) < 52 else row["title"][:51] + "…" for row in rows]
    axes.set_yticks(list(places), [title.replace("$", r"\$") for title in titles])
    axes.set_xlim(0, 100)
    axes.set_xlabel(_("% des copies corrigées (les nombres : copies)"), color=INK)
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncol=6, frameon=False, labelcolor=INK, fontsize=9)
    told = _("Par exercice, part des copies selon le résultat ; le tableau ci-dessous donne les nombres.")
    known = [row for row in rows if row["success"] is not None]
    if known:
        hardest = min(known, key=lambda row: row["success"])
        lowest = _("Réussite moyenne la plus basse : {title} ({share} %).")
        told += " " + lowest.format(title=hardest["title"], share=hardest["success"])
    return Figure(_svg(canvas, "success", told), told, full=True)


# --------------------------------------------------------------------------------------------------------- command
def write_report(root: Path, lab: Lab) -> Path | None:
    """Write report/<lab>.html of a course folder; None if nobody handed in the lab."""
    course = Course(root, lab)
    students = course.students()
    if not students:
        return None
    with course.gradebook() as gradebook:
        results = [course.result(student, gradebook) for student in students]
    path = root / "report" / f"{lab.name}.html"
    write(path, class_report(lab, results))
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.reports.class_report", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    options = parser.parse_args(arguments)
    try:
        chosen = Catalogue().chosen(options.labs)
    except LabError as error:
        parser.error(str(error))
    found = []
    for lab in chosen:
        with quiet():
            found.append(write_report(COURSE, lab))
        if found[-1]:
            print(f"{lab.name} → {found[-1].relative_to(ROOT)}")
    if not any(found):
        print(f"Nothing to report: no hand-in in {COURSE.relative_to(ROOT)}/submitted/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
