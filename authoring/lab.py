"""Reading a lab's source: percent script → notebook with nbgrader's metadata."""

import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from utils.environment import ROOT
from utils.files import natural
from utils.notebook.demos import DEMO, faults

SOLUTIONS = ROOT / "solutions"
SOLUTION_MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN_MARKS = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")

# nbgrader's flags for each role of a cell.
ROLES = {
    "solution": {"solution": True, "grade": False, "locked": False},
    "check": {"solution": False, "grade": True, "locked": True},
    "answer": {"solution": True, "grade": True, "locked": False},
    "given": {"solution": False, "grade": False, "locked": True},
}


class LabError(ValueError):
    """A lab's source breaks a rule; the message says which cell and what to do."""


def labs() -> list[str]:
    """The names of the labs, in teaching order."""
    found = (path.parent.name for path in SOLUTIONS.glob("*/*.py") if path.stem == path.parent.name)
    return sorted(found, key=natural)


def course_url() -> str:
    """The repository's address, from pyproject.toml: the one place where it is set."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def read_lab(path: Path) -> NotebookNode:
    """The teacher's notebook of a lab: nbgrader metadata, fixed cell ids, nothing of jupytext's own."""
    text = path.read_text(encoding="utf-8").replace("{{COURSE_URL}}", course_url())
    notebook = jupytext.reads(text, fmt="py:percent")
    seen: set[str] = set()
    for index, cell in enumerate(notebook.cells):
        exercise, role = cell.metadata.get("exercise"), cell.metadata.get("role")
        points, tags = cell.metadata.get("points"), cell.metadata.get("tags", [])
        cell.metadata = NotebookNode({"tags": [DEMO]} if DEMO in tags else {})
        cell.id = f"{path.stem}-{index:03d}".replace("_", "-")
        if role is not None or exercise is not None:
            cell.metadata["nbgrader"] = _metadata(path, index, cell, exercise, role, points, seen)
    if wrong := faults(notebook):
        raise LabError(f"{path.name}: {'; '.join(wrong)}.  Nothing may depend on a demo cell: grading leaves it out.")
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _metadata(path, index, cell, exercise, role, points, seen) -> dict:
    where = f"{path.name}, cell {index} ({cell.source.splitlines()[0][:60] if cell.source else 'empty'})"
    if role not in ROLES or not exercise:
        raise LabError(
            f"{where}: exercise={exercise!r} role={role!r}; both are needed, role one of {', '.join(ROLES)}."
        )
    grade_id = f"{exercise}-{role}"
    if grade_id in seen:
        raise LabError(f"{where}: {grade_id} is there twice; give each exercise a name of its own.")
    seen.add(grade_id)
    if DEMO in cell.metadata.get("tags", []):
        raise LabError(f"{where}: a cell of an exercise cannot be a demo.")
    flags = ROLES[role]
    if flags["grade"] != isinstance(points, (int, float)):
        raise LabError(
            f"{where}: points={points!r}; cells of role check and answer, and only they, have a number of points."
        )
    for begin, end in (SOLUTION_MARKS, HIDDEN_MARKS):
        if cell.source.count(begin) != cell.source.count(end):
            raise LabError(f"{where}: {begin!r} and {end!r} do not match.")
    if flags["solution"] and SOLUTION_MARKS[0] not in cell.source:
        raise LabError(f"{where}: a {role} cell needs {SOLUTION_MARKS[0]!r} … {SOLUTION_MARKS[1]!r}.")
    metadata = {"schema_version": 3, "grade_id": grade_id, "task": False, "cell_type": cell.cell_type, **flags}
    if flags["grade"]:
        metadata["points"] = points
    return metadata


def secret_lines(notebook: NotebookNode) -> set[str]:
    """Lines (20 characters or more) that stand in a solution or a hidden test, and nowhere a student may read."""
    secret, public = set(), []
    for cell in notebook.cells:
        hidden = False
        for line in cell.source.splitlines():
            if line.strip() in (SOLUTION_MARKS[0], HIDDEN_MARKS[0]):
                hidden = True
            if hidden:
                secret.add(line.strip())
            else:
                public.append(line)
            if line.strip() in (SOLUTION_MARKS[1], HIDDEN_MARKS[1]):
                hidden = False
    shown = "\n".join(public)  # a hint may quote a line of the solution: the author shows it on purpose
    return {line for line in secret if len(line) >= 20 and line not in shown}


def leaks(released: NotebookNode, source: NotebookNode) -> list[str]:
    """What of the solutions or hidden tests a released notebook shows (an empty list: nothing)."""
    text = "\n".join(cell.source for cell in released.cells)
    found = [line for line in sorted(secret_lines(source)) if line in text]
    found += re.findall(r"### (?:BEGIN|END) [A-Z ]+", text)
    found += [f"outputs of cell {i}" for i, cell in enumerate(released.cells) if cell.get("outputs")]
    return found
