"""Checks that run in another process give what they give in the student's own, marks and messages."""

import gc
import io
import os
import sys
import time

import numpy as np
import pytest
import torch

from authoring import answers
from grading.execution.examiner import steps
from grading.inside import answering, exam
from tests.toy_lab import TOY
from utils.outcome import Outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an examiner is forked, on Linux only")


@pytest.fixture
def lab():
    return exam.Replay(steps(TOY.notebook), {})


def examined(check: str, answer: str, reference: str = "def f(*_): pass", given: str = "") -> dict:
    """What a check gives, run apart, for an answer."""
    made = exam.Replay([], {})
    common = "import numpy as np, torch\nfrom torch.nn import functional as F\nfrom unittest import mock\n"
    exam.execute(common + given, made.namespace, "<given>")
    made.given = set(made.namespace)
    student = dict(made.namespace)
    exam.execute(answer, student, "<answer>")
    exam.execute(reference, made.namespace, "<reference>")
    made.asked = {"f"}
    return made.loopback(check, "<check>", student)


VALUES = {
    "None": None, "True": True, "-3": -3, "2**80": 2**80, "1.5": 1.5, "float('inf')": float("inf"), "'é\\n'": "é\n",
    "b'a'": b"a", "[1, (2, 3)]": [1, (2, 3)], "{1: 'a', (1, 2): [None]}": {1: "a", (1, 2): [None]}, "{1, 2}": {1, 2},
    "np.float32(1.5)": np.float32(1.5), "np.arange(6).reshape(2, 3)": np.arange(6).reshape(2, 3),
    "np.array(['a', 'bc'])": np.array(["a", "bc"]), "torch.ones(2, 3, dtype=torch.long)": torch.ones(2, 3).long(),
    "torch.ones(2).bfloat16()": torch.ones(2).bfloat16(), "torch.zeros(0, 3)": torch.zeros(0, 3),
    "torch.tensor(3.5)": torch.tensor(3.5), "torch.ones(2).shape": torch.ones(2).shape, "1 + 2j": 1 + 2j,
}  # fmt: skip


@pytest.mark.parametrize("expression", VALUES)
def test_values_come_back_as_they_are(expression):
    told = examined("value = f()\n[type(value).__name__, str(value)]", f"def f(): return {expression}")
    value = VALUES[expression]
    assert told["value"] == repr([type(value).__name__, str(value)])


