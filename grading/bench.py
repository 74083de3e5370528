"""`make bench-grade`: stock nbgrader and this grading, on the same hand-ins, in one run.

    python -m grading.bench [--lab tp1_mlm] [--sizes 1 5 20] [--alone 100 300] [--jobs n]

For each size a class is made (perfect, untouched and half-done hand-ins in turn) and graded twice, by
`nbgrader autograde` and by `grading.grade`, each in a process of its own; the sizes of `--alone` by the latter only.
Every cell's mark is compared.  `--lab imports` is a lab that does nothing but import torch, transformers and datasets.

Stock nbgrader runs with the course's settings that marks depend on (time limit, warnings on stderr, deleted cells put
back), and its own for the rest.  Both find the lab in their gradebook already.  Results go to build/bench/, and from
all of them docs/grading-bench.md and .png are written.
"""

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import nbformat
import psutil
from nbgrader.api import Gradebook

from authoring.catalogue import Catalogue
from authoring.lab import Lab
from authoring.release import generate, quiet
from grading import demo
from grading.book.gradebook import Course
from grading.grade import Options, grade
from utils.environment import ROOT, cores

WORK = ROOT / "build" / "bench"
DOCS = ROOT / "docs"
SAMPLE_SECONDS = 0.5
IMPORTS = "imports"
IMPORTS_LAB = """
# %% [markdown]
# # Un TP qui n'est que bibliothèques

# %%
import torch
import datasets
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer
from utils.checks import Report, ToDo, expect_equal

# %% exercise="ex1_double" role="solution"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% exercise="ex1_double" role="check" points=2
report = Report("Exercice 1", points=2)
with report.test("double(3)", points=1):
    expect_equal(double(torch.tensor(3)), torch.tensor(6), "double(3)")
### BEGIN HIDDEN TESTS
with report.test("double(0)", points=1):
    expect_equal(double(torch.tensor(0)), torch.tensor(0), "double(0)")
### END HIDDEN TESTS
report.score()

# %% exercise="ex2_triple" role="solution"
def triple(x):
    ### BEGIN SOLUTION
    return 3 * x
    ### END SOLUTION

# %% exercise="ex2_triple" role="check" points=2
report = Report("Exercice 2", points=2)
with report.test("triple(3)", points=2):
    expect_equal(triple(torch.tensor(3)), torch.tensor(9), "triple(3)")
report.score()
"""
IMPORTS_SETTINGS = """order = 0\nminutes = 1\n[title]\nfr = "Imports"\n[subject]\nfr = "Imports"\n"""
STOCK_SETTINGS = """
from pathlib import Path
from authoring.nbgrader import configuration
c = get_config()
c.merge(configuration(Path({root!r})))
c.Execute.shutdown_kernel = "graceful"
"""

INTRODUCTION = """\
# Grading, measured

Made by `make bench-grade`; do not edit. Each class is perfect, untouched and half-done hand-ins in turn. Stock: one
`nbgrader autograde` process with its own settings but for those that marks depend on; it writes no feedback. Ours:
`grading.grade`, feedback pages included; kernels forked from a warm process, demonstration cells left out unless a
hand-in needs them. Seconds are of the whole command; CPU is what the processors worked meanwhile, whoever they
worked for; memory is the peak of proportional memory (PSS). *Load* is the machine's load average when a run began: well
above what one run makes, others were at work.
"""
HEADER = "| submissions | grader | at once | wall, s | each, s | CPU, s | CPU each, s | memory, MB | grader itself, MB "
HEADER += "| load | marks |\n|---|---|---|---|---|---|---|---|---|---|---|"


@dataclass
class Row:
    """One grading of a class.  Memory: peaks, in MB, proportional (shared pages are divided among who shares them)."""

    lab: str
    grader: str  # stock, ours
    size: int
    jobs: int
    wall: float
    cpu: float
    tree_mb: int  # the grader and all its processes
    own_mb: int  # the grader alone
    load: float  # of the machine, when it started: what others were doing
    cells: int = 0
    different: int = 0  # marks that are not the other grader's


