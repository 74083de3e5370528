"""Checks that run where no student's code ever runs (Linux): the grader's side.  The lab's: `grading.inside.exam`.

One process per lab runs the lab's given cells and reference solutions, once.  Before each check it forks a copy of
itself, which waits.  To examine a student, that copy forks again: the check runs there as it is written, but each
function that the student was to write is a stand-in that calls the student's own, in the student's kernel
(`grading.inside.answering`).  The kernel gets the arguments and never the check, its hidden tests, or what they expect;
nothing that comes back is more than plain data.  So what a student's code does to its own process (replace functions
of the libraries, of the check's tools, of IPython; read its callers) changes nothing but its own answers.

That process is forked from the one that kernels are forked from, and stands behind walls of its own: libraries and
models are loaded once for all.  The lab's source comes after the fork, from here.

A check that does not give the reference solution its full marks this way is run in the student's kernel instead, as
nbgrader does it; `Examiner.fit` says so.
"""

import ast
import contextlib
import hashlib
import json
import os
import socket
import threading
from dataclasses import asdict
from pathlib import Path

import nbformat

from authoring.source import Source, definitions
from grading.execution.forks import ONE_THREAD, ForkServer
from grading.inside.wire import Step, outcome_of, send
from utils.environment import ROOT
from utils.notebook.cells import is_check
from utils.notebook.demos import is_demo
from utils.outcome import MIME


class Examiner:
    """The process of one lab; `with Examiner(server, notebook, request) as examiner`.

    `server`: what it is forked from.  `notebook`: the lab's source.  `request`: its folder, environment and walls.
    `memory`: a file that says which checks are fit, for this version of the lab; it is made if it is not there (each
    check is then tried).  Raises `ForkError`.
    """

    def __init__(self, server: ForkServer, notebook: nbformat.NotebookNode, request: dict, memory: Path | None = None):
        lab = steps(notebook)
        self._fit: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._memory = memory
        known = {}
        if memory and memory.exists():
            with contextlib.suppress(ValueError, AttributeError):
                known = json.loads(memory.read_text(encoding="utf-8")).get(_code(), {})
        debug = {"COURSE_DEBUG": "1"} if os.environ.get("COURSE_DEBUG") else {}
        control, its = socket.socketpair()
        with control:
            with its:
                request = {**request, "env": {**request["env"], **ONE_THREAD, "MPLBACKEND": "Agg", **debug}}
                self.process = server.fork(request, its)
            pairs = {step.check: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for step in lab if step.check}
            self._lines = {check: ours for check, (ours, _) in pairs.items()}
            with contextlib.suppress(OSError):  # it has died: no check is fit
                send(control, {"steps": [asdict(step) for step in lab], "fit": known})
                socket.send_fds(control, [b"."], [theirs.fileno() for _, theirs in pairs.values()])
            for _, theirs in pairs.values():
                theirs.close()

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
        self.process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def steps(notebook: nbformat.NotebookNode) -> list[Step]:
    """The code cells of a lab's source that marks depend on, as they are to be replayed."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and not is_demo(cell)]
    found = []
    for i, cell in enumerate(cells):
        source, marks = Source(cell.source).whole, cell.metadata.get("nbgrader", {})
        if is_check(cell):
            later = "\n".join(Source(other.source).whole for other in cells[i + 1 :] if is_check(other))
            found.append(Step(source, False, marks.grade_id, float(marks.points), _needed(source, later)))
        else:
            found.append(Step(source, bool(marks.get("solution"))))
    return found


def _needed(source: str, later: str) -> str:
    """What of a check cell later checks use: all of it if they use more than what it imports and defines."""
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    names_later = [node for node in ast.walk(ast.parse(later)) if isinstance(node, ast.Name)]
    bound, stored_later = ({n.id for n in some if isinstance(n.ctx, ast.Store)} for some in (names, names_later))
    used = {node.id for node in names_later}
    return source if (bound & used) - stored_later - {"report"} else definitions(source)


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
    names = ("execution/examiner.py", "inside/exam.py", "inside/answering.py", "inside/wire.py")
    files = (ROOT / "grading" / name for name in names)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
