"""Folders made once: nothing half-made or damaged is ever taken for good."""

import json
import signal
import time

import pytest

from utils.assets.cache import MANIFEST, CachedFolder, CacheError, command_line, sha256_of


def folder_at(path, content="good", source=None, made=None):
    def make(partial):
        if made is not None:
            made.append(partial)
        (partial / "sub").mkdir()
        (partial / "sub" / "data.txt").write_text(content)

    return CachedFolder(path / "thing", source or {"version": 1}, make)


def test_made_once_then_kept(tmp_path):
    made = []
    folder = folder_at(tmp_path, made=made)
    assert not folder.is_intact() and folder.damaged_files() == [MANIFEST]
    for _ in range(3):
        assert (folder.get() / "sub" / "data.txt").read_text() == "good"
    assert len(made) == 1 and folder.is_intact() and folder.damaged_files() == []
    manifest = json.loads((folder.path / MANIFEST).read_text())
    assert manifest["files"] == {"sub/data.txt": {"size": 4, "sha256": sha256_of(folder.path / "sub" / "data.txt")}}


def test_another_source_makes_it_again(tmp_path):
    folder_at(tmp_path, "old").get()
    renewed = folder_at(tmp_path, "new", source={"version": 2})
    assert not renewed.is_intact()
    assert (renewed.get() / "sub" / "data.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["thing"]  # the old one is gone


@pytest.mark.parametrize("damage", ["truncated", "missing", "no manifest", "broken manifest"])
def test_visible_damage_is_mended_by_get(tmp_path, damage):
    folder = folder_at(tmp_path)
    data = folder.get() / "sub" / "data.txt"
    if damage == "truncated":
        data.write_text("go")
    elif damage == "missing":
        data.unlink()
    elif damage == "no manifest":
        (folder.path / MANIFEST).unlink()
    else:
        (folder.path / MANIFEST).write_text('{"source": ')
    assert not folder.is_intact() and folder.damaged_files()
    assert (folder.get() / "sub" / "data.txt").read_text() == "good"


def test_tampering_that_keeps_the_size_is_found_by_hash_and_mended_by_repair(tmp_path):
    folder = folder_at(tmp_path)
    (folder.get() / "sub" / "data.txt").write_text("evil")
    assert folder.is_intact() and folder.damaged_files() == ["sub/data.txt"]
    assert (folder.repair() / "sub" / "data.txt").read_text() == "good"
    assert folder.damaged_files() == []


def test_a_failure_leaves_nothing(tmp_path):
    def fail(partial):
        (partial / "half").write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        CachedFolder(tmp_path / "thing", {}, fail).get()
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_failed_renewal_keeps_the_old_folder_untrusted(tmp_path):
    folder_at(tmp_path, "old").get()

    def fail(partial):
        raise ValueError("no")

    renewed = CachedFolder(tmp_path / "thing", {"version": 2}, fail)
    with pytest.raises(ValueError):
        renewed.get()
    assert not renewed.is_intact()


def test_nothing_is_made_while_grading(tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    made = []
    with pytest.raises(CacheError, match="pendant une correction"):
        folder_at(tmp_path, made=made).get()
    assert not made and list(tmp_path.iterdir()) == []


def test_what_is_there_is_read_while_grading_without_writing(tmp_path, monkeypatch):
    folder_at(tmp_path).get()
    (tmp_path / "thing.lock").unlink()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert folder_at(tmp_path).get().is_dir() and not (tmp_path / "thing.lock").exists()


SLOW = """
import sys, time
from pathlib import Path
from utils.assets.cache import CachedFolder
here = Path(sys.argv[1] if len(sys.argv) > 1 else {here!r})
def make(partial):
    with (here / "made.log").open("a") as log:
        log.write("made\\n")
    (partial / "data.txt").write_text("half")
    time.sleep({seconds})
    (partial / "data.txt").write_text("whole")
print(CachedFolder(here / "thing", {{}}, make).get())
"""


def test_killed_in_the_middle_then_made_again(tmp_path, in_process):
    process = in_process(SLOW.format(here=str(tmp_path), seconds=60))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("thing.*.partial/data.txt")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob("*.partial")) and not (tmp_path / "thing").exists()  # what the dead one left

    code = SLOW.format(here=str(tmp_path), seconds=0)
    assert in_process(code).wait(timeout=60) == 0
    assert (tmp_path / "thing" / "data.txt").read_text() == "whole"
    assert not list(tmp_path.glob("*.partial"))


def test_several_at_once_make_it_once(tmp_path, in_process):
    processes = [in_process(SLOW.format(here=str(tmp_path), seconds=1.5)) for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert all(process.returncode == 0 for process in processes), outputs
    assert (tmp_path / "made.log").read_text() == "made\n"
    assert (tmp_path / "thing" / "data.txt").read_text() == "whole"
    assert any("on l'attend" in out for out, _ in outputs)


def test_command_line(tmp_path, capsys):
    entries = {"a": ("un", folder_at(tmp_path / "a")), "b": ("deux", folder_at(tmp_path / "b"))}
    assert command_line("utils.x", entries, ["verify"]) == 1
    assert "[FAIL] a" in (out := capsys.readouterr().out) and "python -m utils.x fetch a" in out
    assert command_line("utils.x", entries, ["fetch", "a"]) == 0 and capsys.readouterr().out == "[OK] a\n"
    assert command_line("utils.x", entries, ["list"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["présent", "a"], ["absent", "b"]]
    (tmp_path / "a" / "thing" / "sub" / "data.txt").write_text("evil")
    assert command_line("utils.x", entries, ["verify", "a"]) == 1 and "sub/data.txt" in capsys.readouterr().out
    assert command_line("utils.x", entries, ["fetch", "a"]) == 0
    assert command_line("utils.x", entries, ["verify", "a"]) == 0
    with pytest.raises(SystemExit):
        command_line("utils.x", entries, ["fetch", "c"])


def test_command_line_tells_a_failure(tmp_path, capsys):
    def fail(partial):
        raise CacheError("pas de réseau")

    assert command_line("utils.x", {"a": ("un", CachedFolder(tmp_path / "a", {}, fail))}, ["fetch"]) == 1
    assert capsys.readouterr().out == "[FAIL] a : pas de réseau\n"
