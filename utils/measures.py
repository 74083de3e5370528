"""The figures that a lab's text quotes: a cell hands them over, a measuring run writes them down.

    measured(recall=0.714, gain=(0.25, 0.14, 0.37))

The text then says `{{recall:.0%}}`, which a release fills in (`authoring.measures`).  Only a measuring run listens:
anywhere else a call does nothing, whatever it is given.
"""

import math
import numbers
import os
from typing import Any

MIME = "application/vnd.course.measures+json"
LISTENING = "COURSE_MEASURE"  # in the environment of a measuring run
MOST = 20  # values of one figure
DIGITS = 6  # that are kept: more than any text quotes


def measured(**figures: Any) -> None:
    """Hand over figures by name: numbers, or short lists of them (an interval), NumPy's and PyTorch's too.

    In a measuring run, raises `ValueError` for a name that is no identifier or a value that is nothing of that kind.
    """
    if not os.environ.get(LISTENING):
        return
    bundle = {name: _figure(name, value) for name, value in figures.items()}
    from IPython.display import publish_display_data

    publish_display_data({MIME: bundle})


def shown_by(cell: dict) -> dict[str, Any]:
    """The figures that an executed cell handed over, by name."""
    found: dict[str, Any] = {}
    for output in cell.get("outputs", []):
        found |= output.get("data", {}).get(MIME, {})
    return found


def _figure(name: str, value: Any) -> float | list[float]:
    if not name.isidentifier():
        raise ValueError(f"measured: {name!r} is no name for a figure; a text must be able to say {{{{name}}}}.")
    value = value.tolist() if hasattr(value, "tolist") else value  # arrays, tensors, their scalars
    if not isinstance(value, list | tuple):
        return _number(name, value)
    if not 0 < len(value) <= MOST:
        raise ValueError(f"measured: {name} has {len(value)} values; from 1 to {MOST} are wanted.")
    return [_number(name, one) for one in value]


def _number(name: str, value: Any) -> float:
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"measured: {name} = {value!r}; a finite number is wanted, or a short list of them.")
    return int(value) if isinstance(value, numbers.Integral) else float(f"{value:.{DIGITS}g}")
