"""What a lab takes on a machine: solutions/<lab>/measures.json, an entry a run of the reference notebook.

`make measure` writes it (`authoring.reference`), the READMEs show it (`authoring.generated`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from authoring.lab import Lab
from utils.files import whole


@dataclass(frozen=True)
class Measure:
    """One run from top to bottom: elapsed `seconds`, and the process's `memory` at its peak, in GiB."""

    machine: str
    cores: int
    seconds: float
    memory: float


def path_of(lab: Lab) -> Path:
    return lab.folder / "measures.json"


def read(lab: Lab) -> list[Measure]:
    """Every run written down; empty for a lab that nobody has measured."""
    path = path_of(lab)
    return [Measure(**found) for found in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def record(lab: Lab, new: Measure) -> None:
    """Write a run down, in the place of those of the same machine."""
    others = [old for old in read(lab) if (old.machine, old.cores) != (new.machine, new.cores)]
    kept = sorted([*others, new], key=lambda measure: (measure.machine, measure.cores))
    with whole(path_of(lab)) as partial:
        text = json.dumps([asdict(measure) for measure in kept], indent=1, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
