"""`make release`: solutions/<lab>/<lab>.py → notebooks/<language>/<lab>/<lab>.ipynb, the same to the byte each time.

    python -m authoring.release            write the student notebooks
    python -m authoring.release --check    fail if a committed notebook is not what its source gives, or leaks

nbgrader's own `generate_assignment` does the work, in a temporary course with a temporary database:
the teacher's gradebook and the students' files are never touched.
"""

import argparse
import contextlib
import logging
import sqlite3
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import nbformat

from authoring.catalogue import Catalogue
from authoring.lab import OTHERS, SOURCE_LANGUAGE, Lab, LabError
from authoring.nbgrader import configuration
from utils.environment import cores
from utils.files import set_aside, whole
from utils.notebook.cells import TODO


def generate(lab: Lab, root: Path, language: str = SOURCE_LANGUAGE) -> Path:
    """Make the student version of a lab in the course folder `root` and register it in its gradebook; its path."""
    from nbgrader.apps import NbGraderAPI

    begin_gradebook(root / "gradebook.db")
    source = root / "source" / lab.name / f"{lab.name}.ipynb"
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(lab.notebook_in(language), source)
    config = configuration(root, language)
    config.CourseDirectory.assignment_id = lab.name
    api = NbGraderAPI(config=config)
    with quiet():
        result = api.generate_assignment(lab.name, force=True)
    if not result["success"]:
        raise LabError(
            f"{lab.name}: nbgrader could not generate the student version.\n{result.get('error') or result['log']}"
        )
    path = root / "release" / lab.name / f"{lab.name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(notebook, path)  # nbformat's own layout, whatever nbconvert's
    return path


def begin_gradebook(path: Path) -> None:
    """Write the version of its tables in a gradebook that is not there yet, as nbgrader does when it makes one.

    nbgrader asks a process for it each time, which takes longer than all the rest of a release.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version (version_num) VALUES (?)", [_tables_version()])


@cache
def _tables_version() -> str:
    """The version of the tables that this nbgrader makes, asked for once in a process."""
    from nbgrader.api import get_alembic_version

    return get_alembic_version()


def released(lab: Lab, language: str = SOURCE_LANGUAGE) -> bytes:
    """The student notebook of a lab, made from its source.

    Raises `LabError` if it shows what it must not, or if its text names a figure that no run has measured.
    """
    if lacking := lab.unfilled(language):
        raise LabError(
            f"{lab.name}: its text names {len(lacking)} figure(s) that cannot be written, first: {lacking[0]}.  "
            f"Run `make measure LAB={lab.name}`, which measures them."
        )
    with tempfile.TemporaryDirectory() as folder:
        path = generate(lab, Path(folder), language)
        if found := lab.leaks(nbformat.read(path, as_version=4), language):
            raise LabError(f"{lab.name}: the student version shows {len(found)} secret line(s), first: {found[0]!r}")
        return path.read_bytes()


def release(lab: Lab, language: str = SOURCE_LANGUAGE) -> Path:
    """Write a lab's release, at once or not at all; one that somebody worked in is kept beside it."""
    target = lab.release_path(language)
    with whole(target) as partial:
        partial.write_bytes(released(lab, language))
        if target.exists() and _worked_in(target):
            kept = set_aside(target)
            print(f"[WARN] somebody worked in {target.relative_to(lab.root)}: kept beside it as {kept.name}")
    return target


def withdraw(lab: Lab) -> list[str]:
    """Take away the releases in languages whose catalogue is not whole any more; why, a sentence each."""
    said = []
    for language in OTHERS:
        faults = lab.untranslated(language)
        if faults and lab.catalogue_path(language).exists():
            said.append(f"{lab.name}: no release in {language!r}: {len(faults)} fault(s), first: {faults[0]}")
        if faults and lab.release_path(language).exists():
            lab.release_path(language).unlink()
    return said


def _worked_in(path: Path) -> bool:
    """Whether a notebook was executed or answered since it was released."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except (OSError, ValueError):  # half-written, or no notebook
        return True
    code = [cell for cell in cells if cell.cell_type == "code"]
    answers = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("solution")]
    return any(cell.execution_count for cell in code) or any(TODO not in cell.source for cell in answers)


def check(lab: Lab) -> list[str]:
    """What is wrong with the committed student notebooks of a lab (an empty list: nothing)."""
    problems = []
    for language in (SOURCE_LANGUAGE, *OTHERS):
        target = lab.release_path(language)
        where = target.relative_to(lab.root)
        if language not in lab.languages:
            problems += [f"{lab.name}: {where} is there, and its catalogue is not whole"] if target.exists() else []
            continue
        if not target.exists() or target.read_bytes() != released(lab, language):
            problems.append(f"{lab.name}: {where} is not what its source gives; run `make release`")
        extra = [path.name for path in target.parent.glob("*") if path.suffix == ".py"]
        problems += [f"{lab.name}: teacher's file in notebooks/: {name}" for name in extra]
    return problems


def _checked(lab: Lab) -> list[str]:
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
    catalogue = Catalogue()
    try:
        chosen = catalogue.chosen(options.labs)
        if options.check:  # in processes of their own: nbgrader's settings are a process's
            with ProcessPoolExecutor(max(1, min(len(chosen), cores())), get_context("spawn")) as pool:
                for found in pool.map(_checked, chosen):
                    problems += found
        else:
            for lab in chosen:
                for language in lab.languages:
                    print(f"{lab.name} → {release(lab, language).relative_to(lab.root)}")
                for said in withdraw(lab):
                    print(f"[WARN] {said}")
                if lab.unquoted:
                    print(f"[WARN] {lab.name}: measured, and named nowhere in its text: {', '.join(lab.unquoted)}")
    except LabError as error:
        problems.append(str(error))
    for problem in problems:
        print(f"[FAIL] {problem}", file=sys.stderr)
    if options.check and not problems:
        print("[OK] release: up to date, no leak")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
