"""The bench: its measures, its comparison of marks, its documents; the whole of it on the toy lab is slow."""

import sys

import pytest

from grading import bench, demo
from tests.toy_lab import TOY


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "WORK", tmp_path / "work")
    monkeypatch.setattr(bench, "DOCS", tmp_path / "docs")
    return tmp_path


def test_time_and_memory_of_a_command_and_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "SAMPLE_SECONDS", 0.05)
    child = "data = b'x' * 200_000_000; import time; end = time.process_time() + 0.6\n"
    child += "while time.process_time() < end: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    found = bench.measured([sys.executable, "-c", parent], tmp_path)
    assert found["cpu"] >= 0.6 and found["wall"] >= 0.6
    assert found["tree_mb"] > 190 and found["own_mb"] < 100


def test_a_command_that_fails_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no such thing"):
        bench.measured([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)


def rows():
    made = [bench.Row("tp", "stock", n, 1, 10.0 * n, 8.0 * n, 500, 100, 1.0, 3 * n) for n in (1, 20)]
    return made + [bench.Row("tp", "ours", n, 2, 5 + n / 2, 4 + n / 2, 700, 120, 1.0, 3 * n) for n in (1, 20, 100)]


def test_the_documents(folders):
    bench.write_documents(rows())
    text = (folders / "docs" / "grading-bench.md").read_text(encoding="utf-8")
    assert "| 20 | ours | 2 | 15.0 | 0.75 |" in text and "60 cells, all as they should be" in text
    assert "20: 13.3× in wall time, 11.4× in CPU" in text
    assert (folders / "docs" / "grading-bench.png").stat().st_size > 5000
    bench.write_documents([bench.Row("tp", "ours", 1, 2, 1.0, 1.0, 1, 1, 1.0, 3, 2)])
    assert "2 DIFFER" in (folders / "docs" / "grading-bench.md").read_text(encoding="utf-8")


def test_marks_are_those_that_were_meant():
    perfect, untouched, half = demo.three(TOY)
    assert perfect.expected == {"ex1_double": 2.0, "ex2_noisy": 1.0} and set(perfect.sources) == {
        "ex1_double", "ex2_noisy", "ex3_words"
    }  # fmt: skip
    assert untouched.sources == {} and half.expected == {"ex1_double": 2.0, "ex2_noisy": 0.0}


@pytest.mark.slow
def test_both_graders_on_the_lab_of_imports(folders):
    assert bench.main(["--lab", bench.IMPORTS, "--sizes", "3", "--alone", "4"]) == 0
    text = (folders / "docs" / "grading-bench.md").read_text(encoding="utf-8")
    assert text.count("all as they should be") == 3 and "DIFFER" not in text
