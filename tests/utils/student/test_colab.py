"""A student's notebook alone in an empty folder, as on Colab: its set-up cell brings the course."""

import json
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests import working_copy
from utils.student import colab

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*/*/*.ipynb"))

# Python runs this at start-up, after `site` has read the .pth files: the editable install is as if it were not there.
WITHOUT_EDITABLE_INSTALL = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if not getattr(f, "__module__", "").startswith("__editable__")]
"""


def setup_cell(notebook: Path) -> str:
    """The source of the notebook's set-up cell: its first code cell."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def remote(tmp_path_factory) -> str:
    """A git repository that holds this working tree, as a file:// address."""
    folder = working_copy.copy_to(tmp_path_factory.mktemp("remote"))
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in [["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "The course"]]:
        run(["git", *command], cwd=folder).check_returncode()
    return folder.as_uri()


@pytest.fixture
def alone(tmp_path, monkeypatch) -> Path:
    """An empty folder, from which no course can be imported although every library can."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_EDITABLE_INSTALL, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    folder = tmp_path / "étudiante"
    folder.mkdir()
    bare = run([sys.executable, "-c", "import platformdirs, utils"], cwd=folder)
    assert "No module named 'utils'" in bare.stderr, "the course is importable: this test would prove nothing"
    return folder


def start(notebook: Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run the notebook's set-up cell in `cwd`, then print where `utils` came from."""
    code = setup_cell(notebook) + "\nimport utils\nprint('utils:', utils.__file__)\n"
    return run([sys.executable, "-c", code], cwd=cwd, **environment)


# What the set-up cell says of each trouble, by language: out of reach, without an address, without git.
SAID = {
    "fr": ("Impossible d'apporter le cours depuis", "Demandez l'adresse du cours", "git est-il installé"),
    "en": ("The course could not be fetched from", "Ask your teacher for the course's address", "is git installed"),
}
in_each_language = pytest.mark.parametrize(
    ("quiz", "said"),
    [(ROOT / f"notebooks/{one}/tp0_quiz/tp0_quiz.ipynb", said) for one, said in SAID.items()],
    ids=SAID,
)


def test_there_is_a_notebook_to_try():
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_the_set_up_cell_brings_the_course(notebook, alone, remote):
    (alone / "utils.py").write_text("# a student's own utils must not be in the way\n", encoding="utf-8")
    done = start(notebook, alone, COURSE_URL=remote)
    assert done.returncode == 0, done.stderr
    ready = {"fr": f"{notebook.stem} : prêt — ", "en": f"{notebook.stem}: ready — "}
    assert ready[notebook.parent.parent.name] in done.stdout
    assert f"utils: {alone / 'cours-llm' / 'utils'}" in done.stdout
    assert {path.name for path in alone.iterdir()} - {"__pycache__"} == {"cours-llm", "utils.py"}


def test_a_course_already_brought_is_used_as_it_is(alone, remote):
    start(NOTEBOOKS[0], alone, COURSE_URL=remote)
    (alone / "cours-llm" / "note.txt").write_text("à moi", encoding="utf-8")
    done = start(NOTEBOOKS[0], alone, COURSE_URL="file:///nowhere")
    assert done.returncode == 0, done.stderr
    assert (alone / "cours-llm" / "note.txt").read_text(encoding="utf-8") == "à moi"


@in_each_language
def test_an_address_out_of_reach_is_a_clear_error_and_can_be_tried_again(alone, remote, quiz, said):
    done = start(quiz, alone, COURSE_URL="file:///nowhere")
    assert done.returncode != 0
    assert f"RuntimeError: {said[0]} file:///nowhere" in done.stderr
    assert not (alone / "cours-llm").exists()
    assert start(quiz, alone, COURSE_URL=remote).returncode == 0


@in_each_language
def test_no_address_yet_is_a_clear_error(alone, remote, quiz, said):
    """As in this repository itself: an edition that nobody has given an address to."""
    address = "https://github.com/votre-organisation/cours-llm"
    done = start(quiz, alone, COURSE_URL=address)
    assert done.returncode != 0 and f"RuntimeError: {said[1]}" in done.stderr
    assert not (alone / "cours-llm").exists()
    assert start(quiz, alone, COURSE_URL=remote).returncode == 0
    assert start(quiz, alone, COURSE_URL=address).returncode == 0  # it is there: no address is needed


@in_each_language
def test_no_git_is_a_clear_error(alone, remote, quiz, said):
    done = start(quiz, alone, COURSE_URL=remote, PATH=str(alone))
    assert done.returncode != 0
    assert said[2] in done.stderr


def test_with_the_course_installed_the_set_up_cell_brings_nothing(tmp_path):
    done = start(NOTEBOOKS[0], tmp_path, COURSE_URL="file:///nowhere", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert f"utils: {ROOT / 'utils'}" in done.stdout
    assert not (tmp_path / "cours-llm").exists()


def test_the_address_is_the_one_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for notebook in NOTEBOOKS:
        assert f'"{project["urls"]["Repository"]}"' in setup_cell(notebook)
        assert "{{" not in setup_cell(notebook)


def pretend(monkeypatch, **versions: str | None) -> None:
    """Make `importlib.metadata` say these versions (None: not installed; `_` stands for `-`)."""
    wanted = {name.replace("_", "-"): version for name, version in versions.items()}
    true_version = metadata.version

    def version(name: str) -> str:
        if name not in wanted:
            return true_version(name)
        if wanted[name] is None:
            raise metadata.PackageNotFoundError(name)
        return wanted[name]

    monkeypatch.setattr(metadata, "version", version)


def test_nothing_is_missing_here():
    assert colab.missing() == []


def test_only_what_is_missing_or_too_old_is_installed_at_its_pin(monkeypatch):
    pretend(monkeypatch, gguf=None, rouge_score=None, transformers="4.44.0", pandas="2.2.2", jupyterlab=None)
    pins = colab.pins()
    assert colab.missing() == [f"{name}=={pins[name]}" for name in ("transformers", "gguf", "rouge-score")]


def test_an_installed_torch_is_never_touched(monkeypatch):
    pretend(monkeypatch, torch="2.1.0+cu118", gguf=None)
    commands = []
    monkeypatch.setattr(
        colab.subprocess, "run", lambda command: commands.append(command) or subprocess.CompletedProcess(command, 0)
    )
    assert colab.main() == 0
    assert commands[0][-2:] == [f"gguf=={colab.pins()['gguf']}", "torch==2.1.0+cu118"]


def test_without_torch_it_is_installed_once(monkeypatch):
    pretend(monkeypatch, torch=None)
    assert colab.missing() == ["torch==2.13.0"]
