"""Running one notebook: a kernel forked from the warm server, or a plain one where there is no fork.

Everything that decides a mark is nbgrader's own `Execute`.  What is added: the kernel's folder holds neither the
notebook nor the tests, the whole notebook has a budget of time and of output, and a kernel that dies or no longer
answers costs the cells from there on, never the hand-in (stock nbgrader gives full marks for a cell that never ran).
"""

import contextlib
import os
import shutil
import sys
import tempfile
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
from nbformat.v4 import new_output
from nbgrader.preprocessors import Execute
from traitlets import Any
from traitlets.config import Config

from grading.forkserver import ForkError, ForkServer
from utils.paths import ROOT, cache_dir

PROVISIONER = "llm-course-fork"
NOTEBOOK_SECONDS = 1800  # for a whole notebook, besides the limit of each cell
OUTPUT_BYTES = 20_000_000  # what a notebook may print; the rest is dropped, and at ten times as much the kernel is
ANSWER_SECONDS = 5  # an interrupted kernel must be listening again after these


@dataclass
class Run:
    """An executed notebook and what it took.  `status`: ok, timeout, died or flood."""

    notebook: NotebookNode
    status: str = "ok"
    seconds: float = 0.0
    usage: dict = field(default_factory=dict)  # of a forked kernel: CPU seconds, peak memory


class ForkProvisioner(LocalProvisioner):
    """How jupyter_client starts and signals a kernel of the fork server."""

    async def launch_kernel(self, cmd, **kwargs):
        argv = cmd[cmd.index("ipykernel_launcher") + 1 :]
        self.process = self.parent.server.fork({"argv": argv, "cwd": kwargs["cwd"], "env": kwargs["env"]})
        self.parent.process = self.process
        self.pid = self.process.pid  # no pgid: signals go down the line, the server sends them to the group
        return self.connection_info


KernelProvisionerFactory.instance().provisioners[PROVISIONER] = EntryPoint(
    PROVISIONER, "grading.kernels:ForkProvisioner", KernelProvisionerFactory.GROUP_NAME
)


class Manager(AsyncKernelManager):
    """A kernel of this very Python, whatever kernels the teacher's Jupyter has; forked if there is a `server`."""

    server = Any(allow_none=True)
    process = Any(allow_none=True)  # of a forked kernel, to ask afterwards what it used

    @property
    def kernel_spec(self):
        metadata = {"kernel_provisioner": {"provisioner_name": PROVISIONER}} if self.server else {}
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, language="python", display_name="Python 3", metadata=metadata)


class Runner(Execute):
    """nbgrader's `Execute`, in a folder of its own, with budgets."""

    def __init__(self, manager: Manager, folder: Path, env: dict[str, str], skip: frozenset[int], **kwargs):
        super().__init__(**kwargs)
        self._manager, self._folder, self._env, self._skip = manager, folder, env, skip
        self._end = time.monotonic() + NOTEBOOK_SECONDS
        self._printed = 0
        self._stopped = False  # the kernel is gone: the cells that are left fail without being run
        self.status = "ok"
        self.timeout_func = lambda cell: max(1, int(min(self.timeout, self._end - time.monotonic())))

    def create_kernel_manager(self):
        self.km = self._manager
        return self.km

    def setup_kernel(self, **kwargs):
        return super().setup_kernel(cwd=str(self._folder), env=self._env, **kwargs)

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
        try:
            super().preprocess_cell(cell, resources, index)
        except (DeadKernelError, CellTimeoutError) as error:
            self._stop("died" if isinstance(error, DeadKernelError) else "timeout")
            cell.outputs.append(_failure("DeadKernel", "le noyau Python s'est arrêté pendant cette cellule"))
        else:
            if any(output.get("ename") == self.error_on_timeout["ename"] for output in cell.outputs):
                self._after_a_timeout()
        return cell, resources

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

    def _stop(self, status: str) -> None:
        if not self._stopped:
            self._stopped, self.status = True, status
            self.abort()


def _failure(name: str, text: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])


class Engine:
    """Runs notebooks, several at once, forked from a warm server where that is possible.

    `with Engine(modules, jobs=4) as engine: engine.run(notebook, files)`; `engine.notes` says what it could not do.
    """

    def __init__(self, modules: list[str], jobs: int = 1, warm: bool = True, config: Config | None = None):
        self._config = config or Config()
        self._folder = _scratch()
        self.jobs = jobs
        self.notes: list[str] = []
        self._env = _environment(jobs)
        self._server = None
        self._running: set[Runner] = set()
        if warm:
            try:
                self._server = ForkServer(modules, env=self._env)
            except ForkError as error:
                self._cold(error)

    def wait(self) -> None:
        """Wait until the libraries are imported, so that threads need not do it together."""
        if self._server:
            try:
                self._server.wait()
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
            manager = Manager(server=self._server, connection_file=str(line / "k.json"), config=self._config)
            if os.name == "posix":
                manager.transport = "ipc"  # unix sockets in a private folder: no port that two kernels could both take
            env = self._env | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR"), str(home))
            runner = Runner(manager, work, env, skip, config=self._config)
            self._running.add(runner)
            try:
                runner.preprocess(notebook, {})
            finally:
                self._running.discard(runner)
            usage = manager.process.usage if manager.process else {}
            return Run(notebook, runner.status, round(time.monotonic() - began, 3), usage)

    def _cold(self, error: ForkError) -> None:
        self._server = None
        self.notes.append(f"kernels start one by one, without shared imports: {error}")

    def close(self) -> None:
        """End every kernel; a notebook that is being run then fails in its thread."""
        for runner in list(self._running):
            runner.abort()
        if self._server:
            self._server.close()
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
