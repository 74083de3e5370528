"""Demonstration cells: what grading leaves out, and when it may not."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from authoring.lab import LabError, read_script
from tests.toy_lab import TOY
from utils.notebook.demos import defined, faults, left_out, needed

SETUP, CHECK = "import math\nk = 3", "assert double(k) == 6"
DEMO = "curve = [double(i) for i in range(k)]\nfor value in curve:\n    print(value)"
STUB = "def double(x):\n    raise NotImplementedError"


def demo(source=DEMO):
    return new_code_cell(source, metadata={"tags": ["demo"]})


def check(source=CHECK):
    return new_code_cell(source, metadata={"nbgrader": {"locked": True}})


def lab(solution=STUB, shown=DEMO, tests=CHECK):
    cells = [new_markdown_cell("# A lab"), new_code_cell(SETUP), new_code_cell(solution), check(tests), demo(shown)]
    return new_notebook(cells=cells)


@pytest.mark.parametrize(
    "solution",
    [
        STUB,
        "def double(x):\n    curve = 2 * x  # a local name\n    return curve",
        "def double(x):\n    return 2 * x\n\nvalue = double(4)\nprint(value)",  # its own global of that name
        "double = lambda value: 2 * value",
        "def double(x):\n    return helper(x)\n\ndef helper(x):\n    return x + x",
    ],
)
def test_a_demo_that_nothing_uses_is_left_out(solution):
    assert left_out(lab(solution, tests=CHECK + "\n# a hidden test: curve"), lab()) == {4}


@pytest.mark.parametrize(
    "solution",
    [
        "def double(x):\n    return curve[x]",  # by the time it is called, the demonstration has run
        "print(curve)",
        "def outer():\n    def double(x):\n        return value\n    return double",
        "value = value + 1",
        "for value in curve:\n    pass",
        "with open(value) as f:\n    pass",
        "def double(x):\n    return eval('cur' + 've')",
        "%time double(3)",
        "def double(x:",
    ],
)
def test_a_demo_that_the_student_may_need_runs(solution):
    assert left_out(lab(solution), lab()) == frozenset()


def test_a_changed_demo_is_the_students_own():
    assert left_out(lab(shown="print(double(5))"), lab()) == frozenset()  # the only demo is no longer there
    two = new_notebook(cells=[*lab().cells, demo("bars = 1")])
    changed = new_notebook(cells=[*lab(shown="print(double(5))").cells, demo("bars = 1")])
    assert left_out(changed, two) == {5}


def test_tags_of_the_hand_in_do_not_count():
    forged = lab()
    forged.cells[2].metadata["tags"] = ["demo"]
    assert left_out(forged, lab()) == {4}


def test_names():
    source = "import os.path as p\nfrom a import b\nx: int = 1\nfor i, (j, *k) in []: y = 2\ndef f(q): z = 1"
    assert defined([source]) == set("pbxijkyf")
    assert needed("x = y\nz = x") == {"y"}
    assert needed("x += 1") == {"x"}
    assert needed("try:\n    a\nexcept E as e:\n    print(e)\nfinally:\n    c") == {"a", "print", "c"}
    assert needed("!pip list") is None


def test_a_lab_may_not_depend_on_a_demo():
    assert faults(lab()) == []
    found = faults(lab(tests="assert curve == [0, 2, 4]"))
    assert found == ["'curve', which a demo cell defines, is used in the cell 'assert curve == [0, 2, 4]'"]


def test_the_source_of_such_a_lab_is_refused():
    text = '# %% tags=["demo"]\nx = 1\n\n# %%\nprint(x)\n'
    with pytest.raises(LabError, match="'x', which a demo cell defines"):
        read_script(text, "toy", TOY.root)
