"""What students' tools know of the labs: the index, and what is fetched for the labs that are asked for."""

import subprocess
import sys

import pytest

from utils import corpora, labs, models
from utils.environment import ROOT
from utils.labs import Needs

COURSE = [
    Needs("tp2", {"fr": "Deux"}, ("masked",), ("boolq",)),
    Needs("tp9", {"fr": "Neuf"}, ("masked", "causal"), (), "agents", 1.5),
    Needs("tp10", {"fr": "Dix"}),
]


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    path = tmp_path / "labs.json"
    path.write_text(labs.written(COURSE), encoding="utf-8")
    monkeypatch.setattr(labs, "INDEX", path)


@pytest.fixture
def fetched(monkeypatch):
    """What would be fetched, command by command; nothing is."""
    asked = []
    for module in (models, corpora):
        monkeypatch.setattr(
            module, "main", lambda arguments, name=module.__name__: asked.append((name, arguments)) or 0
        )
    return asked


def test_the_index_is_read_as_it_was_written():
    assert labs.read() == labs.chosen([]) == COURSE
    assert labs.chosen(["tp10", "tp2"]) == [COURSE[0], COURSE[2]]
    assert labs.users(COURSE, "models") == {"masked": ["tp2", "tp9"], "causal": ["tp9"]}


def test_all_that_labs_need_is_fetched_and_nothing_else(fetched):
    assert labs.main(["fetch"]) == 0
    assert fetched == [("utils.models", ["fetch", "masked", "causal"]), ("utils.corpora", ["fetch", "boolq"])]
    fetched.clear()
    assert labs.main(["fetch", "tp9"]) == 0
    assert fetched == [("utils.models", ["fetch", "masked", "causal"])]
    fetched.clear()
    assert labs.main(["fetch", "tp10"]) == 0
    assert fetched == []  # with no name, `fetch` would bring everything


def test_what_cannot_be_fetched_counts(fetched, monkeypatch):
    monkeypatch.setattr(models, "main", lambda arguments: 1)
    assert labs.main(["fetch", "tp2"]) == 1 and fetched == [("utils.corpora", ["fetch", "boolq"])]


def test_extras_and_names_that_no_lab_has(capsys):
    assert labs.main(["extras"]) == 0 and capsys.readouterr().out == "agents\n"
    assert labs.main(["extras", "tp2"]) == 0 and capsys.readouterr().out == "\n"
    with pytest.raises(SystemExit):
        labs.main(["fetch", "tp3"])
    assert "TP inconnu : tp3 (TP du cours : tp2, tp9, tp10)" in capsys.readouterr().err


def test_make_asks_for_extras_before_anything_is_installed():
    """Without site-packages: nothing but the standard library."""
    command = [sys.executable, "-S", "-m", "utils.labs", "extras"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
