"""The repository that students get: all they need, nothing that they must not see."""

import os
import re
import subprocess
import sys

import pytest

from authoring import edition as students
from authoring.catalogue import Catalogue
from utils.environment import ROOT


@pytest.fixture(autouse=True)
def git_identity(monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a teacher")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "teacher@example.org")


@pytest.fixture
def edition(tmp_path):
    to = tmp_path / "students"
    students.publish(to)
    return to


def test_nothing_that_students_must_not_see(edition):
    withheld = (*students.WITHHELD, "website", "CONTRIBUTING.md")
    assert not [name for name in withheld if (edition / name).exists()]
    texts = [path.read_bytes() for path in edition.rglob("*") if path.is_file() and ".git" not in path.parts]
    for secret in (b"BEGIN SOLUTION", b"BEGIN HIDDEN TESTS"):
        assert not any(secret in text for text in texts)
    assert sorted(path.name for path in (edition / "notebooks" / "fr").iterdir()) == sorted(Catalogue().names)


def test_students_have_what_they_need(edition):
    """Their commands exist, the helpers import, a lab is recognised when it is handed in."""
    known = subprocess.run(["make", "help"], cwd=edition, capture_output=True, text=True, check=True).stdout
    commands = {line.split()[1] for line in known.splitlines()}
    assert {"lab", "setup", "update", "handin"} <= commands
    assert "grade" not in known and "release" not in known
    environment = os.environ | {"PYTHONPATH": str(edition), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "utils.student.handin", "--no-run", "--to", str(edition.parent), "tp1_mlm.ipynb"]
    done = subprocess.run(command, cwd=edition, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "c'est le TP tp1_mlm" in done.stdout and str(ROOT) not in done.stdout, done
    english = (edition / "README.en.md").read_text(encoding="utf-8")
    assert english.startswith("# Large language models") and "make handin" in english and "make grade" not in english
    assert "notebooks/en/tp0_quiz" in english and "If something goes wrong" in english
    for target in ("README.md", "README.en.md", "README.fr.md"):
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (edition / target).read_text()):
            assert (edition / link).exists(), (target, link)


def test_a_second_edition_brings_what_changed(edition):
    assert students.publish(edition) == []
    (edition / "utils" / "no_longer.py").write_text("")
    (edition / "Makefile").write_text("help:\n")
    for command in (["add", "--all"], ["commit", "--quiet", "--message", "an older edition"]):
        subprocess.run(["git", "-C", str(edition), *command], check=True)
    assert sorted(students.publish(edition)) == ["Makefile", "utils/no_longer.py"]
    assert not (edition / "utils" / "no_longer.py").exists()


def test_nothing_is_overwritten(edition, tmp_path, capsys):
    (edition / "Makefile").write_text("a change of its own")
    with pytest.raises(students.EditionError, match="not committed"):
        students.publish(edition)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(students.EditionError, match="neither empty"):
        students.publish(tmp_path / "full")
    with pytest.raises(students.EditionError, match="solutions/"):
        students.publish(ROOT)
    assert students.main([""]) == 1 and "TO=" in capsys.readouterr().err
    assert students.main([str(ROOT / "build" / "students")]) == 1


def test_without_an_identity_nothing_is_copied(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "")
    with pytest.raises(students.EditionError, match="git var"):
        students.publish(tmp_path / "students")
    assert [path.name for path in (tmp_path / "students").iterdir()] == [".git"]


def test_a_solution_is_never_published(tmp_path):
    root = tmp_path / "course"
    (root / "notebooks").mkdir(parents=True)
    (root / "notebooks" / "lab.ipynb").write_text("### BEGIN SOLUTION")
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    with pytest.raises(students.EditionError, match="lab.ipynb"):
        students.publish(tmp_path / "edition", root)
    assert not (tmp_path / "edition").exists()
