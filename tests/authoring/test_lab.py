"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import os
import subprocess
import sys

import pytest

from authoring.catalogue import Catalogue
from utils.environment import ROOT


@pytest.mark.parametrize("lab", Catalogue().names)
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


@pytest.mark.parametrize("name", ["tp1_mlm", "tp2_causal_lm"])
def test_a_lab_knows_its_exercises_and_what_is_reserved(name):
    lab = Catalogue()[name]
    assert lab.points == 20
    assert [asked.title.split(" — ")[0] for asked in lab.exercises.values()] == [
        f"Exercice {i}" for i in range(1, len(lab.exercises) + 1)
    ]
    assert lab.hidden_lines and not any(line in given for line in lab.hidden_lines for given in lab.given)
    if name == "tp1_mlm":
        wordpiece = lab.exercises["ex1_wordpiece"]
        assert wordpiece.is_reserved("Deux cents mots de critiques tirés au sort")
        assert not wordpiece.is_reserved("Un mot impossible à découper donne [UNK]")
