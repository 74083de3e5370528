"""The language in which the course speaks: French, its source, or another that has a catalogue in `utils/locale/`.

Messages stand in French in the code, `_("… {name} …").format(name=…)`, and are looked up when they are said: one
process can grade a French copy, then an English one.  The catalogues are made by `python -m authoring.messages`.
"""

import contextlib
import gettext
import os
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path

SOURCE = "fr"
LOCALE = Path(__file__).parent / "locale"
_chosen = ""  # what the notebook itself asks for
_spoken: ContextVar[str] = ContextVar("spoken", default="")  # of a block: several threads may be in one each


def choose(language: str) -> None:
    """Speak `language` from now on, as the notebook that is being run does; empty: what the user asks for."""
    global _chosen
    _chosen = language


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` within a block, of this thread alone; empty: as before."""
    token = _spoken.set(language or _spoken.get())
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """The block's language, else the notebook's, else the user's (`COURSE_LANG`), else French."""
    return _spoken.get() or _chosen or os.environ.get("COURSE_LANG") or SOURCE


def _(message: str) -> str:
    """`message` in the language of the moment; in French where it has no translation."""
    return _catalogue(language()).gettext(message)


def N_(message: str) -> str:
    """`message` itself: marks one that stands in a table, and is looked up (`_`) when it is said."""
    return message


def ngettext(singular: str, plural: str, number: float) -> str:
    """The message that goes with `number`, in the language of the moment."""
    return _catalogue(language()).ngettext(singular, plural, number)


def figure(value: float, form: str = "g") -> str:
    """A number as `form` writes it, with the decimal mark of the language: `0,5` in French, `0.5` in English."""
    return f"{value:{form}}".replace(".", _(","))


class _Source(gettext.NullTranslations):
    """French as it stands in the code: zero is singular, which gettext's own default does not know."""

    def ngettext(self, msgid1: str, msgid2: str, n: float) -> str:
        return msgid2 if abs(n) >= 2 else msgid1


class _Translations(gettext.GNUTranslations):
    """A catalogue, which is asked for whole numbers only: a fraction is a plural."""

    def ngettext(self, msgid1: str, msgid2: str, n: float) -> str:
        return super().ngettext(msgid1, msgid2, int(n) if n == int(n) else 2)


@cache
def _catalogue(name: str) -> _Source | _Translations:
    """The messages of a language; French for one that has no catalogue."""
    if name not in {folder.name for folder in LOCALE.iterdir()}:  # a hand-in may name anything: no path is made of it
        return _Source()
    found = gettext.translation("course", LOCALE, [name], _Translations)
    found.add_fallback(_Source())
    return found
