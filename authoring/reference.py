"""Run the labs as the site shows them: the reference notebook, once, with what it took.

    python -m authoring.reference [lab …] [--budget small]

The executed notebook is kept in build/executed/ and run again only when its key (`authoring.keys`: the lab, what it
imports, the pins) or the budget changes.  Its metadata say what was measured (`measures`).  A check with hidden tests
is executed twice, as the teacher has it and as students have it: what the second one printed is kept apart, in the
cell's metadata.
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

from authoring import keys
from authoring.lab import HIDDEN_MARKS, SOLUTIONS, LabError, labs, read_lab
from grading.execution.engine import Manager
from utils.paths import ROOT

EXECUTED = ROOT / "build" / "executed"
BUDGETS = ("full", "small")
LIBRARIES = ("numpy", "torch", "transformers")  # whose versions are shown
CELL_SECONDS = 3600
_BEFORE = "from website.figures import describe_all\ndescribe_all(get_ipython())\ndel describe_all"
_AFTER = """\
import json, resource, time
print(json.dumps([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))"""


def executed(lab: str, budget: str = "full", folder: Path = EXECUTED) -> nbformat.NotebookNode:
    """The reference notebook of a lab with its outputs: the one kept if it is still true, else a new run's."""
    key = fingerprint(lab, budget)
    path = folder / (f"{lab}.ipynb" if budget == "full" else f"{lab}.{budget}.ipynb")
    if path.exists():
        kept = nbformat.read(path, as_version=4)
        if kept.metadata.get("measures", {}).get("key") == key:
            return kept
    print(f"    {lab} : exécution, budget {budget}", flush=True)
    notebook = run(read_lab(SOLUTIONS / lab / f"{lab}.py"), budget, lab)
    notebook.metadata.measures["key"] = key
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    nbformat.write(notebook, temporary)
    os.replace(temporary, path)
    return notebook


def fingerprint(lab: str, budget: str) -> str:
    """Identifies all that the outputs of a lab depend on; `grading`, which lends its kernels, changes none of them."""
    own = keys.lab_files(SOLUTIONS / lab, answers=False) | keys.modules("authoring.lab", "website.figures")
    return keys.key({*own, Path(__file__)}, budget)


def run(source: nbformat.NotebookNode, budget: str = "full", name: str = "lab") -> nbformat.NotebookNode:
    """Execute a teacher's notebook; raises LabError if a cell raises or a check is not passed."""
    if budget not in BUDGETS:
        raise ValueError(f"budget = {budget!r}; expected one of {', '.join(BUDGETS)}.")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    environment.pop("NBGRADER_EXECUTION", None)
    environment.pop("COURSE_BUDGET", None)
    if budget == "small":
        environment["COURSE_BUDGET"] = "small"
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
    if missed := re.findall(r"[❌⏳].*", "".join(map(_printed, notebook.cells))):
        raise LabError(f"{name}: the reference run does not pass its own checks: {missed[0].strip()}")
    notebook.metadata["measures"] = {
        "budget": budget,
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024),
        "machine": machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    }
    return notebook


def without_hidden_tests(source: str) -> str:
    """A check as students have it."""
    begin, end = map(re.escape, HIDDEN_MARKS)
    return re.sub(rf"^[ \t]*{begin}$.*?^[ \t]*{end}$\n?", "", source, flags=re.DOTALL | re.MULTILINE)


def machine() -> str:
    """The processor's name."""
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def points(notebook: nbformat.NotebookNode) -> tuple[float, float]:
    """Points that the checks of an executed notebook gave, and the most they could."""
    found = re.findall(r"Points : ([\d,]+) sur ([\d,]+)", "".join(map(_printed, notebook.cells)))
    earned, total = (sum(float(pair[i].replace(",", ".")) for pair in found) for i in (0, 1))
    return earned, total


def _with_student_checks(cells: list) -> list:
    result = []
    for cell in copy.deepcopy(cells):
        result.append(cell)
        if cell.cell_type == "code" and HIDDEN_MARKS[0] in cell.source:
            result.append(new_code_cell(without_hidden_tests(cell.source), id=f"{cell.id}-s"))
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
    options = parser.parse_args(arguments)
    for lab in options.labs or labs():
        m = executed(lab, options.budget).metadata.measures
        print(f"{lab}: {m.wall_seconds} s, {m.cpu_seconds} s of CPU, {m.peak_bytes / 2**30:.1f} GiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
