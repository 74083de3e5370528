"""Running one notebook: a kernel forked from the warm server, or a plain one where there is no fork.

Everything that decides a mark is nbgrader's own `Execute`.  What is added: the kernel's folder holds neither the
notebook nor the tests, the whole notebook has a budget of time and of output, and a kernel that dies or no longer
answers costs the cells from there on, never the hand-in (stock nbgrader gives full marks for a cell that never ran).
The walls around a kernel are in `grading.sandbox`; the check cells run in another process (`grading.examiner`) or,
where that cannot be, in the kernel between two probes (`grading.integrity`).
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from traitlets import Any
from traitlets.config import Config

from grading import sandbox
from grading.examiner import Examiner, definitions, is_check, outputs, visible
from grading.forkserver import ForkError, ForkServer
from grading.integrity import ALTERED, probe
from grading.sandbox import Sandbox, SandboxError
from utils.paths import ROOT, cache_dir

FORKED, ALONE = "llm-course-fork", "llm-course-alone"  # the names of our two ways to start a kernel
NOTEBOOK_SECONDS = 1800  # for a whole notebook, besides the limit of each cell
OUTPUT_BYTES = 20_000_000  # what a notebook may print; the rest is dropped, and at ten times as much the kernel is
ANSWER_SECONDS = 5  # an interrupted kernel must be listening again after these
WATCH_SECONDS = 0.5  # between two looks at what the kernels take up


@dataclass
class Run:
    """An executed notebook and what it took.  `status`: ok, timeout, died, flood, memory or disk."""

    notebook: NotebookNode
    status: str = "ok"
    seconds: float = 0.0
    usage: dict = field(
        default_factory=dict
    )  # CPU seconds, peak memory, and proportional memory (shared pages divided)
    notes: list[str] = field(default_factory=list)  # what a person should look at, in French


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
    FORKED: EntryPoint(FORKED, "grading.kernels:ForkProvisioner", KernelProvisionerFactory.GROUP_NAME),
    ALONE: EntryPoint(ALONE, "grading.kernels:AloneProvisioner", KernelProvisionerFactory.GROUP_NAME),
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
        self.notes: list[str] = []
        self.proportional_mb = 0
        self._end = time.monotonic() + NOTEBOOK_SECONDS
        self._printed = 0
        self._stopped = False  # the kernel is gone: the cells that are left fail without being run
        self.status = "ok"
        self.timeout_func = lambda cell: max(1, int(min(self.timeout, self._end - time.monotonic())))

    def create_kernel_manager(self):
        self.km = self._manager
        return self.km

    def setup_kernel(self, **kwargs):
        return super().setup_kernel(cwd=str(self._place / "w"), env=self._env, **kwargs)

    def preprocess(self, nb, resources=None, km=None):
        self._line = os.open(self._place / "k", os.O_RDONLY) if self._examiner else -1
        try:
            return super().preprocess(nb, resources, km)
        finally:
            if self._line >= 0:
                os.close(self._line)

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        if index in self._skip:
            cell.outputs = [new_output("stream", name="stdout", text="(démonstration : non exécutée à la correction)")]
            return cell, resources
        if self._stopped or time.monotonic() > self._end:
            self._stop("timeout")
            cell.outputs = [_failure("NotRun", "cellule non exécutée : l'exécution s'est arrêtée plus haut")]
            return cell, resources
        if is_check(cell):
            self._check(cell, resources, index)
            self.nb.cells[index] = cell  # nbclient has put there what was executed last
        else:
            self._execute(cell, resources, index)
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
            # Through the descriptor: the student's code may have put a link in the folder's place by now.
            listening.bind(f"/proc/self/fd/{self._line}/{path.name}")
            self._manager.give_socket(self._line, path.name)
            listening.listen(1)
            line = self._examiner.invite(cell.metadata.nbgrader.grade_id, listening)
        call = f"__import__('grading.answering').answering.answer({str(path)!r})\n{definitions(visible(cell.source))}"
        asked = new_code_cell(call)
        with line:
            self._execute(asked, resources, index)
            found = outputs(line)
        cell.execution_count = asked.execution_count
        cell.outputs = [output for output in asked.outputs if output.output_type == "stream"]
        if found is not None:
            cell.outputs += found
        elif self.status == "ok" and not self._stopped:
            self._suspect(cell)
        else:
            cell.outputs += [output for output in asked.outputs if output.output_type == "error"]

    def _is_sound(self, cell, resources, index) -> bool:
        """Whether the kernel gives a probe the outcome it must have; one that is gone is another matter."""
        attempt = probe(cell.source)
        self._execute(attempt.cell, resources, index)
        return self.status != "ok" or attempt.is_sound()

    def _suspect(self, cell) -> None:
        cell.outputs = [_failure("NoyauAltere", f"{ALTERED} ; cet exercice attend une correction manuelle")]
        self.notes.append(f"{ALTERED.capitalize()} ({cell.metadata.nbgrader.grade_id.rpartition('-')[0]}).")

    def _execute(self, cell, resources, index) -> None:
        """Run a cell in the kernel."""
        if self._stopped:
            cell.outputs = [_failure("NotRun", "cellule non exécutée : l'exécution s'est arrêtée plus haut")]
            return
        try:
            super().preprocess_cell(cell, resources, index)
        except (DeadKernelError, CellTimeoutError) as error:
            self._stop("died" if isinstance(error, DeadKernelError) else "timeout")
            cell.outputs.append(_failure("DeadKernel", "le noyau Python s'est arrêté pendant cette cellule"))
        else:
            if any(output.get("ename") == self.error_on_timeout["ename"] for output in cell.outputs):
                self._after_a_timeout()

    def process_message(self, msg, cell, cell_index):
        """As nbclient's, but what is printed beyond the budget is dropped, and a kernel that goes on is killed."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "error"):
            self._printed += len(str(msg["content"]))
            if self._printed > 10 * OUTPUT_BYTES and not self._stopped:
                self._stop("flood")
            if self._printed > OUTPUT_BYTES and msg["msg_type"] in ("stream", "display_data"):
                return None  # results and errors are kept: they decide marks
        return super().process_message(msg, cell, cell_index)

    def _after_a_timeout(self) -> None:
        """Go on only if the interrupted kernel listens again: each cell would else wait for its own time-out."""
        self.status = "timeout"
        try:
            run_sync(self.kc.wait_for_ready)(timeout=ANSWER_SECONDS)
        except RuntimeError:
            self._stop("timeout")

    def abort(self) -> None:
        """Kill the kernel, from another thread."""
        with contextlib.suppress(AttributeError):  # it has not started yet, or has just ended
            self.km.provisioner.process.kill()

    def watch(self, place: Path, limits: dict[str, int]) -> None:
        """Stop a kernel that, with all its processes and files, goes beyond its limits; from another thread."""
        if sandbox.disk_mb(place) > sandbox.DISK_MB:
            self._stop("disk")
        processes = self._manager.processes()
        if len(processes) > sandbox.WATCHED_PROCESSES:
            self._stop("processes")
            return
        self.proportional_mb = max(self.proportional_mb, round(sandbox.memory_mb(processes)))
        if self.proportional_mb > limits["memory_mb"]:
            self._stop("memory")

    def _stop(self, status: str) -> None:
        if not self._stopped:
            self._stopped, self.status = True, status
            self.abort()


