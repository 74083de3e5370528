"""Run the answers kept beside each lab: right ones must get full marks, typical mistakes their score and message.

    python -m authoring.answers [lab]

Each answer of `solutions/<lab>/answers/<exercise>.py` is examined once, as a hand-in is, under the small budget, in a
process of its own forked from the lab's before the check (`grading.execution.trial`): nothing passes from one to
another, and as many run at once as there are cores.

    # %% [right] how it differs
    # %% [wrong] points=1.5 message="regular expression found in what the check prints" the mistake
    # %% [wrong] points=1.5 code="the code of one of its messages" the mistake
"""

import argparse
import contextlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authoring import keys
from authoring.catalogue import Catalogue
from authoring.lab import SOURCE_LANGUAGE, Exercise, Lab, LabError
from grading.execution.forks import ONE_THREAD
from utils import outcome as outcomes
from utils.environment import ROOT, cores
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
    seconds: float
    found: outcomes.Outcome | None  # as data; None: a check that is no `Report`
    apart: bool = True  # the check ran where no student's code does, as in an examination

    @property
    def problem(self) -> str:
        """What differs from what was expected (empty: nothing)."""
        if not abs(self.points - self.expected) < 1e-9:  # no points at all are not a number
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


def run(lab: Lab, only: str = "", jobs: int = 0) -> Iterator[Outcome]:
    """Every answer of a lab (or of its exercises whose name starts with `only`), one outcome each, as they come.

    `jobs`: how many at once (0: as many as cores).  Raises `LabError` if the lab's own cells do not run.
    """
    if not hasattr(os, "fork"):
        raise LabError("Kept answers run in forked processes, which this system does not have.")
    asked = {name: exercise for name, exercise in lab.exercises.items() if exercise.is_code and name.startswith(only)}
    answers = {name: all_answers(lab, exercise) for name, exercise in asked.items()}
    sources = {f"{name}-check": [answer.source for answer in kept] for name, kept in answers.items()}
    for tried in _tried({"notebook": lab.notebook, "answers": sources, "jobs": jobs or jobs_here()}, lab):
        name = tried["check"].removesuffix("-check")
        answer = answers[name][tried["answer"]]
        expected = asked[name].points if answer.points is None else answer.points
        got = float(tried["value"]) if "value" in tried else math.nan
        output = tried.get("printed", "") + tried.get("lost", "")
        found = outcomes.Outcome.of(tried["report"]) if tried.get("report") else None
        yield Outcome(name, answer, expected, got, output, tried["seconds"], found, tried["apart"])


def jobs_here() -> int:
    """How many answers to try at once: one a core, or this process's share of them in a test run of several."""
    return max(1, cores() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def key(lab: Lab) -> str:
    """Identifies all that decides what becomes of a lab's kept answers."""
    return keys.key(keys.lab_files(lab.folder) | keys.modules("authoring.answers"))


def _tried(asked: dict, lab: Lab) -> Iterator[dict]:
    """What the process of the lab tells, an outcome a line."""
    settings = {"COURSE_BUDGET": "small", "NBGRADER_EXECUTION": "autograde", "MPLBACKEND": "Agg"}
    settings["COURSE_LANG"] = SOURCE_LANGUAGE  # of the messages that answers must get, whoever runs this
    environment = {**os.environ, **settings, **ONE_THREAD, "OMP_THREAD_LIMIT": "1"}
    command, pipe = [sys.executable, "-m", "grading.execution.trial"], subprocess.PIPE
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=said) as process:
            try:
                with contextlib.suppress(BrokenPipeError), process.stdin as lines:
                    lines.write(json.dumps(asked).encode())
                for line in process.stdout:
                    yield json.loads(line)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said.seek(0)
            raise LabError(f"{lab.name}: its own cells do not run.\n{said.read().decode(errors='replace')[-3000:]}")


def all_answers(lab: Lab, exercise: Exercise) -> list[Answer]:
    """The reference, the untouched stub and the answers kept.  Raises `LabError` if they are too few."""
    path = lab.answers_path(exercise.name)
    if not path.exists():
        raise LabError(
            f"{lab.name}: no answers/{path.name}; each exercise keeps at least two right and three wrong answers."
        )
    kept = read_answers(path)
    for kind, least in (("right", 2), ("wrong", 3)):
        if sum(answer.kind == kind for answer in kept) < least:
            raise LabError(f"{path.name}: fewer than {least} {kind} answers.")
    return [
        Answer("reference", "the lab's own solution", exercise.reference),
        Answer("untouched", "the stub", exercise.stub, 0.0, code=Code.UNTOUCHED),
        *kept,
    ]


def told(lab: Lab, outcome: Outcome) -> str:
    """An outcome in a line, and what is wrong with it below."""
    mark = "[FAIL]" if outcome.problem else "[OK]"
    points = f"{outcome.points:5g}/{outcome.expected:<5g}{outcome.seconds:6.1f} s"
    line = f"{mark} {lab.name} {outcome.exercise:18s} {outcome.answer.kind:9s} {points}  {outcome.answer.description}"
    return f"{line}\n{outcome.problem}" if outcome.problem else line


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.answers", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    parser.add_argument("--only", default="", metavar="ex3", help="the exercises whose name starts so")
    options, failures = parser.parse_args(arguments), 0
    for lab in Catalogue().chosen(options.labs):
        for outcome in run(lab, options.only):
            failures += bool(outcome.problem)
            print(told(lab, outcome), flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
