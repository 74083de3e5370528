"""Checks that give a student three outcomes (right, wrong, not attempted), a helpful message and partial credit.

A check cell reads:

    report = Report("Exercice 2 — Masquage", points=3)
    with report.test("Les jetons spéciaux ne sont jamais masqués", points=1):
        expect(not special.any(), "un [CLS] est masqué")
    report.score()

`score()` prints the messages on stdout, shows them as data beside (`utils.outcome`: what programs read) and returns a
float, which nbgrader reads as partial credit.
Nothing that goes wrong in student code escapes a `test` block, and nothing is printed on stderr.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch  # not at run time: see _tensor_types

from utils.outcome import MIME, Code, Outcome, State, Test, number

MARKS = {State.RIGHT: "✅", State.WRONG: "❌", State.UNTOUCHED: "⏳"}
NOT_DONE = "pas encore traité"
ADVICE = """Si vous avez écrit du code : retirez la ligne « raise ToDo », exécutez la cellule
au-dessus, sans erreur, puis celle-ci."""


class ToDo(NotImplementedError):
    """What an untouched stub raises; a plain NotImplementedError (torch raises some) is an error like the rest."""

    def __init__(self, text: str = NOT_DONE):
        super().__init__(text)


class Mismatch(AssertionError):
    """A test found something else than it expected; the message says what, in French, and `code` of what kind it is."""

    def __init__(self, message: str = "", code: str = ""):
        super().__init__(message)
        self.code = code


class Report:
    """What the tests of one exercise found, and the points they give."""

    def __init__(self, title: str, points: float, advice: str = ""):
        """`advice`: what to do, told while nothing is attempted, where it is not to remove the line that raises."""
        self.title, self.points, self.advice = title, points, advice or ADVICE
        self.results: list[Test] = []

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
            untouched = isinstance(error, ToDo)
            message, code, where = (NOT_DONE, Code.UNTOUCHED, "") if untouched else _told(error)
            again = (message, where) in [(earlier.message, earlier.where) for earlier in self.results]
            state = State.UNTOUCHED if untouched else State.WRONG
            self.results.append(Test(title, state, 0.0, points, message, code, where, again))
        else:
            self.results.append(Test(title, State.RIGHT, points, points))

    def requires_first(self) -> None:
        """Inside a test that means nothing unless the first one passes: it ends as that one did, if it did not."""
        first = self.results[0].state
        if first is State.UNTOUCHED:
            raise ToDo
        expect(first is State.RIGHT, "Ce test attend que le premier passe.", Code.REQUIRES_FIRST)

    @property
    def outcome(self) -> Outcome:
        """What the tests found so far."""
        return Outcome(self.title, self.points, tuple(self.results))

    @property
    def attempted(self) -> bool:
        return self.outcome.attempted

    @property
    def earned(self) -> float:
        return self.outcome.earned

    def score(self) -> float:
        """Tell the outcome of every test, in words and as data; return the points earned (0.0 when not attempted)."""
        outcome = self.outcome
        print("\n".join(_sentences(outcome, self.advice)))
        publish(outcome.bundle)
        return outcome.earned


def publish(bundle: dict) -> None:
    """Show data in the outputs of the notebook's cell; nothing outside a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.display_pub.publish({MIME: bundle, "text/plain": ""})  # what has no other text, some pages warn of


def _sentences(outcome: Outcome, advice: str) -> Iterator[str]:
    """An outcome in French, line by line."""
    if not outcome.attempted:
        plural = "s" if outcome.points >= 2 else ""
        yield f"⏳ {outcome.exercise} : {NOT_DONE} ({number(outcome.points)} point{plural} à gagner)."
        yield from (f"   {line}" for line in advice.splitlines())
        return
    yield outcome.exercise
    for test in outcome.tests:
        points = f" {number(test.points)}/{number(test.of)} "
        yield f"  {MARKS[test.state]}{points if test.of else ''} {test.title}"
        yield from (f"         {line}" for line in test.told.splitlines())
    if any(test.state is State.UNTOUCHED for test in outcome.tests):
        yield "  Pas encore traité : la ligne « raise ToDo » est encore exécutée ;"
        yield "  retirez-la une fois votre code écrit."
    yield f"  Points : {outcome.told}."


def expect(condition: Any, message: str, code: str = Code.CONDITION) -> None:
    """Raise `Mismatch(message)` unless `condition`, read as a plain bool, is true."""
    if not bool(plain(condition)):
        raise Mismatch(message, code)


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
    simple = "un type simple (nombre, texte, liste, tenseur)"
    raise Mismatch(f"{name} est de type {kind.__name__}, qui n'est pas {simple}.", Code.TYPE)


def _tensor_types() -> tuple[type, ...]:
    """The exact types of a tensor; none where torch is not imported, which takes seconds: there is no tensor then."""
    torch = sys.modules.get("torch")
    return (torch.Tensor, torch.nn.Parameter) if torch else ()


