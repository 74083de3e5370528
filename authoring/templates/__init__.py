"""What every lab says in the same words: kept here once a language, and put in a source where it names it.

    # {{setup}}     in a code cell: the set-up cell      setup_fr.py, setup_en.py
    # {{handin}}    in Markdown: how to hand in          handin_fr.md, handin_en.md

In a text, `{{lab}}` is the lab's name.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
NAMED = re.compile(r"^# \{\{(setup|handin)\}\}$", re.MULTILINE)
SUFFIXES = {"setup": ".py", "handin": ".md"}


def filled(script: str, lab: str, language: str) -> str:
    """A percent script with these texts, in a language, in the place of their names."""
    return NAMED.sub(lambda named: text_of(named[1], language).replace("{{lab}}", lab), script)


def text_of(name: str, language: str) -> str:
    """A text as it stands in a percent script, where a line of Markdown is a comment."""
    text = (FOLDER / f"{name}_{language}{SUFFIXES[name]}").read_text(encoding="utf-8").rstrip("\n")
    return text if SUFFIXES[name] == ".py" else re.sub(r"^", "# ", text, flags=re.MULTILINE)
