"""French spacing of the labs' texts: a no-break space before « ; : ? ! » % », and inside the quotes.

    python -m authoring.typography            mend every lab's source and answers
    python -m authoring.typography --check    only say which lines lack one

Only the Markdown cells are touched, and in them neither code, maths, addresses nor HTML tags.
"""

import argparse
import re
import sys
from pathlib import Path

from utils.environment import ROOT

NBSP = "\u00a0"
LITERAL = re.compile(r"(`[^`]*`|\$[^$]*\$|<[^>]*>|https?://\S+)")


def spaced(text: str, literal: re.Pattern = LITERAL) -> str:
    """`text` with the no-break spaces of French typography, but in what `literal` (one group) matches."""
    parts = literal.split(text)
    for i in range(0, len(parts), 2):  # the odd ones are literal
        after_literal = r"|^" if i else ""
        parts[i] = re.sub(rf"((?<=\S){after_literal}) (?=[;:?!»%](\W|$))", NBSP, parts[i])
        parts[i] = parts[i].replace("« ", f"«{NBSP}")
    return "".join(parts)


def mended(source: str) -> str:
    """A percent script with its Markdown cells spaced."""
    lines, markdown, fenced = [], False, False
    for line in source.split("\n"):
        if line.startswith("# %%"):
            markdown, fenced = "[markdown]" in line, False
        elif markdown:
            fenced ^= line.startswith("# ```")
            line = line if fenced else spaced(line)
        lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("files", nargs="*", type=Path, help="by default every lab's source")
    options = parser.parse_args(arguments)
    wrong = 0
    for path in options.files or sorted(ROOT.glob("solutions/*/*.py")):
        before = path.read_text(encoding="utf-8")
        after = mended(before)
        for number, (old, new) in enumerate(zip(before.split("\n"), after.split("\n"), strict=True), start=1):
            if old != new:
                wrong += 1
                print(f"{path.name}:{number}: {new.replace(NBSP, '␣')}")
        if not options.check and after != before:
            path.write_text(after, encoding="utf-8")
    return 1 if wrong and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
