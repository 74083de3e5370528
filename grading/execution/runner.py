"""Running one notebook in a kernel, forked or plain, behind its walls; its checks apart.

Everything that decides a mark is nbgrader's own `Execute`.  What is added: the kernel's folder holds neither the
notebook nor the tests, the whole notebook has a budget of time and of output, and a kernel that dies or no longer
answers costs the cells from there on, never the hand-in (stock nbgrader gives full marks for a cell that never ran).
The check cells run in another process (`grading.execution.examiner`) or, where that cannot be, in the kernel between
two probes (`grading.execution.probe`).
"""

import contextlib
import json
import os
import secrets
import socket
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from traitlets import Any

from authoring.source import Source, definitions
from grading.execution import sandbox
from grading.execution.examiner import Examiner, outputs
from grading.execution.probe import probe
from grading.execution.status import STOPPED, Status, Stop
from utils.environment import ROOT
from utils.files import encodable
from utils.language import N_, _, speaking
from utils.notebook.cells import is_check, language

FORKED, ALONE = "llm-course-fork", "llm-course-alone"  # the names of our two ways to start a kernel
NOTEBOOK_SECONDS = 1800  # for a whole notebook, besides the limit of each cell
OUTPUT_BYTES = 20_000_000  # what a notebook may print; the rest is dropped, and at ten times as much the kernel is
ANSWER_SECONDS = 5  # an interrupted kernel must be listening again after these
TOLD = {  # what nbgrader's page shows of a cell that the grader stopped
    Stop.NOT_RUN: N_("cellule non exécutée : l'exécution s'est arrêtée plus haut"),
    Stop.DIED: N_("le noyau Python s'est arrêté pendant cette cellule"),
    Stop.ALTERED: N_(
        "à vérifier : le notebook modifie les outils de la correction ; cet exercice attend une correction manuelle"
    ),
}


class ForkProvisioner(LocalProvisioner):
    """How jupyter_client starts and signals a kernel of the fork server."""

    async def launch_kernel(self, cmd, **kwargs):
        argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
        request = {"argv": argv, "cwd": kwargs["cwd"], "env": kwargs["env"], "walls": self.parent.enclose()}
        self.process = self.parent.server.fork(request)
        self.parent.process = self.process
        self.pid = self.process.pid  # no pgid: signals go down the line, the server sends them to the group
        return self.connection_info


class AloneProvisioner(LocalProvisioner):
    """How jupyter_client starts a kernel of its own behind walls."""

    async def launch_kernel(self, cmd, **kwargs):
        argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
        cmd = self.parent.sandbox.alone_command(self.parent.enclose(), ["kernel", *argv])
        return await super().launch_kernel(cmd, **kwargs | {"cwd": str(ROOT)})  # it enters its folder by itself


KernelProvisionerFactory.instance().provisioners |= {
    FORKED: EntryPoint(FORKED, "grading.execution.runner:ForkProvisioner", KernelProvisionerFactory.GROUP_NAME),
    ALONE: EntryPoint(ALONE, "grading.execution.runner:AloneProvisioner", KernelProvisionerFactory.GROUP_NAME),
}


class Manager(AsyncKernelManager):
    """A kernel of this very Python, whatever kernels the teacher's Jupyter has; forked if there is a `server`."""

    server = Any(allow_none=True)
    sandbox = Any(allow_none=True)
    walls = Any(allow_none=True)  # what the kernel must enter
    process = Any(allow_none=True)  # of a forked kernel, to ask afterwards what it used
    _outside = Any(allow_none=True)  # its process id here, whatever its name space

    @property
    def kernel_spec(self):
        name = FORKED if self.server else ALONE if self.walls else ""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            argv=argv, language="python", display_name="Python 3",
            metadata={"kernel_provisioner": {"provisioner_name": name}} if name else {},
            interrupt_mode="message" if name == ALONE else "signal",  # a signal would end bubblewrap
        )  # fmt: skip

    def enclose(self) -> dict | None:
        """The kernel's place becomes its own: to be called last, once the connection file is there."""
        if self.walls:
            self.sandbox.give(self.walls)
        return self.walls

    def give_socket(self, folder: int, name: str) -> None:
        """Let the kernel call at a socket of the grader's, in a folder given by its descriptor."""
        if self.walls and self.walls["uid"] is not None:
            os.chown(name, self.walls["uid"], self.walls["uid"], dir_fd=folder, follow_symlinks=False)

    def processes(self) -> list[psutil.Process]:
        """The kernel's process and those that came out of it, as this process sees them."""
        if self._outside is None and (process := self.process or getattr(self.provisioner, "process", None)):
            apart = self.server and self.walls and self.walls["kind"] == "bubblewrap"
            self._outside = sandbox.outside(self.server.process.pid, process.pid) if apart else process.pid
        if self._outside is None:  # not there yet, or gone; psutil would take None for this very process
            return []
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self._outside)
            return [kernel, *kernel.children(recursive=True)]
        return []


