"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import os
import subprocess
import sys

import pytest

from authoring import lab as labs
from utils.environment import ROOT
from utils.notebook import releases


@pytest.mark.parametrize("lab", labs.labs())
def test_kept_answers(lab):
    # A process of its own: a lab sets threads, environment and seeds.
    done = subprocess.run(
        [sys.executable, "-m", "authoring.answers", lab],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("untouched") == done.stdout.count("reference") > 0


def test_labs_are_in_teaching_order(tmp_path, monkeypatch):
    """For their authors and for their students, who see other folders."""
    monkeypatch.setattr(labs, "SOLUTIONS", tmp_path / "solutions")
    monkeypatch.setattr(releases, "NOTEBOOKS", tmp_path / "notebooks")
    names = ["tp0_quiz", "tp2_causal_lm", "tp10_agents"]
    for name in names:
        for path in (tmp_path / "solutions" / name / f"{name}.py", tmp_path / "notebooks" / name / f"{name}.ipynb"):
            path.parent.mkdir(parents=True)
            path.write_text("")
    assert labs.labs() == releases.labs() == names
