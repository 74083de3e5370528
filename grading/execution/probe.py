"""Probes: small cells, made anew each time, whose outcome only an unaltered kernel produces.

A check that has to run in the student's own kernel (see `grading.execution.examiner`) is run between two of them.
They hold tests that must fail and tests that must pass, with numbers drawn at random: a kernel where errors vanish,
where cells are skipped, where everything is equal to everything or where `utils.checks` was replaced gets one of them
wrong.  They cannot see a student's code that lets the probes through and alters the check only.
"""

import inspect
import random
import re
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from utils import checks
from utils.outcome import State, shown_by

_TOOLS = {
    name
    for name, tool in vars(checks).items()
    if (inspect.isfunction(tool) or inspect.isclass(tool)) and tool.__module__ == checks.__name__
}


@dataclass
class Probe:
    """A cell, the points it must give, and how its tests must end, by title."""

    cell: NotebookNode
    value: str
    states: list[tuple[str, State]]

    def is_sound(self) -> bool:
        """Whether the outputs of the executed cell are those of an unaltered kernel."""
        outputs = self.cell.outputs
        values = [output.data.get("text/plain") for output in outputs if output.output_type == "execute_result"]
        found = shown_by(self.cell)
        states = [(test.title, test.state) for test in found.tests] if found else []
        return values == [self.value] and states == self.states and not any(o.output_type == "error" for o in outputs)


def probe(check: str = "", dice: random.Random | None = None) -> Probe:
    """A new probe: the tools of the checks on known cases, in random order.

    It also gives the tools that `check` uses their names back, in case the notebook gave them to something else.
    """
    dice = dice or random.SystemRandom()
    a, b = dice.sample(range(1000, 10_000), 2)
    cases = [
        (f"expect_equal({a} * {b}, {a * b})", True),
        (f"expect_equal({a} * {b}, {a * b + dice.randint(1, 9)})", False),
        (f"expect_equal([{a}, {b}], [{b}, {a}])", False),
        (f"expect_close(np.array([{a}.0, {b}.0]), torch.tensor([{a}.0, {b}.0]), 1e-6)", True),
        (f"expect_close({a} / {b}, {a / b + dice.uniform(0.01, 1)!r}, 1e-3)", False),
        (f"expect({a} > {b}, 'non')", a > b),
        (f"expect(torch.equal(torch.tensor([{a}]), torch.tensor([{b}])), 'non')", False),
        (f"expect(np.array_equal(np.array([{a}]), np.array([{b}])), 'non')", False),
        (f"assert sorted([{a}, {b}]) == {sorted([a, b], reverse=True)}", False),
        (f"raise ValueError({a})", False),
    ]
    dice.shuffle(cases)
    points = [dice.randint(1, 1000) / 8 for _ in cases]  # eighths: sums are exact
    lines = ["def _probe():", "    import numpy as np", "    import torch"]
    lines += ["    from utils.checks import Report, expect, expect_close, expect_equal"]
    lines += [f"    report = Report('{dice.getrandbits(60):x}', points={sum(points)})"]
    titles = [f"{dice.getrandbits(60):x}" for _ in cases]
    for (source, _), worth, title in zip(cases, points, titles, strict=True):
        lines += [f"    with report.test('{title}', points={worth}):", f"        {source}"]
    tools = sorted({word for word in re.findall(r"\w+", check) if word in _TOOLS})
    lines += ["    return report.score()", f"from utils.checks import {', '.join(tools)}" if tools else "", "_probe()"]
    value = sum(worth for (_, passes), worth in zip(cases, points, strict=True) if passes)
    states = [State.RIGHT if passes else State.WRONG for _, passes in cases]
    return Probe(new_code_cell("\n".join(lines)), repr(float(value)), list(zip(titles, states, strict=True)))
