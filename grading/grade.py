"""`make grade`: class/submitted/<student>/<lab>/ → gradebook, feedback pages, grades.csv.

    python -m grading.grade [lab …] [--jobs n] [--cold] [--no-sandbox] [--scheduler local:2]

Notebooks are executed several at once, in kernels forked from a process that has already imported the lab's libraries;
one process writes nbgrader's gradebook.  Only what changed since the last time (hand-in, lab, settings) is graded; a
grading that was stopped goes on where it was.  A hand-in that cannot be graded is reported and the others go on.
Marks and comments that a person gave in the formgrader survive, as nbgrader keeps them.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock, Timeout
from nbgrader.api import MissingEntry
from tqdm import tqdm

from authoring.catalogue import Catalogue
from authoring.lab import Lab, LabError
from authoring.nbgrader import COURSE
from authoring.release import quiet
from grading.book.gradebook import Course
from grading.book.intake import HandIn, Unusable, take_in
from grading.book.ledger import Entry, EntryState
from grading.book.notes import Note, NoteKind, note
from grading.execution.engine import Options, Run, open_engine
from grading.execution.sandbox import SandboxError
from grading.execution.status import Status
from grading.reports import page as pages
from grading.reports.result import ungraded
from utils.environment import ROOT, cores
from utils.files import encodable, natural, no_formula
from utils.language import _
from utils.notebook.cells import language
from utils.notebook.demos import left_out


@dataclass
class Marks:
    """One hand-in: points per exercise, or why it could not be graded."""

    student: str
    lab: str
    points: dict[str, float] = field(default_factory=dict)
    maximum: float = 0.0
    to_grade: list[str] = field(default_factory=list)  # exercises that wait for a person
    error: str = ""
    state: EntryState = EntryState.RECORDED
    notes: list[Note] = field(default_factory=list)  # what was mended or happened
    seconds: float = 0.0
    language: str = ""  # of the hand-in
    before: dict[str, float] = field(default_factory=dict)  # points of an earlier grading

    @property
    def total(self) -> float:
        return sum(self.points.values())


def grade(root: Path, lab: Lab, options: Options | None = None) -> list[Marks]:
    """Grade what is new among the hand-ins of a lab in the course folder `root`; the marks of all of them."""
    if not (root / "submitted").is_dir() or not any((root / "submitted").glob(f"*/{lab.name}")):
        return []
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / "grading.lock", timeout=0), quiet():
            course = Course(root, lab)
            before = {student: _points(course, student) for student in course.students()}
            Grading(course, options or Options()).run()
            marks = [_marks(course, student) for student in course.students()]
            for mark in marks:
                mark.before = before[mark.student]
            return marks
    except Timeout:
        raise LabError(f"{lab.name}: another grading is at work in this folder.") from None


def marks_of(root: Path, lab: Lab) -> list[Marks]:
    """The marks of a lab as they are, nothing being graded; the state of a hand-in that never was is `new`."""
    course = Course(root, lab)
    return [_marks(course, student) for student in course.students()]


def misplaced(root: Path, labs: list[str]) -> list[Path]:
    """Notebooks and archives that are in no lab's folder of no student, and so are not graded."""
    found = [path for path in (root / "submitted").rglob("*") if path.suffix in (".ipynb", ".zip") and path.is_file()]
    places = [path.relative_to(root / "submitted").parts for path in found]
    return [path for path, place in zip(found, places, strict=True) if len(place) < 3 or place[1] not in labs]