class Runner(Execute):
    """nbgrader's `Execute`, in a folder of its own, with budgets, the checks apart."""

    def __init__(
        self,
        manager: Manager,
        place: Path,
        env: dict[str, str],
        examiner: Examiner | None,
        skip: frozenset[int],
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._manager, self._place, self._env = manager, place, env
        self._examiner, self._skip = examiner, skip
        self.altered: list[str] = []  # exercises whose check found the kernel altered
        self.proportional_mb = 0
        self._end = time.monotonic() + NOTEBOOK_SECONDS
        self._printed = 0
        self._stopped = False  # the kernel is gone: the cells that are left fail without being run
        self.status = Status.OK
        self.timeout_func = lambda cell: max(1, int(min(self.timeout, self._end - time.monotonic())))

    def create_kernel_manager(self):
        self.km = self._manager
        return self.km

    def setup_kernel(self, **kwargs):
        return super().setup_kernel(cwd=str(self._place / "w"), env=self._env, **kwargs)

    def preprocess(self, nb, resources=None, km=None):
        self._line = os.open(self._place / "k", os.O_RDONLY) if self._examiner else -1
        late = self.error_on_timeout
        try:
            with speaking(language(nb)):
                message, lines = late["evalue"], late["traceback"]
                self.error_on_timeout = late | {"evalue": _(message), "traceback": [_(line) for line in lines]}
                return super().preprocess(nb, resources, km)
        finally:
            if self._line >= 0:
                os.close(self._line)

    def preprocess_cell(self, cell, resources, index):
        cell.metadata.pop(STOPPED, None)  # the hand-in's own word
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        if index in self._skip:
            cell.outputs = [
                new_output("stream", name="stdout", text=_("(démonstration : non exécutée à la correction)"))
            ]
            return cell, resources
        if self._stopped or time.monotonic() > self._end:
            self._stop(Status.TIMEOUT)
            cell.outputs = [_failure(cell, Stop.NOT_RUN)]
            return cell, resources
        if is_check(cell):
            self._check(cell, resources, index)
            self.nb.cells[index] = cell  # nbclient has put there what was executed last
        else:
            self._execute(cell, resources, index)
        cell.outputs = [_encodable(output) for output in cell.outputs]
        return cell, resources

    def _check(self, cell, resources, index) -> None:
        """Run a check: apart if that can be, else in the kernel, between two probes."""
        began = time.monotonic()
        apart = self._examiner is not None and self._examiner.fit(cell.metadata.nbgrader.grade_id)
        self._end += time.monotonic() - began  # time spent waiting for the examiner is not the notebook's
        if apart:
            self._examine(cell, resources, index)
        elif self._is_sound(cell, resources, index):
            self._execute(cell, resources, index)
            if not self._is_sound(cell, resources, index):
                self._suspect(cell)
        else:
            self._suspect(cell)

    def _examine(self, cell, resources, index) -> None:
        """The check runs in the examiner's process; this kernel only answers its calls."""
        path = self._place / "k" / secrets.token_hex(6)
        with socket.socket(socket.AF_UNIX) as listening:
            try:  # through the descriptor: the student's code may have put a link in the folder's place by now
                listening.bind(f"/proc/self/fd/{self._line}/{path.name}")
            except OSError:  # it has removed the folder
                self._suspect(cell)
                return
            self._manager.give_socket(self._line, path.name)
            listening.listen(1)
            line = self._examiner.invite(cell.metadata.nbgrader.grade_id, listening)
        call = f"__import__('grading.inside.answering').inside.answering.answer({str(path)!r})"
        call += f"\n{definitions(Source(cell.source).visible)}"
        asked = new_code_cell(call)
        with line:
            self._execute(asked, resources, index)
            found = outputs(line)
        cell.execution_count = asked.execution_count
        cell.outputs = [output for output in asked.outputs if output.output_type == "stream"]
        if found is not None:
            cell.outputs += found
        elif self.status == Status.OK and not self._stopped:
            self._suspect(cell)
        else:
            cell.outputs += [output for output in asked.outputs if output.output_type == "error"]
            cell.metadata |= {STOPPED: asked.metadata[STOPPED]} if STOPPED in asked.metadata else {}

    def _is_sound(self, cell, resources, index) -> bool:
        """Whether the kernel gives a probe the outcome it must have; one that is gone is another matter."""
        attempt = probe(cell.source)
        self._execute(attempt.cell, resources, index)
        return self.status != Status.OK or attempt.is_sound()

    def _suspect(self, cell) -> None:
        cell.outputs = [_failure(cell, Stop.ALTERED)]
        self.altered.append(cell.metadata.nbgrader.grade_id.rpartition("-")[0])

    def _execute(self, cell, resources, index) -> None:
        """Run a cell in the kernel."""
        if self._stopped:
            cell.outputs = [_failure(cell, Stop.NOT_RUN)]
            return
        try:
            super().preprocess_cell(cell, resources, index)
        except (DeadKernelError, CellTimeoutError) as error:
            self._stop(Status.DIED if isinstance(error, DeadKernelError) else Status.TIMEOUT)
            cell.outputs.append(_failure(cell, Stop.DIED))
        else:
            late = [output.evalue for output in cell.outputs if output.get("ename") == self.error_on_timeout["ename"]]
            if self.error_on_timeout["evalue"] in late:  # and not an error of that name which the cell raised
                cell.metadata[STOPPED] = Stop.TIMEOUT
            if late:
                self._after_a_timeout()

    def process_message(self, msg, cell, cell_index):
        """As nbclient's, but what is printed beyond the budget is dropped, and a kernel that goes on is killed."""
        kind, content = msg["msg_type"], msg["content"]
        if kind in ("status", "execute_input", "clear_output"):
            return super().process_message(msg, cell, cell_index)
        shown = self._display_id_map.get((content.get("transient") or {}).get("display_id"), {})
        copies = sum(map(len, shown.values())) if kind == "update_display_data" else 1  # it goes to every one of them
        self._printed += copies * (len(str(content)) + sum(map(len, msg.get("buffers", ()))))
        if self._printed > 10 * OUTPUT_BYTES and not self._stopped:
            self._stop(Status.FLOOD)
        if kind.startswith("comm") or (self._printed > OUTPUT_BYTES and kind not in ("execute_result", "error")):
            return None  # results and errors are kept: they decide marks; the state of widgets does not
        return super().process_message(msg, cell, cell_index)

    def _after_a_timeout(self) -> None:
        """Go on only if the interrupted kernel listens again: each cell would else wait for its own time-out."""
        self.status = Status.TIMEOUT
        try:
            run_sync(self.kc.wait_for_ready)(timeout=ANSWER_SECONDS)
        except RuntimeError:
            self._stop(Status.TIMEOUT)

    def abort(self) -> None:
        """Kill the kernel, from another thread."""
        with contextlib.suppress(AttributeError):  # it has not started yet, or has just ended
            self.km.provisioner.process.kill()

    def watch(self, place: Path, limits: dict[str, int]) -> None:
        """Stop a kernel that, with all its processes and files, goes beyond its limits; from another thread."""
        if sandbox.disk_mb(place) > sandbox.DISK_MB:
            self._stop(Status.DISK)
        processes = self._manager.processes()
        if len(processes) > sandbox.WATCHED_PROCESSES:
            self._stop(Status.PROCESSES)
            return
        self.proportional_mb = max(self.proportional_mb, round(sandbox.memory_mb(processes)))
        if self.proportional_mb > limits["memory_mb"]:
            self._stop(Status.MEMORY)

    def _stop(self, status: Status) -> None:
        if not self._stopped:
            self._stopped, self.status = True, status
            self.abort()


def _encodable(output: NotebookNode) -> NotebookNode:
    """An output as a file can hold it: half a character becomes `?`."""
    text = json.dumps(output, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return from_dict(json.loads(encodable(text)))
    return output


def _failure(cell: NotebookNode, stop: Stop) -> NotebookNode:
    """The error of a cell that did not run to its end; the cell's metadata say so too, as data."""
    cell.metadata[STOPPED] = stop
    return new_output("error", ename=stop, evalue=_(TOLD[stop]), traceback=[f"{stop}: {_(TOLD[stop])}"])
