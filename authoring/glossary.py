"""The field's terms, French to English (`glossary.toml`), and whether a translation uses them."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INFLECTED = r"(?:e?s|x)?"  # vecteur, vecteurs; réseau, réseaux; token, tokens; loss, losses


@dataclass(frozen=True)
class Glossary:
    """For each French term, the English ones of which a translation must use one."""

    terms: dict[str, list[str]]

    @classmethod
    def read(cls, path: Path | None = None) -> "Glossary":
        path = path or Path(__file__).with_name("glossary.toml")
        return cls(tomllib.loads(path.read_text(encoding="utf-8"))["terms"])

    def faults(self, french: str, english: str) -> Iterator[str]:
        """The terms of a French text that its English does not have; both without code.

        The longest first, each taken out of the text: « tête d'attention » asks for "attention head" alone.
        """
        for term in sorted(self.terms, key=len, reverse=True):
            french, times = _pattern(term).subn("·", french)
            if times and not any(_pattern(form).search(english) for form in self.terms[term]):
                yield f"“{term}” without {' or '.join(f'“{form}”' for form in self.terms[term])}"


@cache
def _pattern(term: str) -> re.Pattern:
    """A term in a text: its words may be in the plural, and those that end in `*` have any ending."""
    ending = {True: r"\w*", False: INFLECTED}
    words = [re.escape(word.removesuffix("*")) + ending[word.endswith("*")] for word in term.split()]
    return re.compile(r"(?<![\w-])" + r"[\s-]+".join(words) + r"(?!\w)", re.IGNORECASE)