CHANGES = [
    ("x = [1, 2]; f(x); x", "def f(x): x.append([3]); x[0] = 9", "[9, 2, [3]]"),
    ("x = {'a': 1, 'b': 2}; f(x); x", "def f(x): del x['a']; x['c'] = 3", "{'b': 2, 'c': 3}"),
    ("x = torch.zeros(2); f(x); x.tolist()", "def f(x): x += 1", "[1.0, 1.0]"),
    ("x = np.zeros(2); f(x); x.tolist()", "def f(x): x[0] = 5", "[5.0, 0.0]"),
    ("x = [0]; y = [x, x]; f(y); x", "def f(y): y[0][0] += 1; y[1][0] += 1", "[2]"),
    ("calls = []; f(lambda i: calls.append(i)); calls", "def f(g): g(1); g(2)", "[1, 2]"),
    ("list(f(iter([1, 2])))", "def f(i): return [x + next(i) for x in i]", "[3]"),
    ("f(x for x in range(3))", "def f(i): return [*i, *i]", "[0, 1, 2]"),
    ("x = torch.ones(2); f(x) is x", "def f(x): return x", "True"),
    ("f(2)(3)", "def f(n): return lambda x: n * x", "6"),
    ("torch.manual_seed(1); f(); torch.rand(1).item() < 2", "def f(): return torch.rand(3)", "True"),
    (
        "g = torch.Generator().manual_seed(0); a = f(g); b = f(g); torch.equal(a, b)",
        "def f(g): return torch.rand(3, generator=g)",
        "False",
    ),
    (
        "torch.manual_seed(3); a = torch.rand(2); torch.manual_seed(3); b = f(); torch.equal(a, b)",
        "def f(): return torch.rand(2)",
        "True",
    ),
    ("x = torch.ones(2, requires_grad=True); (f(x) * 2).sum().backward(); x.grad.tolist()", "def f(x): return x * x",
     "[4.0, 4.0]"),
    ("x = torch.ones(1, requires_grad=True)\nwith torch.no_grad(): y = f(x)\ny.requires_grad", "def f(x): return 2 * x",
     "False"),
    ("f(torch.ones(1, requires_grad=True) * 2).requires_grad", "def f(x): return 2 * x", "True"),
    ("m = torch.nn.Linear(1, 1); m.train(); f(m); m.training", "def f(m): m.eval()", "False"),
    ("m = torch.nn.Linear(2, 1); f(m); m.weight.grad.tolist()", "def f(m): m(torch.ones(1, 2)).sum().backward()",
     "[[1.0, 1.0]]"),
    (
        "m = torch.nn.Linear(1, 1, bias=False); m.weight.data.fill_(3.0)\n"
        "f(m, torch.optim.SGD(m.parameters(), lr=1.0)); m.weight.item()",
        "def f(m, o): m(torch.ones(1, 1)).backward(); o.step()",
        "2.0",
    ),
    (
        "class Noted:\n    def __init__(self): self.seen = []\n"
        "    def __call__(self, x): self.seen.append(x); return x\nn = Noted(); [f(n), n.seen]",
        "def f(n): return n(1) + n(2)",
        "[3, [1, 2]]",
    ),
    ("model.weight.item() == f(model)", "def f(m): return m.weight.item()", "True"),
    ("f(twice)", "def f(g): return g(4)", "8"),
    (
        "def forbidden():\n    with mock.patch.object(F, 'relu', mock.Mock(side_effect=RuntimeError('non'))):\n"
        "        try: return f()\n        except RuntimeError as e: return str(e)\n[forbidden(), f()]",
        "def f(): return F.relu(torch.ones(1)).item()",
        "['non', 1.0]",
    ),
    ("type(f()).__name__", "class Thing: pass\ndef f(): return Thing()", "'Thing'"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answer", "expected"), CHANGES)
def test_calls_work_as_if_they_were_local(check, answer, expected):
    given = "torch.manual_seed(0); model = torch.nn.Linear(1, 1)\ndef twice(x): return 2 * x"
    assert examined(check, answer, given=given)["value"] == expected


ERRORS = [
    ("def f(): return undefined", "NameError", "name 'undefined' is not defined"),
    ("def f(): return {}['é']", "KeyError", "'é'"),
    ("def f(): raise NotImplementedError('pas encore traité')", "NotImplementedError", "pas encore traité"),
    ("from utils.checks import ToDo\ndef f(): raise ToDo", "ToDo", "pas encore traité"),
    ("class Own(ValueError): pass\ndef f(): raise Own('x')", "Own", "x"),
    ("def f(): return torch.ones(2) @ torch.ones(3)", "RuntimeError", "inconsistent tensor size"),
    ("x = 1", "NameError", "name 'f' is not defined"),
    ("f = 3", "TypeError", "'int' object is not callable"),
]


@pytest.mark.parametrize(("answer", "name", "text"), ERRORS)
def test_errors_come_back_as_they_were(answer, name, text):
    kind, message, _ = examined("f()", answer)["error"]
    assert kind == name and text in message


def test_messages_quote_the_student_s_line():
    check = (
        "from utils.checks import Report\nreport = Report('x', points=1)\n"
        "with report.test('t', points=1):\n    f()\nreport.score()"
    )
    told = examined(check, "def f():\n    a = 1\n    return a / 0")
    assert told["value"] == "0.0" and "ligne 3 de la cellule : return a / 0" in told["printed"]
    [test] = Outcome.of(told["report"]).tests
    assert test.code == "error:ZeroDivisionError" and test.where == "à la ligne 3 de la cellule : return a / 0"


def test_only_the_check_s_own_report_is_told():
    """Not one that a student's function shows, nor one that it prints."""
    check = (
        "from utils.checks import Report, expect_equal\nreport = Report('x', points=1)\n"
        "with report.test('t', points=1):\n    expect_equal(f(), 1)\nreport.score()"
    )
    answer = (
        "from utils import checks\nreal = checks.publish\n"
        "def f():\n    mine = checks.Report('x', points=9)\n    with mine.test('forged', points=9): pass\n"
        "    checks.publish = lambda bundle: real(mine.outcome.bundle)\n    mine.score()\n    return 2"
    )
    told = examined(check, answer)
    assert told["value"] == "0.0" and [test["title"] for test in told["report"]["tests"]] == ["t"]
    assert "forged" not in told["printed"]
    assert "report" not in examined("f()", "def f(): return 2")  # a check that makes none


@pytest.mark.parametrize("name", ["expected", "np", "f", "model.weight"])
def test_what_a_check_computes_cannot_be_named(name, monkeypatch):
    """A forged answer refers to what both sides have, and to nothing else."""
    told = {"result": {"k": "named", "n": name.split(".")}, "changed": [], "dice": None, "first": 0}
    monkeypatch.setattr(answering.Answers, "_call", lambda *_: (told, []))
    given = "model = torch.nn.Linear(1, 1)"
    outcome = examined("expected = [4, 2]\nf(1) == expected", "def f(x): return 1", given=given)
    assert outcome is None or outcome["value"] == "False"
    assert (outcome is None) == (name != "f")  # the student's own function is no secret


def test_what_the_parent_left_to_collect_does_not_hang_a_child():
    """As a Dask client that a failed connection leaves behind: its finalizer waits for a thread, here for a minute."""
    parent = os.getpid()

    class Left:
        def __init__(self):
            self.itself = self  # only the collector finds it

        def __del__(self):
            if os.getpid() != parent:
                time.sleep(60)

    gc.collect()
    gc.disable()
    try:
        Left()
        began = time.monotonic()
        told = examined("import gc\ngc.collect()\nf(1)", "import gc\ndef f(x):\n    gc.collect()\n    return 4")
    finally:
        gc.enable()
    assert told["value"] == "4" and time.monotonic() - began < 30


def test_the_answers_of_the_toy_lab(lab):
    compare(lab, TOY)


def compare(lab, asked):
    """Every kept answer of a lab, run in this process and apart: the same marks (of every lab: `test_lab.py`)."""
    differences = []
    for step, place in lab.checks():
        exercise, source = step.check.rpartition("-")[0], step.source
        for answer in answers.all_answers(asked, asked.exercises[exercise]):
            student = dict(lab.namespace)
            exam.execute(answer.source, student, f"<{exercise}>")
            apart = lab.loopback(source, place, dict(student))
            printed = io.StringIO()
            value = exam.execute(source, dict(student), place, printed)
            here = {"printed": printed.getvalue(), "value": repr(value)}
            print(exercise, answer.kind, answer.description, here["value"], apart and apart["value"], flush=True)
            if apart is None or apart["value"] != here["value"]:
                differences.append((exercise, answer.kind, answer.description, here, apart))
            elif apart["printed"] != here["printed"]:
                print(here["printed"], apart["printed"], sep="\n--- apart:\n")
    assert not differences


def test_a_name_that_is_not_there_is_told_by_its_name():
    check = "from utils.checks import Report\nreport = Report('E', 1)\nwith report.test('t', 1): f()\nreport.score()"
    told = examined(check, "def f():\n    return flase")
    assert "Le nom 'flase' n'existe pas ici" in told["printed"]
