"""What is kept of a test: that it passed, with which key, and nothing of one that did not."""

from types import SimpleNamespace

import pytest

from tests import kept


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(kept, "FRESH", False)
    return tmp_path / "results"


def item(nodeid: str = "tests/utils/test_checks.py::test_any", **params) -> SimpleNamespace:
    """A collected test, as much of it as is looked at."""
    marks: list = []
    path = kept.ROOT / nodeid.partition("::")[0]
    callspec = SimpleNamespace(params=params)
    return SimpleNamespace(nodeid=nodeid, path=path, callspec=callspec, marks=marks, add_marker=marks.append)


def left_out(test: SimpleNamespace) -> bool:
    kept.leave_out([test])
    return bool(test.marks)


def end(test: SimpleNamespace, passed: bool, when: str = "call") -> None:
    kept.keep(test, SimpleNamespace(when=when, passed=passed, duration=1.0))


def test_what_passed_is_not_run_again_until_its_key_changes(results, monkeypatch):
    test = item()
    assert not left_out(test)
    end(test, passed=True)
    assert left_out(item()) and not left_out(item("tests/utils/test_checks.py::test_other"))
    monkeypatch.setattr(kept, "FRESH", True)
    assert not left_out(item())
    monkeypatch.setattr(kept, "FRESH", False)
    monkeypatch.setattr(kept, "key", lambda *_: "another")
    assert not left_out(item())


def test_what_failed_or_only_began_is_not_kept(results):
    test = item()
    kept.leave_out([test])
    end(test, passed=False)
    end(test, passed=True, when="setup")
    assert not left_out(item())


def test_what_is_quick_or_reads_anything_is_always_run(results):
    for name in ("tests/test_setup.py::test_every_pin_is_exact", "tests/utils/student/test_update.py::test_any"):
        test = item(name)
        kept.leave_out([test])
        end(test, passed=True)
        assert not left_out(item(name))


def test_the_answers_of_a_lab_have_the_key_of_that_lab(monkeypatch):
    name = "tests/authoring/test_lab.py::test_kept_answers"
    before = {lab: kept.place(item(f"{name}[{lab}]", lab=lab)) for lab in ("tp0_quiz", "tp1_mlm")}
    real = kept.keys.lab_files
    monkeypatch.setattr(kept.keys, "lab_files", lambda folder: real(folder) - set(folder.glob("answers/ex1_word*.py")))
    kept.key.cache_clear()
    after = {lab: kept.place(item(f"{name}[{lab}]", lab=lab)) for lab in before}
    kept.key.cache_clear()
    assert before["tp0_quiz"] == after["tp0_quiz"] and before["tp1_mlm"] != after["tp1_mlm"]


def test_every_path_that_a_test_is_said_to_read_is_there():
    for patterns in filter(None, kept.READS.values()):
        assert all(kept.named_files(pattern) for pattern in patterns)
