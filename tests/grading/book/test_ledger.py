"""The ledger keeps states and notes as data; their sentences are made where they are shown."""

import json

import pytest

from grading.book.ledger import Entry, EntryState, Ledger
from grading.book.notes import SENTENCES, NoteKind, note
from grading.execution.status import Status


def test_what_is_put_comes_back(tmp_path):
    notes = [note(NoteKind.RENAMED, name="{x}.ipynb", expected="t.ipynb"), note(NoteKind.MISSING, exercises=["a", "b"])]
    entry = Entry("f", EntryState.RECORDED, status=Status.DIED, seconds=1.5, notes=notes)
    Ledger(tmp_path).put("anne", entry)
    found = Ledger(tmp_path).get("anne")
    assert found == entry and isinstance(found.state, EntryState) and isinstance(found.status, Status)
    assert [str(note) for note in found.notes] == [
        "Le notebook s'appelait « {x}.ipynb » et non t.ipynb.", "Des cellules manquaient et ont été remises : a, b."
    ]  # fmt: skip
    assert Entry("f", EntryState.ASIDE, error="x").status is None


@pytest.mark.parametrize(
    "change", [{"state": "perfect"}, {"status": "fine"}, {"notes": ["une phrase"]}, {"notes": [{"kind": "new"}]}]
)
def test_an_entry_that_means_nothing_is_graded_again(tmp_path, change):
    ledger = Ledger(tmp_path)
    ledger.put("anne", Entry("f"))
    told = json.loads(ledger.path("anne").read_text()) | change
    ledger.path("anne").write_text(json.dumps(told))
    assert ledger.get("anne") is None


def test_every_note_has_a_sentence_and_every_end_of_a_run_a_note():
    assert set(SENTENCES) == set(NoteKind)
    assert {status.value for status in Status if status is not Status.OK} <= set(map(str, NoteKind))
