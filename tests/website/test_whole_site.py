"""The site of the labs that are there, run with the small budget: it is built, it is whole, and it shows no secret."""

import os
import subprocess
import sys

import pytest

from utils.environment import ROOT


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_both_editions_of_the_course(tmp_path):
    # A process of its own: other tests of the site make it believe in a toy course.
    command = [sys.executable, "-m", "website.build", "--budget", "small", "--to", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    labs = [path.stem for path in (ROOT / "solutions").glob("*/*.py") if path.stem == path.parent.name]
    for site in ("site", "site-enseignant"):
        assert sorted(path.stem for path in (tmp_path / site / "tp").glob("*.html")) == sorted(labs)
