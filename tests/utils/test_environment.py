"""Budgets, cores and folders; and that the light half of the course brings none of the heavy libraries."""

import os
import pkgutil
from pathlib import Path

import pytest

import utils.notebook
import utils.student
from utils import environment

HEAVY = {"torch", "transformers", "datasets", "numpy", "pandas", "pyarrow", "matplotlib"}


@pytest.mark.parametrize(
    ("execution", "budget", "expected"),
    [
        ("", "", "full"),
        ("autograde", "", "small"),
        ("validate", "", "small"),
        ("", "small", "small"),
        ("other", "", "full"),
    ],
)
def test_budget(monkeypatch, execution, budget, expected):
    monkeypatch.setenv("NBGRADER_EXECUTION", execution)
    monkeypatch.setenv("COURSE_BUDGET", budget)
    assert environment.budget(full="full", small="small") == expected


def test_cores_are_those_that_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(24)), raising=False)
    assert (environment.cores(), environment.threads()) == (24, 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert (environment.cores(), environment.threads()) == (1, 1)


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "a" / ".." / "b"))
    assert environment.cache_dir() == tmp_path / "b"
    monkeypatch.setenv("COURSE_CACHE", "")
    assert environment.cache_dir().name == "llm-course" and environment.cache_dir() != Path("llm-course")


def light_modules() -> list[str]:
    """What must start at once: the student's tools, what they stand on, and the tables that they read."""
    packages = (utils.student, utils.notebook)
    inside = [
        found.name for package in packages for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    ]
    return [*inside, "utils.environment", "utils.files", "utils.models", "utils.corpora", "utils.assets.archive"]


def test_what_is_light_brings_nothing_heavy(in_process):
    code = f"import sys, {', '.join(light_modules())}; print(*{HEAVY} & sys.modules.keys())"
    out, err = in_process(code).communicate(timeout=120)
    assert out == "\n", out + err


def test_checks_bring_no_torch(in_process):
    """The grader reads the names of the tools of the checks, and starts seconds sooner without."""
    code = "import sys, utils.checks, grading.execution.probe; print({'torch', 'transformers'} & sys.modules.keys())"
    out, err = in_process(code).communicate(timeout=120)
    assert out == "set()\n", out + err


def test_the_environment_needs_no_library(in_process):
    """With nothing but the standard library: what the doctor and Colab's set-up stand on."""
    code = """import sys
before = set(sys.modules)
import utils.environment
found = {name.partition(".")[0] for name in sys.modules.keys() - before if sys.modules[name]}
print(found - {"utils"} - sys.stdlib_module_names)"""
    out, err = in_process(code).communicate(timeout=120)
    assert out == "set()\n", out + err