class Grading:
    """One run over a class: take in, execute in the pool, record; the ledger says how far each hand-in is."""

    def __init__(self, course: Course, options: Options):
        self.course, self.options = course, options
        self.counts = dict.fromkeys(("waiting", "running", "recorded", "aside", "failed"), 0)

    def run(self) -> None:
        """Bring every hand-in that is new or unfinished to its end."""
        todo = [student for student in self.course.students() if not self._is_done(student)]
        self.counts["waiting"] = len(todo)
        if not todo:
            self.course.open()
            return
        with tqdm(total=len(todo), desc=self.course.lab, unit=_("copie")) as self.bar, self._engine() as self.engine:
            self.course.open()  # the engine imports the lab's libraries meanwhile
            self.engine.wait()
            for note in [self.engine.protection, *self.engine.notes]:
                self.bar.write(note)
            again = self._pool(todo, self.engine.jobs)
            # What ran out of time, or failed in our hands, gets a second chance with the machine to itself: the
            # load that others make must not cost marks.
            self._pool(again, 1, last=True)
            if inside := self.engine.in_kernels():
                self.bar.write(f"Checks that ran in the students' kernels, within their reach: {', '.join(inside)}")

    def _engine(self):
        course = self.course
        if self.options.scheduler:
            from grading.execution.cluster import Cluster  # Dask is an extra

            return Cluster(self.options.scheduler, course.lab, course.sources, self.options)
        secret = (course.root / "submitted", course.root / "gradebook.db", course.intake, course.ledger.folder)
        fitness = course.ledger.folder / course.version[:16]
        return open_engine(course.sources, course.config, self.options, secret, fitness)

    def _pool(self, students: list[str], jobs: int, last: bool = False) -> list[str]:
        """Execute and record; returns those to try once more."""
        waiting, running, again = iter(students), {}, []
        pool = ThreadPoolExecutor(jobs)
        try:
            while True:
                self._fill(waiting, running, jobs, pool)
                if not running:
                    return again
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    student, hand_in, mark = running.pop(future)
                    self.counts["running"] -= 1
                    if not self._finish(student, hand_in, mark, future, last):
                        again.append(student)
                        self._show(waiting=1)
        except BaseException:
            self.engine.close()  # the kernels die, so the threads end
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _fill(self, waiting: Iterator[str], running: dict[Future, tuple], jobs: int, pool: ThreadPoolExecutor) -> None:
        """Keep every job busy and one hand-in ready: the memory used does not grow with the class."""
        while len(running) <= jobs and (student := next(waiting, None)) is not None:
            self._show(waiting=-1)
            mark = ""
            try:
                mark = self.course.fingerprint(student)
                entry = self.course.ledger.get(student)
                if entry and entry.fingerprint == mark and entry.state == EntryState.EXECUTED:
                    self._take_in(student)  # stopped before it was recorded
                    self._record(student, entry)
                    continue
                hand_in = self._take_in(student)
                notebook = self.course.sanitized(hand_in.notebook)
                skip = left_out(notebook, self.course.releases[language(notebook)])
            except Unusable as error:
                self._set_aside(student, mark, EntryState.ASIDE, str(error), error.language)
            except Exception as error:  # whatever a file can do to a parser: the others go on
                reason = _("Le notebook n'a pas pu être lu ({error}).").format(error=_told(error))
                self._set_aside(student, mark, EntryState.FAILED, reason)
            else:
                self._show(running=1)
                running[pool.submit(self.engine.run, notebook, hand_in.files, skip)] = (student, hand_in, mark)

    def _finish(self, student: str, hand_in: HandIn, mark: str, future: Future[Run], last: bool) -> bool:
        """Keep and record what came out; False if it should be tried once more."""
        error = future.exception()
        if error is not None:
            if last:
                reason = _("Le notebook n'a pas pu être exécuté ({error}).").format(error=_told(error))
                self._set_aside(student, mark, EntryState.FAILED, reason, hand_in.language)
            return last
        run = future.result()
        if run.status == Status.TIMEOUT and not last and self.engine.jobs > 1:
            return False
        notes = hand_in.notes + ([] if run.status == Status.OK else [note(NoteKind(run.status))])
        notes += [note(NoteKind.ALTERED, exercise=exercise) for exercise in run.altered]
        entry = Entry(
            mark, EntryState.EXECUTED, run.notebook, run.status, run.seconds, run.usage, notes,
            language=hand_in.language,
        )  # fmt: skip
        self._record(student, entry, put=True)
        return True

    def _record(self, student: str, entry: Entry, put: bool = False) -> None:
        """Into the gradebook and onto the page; `put`: the entry is new to the ledger."""
        try:
            if put:
                self.course.ledger.put(student, entry)
            self.course.record(student)
            self.course.feedback(student)
        except Exception as error:
            reason = _("nbgrader n'a pas pu enregistrer la copie ({error}).").format(error=_told(error))
            self._set_aside(student, entry.fingerprint, EntryState.FAILED, reason, entry.language)
            return
        entry.state, entry.notebook = EntryState.RECORDED, None
        entry.shown = _shown(self.course, student)
        self.course.ledger.put(student, entry)
        self._show(recorded=1)
        self.bar.update()

    def _set_aside(self, student: str, mark: str, state: EntryState, reason: str, spoken: str = "") -> None:
        """`aside`: the hand-in is at fault, and looked at again when it changes; `failed`: tried again next time.

        `spoken`: the language of the hand-in, where it is known.
        """
        self.course.ledger.put(student, Entry(mark, state, error=encodable(reason), language=spoken))
        self.course.page(student)
        self._show(**{state: 1})
        self.bar.update()

    def _take_in(self, student: str) -> HandIn:
        course = self.course
        return take_in(
            course.handed_in(student), course.intake / student / course.lab, list(course.releases.values()), course.lab
        )

    def _is_done(self, student: str) -> bool:
        """Nothing to do, but for a feedback page that no longer shows what a person has since marked or said."""
        entry = self.course.ledger.get(student)
        if entry is None or entry.state in (EntryState.EXECUTED, EntryState.FAILED):
            return False
        try:
            changed = entry.fingerprint != self.course.fingerprint(student)
        except OSError:  # a file that cannot be read: it will be said of this hand-in
            return False
        return not changed and self._is_shown(student, entry)

    def _is_shown(self, student: str, entry: Entry) -> bool:
        """Make the feedback page of a graded hand-in anew if need be; False if the gradebook has lost its marks."""
        if entry.state == EntryState.ASIDE:
            self.course.page(student)
            return True
        shown = _shown(self.course, student)
        if shown and shown != entry.shown:
            self.course.feedback(student)
            entry.shown = shown
            self.course.ledger.put(student, entry)
        return bool(shown)

    def _show(self, **changes: int) -> None:
        for state, change in changes.items():
            self.counts[state] += change
        self.bar.set_postfix({state: count for state, count in self.counts.items() if count})


