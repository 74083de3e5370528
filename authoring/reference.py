"""Run the labs as the site shows them: the reference notebook, once, with what it took.

    python -m authoring.reference [lab …] [--budget small]
    python -m authoring.reference lab … --measure      (`make measure`)
    python -m authoring.reference lab … --figures

The executed notebook is kept in build/executed/ and run again only when its key (`authoring.keys`: the lab, what it
imports, the pins) or the budget changes.  Its metadata say what was measured (`measures`).  A check with hidden tests
is executed twice, as the teacher has it and as students have it: what the second one printed is kept apart, in the
cell's metadata.  `--measure` runs anew, at full budget, and writes into solutions/<lab>/measures.json what it took and
the figures that its cells hand over; `--figures` writes the figures alone, on a machine that is busy with other things.
"""

import argparse
import copy
import json
import os
import platform
import re
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell

from authoring import keys, measures
from authoring.catalogue import Catalogue
from authoring.lab import Lab, LabError
from authoring.source import Source
from grading.execution.engine import Manager
from utils.environment import ROOT, cores
from utils.files import whole
from utils.measures import LISTENING
from utils.measures import shown_by as shown_figures
from utils.outcome import State, shown_by

EXECUTED = ROOT / "build" / "executed"
BUDGETS = ("full", "small")
LIBRARIES = ("numpy", "torch", "transformers")  # whose versions are shown
CELL_SECONDS = 3600
GIB = 2**30
_BEFORE = "from website.figures import describe_all\ndescribe_all(get_ipython())\ndel describe_all"
_AFTER = """\
import json, resource, time
print(json.dumps([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))"""


def executed(lab: Lab, budget: str = "full", folder: Path = EXECUTED) -> nbformat.NotebookNode:
    """The reference notebook of a lab with its outputs: the one kept if it is still true, else a new run's."""
    key = fingerprint(lab, budget)
    path = folder / (f"{lab.name}.ipynb" if budget == "full" else f"{lab.name}.{budget}.ipynb")
    if path.exists():
        kept = nbformat.read(path, as_version=4)
        if kept.metadata.get("measures", {}).get("key") == key:
            return kept
    print(f"    {lab.name} : exécution, budget {budget}", flush=True)
    notebook = run(lab.notebook, budget, lab.name)
    notebook.metadata.measures["key"] = key
    with whole(path) as partial:
        nbformat.write(notebook, partial)
    return notebook


def fingerprint(lab: Lab, budget: str) -> str:
    """Identifies all that the outputs of a lab depend on; `grading`, which lends its kernels, changes none of them."""
    own = keys.lab_files(lab.folder, answers=False) | keys.modules("authoring.lab", "website.figures")
    return keys.key({*own, Path(__file__)}, budget)


def run(
    source: nbformat.NotebookNode, budget: str = "full", name: str = "lab", measuring: bool = False
) -> nbformat.NotebookNode:
    """Execute a teacher's notebook; raises LabError if a cell raises or a check is not passed.

    `measuring`: its cells hand over their figures (`utils.measures`).
    """
    if budget not in BUDGETS:
        raise ValueError(f"budget = {budget!r}; expected one of {', '.join(BUDGETS)}.")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    for name in ("NBGRADER_EXECUTION", "COURSE_BUDGET", "COURSE_LANG", LISTENING):
        environment.pop(name, None)
    if budget == "small":
        environment["COURSE_BUDGET"] = "small"
    if measuring:
        environment[LISTENING] = "1"
    notebook = copy.deepcopy(source)
    before, after = new_code_cell(_BEFORE, id="before"), new_code_cell(_AFTER, id="after")
    notebook.cells = [before, *_with_student_checks(source.cells), after]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=CELL_SECONDS, kernel_manager_class=Manager, resources={"metadata": {"path": folder}},
            record_timing=False, extra_arguments=["--IPKernelApp.log_level=40"],
        )  # fmt: skip
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            raise LabError(f"{name}: the reference run stops.\n{error}") from None
    wall = time.perf_counter() - began
    cpu, peak = json.loads(_printed(notebook.cells.pop()))
    notebook.cells.pop(0)
    _fold_student_checks(notebook)
    found = [outcome for cell in notebook.cells if (outcome := shown_by(cell))]
    if missed := [(o.exercise, test) for o in found for test in o.tests if test.state is not State.RIGHT]:
        exercise, test = missed[0]
        what = f"{exercise}, {test.title}: {test.told or test.state}"
        raise LabError(f"{name}: the reference run does not pass its own checks: {what}")
    notebook.metadata["measures"] = {
        "budget": budget,
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024),
        "machine": machine(),
        "cores": cores(),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }
    return notebook


def measure(lab: Lab, took: bool = True) -> measures.Measure:
    """Run a lab at full budget and write down its figures, and what it `took`; raises as `run` does."""
    notebook = run(lab.notebook, "full", lab.name, measuring=True)
    told = notebook.metadata.measures
    found = measures.Measure(told.machine, told.cores, told.wall_seconds, round(told.peak_bytes / GIB, 1))
    try:
        measures.record(lab.folder, found if took else None, handed_over(notebook, lab.name))
    except measures.FigureError as error:
        raise LabError(f"{lab.name}: {error}") from None
    return found


def handed_over(notebook: nbformat.NotebookNode, name: str = "lab") -> dict[str, measures.Figure]:
    """The figures of an executed notebook; raises LabError if two cells give one the same name."""
    found: dict[str, measures.Figure] = {}
    for cell in notebook.cells:
        figures = shown_figures(cell)
        if twice := found.keys() & figures:
            raise LabError(f"{name}, cell {cell.id}: an earlier cell has measured {min(twice)!r} already.")
        found |= figures
    return found


def machine() -> str:
    """The processor's name."""
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def points(notebook: nbformat.NotebookNode) -> tuple[float, float]:
    """Points that the checks of an executed notebook gave, and the most they could."""
    found = [outcome for cell in notebook.cells if (outcome := shown_by(cell))]
    return sum(outcome.earned for outcome in found), sum(outcome.shown for outcome in found)


def _with_student_checks(cells: list) -> list:
    result = []
    for cell in copy.deepcopy(cells):
        result.append(cell)
        if cell.cell_type == "code" and (source := Source(cell.source)).hidden:
            result.append(new_code_cell(source.visible, id=f"{cell.id}-s"))
    return result


def _fold_student_checks(notebook) -> None:
    cells = []
    for cell in notebook.cells:
        if cells and cell.id == f"{cells[-1].id}-s":
            cells[-1].metadata["student_outputs"] = cell.outputs
        else:
            cells.append(cell)
    notebook.cells = cells


def _printed(cell) -> str:
    return "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream" and o.name == "stdout")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.reference", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    parser.add_argument("--budget", choices=BUDGETS, default="full")
    parser.add_argument("--measure", action="store_true", help="run anew; write down what it takes, and its figures")
    parser.add_argument("--figures", action="store_true", help="run anew; write down its figures")
    options = parser.parse_args(arguments)
    for lab in Catalogue().chosen(options.labs):
        if options.measure or options.figures:
            found = measure(lab, took=options.measure)
            print(f"{lab.name}: {found.seconds} s, {found.memory} GiB ({found.machine}, {found.cores} cores)")
        else:
            m = executed(lab, options.budget).metadata.measures
            print(f"{lab.name}: {m.wall_seconds} s, {m.cpu_seconds} s of CPU, {m.peak_bytes / GIB:.1f} GiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
