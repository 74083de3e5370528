"""What runs a lab's notebooks, several at once: kernels forked from a warm server, plain ones where there is no fork.

The walls around a kernel are those of `grading.execution.sandbox`; one notebook is run by `grading.execution.runner`.
"""

import ast
import contextlib
import copy
import os
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from nbformat import NotebookNode
from traitlets.config import Config

from grading.execution import sandbox
from grading.execution.examiner import Examiner
from grading.execution.forks import ForkServer
from grading.execution.runner import NOTEBOOK_SECONDS, Manager, Runner
from grading.execution.sandbox import Sandbox, SandboxError
from grading.execution.status import Status
from grading.inside.zygote import ForkError
from utils.environment import ROOT, cache_dir, cores
from utils.notebook.cells import FRENCH, is_check, language

EXAM = ("grading.inside.answering", "grading.inside.exam")  # what both sides of an examination need
WATCH_SECONDS = 0.5  # between two looks at what the kernels take up


@dataclass(frozen=True)
class Options:
    """How to grade: kernels at once, forked from a warm process or not, behind walls or not."""

    jobs: int = field(default_factory=cores)  # 0: as many as the scheduler's workers have threads
    warm: bool = True
    isolated: bool = True
    scheduler: str = ""  # a Dask cluster (`grading.execution.cluster`)


@dataclass
class Run:
    """An executed notebook and what it took."""

    notebook: NotebookNode
    status: Status = Status.OK
    seconds: float = 0.0
    usage: dict = field(
        default_factory=dict
    )  # CPU seconds, peak memory, and proportional memory (shared pages divided)
    altered: list[str] = field(default_factory=list)  # exercises that a person should look at: the kernel was altered


def open_engine(
    sources: dict[str, str],
    config: Config,
    options: Options,
    secret: tuple[Path, ...] = (),
    fitness: Path | None = None,
) -> "Engine":
    """What runs a lab's notebooks, here or on a worker; `sources`: the lab's notebook as text, by language.

    `secret`: files that no notebook must see, besides the course's own; `fitness`: the start of a path, see
    `grading.execution.examiner`.
    """
    modules = imports(sources[FRENCH])
    labs = {language: nbformat.reads(source, as_version=4) for language, source in sources.items()}
    return Engine(modules, options.jobs, options.warm, config, options.isolated, secret, labs, fitness)


