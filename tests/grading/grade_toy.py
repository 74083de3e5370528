"""Grades the toy class in a process of its own, for the tests that kill it.

    python -m tests.grading.grade_toy ROOT LOG

LOG gets a line for the fork server's process id, and one for each notebook when its execution begins.
"""

import sys
from pathlib import Path

from grading import grade
from grading.execution import engine as kernels
from tests.toy_lab import TOY


def main(root: str, log: str) -> None:
    def say(line: str) -> None:
        with open(log, "a", encoding="utf-8") as file:
            print(line, file=file, flush=True)

    wait, sanitized = kernels.Engine.wait, grade.Course.sanitized

    def told_wait(engine):
        wait(engine)
        say(f"server {engine._server.process.pid}")

    def told_sanitized(course, path):
        say(f"run {path.parent.parent.name}")
        return sanitized(course, path)

    kernels.Engine.wait, grade.Course.sanitized = told_wait, told_sanitized
    marks = grade.grade(Path(root), TOY, grade.Options(jobs=2))
    say("done " + " ".join(f"{mark.student}={mark.total:g}" for mark in marks))


if __name__ == "__main__":
    main(*sys.argv[1:])
