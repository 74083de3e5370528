"""Figures that a cell hands over: to a measuring run only, as plain numbers, and nothing that is no number."""

import json

import numpy as np
import pytest
import torch
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from utils.measures import LISTENING, MIME, MOST, measured, shown_by


@pytest.fixture
def published(monkeypatch):
    """What is shown in a notebook while a run measures."""
    monkeypatch.setenv(LISTENING, "1")
    publisher = CapturingDisplayPublisher()
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", publisher)
    yield publisher.outputs
    InteractiveShell.clear_instance()


def test_numbers_of_every_library_come_as_plain_ones(published):
    measured(n=229, share=np.float32(0.25), hits=np.int64(3), loss=torch.tensor(2.5, requires_grad=True))
    measured(gain=(np.float64(0.25), 0.14, torch.tensor(0.5)), curve=np.array([1, 2]), third=1 / 3)
    (first, second) = [output["data"] for output in published]
    assert first == {MIME: {"n": 229, "share": 0.25, "hits": 3, "loss": 2.5}}  # and no text: nothing is seen of it
    assert second == {MIME: {"gain": [0.25, 0.14, 0.5], "curve": [1, 2], "third": 0.333333}}
    assert json.loads(json.dumps(second)) == second
    assert shown_by({"outputs": [{"output_type": "stream"}, *published]}) == first[MIME] | second[MIME]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), None, "0.5", True, np.bool_(True), 1j, [], [[1]], [1, None], {"a": 1},
              range(3), [0.0] * (MOST + 1), np.ones((2, 2))], ids=repr,
)  # fmt: skip
def test_what_is_no_figure_is_refused_by_its_name(published, value):
    with pytest.raises(ValueError, match="recall"):
        measured(recall=value)
    assert not published


@pytest.mark.parametrize("name", ["small recall", "1st", "", "a-b"])
def test_a_name_that_a_text_could_not_say_is_refused(published, name):
    with pytest.raises(ValueError, match="no name"):
        measured(**{name: 1.0})
    assert not published


@pytest.mark.parametrize("grading", [None, "autograde"])
def test_out_of_a_measuring_run_nothing_happens(published, monkeypatch, capsys, grading):
    monkeypatch.delenv(LISTENING)
    if grading:
        monkeypatch.setenv("NBGRADER_EXECUTION", grading)
    assert measured(recall=0.5, lost=float("nan"), nothing=None) is None
    assert not published and capsys.readouterr() == ("", "")


def test_out_of_a_notebook_too(monkeypatch, capsys):
    measured(recall=0.5)
    assert capsys.readouterr() == ("", "")
