"""Checks that run where no student's code ever runs (Linux): the grader's side.  The lab's: `grading.execution.exam`.

One process per lab runs the lab's given cells and reference solutions, once.  Before each check it forks a copy of
itself, which waits.  To examine a student, that copy forks again: the check runs there as it is written, but each
function that the student was to write is a stand-in that calls the student's own, in the student's kernel
(`grading.inside.answering`).  The kernel gets the arguments and never the check, its hidden tests, or what they expect;
nothing that comes back is more than plain data.  So what a student's code does to its own process (replace functions
of the libraries, of the check's tools, of IPython; read its callers) changes nothing but its own answers.

The walls of `grading.execution.sandbox` do not stand around this process: it runs the teacher's lab.

A check that does not give the reference solution its full marks this way is run in the student's kernel instead, as
nbgrader does it; `Examiner.fit` says so.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import nbformat

from grading.execution.forks import ONE_THREAD
from grading.inside.wire import receive
from utils.environment import ROOT
from utils.notebook.cells import is_check
from utils.outcome import MIME


class Examiner:
    """The process of one lab; `with Examiner(notebook, env, folder) as examiner`.

    `notebook`: the lab's source.  `memory`: a file that says which checks are fit, for this version of the lab; it is
    made if it is not there (each check is then tried).
    """

    def __init__(self, notebook: nbformat.NotebookNode, env: dict[str, str], folder: Path, memory: Path | None = None):
        if sys.platform != "linux":
            raise OSError(f"an examiner is forked, on Linux only, not on {sys.platform}")
        self.checks = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if is_check(cell)]
        self._fit: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._memory = memory
        known = {}
        if memory and memory.exists():
            with contextlib.suppress(ValueError, AttributeError):
                known = json.loads(memory.read_text(encoding="utf-8")).get(_code(), {})
        folder.mkdir(parents=True, exist_ok=True)
        self._lines, theirs = {}, []
        for check in self.checks:
            self._lines[check], other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            theirs.append(other)
        descriptors = [str(other.fileno()) for other in theirs]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grading.execution.exam", *descriptors],
            env={**env, **ONE_THREAD, "OMP_THREAD_LIMIT": "1", "MPLBACKEND": "Agg", "HOME": str(folder)},
            cwd=ROOT,
            pass_fds=[other.fileno() for other in theirs],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if not os.environ.get("COURSE_DEBUG") else None,
            start_new_session=True,
        )
        for other in theirs:
            other.close()
        with contextlib.suppress(OSError), self.process.stdin as lab:  # not a file: it holds the solutions
            lab.write(json.dumps({"notebook": notebook, "known": known}).encode())

    def fit(self, check: str) -> bool:
        """Whether a check can be run this way; waits until the lab has been run as far as that."""
        if check not in self._lines:
            return False
        with self._lock:
            if check not in self._fit:
                answer = b""
                with contextlib.suppress(OSError):
                    answer = self._lines[check].recv(100)
                self._fit[check] = answer == b"fit"
                if answer and self._memory:
                    self._memory.write_text(json.dumps({_code(): self._fit}), encoding="utf-8")
            return self._fit[check]

    def unfit(self) -> list[str]:
        """The checks, of those asked for, that cannot be run this way."""
        return [check for check, fit in self._fit.items() if not fit]

    def invite(self, check: str, listening: socket.socket) -> socket.socket:
        """Begin an examination of whoever calls at `listening`; gives the line on which its outcome will come."""
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, self._lock:
            socket.send_fds(self._lines[check], [b"examine"], [listening.fileno(), theirs.fileno()])
        return line

    def close(self) -> None:
        for line in self._lines.values():
            line.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def outputs(line: socket.socket, seconds: float = 10) -> list[nbformat.NotebookNode] | None:
    """The outputs that a check cell has after its examination; None if it did not come to its end."""
    told = outcome_of(line, seconds)
    if told is None:
        return None
    found = [nbformat.v4.new_output("stream", name="stdout", text=told["printed"])] if told["printed"] else []
    if "report" in told:
        data = {MIME: told["report"], "text/plain": ""}
        found.append(nbformat.v4.new_output("display_data", data=data))
    if "error" in told:
        name, text, lines = told["error"]
        found.append(nbformat.v4.new_output("error", ename=name, evalue=text, traceback=lines))
    elif told["value"] is not None:
        data = {"text/plain": told["value"]}
        found.append(nbformat.v4.new_output("execute_result", data=data, execution_count=1))
    return found


def _code() -> str:
    """Identifies this way of examining: what was found with another is not to be relied on."""
    names = ("execution/examiner.py", "execution/exam.py", "inside/answering.py", "inside/wire.py")
    files = (ROOT / "grading" / name for name in names)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def outcome_of(line: socket.socket, seconds: float | None) -> dict | None:
    """What an examination told at its end; None if it did not come to its end in time (`seconds` None: no limit)."""
    line.settimeout(seconds)
    try:
        return receive(line)[0]
    except (OSError, EOFError, ValueError):
        return None
