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

from utils.language import _, figure, ngettext
from utils.outcome import MIME, Code, Outcome, State, Test

MARKS = {State.RIGHT: "✅", State.WRONG: "❌", State.UNTOUCHED: "⏳"}


class ToDo(NotImplementedError):
    """What an untouched stub raises; a plain NotImplementedError (torch raises some) is an error like the rest."""

    def __init__(self, text: str = ""):
        super().__init__(text or _("pas encore traité"))


class Mismatch(AssertionError):
    """A test found something else than it expected; the message says what, and `code` of what kind it is."""

    def __init__(self, message: str = "", code: str = ""):
        super().__init__(message)
        self.code = code


class Report:
    """What the tests of one exercise found, and the points they give."""

    def __init__(self, title: str, points: float, advice: str = ""):
        """`advice`: what to do, told while nothing is attempted, where it is not to remove the line that raises."""
        self.title, self.points, self.advice = title, points, advice
        self.results: list[Test] = []

    @contextlib.contextmanager
    def test(self, title: str, points: float) -> Iterator[None]:
        """One property worth `points`: any exception in the block is a failure, told in words and kept inside.

        Only a block that reaches its end passes, whatever an exception says of itself (nothing at all, for one).
        """
        try:
            yield
        except KeyboardInterrupt:  # the student's own stop
            raise
        except BaseException as error:
            untouched = isinstance(error, ToDo)
            message, code, where = (_("pas encore traité"), Code.UNTOUCHED, "") if untouched else _told(error)
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
        expect(first is State.RIGHT, _("Ce test attend que le premier passe."), Code.REQUIRES_FIRST)

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
    """An outcome in words, line by line."""
    if not outcome.attempted:
        told = ngettext(
            "⏳ {exercise} : pas encore traité ({points} point à gagner).",
            "⏳ {exercise} : pas encore traité ({points} points à gagner).",
            outcome.points,
        )
        yield told.format(exercise=outcome.exercise, points=figure(outcome.points))
        advice = advice or _(
            "Si vous avez écrit du code : retirez la ligne « raise ToDo », exécutez la cellule\n"
            "au-dessus, sans erreur, puis celle-ci."
        )
        yield from (f"   {line}" for line in advice.splitlines())
        return
    yield outcome.exercise
    for test in outcome.tests:
        points = f" {figure(test.points)}/{figure(test.of)} "
        yield f"  {MARKS[test.state]}{points if test.of else ''} {test.title}"
        yield from (f"         {line}" for line in test.told.splitlines())
    if any(test.state is State.UNTOUCHED for test in outcome.tests):
        again = _(
            "Pas encore traité : la ligne « raise ToDo » est encore exécutée ;\nretirez-la une fois votre code écrit."
        )
        yield from (f"  {line}" for line in again.splitlines())
    yield "  " + _("Points : {told}.").format(told=outcome.told)


def expect(condition: Any, message: str, code: str = Code.CONDITION) -> None:
    """Raise `Mismatch(message)` unless `condition`, read as a plain bool, is true."""
    if not bool(plain(condition)):
        raise Mismatch(message, code)


def plain(value: Any, name: str = "") -> Any:
    """`value` as built-in or NumPy values of an exact type, so that no object of the student's answers a comparison.

    Tensors and arrays become NumPy arrays; lists, tuples and dicts are rebuilt.  Raises `Mismatch` for anything else.
    `name`: what messages call the value, here and below; "le résultat" if it is empty.
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
    message = _("{name} est de type {kind}, qui n'est pas un type simple (nombre, texte, liste, tenseur).")
    raise Mismatch(message.format(name=_named(name), kind=kind.__name__), Code.TYPE)


def _named(name: str) -> str:
    return name or _("le résultat")


def _nothing(name: str) -> Mismatch:
    """The usual diagnosis of a None."""
    message = _("{name} vaut None : n'avez-vous pas oublié le « return » ?")
    return Mismatch(message.format(name=_named(name)), Code.NONE)


def _tensor_types() -> tuple[type, ...]:
    """The exact types of a tensor; none where torch is not imported, which takes seconds: there is no tensor then."""
    torch = sys.modules.get("torch")
    return (torch.Tensor, torch.nn.Parameter) if torch else ()


def expect_type(value: Any, kind: type | tuple[type, ...], name: str = "", code: str = Code.TYPE) -> None:
    """Raise `Mismatch` unless the exact type of `value` is (one of) `kind`; None gets the usual diagnosis."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if value is None and type(None) not in kinds:
        raise _nothing(name)
    if type(value) not in kinds:
        wanted = _(" ou ").join(k.__name__ for k in kinds)
        message = _("{name} est de type {kind} ; type attendu : {wanted}.")
        raise Mismatch(message.format(name=_named(name), kind=type(value).__name__, wanted=wanted), code)


def expect_shape(value: "torch.Tensor", shape: tuple[int, ...], name: str = "", code: str = Code.SHAPE) -> None:
    """Raise `Mismatch` unless `value` is a tensor of `shape`."""
    if value is not None and type(value) not in _tensor_types():
        message = _("{name} est de type {kind} ; attendu : un tenseur PyTorch.")
        raise Mismatch(message.format(name=_named(name), kind=type(value).__name__), Code.TYPE)
    expect_type(value, _tensor_types(), name)
    if tuple(value.shape) != tuple(shape):
        raise Mismatch(_shapes(name, tuple(value.shape), tuple(shape)), code)


