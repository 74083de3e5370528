"""A course of two toy labs in a folder of its own, under git, as a student has it."""

import os
import subprocess
from pathlib import Path

import nbformat
from nbgrader.utils import compute_checksum

from authoring.lab import read_script
from authoring.naming import named
from authoring.source import STUBS, TEXT_STUBS, Source
from tests.toy_lab import SOURCE, TOY
from utils.notebook import releases

LAB, OTHER = "tp8_toy", "tp9_other"
HEADER = "# %% [markdown]\n# ### Exercice {} — {}\n\n"
TITLED = SOURCE
for number, (name, title) in enumerate([("double", "Le double"), ("noisy", "Du bruit")], start=1):
    cell = f'# %% exercise="ex{number}_{name}" role="solution"'
    TITLED = TITLED.replace(cell, HEADER.format(number, title) + cell)
TITLED = named(TITLED)
ENGLISH = TITLED
for french, english in {
    "Un TP d'essai": "A lab to try", "Exercice": "Exercise", "Le double": "The double", "Du bruit": "Some noise",
    "rien que du bruit inoffensif": "nothing but harmless noise",
}.items():  # fmt: skip
    ENGLISH = ENGLISH.replace(french, english)
OTHER_SOURCE = """\
# %% [markdown]
# # Un autre TP

# %% exercise="ex1_half" role="solution"
def half(x):
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% exercise="ex1_half" role="check" points=1
float(half(2) == 1)
"""


def student_version(source: str, lab: str, language: str = "fr") -> nbformat.NotebookNode:
    """A lab's student notebook, without the seconds that nbgrader takes."""
    notebook = read_script(source, lab, TOY.root, language)
    for cell in notebook.cells:
        source = Source(cell.source)
        cell.source = source.stub((TEXT_STUBS if cell.cell_type == "markdown" else STUBS)[language])
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.checksum = compute_checksum(cell)
    return notebook


class ToyCourse:
    """`release(source)` gives a new version out: it is committed when there is git."""

    def __init__(self, root: Path, monkeypatch, with_git: bool = True):
        self.root, self.with_git = root, with_git
        root.mkdir()
        monkeypatch.setattr(releases, "ROOT", root)
        monkeypatch.setattr(releases, "NOTEBOOKS", root / "notebooks")
        if with_git:
            self.git("init", "-q", "-b", "main")
        self.release(OTHER_SOURCE, OTHER)
        self.release(TITLED)

    def release(
        self, source: str, lab: str = LAB, change=lambda notebook: notebook, language: str = "fr"
    ) -> nbformat.NotebookNode:
        notebook = change(student_version(source, lab, language))
        path = releases.path_of(lab, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        if self.with_git:
            self.git("add", "-A")
            self.git("commit", "-q", "--allow-empty", "-m", f"{lab}: a release")
        return notebook

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)


def git(folder: Path, *arguments: str) -> str:
    """Ask git, without the user's own settings."""
    who = {f"GIT_{role}_{what}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(["git", "-C", str(folder), *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_id(notebook: nbformat.NotebookNode) -> dict:
    """The cells of the exercises, by nbgrader's name."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


ANSWERS = {
    "ex1_double-solution": "def double(x):\n    return x + x",
    "ex2_noisy-solution": 'def noisy():\n    return "rien que du bruit inoffensif"',
    "ex3_words-answer": "Parce que.",
}


def fill(notebook: nbformat.NotebookNode, answers: dict[str, str] = ANSWERS) -> nbformat.NotebookNode:
    for name, source in answers.items():
        by_id(notebook)[name].source = source
    return notebook


def by_position(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """As releases were before cells had names: ids that count them, and no word of the course."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{LAB}-{number:03d}".replace("_", "-")
    notebook.metadata.pop("course", None)
    return notebook


def as_colab_saves(notebook: nbformat.NotebookNode, keep_ids: bool = True) -> dict:
    """What Colab makes of a notebook: format 4.0, ids in the metadata, settings of its own, outputs."""
    raw = nbformat.from_dict(notebook)
    raw["nbformat_minor"] = 0
    raw["metadata"] = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python"},
        "accelerator": "CPU",
    }
    for number, cell in enumerate(raw["cells"]):
        name = cell.pop("id")
        cell["metadata"]["id"] = name if keep_ids else f"Qx{number:010d}"
        if not keep_ids:
            cell["metadata"].pop("nbgrader", None)
        if cell["cell_type"] == "code":
            cell["metadata"]["colab"] = {"base_uri": "https://localhost:8080/"}
            cell["metadata"]["outputId"] = f"out-{number}"
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["une sortie\n"]}]
        cell["source"] = cell["source"].splitlines(keepends=True)
    return raw