def _failure(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class Engine:
    """Runs notebooks, several at once, forked from a warm server where that is possible.

    `with Engine(modules, jobs=4) as engine: engine.run(notebook, files)`; `engine.notes` says what it could not do,
    `engine.protection` what stands around the kernels.  Raises `SandboxError` rather than run without protection,
    unless `isolated` is false.
    """

    def __init__(
        self,
        modules: list[str],
        jobs: int = 1,
        warm: bool = True,
        config: Config | None = None,
        isolated: bool = True,
        secret: tuple[Path, ...] = (),
        lab: NotebookNode | None = None,
        fitness: Path | None = None,
    ):
        """`lab`: the source of the lab whose checks are to run apart; `fitness`: where to remember which of them can;
        `secret`: files that no kernel must see."""
        self._config = config or Config()
        self._folder = _scratch()
        self.jobs = jobs
        self.notes: list[str] = []
        self._env = _environment(jobs)
        self._server = None
        self._running: dict[Runner, Path] = {}
        self._closed = threading.Event()
        self._sandbox = None
        self._examiner = None
        if isolated:
            try:
                self._sandbox = Sandbox.choose(self._folder, jobs, secret)
            except SandboxError:
                self.close()
                raise
        if self._sandbox:
            self._sandbox.limits["cpu_seconds"] = NOTEBOOK_SECONDS * cores()
            threading.Thread(target=self._watch, daemon=True).start()
        if warm:
            home = self._folder / "server"
            home.mkdir()
            env = self._env | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(home))
            try:
                self._server = ForkServer(modules, env, self._sandbox)
            except ForkError as error:
                self._cold(error)
        if lab is not None and any(is_check(cell) for cell in lab.cells):
            try:
                self._examiner = Examiner(lab, self._env, self._folder / "examiner", fitness)
            except OSError as error:
                self.notes.append(f"checks run in the students' kernels: {error}")

    @property
    def protection(self) -> str:
        """What stands between a student's code and this machine, in one line."""
        return f"Isolation: {self._sandbox or 'NONE, a notebook can do whatever you can'}."

    def wait(self) -> None:
        """Wait until the libraries are imported, so that threads need not do it together."""
        if self._server:
            try:
                self._server.wait()
                self._try_walls()
            except ForkError as error:
                self._server.close()
                self._cold(error)

    @property
    def warm(self) -> bool:
        return self._server is not None

    def run(self, notebook: NotebookNode, files: dict[str, Path], skip: frozenset[int] = frozenset()) -> Run:
        """Execute a notebook (in place) in a new folder that holds `files` (name in the folder: where it comes from).

        `skip`: indexes of cells to leave out.  Called from several threads at once.
        """
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as name:
            work, home, line = Path(name, "w"), Path(name, "h"), Path(name, "k")
            for folder in (work, home, line):
                folder.mkdir()
            for relative, source in files.items():
                (work / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, work / relative)
            walls = self._sandbox.make_place(Path(name)) if self._sandbox else None
            manager = Manager(server=self._server, sandbox=self._sandbox, walls=walls, config=self._config)
            manager.connection_file = str(line / "k.json")
            if os.name == "posix":
                manager.transport = "ipc"  # unix sockets in a private folder: no port that two kernels could both take
            env = self._env | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR"), str(home))
            runner = Runner(manager, Path(name), env, self._examiner, skip, config=self._config)
            self._running[runner] = Path(name)
            try:
                runner.preprocess(notebook, {})
            finally:
                self._running.pop(runner, None)
            usage = dict(manager.process.usage) if manager.process else {}
            usage["proportional_mb"] = runner.proportional_mb
            return Run(notebook, runner.status, round(time.monotonic() - began, 3), usage, runner.notes)

    def in_kernels(self) -> list[str]:
        """The checks that had to run in the students' kernels, where their code could reach them."""
        return self._examiner.unfit() if self._examiner else []

    def _try_walls(self) -> None:
        """Try the walls around a forked kernel; raises `ForkError` if one does not hold."""
        if self._sandbox:
            with self._sandbox.trial() as (spec, questions):
                request = {"cwd": str(Path(spec["place"], "w")), "env": self._env, "walls": spec, "probe": questions}
                try:
                    self._server.fork(request).wait(sandbox.PROBE_SECONDS)
                except subprocess.TimeoutExpired:
                    raise ForkError("the process that tries the walls hung") from None
                if broken := sandbox.answer(spec):
                    raise ForkError(f"the walls do not hold around a forked kernel ({'; '.join(broken)})")

    def _watch(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            for runner, place in list(self._running.items()):
                with contextlib.suppress(OSError, psutil.Error):
                    runner.watch(place, self._sandbox.limits)

    def _cold(self, error: ForkError) -> None:
        self._server = None
        self.notes.append(f"kernels start one by one, without shared imports: {error}")

    def close(self) -> None:
        """End every kernel; a notebook that is being run then fails in its thread."""
        self._closed.set()
        for runner in list(self._running):
            runner.abort()
        if self._server:
            self._server.close()
        if self._examiner:
            self._examiner.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _environment(jobs: int) -> dict[str, str]:
    """What a kernel may know of this machine: nothing that is not named here."""
    kept = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "COURSE_MODELS")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {
        "PYTHONPATH": str(ROOT),
        "COURSE_CACHE": str(cache_dir()),  # HOME is another
        "NBGRADER_EXECUTION": "autograde",
        "HF_HUB_OFFLINE": "1",  # a look-up of the hub would wait for a time-out in every kernel
        "TOKENIZERS_PARALLELISM": "false",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "USER": "student",
        # Kernels share the cores instead of fighting for them, and one that waits does not spin.
        "OMP_THREAD_LIMIT": str(max(1, cores() // jobs)),
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _scratch() -> Path:
    """A folder for this run; what killed runs left is removed.  In /tmp: a unix socket's path has 107 characters."""
    parent = Path(tempfile.gettempdir())
    for old in parent.glob("llm-grade-*-*"):
        pid = old.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"llm-grade-{os.getpid()}-", dir=parent))