def _shapes(name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    message = _("{name} a la forme {got} ; forme attendue : {expected}.")
    return message.format(name=_named(name), got=got, expected=expected)


def expect_close(
    got: Any, expected: Any, tolerance: float, name: str = "", hint: str = "", code: str = Code.VALUE
) -> None:
    """Raise `Mismatch` unless |got − expected| ≤ tolerance everywhere (numbers, arrays or tensors of one shape).

    The message gives what was obtained, what was expected and the largest difference, then `hint`; it has the `code`,
    unless what was obtained is nothing of the kind (none, type, shape, not finite).
    """
    if got is None:
        raise _nothing(name)
    try:
        a, b = np.asarray(plain(got, name), dtype=np.float64), np.asarray(plain(expected), dtype=np.float64)
    except (TypeError, ValueError):
        message = _("{name} n'est pas un nombre ni un tableau de nombres.")
        raise Mismatch(message.format(name=_named(name)), Code.TYPE) from None
    if a.shape != b.shape:
        raise Mismatch(_shapes(name, a.shape, b.shape), Code.SHAPE)
    if not np.isfinite(a).all():
        message = _("{name} contient des valeurs infinies ou indéfinies (inf, nan).").format(name=_named(name))
        raise Mismatch(f"{message} {hint}".strip(), Code.NOT_FINITE)
    difference = np.abs(a - b)
    if difference.size and difference.max() > tolerance:
        worst = np.unravel_index(difference.argmax(), difference.shape)
        where = _(" à la position {place}").format(place=tuple(int(i) for i in worst)) if a.ndim else ""
        message = _(
            "{name}{where} — obtenu : {got:.6g} ; attendu : {expected:.6g} ; plus grand écart : {difference:.3g} "
            "(toléré : {tolerance:g})."
        ).format(
            name=_named(name), where=where, got=a[worst], expected=b[worst], difference=difference.max(),
            tolerance=tolerance,
        )  # fmt: skip
        raise Mismatch("\n".join([message] + ([hint] if hint else [])), code)


def expect_equal(got: Any, expected: Any, name: str = "", hint: str = "", code: str = Code.VALUE) -> None:
    """Raise `Mismatch` unless `got`, made plain, equals `expected` (type and value)."""
    if got is None and expected is not None:
        raise _nothing(name)
    a, b = plain(got, name), plain(expected)
    same = np.array_equal(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b
    if type(a) is not type(b) or not same:
        message = _("{name} — obtenu : {got}\nattendu : {expected}")
        message = message.format(name=_named(name), got=_short(a), expected=_short(b))
        raise Mismatch("\n".join([message] + ([hint] if hint else [])), code)


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
    message = next(iter(text_of(error).splitlines()), "") or _("(sans message)")
    told = _("Votre code s'arrête sur {error} : {message}").format(error=type(error).__name__, message=message)
    if isinstance(error, NameError):
        unknown = _(
            "Le nom {name!r} n'existe pas ici : vérifiez son orthographe ; s'il vient d'une cellule au-dessus, "
            "exécutez-la d'abord, sans erreur."
        )
        told += "\n" + unknown.format(name=error.name)
    return told


def _where(error: BaseException) -> str:
    """The last line of the student's own code that led to an error, else of the check's; empty if neither is known."""
    frames = traceback.extract_tb(error.__traceback__)
    check = next((f.filename for f in frames if f.filename != __file__), "")  # the cell that holds the check itself
    cells = [f for f in frames if "ipykernel" in f.filename or f.filename.startswith("<")]
    own = [f for f in cells if f.filename != check]
    if own and own[-1].line:
        told = _("à la ligne {number} de la cellule : {line}")
        return told.format(number=own[-1].lineno, line=own[-1].line)
    if cells and cells[-1].line:
        told = _("pendant la vérification, avec ce que votre fonction a renvoyé : {line}")
        return told.format(line=cells[-1].line)
    return ""


@contextlib.contextmanager
def attempt(exercise: str) -> Iterator[None]:
    """A demonstration that uses the student's function: an untouched stub or a mistake does not stop "Run all"."""
    try:
        yield
    except ToDo:
        _publish_demonstration(exercise, State.UNTOUCHED)
        told = _("⏳ {exercise} : pas encore traité, cette démonstration attend votre fonction.")
        print(told.format(exercise=exercise))
    except Exception as error:
        _publish_demonstration(exercise, State.WRONG)
        told = _("❌ {exercise} : cette démonstration n'aboutit pas ; corrigez d'abord l'exercice.")
        print(told.format(exercise=exercise))
        print("\n".join(filter(None, [_reason(error), _where(error)])))


def _publish_demonstration(exercise: str, state: State) -> None:
    publish(Outcome(exercise, 0.0, (Test(_("démonstration"), state, 0.0, 0.0),)).bundle)
