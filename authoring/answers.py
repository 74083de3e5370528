"""Run the answers kept beside each lab: right ones must get full marks, typical mistakes their score and message.

    python -m authoring.answers [lab]

The lab's cells run in order in this process, under the small budget.  At each check cell every answer of
`solutions/<lab>/answers/<exercise>.py` takes the place of the reference in a copy of the namespace:

    # %% [right] how it differs
    # %% [wrong] points=1.5 message="regular expression found in what the check prints" the mistake
    # %% [wrong] points=1.5 code="the code of one of its messages" the mistake
"""

import argparse
import ast
import contextlib
import io
import linecache
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from authoring.catalogue import Catalogue
from authoring.lab import Lab, LabError
from authoring.source import Source
from utils import outcome as outcomes
from utils.notebook.demos import is_demo
from utils.outcome import Code, State

HEADER = re.compile(
    r'^# %% \[(right|wrong)\](?: points=([\d.]+))?(?: code="([\w:]+)")?'
    r'(?: message="(.*?)(?<!\\)")?(?: (.*))?$',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Answer:
    """A kept answer to an exercise: `points` None means full marks."""

    kind: str  # right, wrong, reference, untouched
    description: str
    source: str
    points: float | None = None
    message: str = ""
    code: str = ""


@dataclass(frozen=True)
class Outcome:
    """What the check made of an answer."""

    exercise: str
    answer: Answer
    expected: float
    points: float
    output: str
    found: outcomes.Outcome | None  # as data; None: a check that is no `Report`
    seconds: float

    @property
    def problem(self) -> str:
        """What differs from what was expected (empty: nothing)."""
        if abs(self.points - self.expected) > 1e-9:
            return f"{self.points:g} points, expected {self.expected:g}. The check printed:\n{self.output}"
        if self.answer.message and not re.search(self.answer.message, self.output):
            return f"the check did not print {self.answer.message!r} but:\n{self.output}"
        tests = self.found.tests if self.found else ()
        if self.answer.code and self.answer.code not in [test.code for test in tests]:
            return f"no message has the code {self.answer.code!r}; the check printed:\n{self.output}"
        if self.answer.kind == "untouched" and any(test.state is State.WRONG for test in tests):
            return f"what is not attempted is called wrong:\n{self.output}"
        return ""


def read_answers(path: Path) -> list[Answer]:
    """The answers of one file; `LabError` if a header cannot be read."""
    text = path.read_text(encoding="utf-8")
    headers = list(HEADER.finditer(text))
    if len(headers) != len(re.findall(r"^# %%", text, re.MULTILINE)):
        raise LabError(f'{path.name}: a header is neither `# %% [right] …` nor `# %% [wrong] points=… message="…" …`.')
    answers = []
    for header, end in zip(headers, [h.start() for h in headers[1:]] + [len(text)], strict=True):
        kind, points, code, message, description = header.groups()
        if (kind == "wrong") != (points is not None and (code or message) is not None):
            raise LabError(
                f"{path.name}: {header.group(0)}: wrong answers, and only they, have points and a message or a code."
            )
        body = text[header.end() : end].strip()
        full = float(points) if points else None
        answers.append(Answer(kind, description or "", body, full, message or "", code or ""))
    return answers


def execute(source: str, namespace: dict, name: str) -> tuple[object, str]:
    """Run a cell as IPython would: (value of its last expression, what it printed on stdout)."""
    tree = ast.parse(source)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # for tracebacks
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(tree, name, "exec"), namespace)
        value = eval(compile(last, name, "eval"), namespace) if last else None
    return value, printed.getvalue()


def run(lab: Lab, only: str = "") -> Iterator[Outcome]:
    """Every answer of a lab (or of its exercises whose name starts with `only`), one outcome each, in order."""
    os.environ["COURSE_BUDGET"], os.environ["MPLBACKEND"] = "small", "Agg"
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    cells = lab.notebook.cells
    checks = [i for i, cell in enumerate(cells) if _role(cell) == "check"]
    namespace: dict = {"__name__": "__main__"}
    reference = ""
    for i, cell in enumerate(cells[: checks[-1] + 1]):
        if cell.cell_type != "code" or is_demo(cell):
            continue
        source, name = Source(cell.source).whole, f"<{lab.name} cell {i}>"
        if _role(cell) == "solution":
            reference = cell.source
        if _role(cell) == "check":
            exercise = cell.metadata.nbgrader.grade_id.removesuffix("-check")
            for answer in _all_answers(lab, exercise, reference) if exercise.startswith(only) else ():
                yield _outcome(exercise, answer, source, float(cell.metadata.nbgrader.points), dict(namespace))
        execute(source, namespace, name)


def _all_answers(lab: Lab, exercise: str, reference: str) -> list[Answer]:
    path = lab.answers_path(exercise)
    if not path.exists():
        raise LabError(
            f"{lab.name}: no answers/{exercise}.py; each exercise keeps at least two right and three wrong answers."
        )
    kept = read_answers(path)
    for kind, least in (("right", 2), ("wrong", 3)):
        if sum(answer.kind == kind for answer in kept) < least:
            raise LabError(f"{path.name}: fewer than {least} {kind} answers.")
    return [
        Answer("reference", "the lab's own solution", Source(reference).whole),
        Answer("untouched", "the stub", Source(reference).stub(), 0.0, code=Code.UNTOUCHED),
        *kept,
    ]


def _outcome(exercise: str, answer: Answer, check: str, full: float, namespace: dict) -> Outcome:
    began = time.perf_counter()
    execute(answer.source, namespace, f"<{exercise}>")
    shown: list[dict] = []
    with mock.patch("utils.checks.publish", shown.append):
        value, output = execute(check, namespace, f"<{exercise} check>")
    expected = full if answer.points is None else answer.points
    found = outcomes.Outcome.of(shown[-1]) if shown else None
    return Outcome(exercise, answer, expected, float(value), output, found, time.perf_counter() - began)


def _role(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")[2]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.answers", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    parser.add_argument("--only", default="", metavar="ex3", help="the exercises whose name starts so")
    options, failures = parser.parse_args(arguments), 0
    for lab in Catalogue().chosen(options.labs):
        for outcome in run(lab, options.only):
            mark = "[FAIL]" if outcome.problem else "[OK]"
            points = f"{outcome.points:5g}/{outcome.expected:<5g}{outcome.seconds:6.1f} s"
            answer = f"{outcome.answer.kind:9s} {points}  {outcome.answer.description}"
            print(f"{mark} {lab.name} {outcome.exercise:18s} {answer}", flush=True)
            if outcome.problem:
                failures += 1
                print(outcome.problem)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
