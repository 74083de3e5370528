"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import os
import subprocess
import sys

import pytest

from authoring import lab as labs
from utils.environment import ROOT


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
