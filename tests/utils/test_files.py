"""Files written whole or not at all, copies under free names, and members of archives that may not be trusted."""

import os
import stat
import zipfile
from pathlib import PurePosixPath

import pytest

from utils.files import free_name, is_plain, natural, safe_path, set_aside, whole


def test_names_are_sorted_as_people_number_them():
    names = ["tp10_agents", "tp2_causal_lm", "tp0_quiz", "ex10_golf", "ex9_tests", "bonus", "tp2", ""]
    wanted = ["", "bonus", "ex9_tests", "ex10_golf", "tp0_quiz", "tp2", "tp2_causal_lm", "tp10_agents"]
    assert sorted(names, key=natural) == wanted


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_appears_whole(tmp_path, durable):
    target = tmp_path / "new" / "a.txt"
    with whole(target, durable) as partial:
        partial.write_text("half")
        assert not target.exists() and partial.parent == target.parent
        partial.write_text("whole")
    assert target.read_text() == "whole" and list(target.parent.iterdir()) == [target]


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "other").write_text("")
    with whole(tmp_path / "mine") as partial:
        partial.write_text("")
    assert (tmp_path / "mine").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failure_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(RuntimeError), whole(target) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_two_writers_at_once_do_not_share_a_name(tmp_path):
    target = tmp_path / "a.txt"
    with whole(target) as first, whole(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first" and list(tmp_path.iterdir()) == [target]  # the last to end


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("sync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), replace(*paths)))
    with whole(tmp_path / "a", durable=True) as partial:
        partial.write_text("x")
    assert done == ["sync", "name"]


def test_a_copy_is_set_aside_once(tmp_path):
    path = tmp_path / "tp1[1].ipynb"  # as browsers name a second download
    path.write_text("one")
    kept = set_aside(path)
    assert kept.read_text() == "one" and set_aside(path) == kept
    path.write_text("two")
    other = set_aside(path)
    assert other != kept and (kept.read_text(), other.read_text()) == ("one", "two")
    assert free_name(path, "avant") not in (kept, other)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b.txt", "a/b.txt"), ("./a", "a"), ("a\\b", "a/b"), ("a/12:30.png", "a/12:30.png"), ("a..b/..c", "a..b/..c"),
        ("../a", None), ("a/../../b", None), ("a\\..\\b", None), ("/a", None), ("\\a", None), ("//host/a", None),
        ("C:/a", None), ("C:a", None), ("..", None), (".", None), ("", None),
    ],
)  # fmt: skip
def test_a_path_that_could_lead_out_is_none(name, path):
    assert safe_path(name) == (PurePosixPath(path) if path else None)


@pytest.mark.parametrize(
    ("kind", "plain"),
    [(0, True), (stat.S_IFREG, True), (stat.S_IFLNK, False), (stat.S_IFIFO, False), (stat.S_IFCHR, False)],
)
def test_only_an_ordinary_file_is_plain(kind, plain):
    member = zipfile.ZipInfo("a")
    member.external_attr = (kind | 0o644) << 16
    assert is_plain(member) is plain
