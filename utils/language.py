"""The language in which the course speaks: French, its source, or another that has a catalogue in `utils/locale/`.

Messages stand in French in the code, `_("… {name} …").format(name=…)`, and are looked up when they are said: one
process can grade a French copy, then an English one.  The catalogues are made by `python -m authoring.messages`.
"""

import gettext
import os
from functools import cache
from pathlib import Path

SOURCE = "fr"
LOCALE = Path(__file__).parent / "locale"
_chosen = ""  # what the notebook itself asks for


def choose(language: str) -> None:
    """Speak `language` from now on, as the notebook that is being run does; empty: what the user asks for."""
    global _chosen
    _chosen = language


def language() -> str:
    """The notebook's language, else the user's (`COURSE_LANG`), else French."""
    return _chosen or os.environ.get("COURSE_LANG") or SOURCE


def _(message: str) -> str:
    """`message` in the language of the moment; in French where it has no translation."""
    return _catalogue(language()).gettext(message)


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


@cache
def _catalogue(name: str) -> gettext.NullTranslations:
    """The messages of a language; French for one that has no catalogue."""
    try:
        found: gettext.NullTranslations = gettext.translation("course", LOCALE, [name])
    except FileNotFoundError:
        return _Source()
    found.add_fallback(_Source())
    return found
