"""What of a text that a student of an English copy reads is still in French."""

import html
import re

import polib

from utils.language import LOCALE

CATALOGUE = polib.pofile(str(LOCALE / "en" / "LC_MESSAGES" / "course.po"))
FRENCH = re.compile(r"\w*[àâçéèêëîïôûùœÀÂÇÉÈÊËÎÏÔÛÙŒ]\w*|[«»]")


def _sayings() -> set[str]:
    """The words of the French messages, but for fields and for what English has too."""
    texts = {text for entry in CATALOGUE for text in (entry.msgid, entry.msgid_plural)}
    english = " ".join(text for entry in CATALOGUE for text in (entry.msgstr, *entry.msgstr_plural.values()))
    parts = {part.strip(" .:;,()") for text in texts for part in re.split(r"\{[^}]*\}|<[^>]*>|\n", text)}
    return {part for part in parts if len(part) > 5 and part not in english}


SAYINGS = _sayings()


def left_in_french(text: str) -> list[str]:
    """The French messages of the course in a text, and its words with an accent."""
    plain = re.sub(r"\s+", " ", html.unescape(text))
    found = [said for said in SAYINGS if re.search(rf"(?<!\w){re.escape(said)}(?!\w)", plain)]
    return sorted(found + FRENCH.findall(plain))