def _told(error: Exception) -> str:
    return f"{type(error).__name__} : {error}".splitlines()[0][:200]


def _shown(course: Course, student: str) -> str:
    """Identifies what a feedback page shows of the gradebook; empty if the gradebook does not have the hand-in."""
    with course.gradebook() as gradebook:
        try:
            notebooks = gradebook.find_submission(course.lab, student).notebooks
        except MissingEntry:
            return ""
        told = [[g.name, g.auto_score, g.manual_score, g.extra_credit] for n in notebooks for g in n.grades]
        told += [[c.name, c.comment] for n in notebooks for c in n.comments]
    return hashlib.sha256(json.dumps([pages.version(), sorted(told, key=str)]).encode()).hexdigest()


def _marks(course: Course, student: str) -> Marks:
    entry = course.ledger.get(student) or Entry("", EntryState.NEW, error=ungraded())
    marks = Marks(
        student, course.lab, error=entry.error, notes=entry.notes, seconds=entry.seconds, state=entry.state,
        language=entry.language,
    )  # fmt: skip
    if marks.error:
        return marks
    with course.gradebook() as gradebook:
        for notebook in gradebook.find_submission(course.lab, student).notebooks:
            for grade in notebook.grades:
                exercise = grade.name.rpartition("-")[0]
                marks.points[exercise] = grade.score
                marks.maximum += grade.max_score
                if grade.needs_manual_grade:
                    marks.to_grade.append(exercise)
    marks.points = dict(sorted(marks.points.items()))
    return marks


def _points(course: Course, student: str) -> dict[str, float]:
    """Points by exercise as an earlier grading left them; empty if there is none."""
    if not (course.root / "gradebook.db").exists():
        return {}
    with contextlib.suppress(MissingEntry):
        return _marks(course, student).points
    return {}