# ------------------------------------------------------------------------------------------------------- measuring
class Memory(threading.Thread):
    """Samples the proportional memory of a process and of all that descends from it."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.tree, self.own, self._end = pid, 0, 0, threading.Event()

    def run(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            try:
                process = psutil.Process(self.pid)
                own = proportional(process)
                self.own = max(self.own, own)
                self.tree = max(self.tree, own + sum(map(proportional, process.children(recursive=True))))
            except psutil.Error:
                continue

    def stop(self) -> None:
        self._end.set()
        self.join()


def proportional(process: psutil.Process) -> int:
    """MB of a process, shared pages divided among those who share them (Linux; elsewhere the resident size)."""
    try:
        info = process.memory_full_info()
        return getattr(info, "pss", info.rss) >> 20
    except (psutil.Error, OSError):  # it has just ended
        return 0


def busy_seconds() -> float:
    """What all processors of the machine have worked so far: a process that nobody waits for is counted too."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))


def measured(command: list[str], folder: Path) -> dict:
    """Run a command: wall seconds, CPU seconds, peak memory."""
    load, began, busy = os.getloadavg()[0], time.monotonic(), busy_seconds()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    with (folder / "bench.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        memory = Memory(process.pid)
        memory.start()
        process.wait()
        wall, cpu = time.monotonic() - began, busy_seconds() - busy
        memory.stop()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{(folder / 'bench.log').read_text()[-3000:]}")
    return {"wall": round(wall, 2), "cpu": round(cpu, 2), "tree_mb": memory.tree, "own_mb": memory.own,
            "load": round(load, 1)}  # fmt: skip


def marks(root: Path, lab: str) -> set[tuple]:
    """Every cell of a gradebook: student, cell, points, maximum, waits for a person."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as gradebook:
        return {
            (submission.student.id, grade.name, grade.auto_score, grade.max_score, grade.needs_manual_grade)
            for submission in gradebook.assignment_submissions(lab)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


# --------------------------------------------------------------------------------------------------------- classes
def make_class(lab: Lab, size: int, root: Path) -> None:
    """A course folder with `size` hand-ins, the lab known to its gradebook."""
    shutil.rmtree(root, ignore_errors=True)
    with quiet():
        given = nbformat.read(generate(lab, root), as_version=4)
    for number, student in zip(range(size), itertools.cycle(demo.three(lab)), strict=False):
        name = f"{number:03d}-{student.name}"
        demo.hand_in(given, demo.Student(name, student.sources, student.expected), root, lab.name)


def bench(lab: Lab, size: int, jobs: int, stock: bool) -> list[Row]:
    """Grade a class of `size` with both (or ours alone); marks are compared, and with those that were meant."""
    root = WORK / f"{lab.name}-{size}"
    make_class(lab, size, root)
    with quiet():
        Course(root, lab).open()
    rows, found = [], []
    if stock:
        other = WORK / f"{lab.name}-{size}-stock"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(root, other)
        (other / "nbgrader_config.py").write_text(STOCK_SETTINGS.format(root=str(other)), encoding="utf-8")
        command = [sys.executable, "-m", "nbgrader", "autograde", lab.name, "--log-level=ERROR"]
        rows.append(Row(lab.name, "stock", size, 1, **measured(command, other)))
        found.append(marks(other, lab.name))
    command = [sys.executable, "-m", "grading.bench", "--one", str(root), "--lab", lab.name, "--jobs", str(jobs)]
    rows.append(Row(lab.name, "ours", size, jobs, **measured([*command, "--labs", str(lab.root)], root)))
    found.append(marks(root, lab.name))
    expected = {
        f"{n:03d}-{s.name}": s.expected for n, s in zip(range(size), itertools.cycle(demo.three(lab)), strict=False)
    }
    for row, cells in zip(rows, found, strict=True):
        row.cells, row.different = len(cells), len(cells ^ found[0])
        for student, cell, got, *_ in cells:
            if cell.endswith("-check") and abs(got - expected[student][cell.removesuffix("-check")]) > 1e-9:
                row.different += 1
                print(f"[FAIL] {row.grader}, {student}, {cell}: {got}", file=sys.stderr)
    return rows


# ------------------------------------------------------------------------------------------------------- documents
def write_documents(rows: list[Row]) -> None:
    """docs/grading-bench.md and its plot, from every measure there is."""
    DOCS.mkdir(exist_ok=True)
    text = [
        INTRODUCTION,
        f"{date.today()}, {_processor()}, {cores()} cores, {psutil.virtual_memory().total >> 30} GiB, "
        f"Python {platform.python_version()}.",
        "",
    ]
    for lab in dict.fromkeys(row.lab for row in rows):
        name = "A lab that only imports torch, transformers and datasets" if lab == IMPORTS else f"`{lab}`"
        text += [f"## {name}", ""]
        text.append(HEADER)
        for row in sorted((r for r in rows if r.lab == lab), key=lambda r: (r.size, r.grader != "stock")):
            same = f"{row.cells} cells, " + (
                "all as they should be" if not row.different else f"{row.different} DIFFER"
            )
            figures = f"{row.wall:.1f} | {row.wall / row.size:.2f} | {row.cpu:.1f} | {row.cpu / row.size:.2f}"
            memory = f"{row.tree_mb} | {row.own_mb}"
            text.append(f"| {row.size} | {row.grader} | {row.jobs} | {figures} | {memory} | {row.load:g} | {same} |")
        pairs = _pairs(rows, lab)
        if pairs:
            told = ", ".join(
                f"{size}: {a.wall / b.wall:.1f}× in wall time, {a.cpu / b.cpu:.1f}× in CPU"
                for size, (a, b) in pairs.items()
            )
            text += ["", f"Stock over ours, by number of submissions: {told}."]
        text.append("")
    text += ["![Seconds a submission, stock nbgrader and ours, by size of the class](grading-bench.png)", ""]
    (DOCS / "grading-bench.md").write_text("\n".join(text), encoding="utf-8")
    _plot(rows)


def _pairs(rows: list[Row], lab: str) -> dict[int, tuple[Row, Row]]:
    by = {(row.size, row.grader): row for row in rows if row.lab == lab}
    return {size: (row, by[size, "ours"]) for (size, who), row in sorted(by.items()) if who == "stock"}


def _plot(rows: list[Row]) -> None:
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.lab for row in rows))
    canvas = Figure(figsize=(5.2 * len(names), 4), layout="constrained")
    for axes, lab in zip(canvas.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for grader, label, colour in (("stock", "stock nbgrader", "#b3261e"), ("ours", "this course", "#1f5fbf")):
            found = sorted((r for r in rows if r.lab == lab and r.grader == grader), key=lambda r: r.size)
            sizes = [row.size for row in found]
            axes.plot(sizes, [row.wall / row.size for row in found], "o-", color=colour, label=f"{label}, wall")
            axes.plot(
                sizes, [row.cpu / row.size for row in found], "s--", color=colour, alpha=0.6, label=f"{label}, CPU"
            )
        axes.set(xscale="log", yscale="log", title=lab, xlabel="submissions", ylabel="seconds a submission")
        ticks = sorted({row.size for row in rows if row.lab == lab})
        axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        axes.set_xticks([], minor=True)
        axes.grid(alpha=0.3)
        axes.legend()
    canvas.savefig(DOCS / "grading-bench.png", dpi=110)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


# --------------------------------------------------------------------------------------------------------- command
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--lab", default="tp1_mlm", help=f"a lab of the course, or {IMPORTS}")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 5, 20], help="classes that both grade")
    parser.add_argument("--alone", type=int, nargs="*", default=[100, 300], help="classes that only ours grades")
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # grade this course folder and end
    parser.add_argument("--labs", type=Path, default=ROOT, help=argparse.SUPPRESS)  # the root of another course
    options = parser.parse_args(arguments)
    if options.lab == IMPORTS and not options.one:
        options.labs = Path(tempfile.mkdtemp(prefix="llm-bench-"))
        shutil.copy(ROOT / "pyproject.toml", options.labs)
        folder = options.labs / "solutions" / IMPORTS
        folder.mkdir(parents=True)
        (folder / f"{IMPORTS}.py").write_text(IMPORTS_LAB, encoding="utf-8")
        (folder / "lab.toml").write_text(IMPORTS_SETTINGS, encoding="utf-8")
    lab = Catalogue(options.labs)[options.lab]
    if options.one:
        failed = [mark for mark in grade(options.one, lab, Options(jobs=options.jobs)) if mark.error]
        return 1 if failed else 0
    WORK.mkdir(parents=True, exist_ok=True)
    kept = WORK / "results.json"
    rows = [Row(**row) for row in json.loads(kept.read_text())] if kept.exists() else []
    for size in sorted({*options.sizes, *options.alone}):
        for row in bench(lab, size, options.jobs, stock=size in options.sizes):
            rows = [r for r in rows if (r.lab, r.grader, r.size) != (row.lab, row.grader, row.size)] + [row]
            figures = f"{row.wall:8.1f} s wall {row.cpu:8.1f} s CPU {row.tree_mb:6d} MB ({row.own_mb} MB itself)"
            print(f"{lab.name} {size:4d} {row.grader:6s} {figures}, {row.different} different marks", flush=True)
        kept.write_text(json.dumps([asdict(row) for row in rows], indent=1))
        write_documents(rows)
    return 1 if any(row.different for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
