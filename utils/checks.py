"""Checks that give a student three outcomes (right, wrong, not attempted), a helpful message and partial credit.

A check cell reads:

    report = Report("Exercice 2 — Masquage", points=3)
    with report.test("Les jetons spéciaux ne sont jamais masqués", points=1):
        expect(not special.any(), "un [CLS] est masqué")
    report.score()

`score()` prints the messages on stdout and returns a float, which nbgrader reads as partial credit.
Nothing that goes wrong in student code escapes a `test` block, and nothing is printed on stderr.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch  # not at run time: see _tensor_types

# What an untouched stub raises; any other NotImplementedError (torch raises some) is an error like the rest.
UNTOUCHED = "pas encore traité"
ADVICE = """Si vous avez écrit du code : retirez la ligne « raise NotImplementedError », exécutez la cellule
au-dessus, sans erreur, puis celle-ci."""


class Mismatch(AssertionError):
    """A test found something else than it expected; the message says what, in French."""


class State(StrEnum):
    """How a test ended."""

    RIGHT = "right"
    WRONG = "wrong"
    UNTOUCHED = "untouched"


MARKS = {State.RIGHT: "✅", State.WRONG: "❌", State.UNTOUCHED: "⏳"}


@dataclass
class _Result:
    title: str
    points: float
    state: State
    message: str = ""

    @property
    def earned(self) -> float:
        return self.points if self.state is State.RIGHT else 0.0


class Report:
    """What the tests of one exercise found, and the points they give."""

    def __init__(self, title: str, points: float, advice: str = ""):
        """`advice`: what to do, told while nothing is attempted, where it is not to remove the line that raises."""
        self.title, self.points, self.advice = title, points, advice or ADVICE
        self.results: list[_Result] = []

    @contextlib.contextmanager
    def test(self, title: str, points: float) -> Iterator[None]:
        """One property worth `points`: any exception in the block is a failure, told in French and kept inside.

        Only a block that reaches its end passes, whatever an exception says of itself (nothing at all, for one).
        """
        try:
            yield
        except KeyboardInterrupt:  # the student's own stop
            raise
        except BaseException as error:
            untouched = _untouched(error)
            state, message = (State.UNTOUCHED, UNTOUCHED) if untouched else (State.WRONG, _told(error))
        else:
            state, message = State.RIGHT, ""
        self.results.append(_Result(title, points, state, message))

    def requires_first(self) -> None:
        """Inside a test that means nothing unless the first one passes: it ends as that one did, if it did not."""
        first = self.results[0].state
        if first is State.UNTOUCHED:
            raise NotImplementedError(UNTOUCHED)
        expect(first is State.RIGHT, "Ce test attend que le premier passe.")

    @property
    def attempted(self) -> bool:
        """False when every test met an untouched stub; one function of several may be there before the others."""
        return any(result.state is not State.UNTOUCHED for result in self.results)

    @property
    def earned(self) -> float:
        return float(sum(result.earned for result in self.results))

    def score(self) -> float:
        """Print the outcome of every test; return the points earned (0.0 when not attempted)."""
        if not self.attempted:
            plural = "s" if self.points >= 2 else ""
            print(f"⏳ {self.title} : pas encore traité ({_number(self.points)} point{plural} à gagner).")
            for line in self.advice.splitlines():
                print(f"   {line}")
            return 0.0
        print(self.title)
        told: set[str] = set()
        for result in self.results:
            points = f" {_number(result.earned)}/{_number(result.points)} "
            print(f"  {MARKS[result.state]}{points if result.points else ''} {result.title}")
            again = result.message and result.message in told
            message = "(même message que ci-dessus)" if again else result.message
            told.add(result.message)
            for line in message.splitlines():
                print(f"         {line}")
        if any(result.state is State.UNTOUCHED for result in self.results):
            print("  Pas encore traité : la ligne « raise NotImplementedError » est encore exécutée ;")
            print("  retirez-la une fois votre code écrit.")
        shown = sum(result.points for result in self.results)
        hidden = self.points - shown
        later = f" (et {_number(hidden)} sur des tests que seule la correction exécute)" if hidden > 1e-9 else ""
        if shown:
            print(f"  Points : {_number(self.earned)} sur {_number(shown)}{later}.")
        else:
            print(f"  Points : {_number(hidden)}, donnés à la correction, par des tests qu'elle seule exécute.")
        return self.earned


def expect(condition: Any, message: str) -> None:
    """Raise `Mismatch(message)` unless `condition`, read as a plain bool, is true."""
    if not bool(plain(condition)):
        raise Mismatch(message)


def plain(value: Any, name: str = "le résultat") -> Any:
    """`value` as built-in or NumPy values of an exact type, so that no object of the student's answers a comparison.

    Tensors and arrays become NumPy arrays; lists, tuples and dicts are rebuilt.  Raises `Mismatch` for anything else.
    """
    kind = type(value)
    if kind in _tensor_types():
        tensor = value.detach().cpu()
        return np.array((tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy())
    if kind is np.ndarray:
        return np.array(value)
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return value.item()
    if value is None or kind in (bool, int, float, str, bytes):
        return value
    if kind in (list, tuple):
        return kind(plain(item, name) for item in value)
    if kind is dict:
        return {plain(key, name): plain(item, name) for key, item in value.items()}
    raise Mismatch(f"{name} est de type {kind.__name__}, qui n'est pas un type simple (nombre, texte, liste, tenseur).")


def _tensor_types() -> tuple[type, ...]:
    """The exact types of a tensor; none where torch is not imported, which takes seconds: there is no tensor then."""
    torch = sys.modules.get("torch")
    return (torch.Tensor, torch.nn.Parameter) if torch else ()


def expect_type(value: Any, kind: type | tuple[type, ...], name: str = "le résultat") -> None:
    """Raise `Mismatch` unless the exact type of `value` is (one of) `kind`; None gets the usual diagnosis."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if value is None and type(None) not in kinds:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?")
    if type(value) not in kinds:
        wanted = " ou ".join(k.__name__ for k in kinds)
        raise Mismatch(f"{name} est de type {type(value).__name__} ; type attendu : {wanted}.")