def moved(marks: list[Marks]) -> list[str]:
    """Whose points a new grading has changed, from what to what: a line each."""
    lines = []
    for mark in marks:
        names = [name for name in {**mark.before, **mark.points} if mark.before.get(name) != mark.points.get(name)]
        if mark.before and names and not mark.error:
            told = (f"{name} {mark.before.get(name, '–')} → {mark.points.get(name, '–')}" for name in names)
            lines.append(f"{mark.student}: {sum(mark.before.values()):g} → {mark.total:g} ({', '.join(told)})")
    return lines


def write_csv(marks: list[Marks], path: Path) -> None:
    """One line a hand-in, commas between, decimal points; a hand-in that has no mark has no total either."""
    exercises = sorted({name for mark in marks for name in mark.points}, key=natural)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "lab", *exercises, "total", "max", "to grade by hand", "error"])
        for mark in marks:
            scores = [mark.points.get(name, "") for name in exercises]
            total = ["", ""] if mark.error else [mark.total, mark.maximum]
            writer.writerow(
                [no_formula(mark.student), mark.lab, *scores, *total, " ".join(mark.to_grade), no_formula(mark.error)]
            )


def table(marks: list[Marks]) -> str:
    """The marks as text, for the terminal."""
    rows = [f"{'student':24s} {'lab':14s} {'total':>7s} {'max':>5s}  to grade by hand"]
    for mark in marks:
        result = (
            f"{mark.total:7.2f} {mark.maximum:5.1f}  {' '.join(mark.to_grade)}"
            if not mark.error
            else f"  not graded: {mark.error}"
        )
        rows.append(f"{mark.student:24s} {mark.lab:14s} {result}")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.grade", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    parser.add_argument("--jobs", type=int, help="notebooks at once (default: one per core)")
    parser.add_argument("--cold", action="store_true", help="no shared imports: each kernel starts on its own")
    parser.add_argument("--no-sandbox", action="store_true", help="run students' code with all your rights")
    parser.add_argument("--scheduler", default="", help="a Dask cluster: local:2, or its address (docs/cluster.md)")
    options = parser.parse_args(arguments)
    catalogue = Catalogue()
    try:
        chosen = catalogue.chosen(options.labs)
    except LabError as error:
        parser.error(str(error))
    if options.scheduler and not find_spec("distributed"):
        parser.error("--scheduler needs Dask: pip install -c constraints.txt -e '.[cluster]'")
    jobs = max(1, options.jobs) if options.jobs is not None else 0 if options.scheduler else cores()
    marks = []
    try:
        for lab in chosen:
            marks += grade(COURSE, lab, Options(jobs, not options.cold, not options.no_sandbox, options.scheduler))
    except (LabError, SandboxError) as error:
        print(f"[FAIL] {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"[FAIL] {error}. What was graded is kept: mend this, then make grade goes on.", file=sys.stderr)
        return 1
    for path in misplaced(COURSE, catalogue.names):
        print(f"[WARN] ignored: {path.relative_to(COURSE)} (expected in submitted/<student>/<lab>/)")
    if not marks:
        print(f"Nothing to grade: put hand-ins in {COURSE.relative_to(ROOT)}/submitted/<student>/<lab>/<lab>.ipynb")
        return 0
    from grading.reports.class_report import write_report  # here: it brings matplotlib, which grading does without

    graded = [lab for lab in chosen if lab.name in {mark.lab for mark in marks}]
    names = [lab.name for lab in graded]
    ungraded = [lab for lab in catalogue if lab.name not in names]
    others = [mark for lab in ungraded for mark in marks_of(COURSE, lab) if mark.state != EntryState.NEW]
    write_csv([*others, *marks], COURSE / "grades.csv")
    print(table(marks))
    for line in moved(marks):
        print(f"[MOVED] {line}")
    with quiet():
        for lab in graded:
            write_report(COURSE, lab)
    outside = [mark.state for mark in marks if mark.error]
    aside, failed = outside.count(EntryState.ASIDE), outside.count(EntryState.FAILED)
    if aside or failed:
        print(f"{aside} set aside (their pages say why), {failed} failed (make grade tries them again).")
    print("Feedback pages: class/feedback/<student>/<lab>/ · the class: class/report/<lab>.html")
    print("Marks: class/grades.csv · by hand: make formgrader, then make grade again · to Moodle: make moodle")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
