"""What a kernel is forked from holds nothing secret: a fresh kernel's memory has none of the lab's hidden tests."""

import sys

import pytest

from grading.execution.engine import Engine
from grading.inside import zygote
from tests.grading.execution.test_engine import configuration, notebook, text
from tests.toy_lab import TOY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")

# A word is given by the numbers of its letters: neither the cell nor what it computes holds the word itself.
SEARCH = """
import ctypes, re
patterns = {}
for name, word in WORDS.items():
    patterns[name] = re.compile(b"".join(b"[" + re.escape(bytes([letter])) + b"]" for letter in word))
found = set()
for line in open("/proc/self/maps"):
    place, rights, *_ = line.split()
    if "r" not in rights or "[v" in line:
        continue
    begin, end = (int(part, 16) for part in place.split("-"))
    memory = memoryview((ctypes.c_char * (end - begin)).from_address(begin))
    found |= {name for name, pattern in patterns.items() if pattern.search(memory)}
print(sorted(found))
"""


def searched(**words: str) -> str:
    return SEARCH.replace("WORDS", repr({name: list(word.encode()) for name, word in words.items()}))


@pytest.mark.parametrize("isolated", [True, False])
def test_a_fresh_kernel_holds_no_hidden_test(tmp_path, isolated):
    hidden = max((cell.source for cell in TOY.notebook.cells if "### BEGIN HIDDEN" in cell.source), key=len)
    secret = hidden.partition("### BEGIN HIDDEN TESTS")[2].partition("### END")[0].strip().splitlines()[0].strip()
    assert len(secret) > 15
    check = next(cell.metadata.nbgrader.grade_id for cell in TOY.notebook.cells if cell.source == hidden)
    with Engine([], labs={"fr": TOY.notebook}, config=configuration(tmp_path), isolated=isolated) as engine:
        engine.wait()
        assert engine._examiner("fr").fit(check), "the examiner has the lab's source by now, hidden tests included"
        run = engine.run(notebook(searched(secret=secret, control=zygote.__doc__.splitlines()[0])), {})
        planted = engine.run(notebook(f"kept = {secret!r}", searched(secret=secret)), {})
    assert text(run) == ["['control']\n"]
    assert text(planted)[1] == "['secret']\n"
