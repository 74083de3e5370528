"""The house is as docs/architecture.md says: who imports whom, what a student's process sees, where tests are."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from authoring import drawing, keys
from authoring.catalogue import Catalogue
from grading.execution.sandbox import readable
from utils.environment import ROOT

MODULES = sorted(drawing.modules())
GRAPH = drawing.packages()
# By package, the others of which it may import; `drawing.AGAINST` has the exceptions.
MAY_IMPORT = {
    "notebooks": {"utils"},
    "utils": set(),
    "authoring": {"utils"},
    "grading": {"authoring", "utils"},
    "website": {"authoring", "utils"},
}
# Lines of hidden tests that say nothing of them.
COMMON = {"rng = np.random.default_rng(seed)"}
# Module-level names that are a path of the labs, and why they may be.
PATHS_AT_IMPORT = {
    "utils/labs.py: INDEX": "a student has one course, the one that this module lies in",
    "utils/notebook/releases.py: NOTEBOOKS": "a student has one course, the one that this module lies in",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---------------------------------------------------------------------------------------------------- who imports whom
def test_no_module_is_in_a_cycle_of_imports():
    order = TopologicalSorter({name_of(path): set(map(name_of, drawing.imported(path))) for path in MODULES})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_no_package_is_in_a_cycle_but_for_those_that_are_explained():
    gone = [pair for pair in drawing.AGAINST if pair[1] not in GRAPH[pair[0]]]
    assert not gone, "explained in authoring/drawing.py, but no longer there"
    TopologicalSorter(drawing.directed(GRAPH)).prepare()


def test_packages_import_in_one_direction():
    wrong = set()
    for package, needs in drawing.directed(GRAPH).items():
        top = package.split(".")[0]
        wrong |= {(package, other) for other in needs if other.split(".")[0] not in MAY_IMPORT[top] | {top}}
    assert not wrong


def test_no_lab_imports_another_and_nothing_imports_the_tests():
    found = {(name_of(path), name_of(one)) for path in MODULES for one in keys.imports(path)}
    assert not [pair for pair in found if pair[1].startswith(("tests/", "solutions/"))]


def test_the_drawing_is_what_the_imports_give():
    drawn = drawing.DRAWING.read_text(encoding="utf-8")
    assert drawn == drawing.svg(GRAPH), "python -m authoring.drawing"
    boxes = [line for line in drawn.splitlines() if "<text" in line]
    assert len(boxes) == len(GRAPH) == len({re.search(r'x="\d+" y="\d+"', box)[0] for box in boxes})
    assert f"({drawing.DRAWING.name})" in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------- the trust boundary
def test_of_the_course_a_student_s_process_sees_the_helpers_the_data_and_the_inside_only():
    seen = {path for path in readable() if path.is_relative_to(ROOT) and ".venv" not in path.parts}
    expected = {"utils", "data", "grading/__init__.py", "grading/inside"}
    assert {name_of(path) for path in seen} == expected
    assert not [path for path in readable() if ROOT.is_relative_to(path)], "a folder above the course is visible"


def test_what_it_sees_imports_nothing_that_it_must_not_see():
    inside = [path for path in MODULES if path.is_relative_to(ROOT / "grading" / "inside")]
    assert len(inside) > 3
    above = ROOT / "grading" / "__init__.py"
    found = {(name_of(path), name_of(one)) for path in [*inside, above] for one in keys.imports(path) - {above}}
    assert not [pair for pair in found if not pair[1].startswith(("utils/", "grading/inside/"))]


def test_what_it_sees_holds_no_hidden_test():
    places = [path for path in readable() if path.is_relative_to(ROOT) and ".venv" not in path.parts]
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place])]
    texts = {
        file: file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".md", ".csv", ".jsonl")
    }
    shown = [f"{name_of(file)}: {line}" for lab in Catalogue() for line in lab.hidden_lines - COMMON
             for file, text in texts.items() if line in text]  # fmt: skip
    assert not shown


# ------------------------------------------------------------------------------------------------------- other habits
def test_no_module_copies_a_path_of_the_labs_at_import():
    """A test, or a teacher's second course, hands down another root: what was copied would still be the first's."""
    found = {f"{name_of(path)}: {name}" for path in MODULES for name in _paths_at_import(path)}
    assert found == set(PATHS_AT_IMPORT)


def _paths_at_import(path: Path) -> list[str]:
    """The module-level names that are given a path with a folder `solutions` or `notebooks`."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body if "solutions" not in path.parts else []:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            values = [part for part in ast.walk(node.value) if isinstance(part, ast.BinOp | ast.Call)]
            parts = [
                word
                for value in values
                for word in ast.walk(value)
                if isinstance(word, ast.Constant) and re.match(r"(\./)?(solutions|notebooks)\b", str(word.value))
            ]
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if parts and isinstance(target, ast.Name)]
    return names


def test_every_module_has_its_tests_where_one_looks_for_them():
    """tests/ mirrors the packages: a file of the module's name, or a line in CONTRIBUTING's table."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = contributing.partition("| module | what it does | tested in |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines()[2:]]
    told = [path for row in rows for path in re.findall(r"`([^`]+)`", row[0])]
    tests = [path for row in rows for path in re.findall(r"`([^`]+)`", row[2])]
    assert rows and all(re.search("`", row[2]) for row in rows)
    assert not [path for path in tests if not (ROOT / path).is_file()], "no such test"
    modules = [path for path in MODULES if path.stem != "__init__" and not path.is_relative_to(ROOT / "solutions")]
    without = [name_of(path) for path in modules
               if not (ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.name}").is_file()]  # fmt: skip
    assert sorted(told) == sorted(without)
