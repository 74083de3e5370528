"""Checks that run in the student's kernel: probes around them see an altered one, and never an honest one."""

import copy

import pytest

from authoring.nbgrader import configuration
from grading.execution import engine as kernels
from grading.execution.probe import probe
from tests.grading import test_redteam as red
from tests.grading.conftest import CLASS
from tests.toy_lab import TOY


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with kernels.Engine(["utils.checks"], config=configuration(tmp_path_factory.mktemp("course"))) as engine:
        engine.wait()
        yield engine


def executed(engine, sources):
    """The toy lab, its first check cell's outputs, and the run."""
    notebook = copy.deepcopy(TOY.notebook)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "").removesuffix("-solution")
        cell.source = sources.get(name, cell.source)
    run = engine.run(notebook, {})
    [check] = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-check"]
    return check.outputs, run


@pytest.mark.parametrize("student", [name for name in CLASS if name != "denis"])
def test_no_false_alarm(engine, student):
    outputs, run = executed(engine, CLASS[student])
    assert not run.altered and run.status == "ok"
    values = [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]
    assert values == [{"anne": "2.0", "boris": "1.5", "chloé": "2.0"}[student]]


@pytest.mark.parametrize("attack", ["PATCHED_CHECKS", "SHADOWED", "NO_MORE_ASSERTS", "EVERY_CELL_IS_TWO", "RUN_CELL"])
def test_an_altered_kernel_is_seen(engine, attack):
    outputs, run = executed(engine, {"ex1_double": getattr(red, attack)})
    assert [output.ename for output in outputs] == ["AlteredKernel"]  # an error: no point
    assert run.altered[0] == "ex1_double"


@pytest.mark.parametrize(
    "attack", ["OWN_REPORT", "PATCHED_BUILTINS", "EVERYTHING_IS_EQUAL", "SILENCED", "PATCHED_LIBRARIES"]
)
def test_what_changes_nothing_gains_nothing(engine, attack):
    outputs, _ = executed(engine, {"ex1_double": getattr(red, attack)})
    values = [output.data["text/plain"] for output in outputs if output.output_type == "execute_result"]
    assert values == ["0.0"] or outputs[-1].output_type == "error"


def test_probes_differ_and_are_strict():
    one, other = probe(), probe()
    assert one.cell.source != other.cell.source
    assert not one.is_sound()  # not executed
