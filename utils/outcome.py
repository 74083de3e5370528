"""What a check found, as data: a mime bundle beside the printed text, and how it is read from a cell's outputs.

Standard library only: the students' tools and the grader read outcomes without loading torch.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum

from utils.language import _, figure

MIME = "application/vnd.course.report+json"


class State(StrEnum):
    """How a test ended."""

    RIGHT = "right"
    WRONG = "wrong"
    UNTOUCHED = "untouched"


class Code(StrEnum):
    """The kinds of a test's message; a check may give a code of its own, and an exception has `error:<its name>`."""

    UNTOUCHED = "untouched"
    REQUIRES_FIRST = "requires_first"
    NONE = "none"  # nothing was returned
    TYPE = "type"
    SHAPE = "shape"
    VALUE = "value"
    NOT_FINITE = "not_finite"
    CONDITION = "condition"

    @classmethod
    def is_general(cls, code: str) -> bool:
        """Whether a code says the kind of a message only, and not which one it is."""
        return not code or code in set(cls) or code.startswith("error:")


@dataclass(frozen=True)
class Test:
    """One test of a check: `points` earned of `of`.

    `where`: the line of the student's code that `message` is about.  `again`: an earlier test has said the same.
    """

    __test__ = False  # not one for pytest
    title: str
    state: State
    points: float
    of: float
    message: str = ""
    code: str = ""
    where: str = ""
    again: bool = False

    @property
    def told(self) -> str:
        """What people read, its lines apart: the whole message, once."""
        return _("(même message que ci-dessus)") if self.again else "\n".join(filter(None, [self.message, self.where]))


@dataclass(frozen=True)
class Outcome:
    """What the check of one exercise found; `points` is what the exercise is worth, hidden tests included."""

    exercise: str
    points: float
    tests: tuple[Test, ...]

    @property
    def attempted(self) -> bool:
        """False when every test met an untouched stub; one function of several may be there before the others."""
        return any(test.state is not State.UNTOUCHED for test in self.tests)

    @property
    def earned(self) -> float:
        return float(sum(test.points for test in self.tests))

    @property
    def shown(self) -> float:
        """The most that these tests can give."""
        return float(sum(test.of for test in self.tests))

    @property
    def told(self) -> str:
        """The points in words, without a full stop: `2 sur 3 (et 0,5 sur …)`."""
        hidden = self.points - self.shown
        values = {"earned": figure(self.earned), "shown": figure(self.shown), "hidden": figure(hidden)}
        if not self.shown:
            told = _("{hidden}, donnés à la correction, par des tests qu'elle seule exécute")
        elif hidden > 1e-9:
            told = _("{earned} sur {shown} (et {hidden} sur des tests que seule la correction exécute)")
        else:
            told = _("{earned} sur {shown}")
        return told.format(**values)

    @property
    def bundle(self) -> dict:
        tests = [asdict(test) for test in self.tests]
        return {"exercise": self.exercise, "points": self.points, "attempted": self.attempted, "tests": tests}

    @classmethod
    def of(cls, bundle: dict) -> "Outcome":
        """Read a bundle, which may come out of a student's kernel: plain fields or `ValueError`."""
        try:
            tests = [
                Test(
                    str(test["title"]), State(test["state"]), float(test["points"]), float(test["of"]),
                    str(test["message"]), str(test["code"]), str(test["where"]), bool(test["again"]),
                )
                for test in bundle["tests"]
            ]  # fmt: skip
            return cls(str(bundle["exercise"]), float(bundle["points"]), tuple(tests))
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"not what a check shows: {error!r}") from None


def shown_by(cell: dict) -> Outcome | None:
    """The outcome that an executed cell shows (the last one: what a student's function displays comes before)."""
    for output in reversed(cell.get("outputs", [])):
        bundle = output.get("data", {}).get(MIME)
        if bundle is not None:
            try:
                return Outcome.of(bundle)
            except ValueError:
                return None
    return None
