"""How the run of a notebook ended, and why a cell of it did not come to its own end: data, told in words elsewhere."""

from enum import StrEnum

from nbformat import NotebookNode

STOPPED = "stopped"  # in an executed cell's metadata: written by the grader only, whatever the hand-in had there


class Status(StrEnum):
    """How a run ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    DIED = "died"
    FLOOD = "flood"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"


class Stop(StrEnum):
    """Why a cell did not run to its end; the value is the name of the error in its outputs."""

    NOT_RUN = "NotRun"  # the kernel was gone before
    DIED = "DeadKernel"  # it went during this cell
    TIMEOUT = "TimeoutError"  # as in `authoring.nbgrader.configuration`
    ALTERED = "AlteredKernel"  # a probe found the kernel altered: a person decides


def stop_of(cell: NotebookNode) -> Stop | None:
    """Why an executed cell was stopped by the grader; None if it was not (whatever its own code raised)."""
    found = cell.metadata.get(STOPPED)
    return Stop(found) if found else None
