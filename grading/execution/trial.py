"""The process of one lab in which its kept answers are tried, as a student's would be: see `authoring.answers`.

The lab's cells run in order, once.  Before each check this process forks for every answer to it, as many at once as
there are cores, and goes on with the lab while they work: an answer sees nothing of another.  An answer is examined as
`grading.inside.exam` examines a hand-in; an exercise whose reference does not pass this way is checked where the
answer runs, as grading does it.

A time-out is for what hangs.  It grows with the load: `slowness` is measured when the time seems to be up.
"""

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nbformat

from grading.execution.examiner import steps
from grading.inside.exam import Replay, end_with_parent, execute, fork
from utils import checks

HANGS_AFTER = float(
    os.environ.get("COURSE_HANGS_AFTER", "600")
)  # seconds for one answer, on a machine as fast as the one of `REFERENCE_SECONDS`
REFERENCE_SECONDS = 0.2  # what `slowness` times takes on one quiet core of a laptop
PAUSE = 0.02  # seconds between two looks at what runs


def slowness() -> float:
    """How many times slower than the reference machine this one is now, at least 1."""
    began = time.perf_counter()
    sum(i * i for i in range(2_000_000))
    return max(1.0, (time.perf_counter() - began) / REFERENCE_SECONDS)


@dataclass
class Trials:
    """The forks at work, `jobs` at most; each writes its outcome into `folder`."""

    jobs: int
    folder: Path
    running: dict[int, tuple[Callable[[dict], None], float]] = field(default_factory=dict)  # by process id

    def start(self, work: Callable[[], dict], done: Callable[[dict], None]) -> None:
        """Fork, when there is room, a process that does `work`; its outcome goes to `done`, later."""
        self.until(lambda: len(self.running) < self.jobs)
        child = fork()
        if child == 0:
            try:
                os.setsid()
                end_with_parent()
                (self.folder / str(os.getpid())).write_text(json.dumps(work()), encoding="utf-8")
            finally:
                os._exit(0)
        self.running[child] = (done, time.monotonic())

    def until(self, reached: Callable[[], object]) -> None:
        """Take the outcomes of what ends, until `reached()`."""
        while not reached():
            for child, (_, began) in list(self.running.items()):
                if os.waitpid(child, os.WNOHANG)[0]:
                    self._take(child)
                elif hangs(time.monotonic() - began):
                    with contextlib.suppress(OSError):
                        os.killpg(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    self._take(child)
            time.sleep(PAUSE)

    def _take(self, child: int) -> None:
        done, began = self.running.pop(child)
        written, seconds = self.folder / str(child), time.monotonic() - began
        lost = {"lost": f"no outcome after {seconds:.0f} s: it died, or hung and was killed"}
        done({**(json.loads(written.read_text(encoding="utf-8")) if written.exists() else lost), "seconds": seconds})


def hangs(seconds: float) -> bool:
    """Whether what has taken so long will not end: the machine's speed is measured once the time seems to be up."""
    return seconds > HANGS_AFTER and seconds > HANGS_AFTER * slowness()


def in_place(lab: Replay, answer: str, source: str, name: str) -> dict:
    """What a check gives where the answer itself runs."""
    printed, shown = io.StringIO(), []
    checks.publish = shown.append  # this process is of one answer
    try:
        execute(answer, lab.namespace, "<answer>")
        value = execute(source, lab.namespace, name, printed)
    except Exception:
        return {"lost": traceback.format_exc()}
    return {"printed": printed.getvalue(), "value": repr(value), "report": shown[-1] if shown else None}


def apart(lab: Replay, answer: str, source: str, name: str) -> dict:
    """What a check gives on the other side of an examination."""
    told = lab.loopback(source, name, lab.namespace, answer, seconds=None)
    if told is None:
        return {"lost": "the examination did not come to its end"}
    return {"lost": "".join(told["error"][2])} if "error" in told else told


def run(lab: Replay, answers: dict[str, list[str]], jobs: int, told: Callable[[dict], None]) -> None:
    """Try `answers` (name of a check → sources, the reference first); each outcome is told when it is there."""
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(jobs, Path(folder))
        for step, name in lab.checks():
            check, source = step.check, step.source
            if check not in answers:
                continue
            reference, *others = answers[check]
            found: list[dict] = []
            trials.start(partial(apart, lab, reference, source, name), found.append)
            trials.until(found.__len__)
            fit = found[0].get("value") == repr(step.points)
            if fit:
                told({"check": check, "answer": 0, "apart": True, **found[0]})
            for index, answer in enumerate(others if fit else answers[check], start=int(fit)):
                which = {"check": check, "answer": index, "apart": fit}
                work = partial(apart if fit else in_place, lab, answer, source, name)
                trials.start(work, partial(_told_of, told, which))
        trials.until(lambda: not trials.running)


def _told_of(told: Callable[[dict], None], which: dict, outcome: dict) -> None:
    told({**which, **outcome})


def main() -> None:
    end_with_parent()
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread before a fork
    asked = json.loads(sys.stdin.buffer.read())
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library's C code prints is no outcome

    def told(outcome: dict) -> None:
        print(json.dumps(outcome), file=lines, flush=True)

    run(Replay(steps(nbformat.from_dict(asked["notebook"])), {}), asked["answers"], asked["jobs"], told)


if __name__ == "__main__":
    main()