def imports(source: str) -> list[str]:
    """What a lab imports, in the order it does, as the fork server wants it: `torch`, `transformers:Trainer`…"""
    found: dict[str, None] = {}
    for cell in nbformat.reads(source, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        try:
            tree = ast.parse(cell.source)
        except SyntaxError:  # a cell with a magic
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= dict.fromkeys(f"{node.module}:{alias.name}" for alias in node.names)
    return list(found)


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
        labs: dict[str, NotebookNode] | None = None,
        fitness: Path | None = None,
    ):
        """`labs`: the source, by language, of the lab whose checks are to run apart; `fitness`: the path, but for the
        language, where to remember which of them can; `secret`: files that no kernel must see."""
        self._config = copy.deepcopy(config) if config else Config()
        given = self._config.Execute.get("extra_arguments", [])
        self._config.Runner.extra_arguments = [*given, "--IPKernelApp.extensions=grading.inside.shell"]
        self._folder = _scratch()
        self.jobs = jobs
        self.notes: list[str] = []
        self._env = _environment(jobs)
        self._ancestor = self._server = None
        self._running: dict[Runner, Path] = {}
        self._closed = threading.Event()
        self._sandbox = None
        self._labs, self._fitness = labs or {}, fitness
        self._examiners: dict[str, Examiner | None] = {}
        self._lock = threading.Lock()
        if isolated:
            try:
                self._sandbox = Sandbox.choose(self._folder, jobs, secret)
            except SandboxError:
                self.close()
                raise
        if self._sandbox:
            self._sandbox.limits["cpu_seconds"] = NOTEBOOK_SECONDS * cores()
            threading.Thread(target=self._watch, daemon=True).start()
        self._ancestor = self._started(modules) if warm or self._labs else None
        self._server = self._ancestor if warm else None

    def _started(self, modules: list[str]) -> ForkServer | None:
        """What forks kernels and examiners, once it has imported `modules`; None where there is no fork."""
        home = Path(tempfile.mkdtemp(dir=self._folder, prefix="server-"))
        env = self._env | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(home))
        try:
            return ForkServer([*modules, *EXAM] if self._labs else modules, env, self._sandbox)
        except ForkError as error:
            self._cold(error)
            return None

    def _examiner(self, language: str) -> Examiner | None:
        """What examines the hand-ins in a language, begun with the first of them; None if their kernels must do it."""
        lab = self._labs.get(language)
        with self._lock:
            if language not in self._examiners:
                checked = lab and any(is_check(cell) for cell in lab.cells)
                self._examiners[language] = self._begun(language, lab) if lab and checked else None
            return self._examiners[language]

    def _begun(self, language: str, lab: NotebookNode) -> Examiner | None:
        place = Path(tempfile.mkdtemp(dir=self._folder, prefix=f"examiner-{language}-"))
        work, home = place / "w", place / "h"
        work.mkdir()
        home.mkdir()
        walls = self._sandbox.make_place(place) if self._sandbox else None
        if walls:
            self._sandbox.give(walls)
        env = self._env | {"COURSE_LANG": language} | dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(home))
        memory = self._fitness and self._fitness.with_name(f"{self._fitness.name}.{language}.fit")
        try:
            if not self._ancestor:
                raise ForkError("no process can be forked here")
            return Examiner(self._ancestor, lab, {"cwd": str(work), "env": env, "walls": walls}, memory)
        except ForkError as error:
            self.notes.append(f"checks run in the students' kernels: {error}")
            return None

    @property
    def protection(self) -> str:
        """What stands between a student's code and this machine, in one line."""
        return f"Isolation: {self._sandbox or 'NONE, a notebook can do whatever you can'}."

    def wait(self) -> None:
        """Wait until the libraries are imported and the walls tried, and begin to run the lab for the examiner."""
        if self._ancestor and not self._holds():
            # A library of the lab's cannot be forked; the exam may still be, for it imports it later.
            self._ancestor = self._started([]) if self._labs else None
            if self._ancestor and not self._holds():
                self._ancestor = None
        if FRENCH in self._labs:
            self._examiner(FRENCH)

    def _holds(self) -> bool:
        """Whether the ancestor forks, behind walls that hold; else it is closed, and kernels start one by one."""
        try:
            self._ancestor.wait()
            self._try_walls()
        except ForkError as error:
            self._ancestor.close()
            if self._server:
                self._cold(error)
            return False
        return True

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
            env = self._env | {"COURSE_LANG": language(notebook)}
            env |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "IPYTHONDIR"), str(home))
            examiner = self._examiner(language(notebook))
            runner = Runner(manager, Path(name), env, examiner, skip, config=self._config)
            self._running[runner] = Path(name)
            try:
                runner.preprocess(notebook, {})
            finally:
                self._running.pop(runner, None)
            usage = dict(manager.process.usage) if manager.process else {}
            usage["proportional_mb"] = runner.proportional_mb
            return Run(notebook, runner.status, round(time.monotonic() - began, 3), usage, runner.altered)

    def in_kernels(self) -> list[str]:
        """The checks that had to run in the students' kernels, where their code could reach them."""
        return sorted({check for examiner in self._examiners.values() if examiner for check in examiner.unfit()})

    def _try_walls(self) -> None:
        """Try the walls around a forked kernel; raises `ForkError` if one does not hold."""
        if self._sandbox:
            with self._sandbox.trial() as (spec, questions):
                request = {"cwd": str(Path(spec["place"], "w")), "env": self._env, "walls": spec, "probe": questions}
                try:
                    self._ancestor.fork(request).wait(sandbox.PROBE_SECONDS)
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
        for examiner in filter(None, self._examiners.values()):
            examiner.close()
        if self._ancestor:
            self._ancestor.close()
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


def _scratch() -> Path:
    """A folder for this run; what killed runs left is removed.  In /tmp: a unix socket's path has 107 characters."""
    parent = Path(tempfile.gettempdir())
    for old in parent.glob("llm-grade-*-*"):
        pid = old.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"llm-grade-{os.getpid()}-", dir=parent))
