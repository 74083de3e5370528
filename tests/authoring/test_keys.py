"""What is computed again when a file changes: no more, and no less.  In a copy of the course, to change it at will."""

import json
import subprocess
import sys

import pytest

from authoring import keys
from tests import working_copy
from utils.environment import ROOT

TELL = """
import json, sys
from pathlib import Path
from authoring import answers, keys, reference
from authoring.catalogue import Catalogue
from authoring.nbgrader import configuration, deciding

def told():
    for lab in Catalogue():
        yield "answers", lab.name, answers.key(lab)
        yield "grading", lab.name, deciding(configuration(lab.root), keys.lab_files(lab.folder, answers=False))
        yield "run", lab.name, reference.fingerprint(lab, "small")

before, changed = set(told()), {}
for path in map(Path, sys.argv[1:]):
    whole = path.read_bytes()
    path.write_bytes(whole + (b"\\n# a comment\\n" if path.suffix in (".py", ".txt", ".md") else b" "))
    changed[str(path)] = [(kind, lab) for kind, lab, _ in set(told()) - before]
    path.write_bytes(whole)
print(json.dumps(changed))
"""
KINDS = ("answers", "grading", "run")
LABS = ("tp0_quiz", "tp1_mlm", "tp2_causal_lm", "tp3_prompting", "tp4_rag")


def each(kinds=KINDS, labs=LABS) -> set[tuple[str, str]]:
    return {(kind, lab) for kind in kinds for lab in labs}


EXPECTED = {
    "utils/student/update.py": set(),
    "utils/student/handin.py": set(),
    "README.md": set(),
    "utils/checks.py": each(),
    "constraints.txt": each(),
    "utils/quiz.py": each(labs=["tp0_quiz"]),
    "utils/batching.py": each(labs=["tp2_causal_lm", "tp3_prompting", "tp4_rag"]),
    "utils/metrics/f1/f1.py": each(labs=["tp1_mlm"]),  # read by `evaluate`, imported by nobody
    "data/tp2_causal_lm/recit_fr.txt": each(labs=["tp2_causal_lm"]),
    "solutions/tp4_rag/tp4_rag.py": each(labs=["tp4_rag"]),
    "solutions/tp4_rag/measures.json": each(labs=["tp4_rag"]),  # its figures stand in the text
    "solutions/tp4_rag/answers/ex2_split.py": each(["answers"], ["tp4_rag"]),
    "grading/inside/exam.py": each(["answers"]),
    "website/figures.py": each(["run"]),
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """File → the results whose keys change with it, as (kind, lab)."""
    folder = working_copy.copy_to(tmp_path_factory.mktemp("course") / "copy")
    command = [sys.executable, "-c", TELL, *EXPECTED, "data/masked_lm/weights.safetensors"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return {file: set(map(tuple, of)) for file, of in json.loads(done.stdout).items()}


@pytest.mark.parametrize("file", EXPECTED)
def test_what_a_change_recomputes(changed, file):
    assert changed[file] == EXPECTED[file]


def test_the_models_that_are_restored_from_data_count(changed):
    assert ("answers", "tp1_mlm") in changed["data/masked_lm/weights.safetensors"]


def test_imports_of_every_form_are_found(tmp_path):
    source = tmp_path / "any.py"
    source.write_text(
        "import os, utils.plots as p\nfrom utils import runtime\nfrom utils.checks import expect\n"
        'def f():\n    from utils.student import doctor\n    run(["-m", "grading.inside.zygote"])\n'
        '# from utils import quiz\nword = "utils.nothing"\n',
        encoding="utf-8",
    )
    found = {path.relative_to(ROOT).as_posix() for path in keys.imports(source)}
    assert found == {
        "utils/__init__.py", "utils/plots.py", "utils/runtime.py", "utils/checks.py", "utils/student/__init__.py",
        "utils/student/doctor.py", "utils/locale/en/LC_MESSAGES/course.mo", "utils/locale/en/LC_MESSAGES/course.po",
        "grading/__init__.py", "grading/inside/__init__.py", "grading/inside/zygote.py",
    }  # fmt: skip
