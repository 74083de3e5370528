"""`make release`: solutions/<lab>/<lab>.py → notebooks/fr/<lab>/<lab>.ipynb, the same to the byte each time.

    python -m authoring.release            write the student notebooks
    python -m authoring.release --check    fail if a committed notebook is not what its source gives, or leaks

nbgrader's own `generate_assignment` does the work, in a temporary course with a temporary database:
the teacher's gradebook and the students' files are never touched.
"""

import argparse
import contextlib
import logging
import os
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import nbformat

from authoring.lab import SOLUTIONS, LabError, labs, leaks, read_lab
from authoring.nbgrader import configuration
from utils.paths import ROOT, set_aside
from utils.student.handin import STUB

NOTEBOOKS = ROOT / "notebooks" / "fr"


def write_source(lab: str, folder: Path) -> nbformat.NotebookNode:
    """Write the teacher's notebook of a lab as nbgrader's source directory wants it; return it."""
    source = read_lab(SOLUTIONS / lab / f"{lab}.py")
    (folder / lab).mkdir(parents=True, exist_ok=True)
    nbformat.write(source, folder / lab / f"{lab}.ipynb")
    return source


def generate(lab: str, root: Path) -> Path:
    """Make the student version of a lab in the course `root` and register it in its gradebook; return its path."""
    from nbgrader.apps import NbGraderAPI

    write_source(lab, root / "source")
    config = configuration(root)
    config.CourseDirectory.assignment_id = lab
    api = NbGraderAPI(config=config)
    with quiet():
        result = api.generate_assignment(lab, force=True)
    if not result["success"]:
        raise LabError(
            f"{lab}: nbgrader could not generate the student version.\n{result.get('error') or result['log']}"
        )
    path = root / "release" / lab / f"{lab}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(notebook, path)  # nbformat's own layout, whatever nbconvert's
    return path


def released(lab: str) -> bytes:
    """The student notebook of a lab, made from its source; raises `LabError` if it shows what it must not."""
    with tempfile.TemporaryDirectory() as folder:
        path = generate(lab, Path(folder))
        found = leaks(nbformat.read(path, as_version=4), read_lab(SOLUTIONS / lab / f"{lab}.py"))
        if found:
            raise LabError(f"{lab}: the student version shows {len(found)} secret line(s), first: {found[0]!r}")
        return path.read_bytes()


def release(lab: str) -> Path:
    """Write notebooks/fr/<lab>/<lab>.ipynb, at once or not at all; one that somebody worked in is kept beside it."""
    target = NOTEBOOKS / lab / f"{lab}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_bytes(released(lab))
    if target.exists() and _worked_in(target):
        kept = set_aside(target)
        print(f"[WARN] somebody worked in notebooks/{lab}/{target.name}: kept beside it as {kept.name}")
    os.replace(temporary, target)
    return target


def _worked_in(path: Path) -> bool:
    """Whether a notebook was executed or answered since it was released."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):  # half-written, or no notebook
        return True
    code = [cell for cell in cells if cell.cell_type == "code"]
    answers = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("solution")]
    return any(cell.execution_count for cell in code) or any(STUB not in cell.source for cell in answers)


def check(lab: str) -> list[str]:
    """What is wrong with the committed student notebook of a lab (an empty list: nothing)."""
    target = NOTEBOOKS / lab / f"{lab}.ipynb"
    problems = []
    if not target.exists() or target.read_bytes() != released(lab):
        problems.append(f"{lab}: notebooks/{lab}/{lab}.ipynb is not what its source gives; run `make release`")
    extra = [p.name for p in (NOTEBOOKS / lab).glob("*") if p.suffix == ".py"]
    return problems + [f"{lab}: teacher's file in notebooks/: {name}" for name in extra]


def _checked(lab: str) -> list[str]:
    try:
        return check(lab)
    except LabError as error:
        return [str(error)]


@contextlib.contextmanager
def quiet():
    """nbgrader logs every step and its models warn of harmless autoflushes; errors come back in its result."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Object of type .* not in session")
            yield
    finally:
        logging.disable(logging.NOTSET)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m authoring.release", description=__doc__.splitlines()[0])
    parser.add_argument("labs", nargs="*", help="all by default")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    problems = []
    todo = options.labs or labs()
    if options.check:  # in processes of their own: nbgrader's settings are a process's
        with ProcessPoolExecutor(min(len(todo), os.cpu_count() or 1), get_context("spawn")) as pool:
            for found in pool.map(_checked, todo):
                problems += found
    else:
        for lab in todo:
            try:
                print(f"{lab} → {release(lab).relative_to(ROOT)}")
            except LabError as error:
                problems.append(str(error))
    for problem in problems:
        print(f"[FAIL] {problem}", file=sys.stderr)
    if options.check and not problems:
        print("[OK] release: up to date, no leak")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
