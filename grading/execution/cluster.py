"""Grading on several machines: notebooks are executed by Dask workers, each with its own fork server.

    python -m grading.grade --scheduler local:2              two worker processes on this machine
    python -m grading.grade --scheduler tls://host:8786      a cluster that is already there

`Cluster` has the face of `Engine`, and the rest of the grading does not know the difference: hand-ins are read
here, and only here is the gradebook written.  A worker gets a notebook and the files beside it, and gives back the
executed notebook; it needs neither the course's sources nor the hand-ins.  Workers that die are no matter: Dask runs
their notebooks again elsewhere, and what comes back is recorded once.

Whoever can reach a Dask scheduler can run code on all of it.  The cluster made here is reached by nobody else: its
messages are encrypted with certificates that live as long as it does.  See docs/cluster.md for other clusters.
"""

import asyncio
import contextlib
import hashlib
import importlib.metadata
import logging
import platform
import shutil
import tempfile
import threading
from dataclasses import asdict, replace
from pathlib import Path

import nbformat
from distributed import Client, LocalCluster, Security, WorkerPlugin, get_worker
from nbformat import NotebookNode

from authoring.lab import LabError
from authoring.nbgrader import configuration, deciding
from grading.execution.engine import Options, Run, open_engine
from utils.environment import ROOT, cores

LOCAL = "local:"
FIRST_WORKER_SECONDS = 600  # a queue may take its time to give a first machine
DECIDING = ("torch", "transformers", "numpy", "nbgrader", "ipykernel")  # libraries whose versions decide marks


# ------------------------------------------------------------------------------------------------ the worker's side
class Warm(WorkerPlugin):
    """What a worker has for a lab: an engine, warm before its first notebook."""

    def __init__(self, name: str, sources: dict[str, str], options: Options):
        self.name, self._sources, self._options = name, sources, options

    def setup(self, worker) -> None:
        options = self._options if self._options.jobs else replace(self._options, jobs=worker.state.nthreads)
        self._engine = open_engine(self._sources, configuration(ROOT), options)
        self._lock, self._ready = threading.Lock(), False

    def engine(self):
        """The engine, once its libraries are imported."""
        with self._lock:
            if not self._ready:
                self._engine.wait()
                self._ready = True
        return self._engine

    def teardown(self, worker) -> None:
        self._engine.close()


def course_version() -> str:
    """What must be the same on every machine for marks to be."""
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in DECIDING]
    helpers = set((ROOT / "utils").rglob("*.py"))  # all: a worker has no lab to know which
    known = deciding(configuration(ROOT), helpers)
    told = [known, f"Python {'.'.join(platform.python_version_tuple()[:2])}", *libraries]
    return f"{', '.join(told[1:])}, course {hashlib.sha256(told[0].encode()).hexdigest()[:12]}"


async def introduce(name: str, dask_worker) -> tuple[str, list[str]]:
    """What a worker runs, and what it could not do; it is warm when it answers."""
    engine = await asyncio.to_thread(dask_worker.plugins[name].engine)
    return course_version(), [engine.protection, *engine.notes]


def in_kernels(name: str, dask_worker) -> list[str]:
    """The checks that a worker had to run in the students' kernels."""
    return dask_worker.plugins[name].engine().in_kernels()


def execute(name: str, notebook: str, files: dict[str, bytes], skip: list[int]) -> dict:
    """Run a notebook on a worker; plain data in, plain data out."""
    engine = get_worker().plugins[name].engine()
    with tempfile.TemporaryDirectory(prefix="llm-files-") as folder:
        places = {}
        for relative, content in files.items():
            places[relative] = Path(folder, relative)
            places[relative].parent.mkdir(parents=True, exist_ok=True)
            places[relative].write_bytes(content)
        run = engine.run(nbformat.reads(notebook, as_version=4), places, frozenset(skip))
    return asdict(replace(run, notebook=None)) | {"notebook": nbformat.writes(run.notebook)}