def expect_type(value: Any, kind: type | tuple[type, ...], name: str = "le résultat", code: str = Code.TYPE) -> None:
    """Raise `Mismatch` unless the exact type of `value` is (one of) `kind`; None gets the usual diagnosis."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if value is None and type(None) not in kinds:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?", Code.NONE)
    if type(value) not in kinds:
        wanted = " ou ".join(k.__name__ for k in kinds)
        raise Mismatch(f"{name} est de type {type(value).__name__} ; type attendu : {wanted}.", code)


def expect_shape(
    value: "torch.Tensor", shape: tuple[int, ...], name: str = "le résultat", code: str = Code.SHAPE
) -> None:
    """Raise `Mismatch` unless `value` is a tensor of `shape`."""
    if value is not None and type(value) not in _tensor_types():
        raise Mismatch(f"{name} est de type {type(value).__name__} ; attendu : un tenseur PyTorch.", Code.TYPE)
    expect_type(value, _tensor_types(), name)
    if tuple(value.shape) != tuple(shape):
        raise Mismatch(f"{name} a la forme {tuple(value.shape)} ; forme attendue : {tuple(shape)}.", code)


def expect_close(
    got: Any, expected: Any, tolerance: float, name: str = "le résultat", hint: str = "", code: str = Code.VALUE
) -> None:
    """Raise `Mismatch` unless |got − expected| ≤ tolerance everywhere (numbers, arrays or tensors of one shape).

    The message gives what was obtained, what was expected and the largest difference, then `hint`; it has the `code`,
    unless what was obtained is nothing of the kind (none, type, shape, not finite).
    """
    if got is None:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?", Code.NONE)
    try:
        a, b = np.asarray(plain(got, name), dtype=np.float64), np.asarray(plain(expected), dtype=np.float64)
    except (TypeError, ValueError):
        raise Mismatch(f"{name} n'est pas un nombre ni un tableau de nombres.", Code.TYPE) from None
    if a.shape != b.shape:
        raise Mismatch(f"{name} a la forme {a.shape} ; forme attendue : {b.shape}.", Code.SHAPE)
    if not np.isfinite(a).all():
        message = f"{name} contient des valeurs infinies ou indéfinies (inf, nan). {hint}".strip()
        raise Mismatch(message, Code.NOT_FINITE)
    difference = np.abs(a - b)
    if difference.size and difference.max() > tolerance:
        worst = np.unravel_index(difference.argmax(), difference.shape)
        where = f" à la position {tuple(int(i) for i in worst)}" if a.ndim else ""
        lines = [
            f"{name}{where} — obtenu : {a[worst]:.6g} ; attendu : {b[worst]:.6g} ; "
            f"plus grand écart : {difference.max():.3g} (toléré : {tolerance:g})."
        ]
        raise Mismatch("\n".join(lines + ([hint] if hint else [])), code)


def expect_equal(got: Any, expected: Any, name: str = "le résultat", hint: str = "", code: str = Code.VALUE) -> None:
    """Raise `Mismatch` unless `got`, made plain, equals `expected` (type and value)."""
    if got is None and expected is not None:
        raise Mismatch(f"{name} vaut None : n'avez-vous pas oublié le « return » ?", Code.NONE)
    a, b = plain(got, name), plain(expected)
    same = np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
    if type(a) is not type(b) or not same:
        lines = [f"{name} — obtenu : {_short(a)}", f"attendu : {_short(b)}"]
        raise Mismatch("\n".join(lines + ([hint] if hint else [])), code)


def proportion_margin(p: float, n: int, sigmas: float = 5.0) -> float:
    """Half-width of the interval that holds the share of successes of `n` Bernoulli(`p`) draws.

    With `sigmas=5` a right answer falls outside about once in two million runs (normal approximation).
    """
    return sigmas * float(np.sqrt(p * (1 - p) / n))


def _short(value: Any, width: int = 220) -> str:
    text = repr(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) <= width else text[: width - 1] + "…"


def text_of(error: BaseException) -> str:
    """What an error says; its class may be the student's, whose `__str__` can raise or give anything."""
    try:
        return str.__str__(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def _told(error: BaseException) -> tuple[str, str, str]:
    """What went wrong (message, code, where): what a check says, or where the student's code stops."""
    said = text_of(error) if isinstance(error, Mismatch) else ""
    code = error.code if type(error) is Mismatch and said else f"error:{type(error).__name__}"
    return (said, code, "") if said else (_reason(error), code, _where(error))


def _reason(error: BaseException) -> str:
    """The error's name and text."""
    message = next(iter(text_of(error).splitlines()), "") or "(sans message)"
    lines = [f"Votre code s'arrête sur {type(error).__name__} : {message}"]
    if isinstance(error, NameError):
        lines.append(
            f"Le nom {error.name!r} n'existe pas ici : vérifiez son orthographe ; s'il vient d'une cellule au-dessus, "
            "exécutez-la d'abord, sans erreur."
        )
    return "\n".join(lines)


def _where(error: BaseException) -> str:
    """The last line of the student's own code that led to an error, else of the check's; empty if neither is known."""
    frames = traceback.extract_tb(error.__traceback__)
    check = next((f.filename for f in frames if f.filename != __file__), "")  # the cell that holds the check itself
    cells = [f for f in frames if "ipykernel" in f.filename or f.filename.startswith("<")]
    own = [f for f in cells if f.filename != check]
    if own and own[-1].line:
        return f"à la ligne {own[-1].lineno} de la cellule : {own[-1].line}"
    if cells and cells[-1].line:
        return f"pendant la vérification, avec ce que votre fonction a renvoyé : {cells[-1].line}"
    return ""


@contextlib.contextmanager
def attempt(exercise: str) -> Iterator[None]:
    """A demonstration that uses the student's function: an untouched stub or a mistake does not stop "Run all"."""
    try:
        yield
    except ToDo:
        _publish_demonstration(exercise, State.UNTOUCHED)
        print(f"⏳ {exercise} : {NOT_DONE}, cette démonstration attend votre fonction.")
    except Exception as error:
        _publish_demonstration(exercise, State.WRONG)
        print(f"❌ {exercise} : cette démonstration n'aboutit pas ; corrigez d'abord l'exercice.")
        print("\n".join(filter(None, [_reason(error), _where(error)])))


def _publish_demonstration(exercise: str, state: State) -> None:
    publish(Outcome(exercise, 0.0, (Test("démonstration", state, 0.0, 0.0),)).bundle)