def expect_shape(value: "torch.Tensor", shape: tuple[int, ...], name: str = "le résultat") -> None:
    """Raise `Mismatch` unless `value` is a tensor of `shape`."""
    if value is not None and type(value) not in _tensor_types():
        raise Mismatch(f"{name} est de type {type(value).__name__} ; attendu : un tenseur PyTorch.")
    expect_type(value, _tensor_types(), name)
    if tuple(value.shape) != tuple(shape):
        raise Mismatch(f"{name} a la forme {tuple(value.shape)} ; forme attendue : {tuple(shape)}.")


def expect_close(got: Any, expected: Any, tolerance: float, name: str = "le résultat", hint: str = "") -> None:
    """Raise `Mismatch` unless |got − expected| ≤ tolerance everywhere (numbers, arrays or tensors of one shape).

    The message gives what was obtained, what was expected and the largest difference, then `hint`.
    """
    if got is None:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?")
    try:
        a, b = np.asarray(plain(got, name), dtype=np.float64), np.asarray(plain(expected), dtype=np.float64)
    except (TypeError, ValueError):
        raise Mismatch(f"{name} n'est pas un nombre ni un tableau de nombres.") from None
    if a.shape != b.shape:
        raise Mismatch(f"{name} a la forme {a.shape} ; forme attendue : {b.shape}.")
    if not np.isfinite(a).all():
        raise Mismatch(f"{name} contient des valeurs infinies ou indéfinies (inf, nan). {hint}".strip())
    difference = np.abs(a - b)
    if difference.size and difference.max() > tolerance:
        worst = np.unravel_index(difference.argmax(), difference.shape)
        where = f" à la position {tuple(int(i) for i in worst)}" if a.ndim else ""
        lines = [
            f"{name}{where} — obtenu : {a[worst]:.6g} ; attendu : {b[worst]:.6g} ; "
            f"plus grand écart : {difference.max():.3g} (toléré : {tolerance:g})."
        ]
        raise Mismatch("\n".join(lines + ([hint] if hint else [])))


def expect_equal(got: Any, expected: Any, name: str = "le résultat", hint: str = "") -> None:
    """Raise `Mismatch` unless `got`, made plain, equals `expected` (type and value)."""
    if got is None and expected is not None:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?")
    a, b = plain(got, name), plain(expected)
    same = np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
    if type(a) is not type(b) or not same:
        raise Mismatch(
            "\n".join([f"{name} — obtenu : {_short(a)}", f"attendu : {_short(b)}"] + ([hint] if hint else []))
        )


def proportion_margin(p: float, n: int, sigmas: float = 5.0) -> float:
    """Half-width of the interval that holds the share of successes of `n` Bernoulli(`p`) draws.

    With `sigmas=5` a right answer falls outside about once in two million runs (normal approximation).
    """
    return sigmas * float(np.sqrt(p * (1 - p) / n))


def _short(value: Any, width: int = 220) -> str:
    text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) <= width else text[: width - 1] + "…"


def _number(value: float) -> str:
    """French figures: `2`, `0,5`."""
    return f"{value:g}".replace(".", ",")


def text_of(error: BaseException) -> str:
    """What an error says; its class may be the student's, whose `__str__` can raise or give anything."""
    try:
        return str.__str__(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def _untouched(error: BaseException) -> bool:
    return isinstance(error, NotImplementedError) and text_of(error) == UNTOUCHED


def _told(error: BaseException) -> str:
    """What went wrong: what a check says, or where the student's code stops."""
    return (text_of(error) if isinstance(error, Mismatch) else "") or _explain(error)


def _explain(error: BaseException) -> str:
    """The error's name and text, and the last line of the student's own code that led to it."""
    message = next(iter(text_of(error).splitlines()), "") or "(sans message)"
    lines = [f"Votre code s'arrête sur {type(error).__name__} : {message}"]
    if isinstance(error, NameError):
        lines.append(
            f"Le nom {error.name!r} n'existe pas ici : vérifiez son orthographe ; s'il vient d'une cellule au-dessus, "
            "exécutez-la d'abord, sans erreur."
        )
    frames = traceback.extract_tb(error.__traceback__)
    check = next((f.filename for f in frames if f.filename != __file__), "")  # the cell that holds the check itself
    cells = [f for f in frames if "ipykernel" in f.filename or f.filename.startswith("<")]
    own = [f for f in cells if f.filename != check]
    if own and own[-1].line:
        lines.append(f"à la ligne {own[-1].lineno} de la cellule : {own[-1].line}")
    elif cells and cells[-1].line:
        lines.append(f"pendant la vérification, avec ce que votre fonction a renvoyé : {cells[-1].line}")
    return "\n".join(lines)


@contextlib.contextmanager
def attempt(exercise: str) -> Iterator[None]:
    """A demonstration that uses the student's function: an untouched stub or a mistake does not stop "Run all"."""
    try:
        yield
    except Exception as error:
        if _untouched(error):
            print(f"⏳ {exercise} : pas encore traité, cette démonstration attend votre fonction.")
        else:
            print(f"❌ {exercise} : cette démonstration n'aboutit pas ; corrigez d'abord l'exercice.")
            print(_explain(error))