# ------------------------------------------------------------------------------------------------ the grader's side
class Cluster:
    """Runs notebooks on a Dask cluster; `with Cluster("local:2", lab, sources, options) as engine: engine.run(…)`."""

    def __init__(self, address: str, lab: str, sources: dict[str, str], options: Options):
        """`sources`: the lab's notebook as text, by language.  Raises `LabError` where there is no such cluster."""
        self.notes: list[str] = []
        self._name, self._cluster, self._folder = f"llm-grading-{lab}", None, None
        security = None
        if address.startswith(LOCAL):
            self._cluster, options = self._start(address.removeprefix(LOCAL), options)
            address, security = self._cluster.scheduler_address, self._cluster.security
        else:
            options = replace(options, jobs=0)  # each worker knows its own number of threads
        try:
            self._client = Client(address, security=security, timeout=30, set_as_default=False)
        except (OSError, ValueError) as error:
            self._shut()
            raise LabError(f"no Dask scheduler answers at {address} ({error}); see docs/cluster.md.") from None
        self._client.register_plugin(Warm(self._name, sources, options), name=self._name)
        self.jobs = 1

    def _start(self, count: str, options: Options) -> tuple[LocalCluster, Options]:
        """A cluster on this machine, which nobody else can talk to."""
        if not count.isdigit() or int(count) < 1:
            raise LabError(f"--scheduler {LOCAL}{count}: a number of worker processes is wanted, such as {LOCAL}2.")
        threads = -(-(options.jobs or cores()) // int(count))
        self._folder = tempfile.mkdtemp(prefix="llm-dask-")
        cluster = LocalCluster(
            n_workers=int(count), threads_per_worker=threads, processes=True, dashboard_address=None, memory_limit=0,
            security=Security.temporary(), protocol="tls://", local_directory=self._folder, silence_logs=logging.ERROR,
        )  # fmt: skip
        return cluster, replace(options, jobs=threads * int(count))  # they share this machine's cores

    def wait(self) -> None:
        """Wait for a first worker, and until those that are there are warm; raises `LabError`."""
        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError:
            raise LabError(f"no Dask worker in {FIRST_WORKER_SECONDS} s; see docs/cluster.md.") from None
        here = course_version()
        for worker, (there, notes) in self._client.run(introduce, self._name).items():
            if there != here:
                raise LabError(
                    f"the worker {worker} runs {there}; here it is {here}. Update it, or marks could differ."
                )
            self.notes += [f"{worker}: {note}" for note in notes]
        threads = sum(self._client.nthreads().values())
        self.jobs = max(1, threads)

    @property
    def protection(self) -> str:
        """What stands between a student's code and the workers' machines: each tells its own in `notes`."""
        return "Isolation: each worker's own."

    def in_kernels(self) -> list[str]:
        """As `Engine.in_kernels`, on any worker."""
        return sorted(set().union(*self._client.run(in_kernels, self._name).values()))

    def run(self, notebook: NotebookNode, files: dict[str, Path], skip: frozenset[int] = frozenset()) -> Run:
        """As `Engine.run`, on some worker; called from several threads at once."""
        contents = {name: path.read_bytes() for name, path in files.items()}
        future = self._client.submit(
            execute, self._name, nbformat.writes(notebook), contents, sorted(skip), pure=False, retries=1
        )
        found = future.result()
        return Run(**found | {"notebook": nbformat.reads(found["notebook"], as_version=4)})

    def close(self) -> None:
        """End what was started here; on a cluster that goes on, the lab's engines end."""
        try:
            if self._cluster is None and self._client.status == "running":
                self._client.unregister_worker_plugin(self._name)
        finally:
            self._client.close(timeout=5)
            self._shut()

    def _shut(self) -> None:
        if self._cluster is not None:
            with contextlib.suppress(TimeoutError):  # a worker that is being started again; it ends with this process
                self._cluster.close(timeout=60)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
