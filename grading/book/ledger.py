"""What has been graded, so that a grading that was stopped, even by a power cut, goes on where it was.

One file a hand-in, replaced in one step.  It says which version of the hand-in, of the lab and of the settings it is
about (a fingerprint), and how far that version came: executed (the notebook is kept until its marks are in the
gradebook), recorded, set aside with a reason, or failed in our hands (to be tried again).
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from grading.book.notes import Note, NoteKind
from grading.execution.status import Status
from utils.assets.cache import sha256_of
from utils.files import whole


class EntryState(StrEnum):
    """How far a hand-in came."""

    NEW = "new"  # not in the ledger
    EXECUTED = "executed"
    RECORDED = "recorded"
    ASIDE = "aside"
    FAILED = "failed"


@dataclass
class Entry:
    """One hand-in.  `notes`: what was mended, for the reports.  `shown`: what the feedback page was made from.
    `language`: in which its student is spoken to; empty if it is not known."""

    fingerprint: str
    state: EntryState = EntryState.EXECUTED
    notebook: dict | None = None
    status: Status | None = None
    seconds: float = 0.0
    usage: dict = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    error: str = ""
    shown: str = ""
    language: str = ""


class Ledger:
    """The entries of one lab, in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def get(self, student: str) -> Entry | None:
        """The entry of a student; None if there is none (or none that can be read: graded again)."""
        try:
            entry = Entry(**json.loads(self.path(student).read_text(encoding="utf-8")))
            entry.state, entry.status = EntryState(entry.state), entry.status and Status(entry.status)
            entry.notes = [Note(NoteKind(note["kind"]), note["values"]) for note in entry.notes]
            return entry
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, student: str, entry: Entry) -> None:
        """Keep an entry, whole or not at all, and on the disk before this returns."""
        with whole(self.path(student), durable=True) as partial:
            partial.write_text(json.dumps(asdict(entry)), encoding="ascii")


def fingerprint(folder: Path, *context: str) -> str:
    """Identifies what is graded: every file of a hand-in, and `context` (the lab's version, the settings)."""
    digest = hashlib.sha256(json.dumps(context).encode())
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            digest.update(f"{name} -> {os.readlink(path)}\n".encode(errors="surrogateescape"))
        elif path.is_file():
            digest.update(f"{name} {sha256_of(path)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
