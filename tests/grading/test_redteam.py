"""Hand-ins that attack the grading: none gets a point that an untouched notebook does not get, none harms another.

Most attacks have one form: if what must be impossible is possible, the answer is right.  All hand-ins are graded
together, beside honest ones, and each must have the mark and the notes that its attack calls for.
"""

import copy
import os
import re
import socket
import sys
import threading
import zipfile
from dataclasses import dataclass, field

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from authoring.nbgrader import configuration
from grading import demo, grade
from grading.book.notes import TO_CHECK
from grading.execution import engine as kernels
from grading.execution import sandbox
from tests.grading.conftest import CLASS
from tests.toy_lab import LAB, TOY
from utils.environment import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation is for Linux only")
HONEST = {"anne": 3.0, "boris": 1.5, "chloé": 0.0, "denis": 0.0}


@dataclass
class Attack:
    """`source`: what stands in the first exercise's cell.  `total`: the mark it must get.  `note`: in the report."""

    source: str = "def double(x):\n    return None"
    total: float = 0.0
    note: str = ""
    error: str = ""
    second: str = ""
    files: dict = field(default_factory=dict)
    change: object = None  # what else is done to the notebook


def if_possible(attempt: str) -> Attack:
    """An answer that is right if `attempt` (a function's body) returns something true."""
    body = "\n".join(f"    {line}" for line in attempt.strip().splitlines())
    return Attack(
        f"def attempt():\n{body}\n\ntry:\n    won = bool(attempt())\n"
        "except BaseException as error:\n    print(repr(error)[:200])\n    won = False\n\n"
        "def double(x):\n    return 2 * x if won else None"
    )


def forged(notebook):
    """Outputs that say: full marks."""
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            cell.outputs = [new_output("execute_result", data={"text/plain": "2.0"}, execution_count=1)]
    notebook.metadata["grades"] = {"total": 20}


def edited(notebook):
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-check":
            cell.source = "2.0"
            cell.metadata.nbgrader.points = 200


def deleted(notebook):
    kept = [c for c in notebook.cells if not c.metadata.get("nbgrader", {}).get("grade_id", "").endswith("check")]
    notebook.cells = kept


def unlocked(notebook):
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-check":
            cell.source = "2.0"
            cell.metadata.nbgrader |= {"locked": False, "solution": True}


def last_cell(source):
    return lambda notebook: notebook.cells.append(new_code_cell(source))


EVERYTHING_IS_EQUAL = """
class Equal(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True

def double(x):
    return Equal()
"""
SILENT_LATER = """
from utils.checks import Mismatch
calls = []
def double(x):
    calls.append(x)
    if len(calls) > 1:
        raise Mismatch("")
    return 2 * x
"""
EXOTIC = """
class Text(str):
    def __bool__(self): return False
    def __eq__(self, other): return True
    def __hash__(self): return 0

from utils.checks import Mismatch
class Exotic(Mismatch):
    __module__ = "builtins"
    def __str__(self): return Text()
    @property
    def __class__(self): return Mismatch

def double(x):
    raise Exotic
"""
PATCHED_BUILTINS = """
import builtins
builtins.bool = lambda *_: True
builtins.type = lambda *_: int
builtins.isinstance = lambda *_: True
builtins.sum = lambda *_: 2.0
builtins.float = lambda *_: 2.0
def double(x):
    return 1
"""
PATCHED_CHECKS = """
import utils.checks
def nothing(*_, **__): pass
for name in ("expect", "expect_equal", "expect_close", "expect_shape", "expect_type"):
    setattr(utils.checks, name, nothing)
    globals()[name] = nothing
utils.checks.Report.score = lambda self: self.points
utils.checks.Report.earned = property(lambda self: self.points)
utils.checks.Mismatch = KeyboardInterrupt
utils.checks.plain = lambda value, name="": 6
def double(x):
    return 1
"""
PATCHED_LIBRARIES = """
import numpy as np, torch
np.array_equal = np.allclose = lambda *_, **__: True
torch.equal = torch.allclose = lambda *_, **__: True
torch.Tensor.__eq__ = lambda *_: True
def double(x):
    return torch.tensor(0)
"""
OWN_REPORT = """
class Report:
    def __init__(self, title, points): self.points = points
    def test(self, *_, **__):
        import contextlib
        return contextlib.nullcontext()
    def score(self): return self.points
def expect_equal(*_): pass
def double(x):
    return 1
"""
SHADOWED = """
import sys, os
os.makedirs("utils", exist_ok=True)
open("utils/__init__.py", "w").close()
open("utils/checks.py", "w").write('''
import contextlib
class Report:
    def __init__(self, title, points): self.points = points
    def test(self, *_, **__): return contextlib.nullcontext()
    def score(self): return self.points
def expect_equal(*_): pass
''')
open("utils.py", "w").write("raise SystemExit")
for name in [n for n in sys.modules if n.split(".")[0] == "utils"]:
    del sys.modules[name]
sys.path.insert(0, os.getcwd())
from utils.checks import Report, expect_equal
def double(x):
    return 1
"""
SILENCED = """
shell = get_ipython()
shell.showtraceback = shell.showsyntaxerror = lambda *_, **__: None
shell.set_custom_exc((BaseException,), lambda *_, **__: None)
def double(x):
    raise ValueError
"""
NO_MORE_ASSERTS = """
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    def visit_Expr(self, node):
        return node if "score" not in ast.dump(node) else ast.Expr(ast.Constant(2.0))
    def visit_With(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Drop())
def double(x):
    return 1
"""
EVERY_CELL_IS_TWO = """
get_ipython().input_transformers_cleanup.append(lambda lines: ["2.0\\n"])
def double(x):
    return 1
"""
RUN_CELL = """
shell = get_ipython()
async def run_cell_async(*args, **kwargs):
    from IPython.core.interactiveshell import ExecutionResult, ExecutionInfo
    shell.displayhook(2.0)
    result = ExecutionResult(ExecutionInfo("", False, False, False, ""))
    result.result = 2.0
    return result
shell.run_cell_async = run_cell_async
def double(x):
    return 1
"""
FORGED_RESULT = """
def double(x):
    kernel = get_ipython().kernel
    content = {"data": {"text/plain": "2.0"}, "metadata": {}, "execution_count": 1}
    for _ in range(3):
        kernel.session.send(kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent())
    get_ipython().displayhook(2.0)
    return 1
"""
PEEKING = """
import gc, linecache, sys
def found(text):
    return isinstance(text, str) and "a secret test of" in text and "peek" not in text
def double(x):
    # this text may peek at its callers
    frame, texts = sys._getframe(), []
    while frame:
        texts += [str(v) for v in (*frame.f_locals.values(),) if isinstance(v, str)]
        texts += [str(c) for c in frame.f_code.co_consts]
        frame = frame.f_back
    texts += [line for entry in linecache.cache.values() if len(entry) > 2 for line in entry[2]]
    texts += list(map(str, In)) + list(map(str, globals().get("_ih", [])))
    texts += [str(row) for row in get_ipython().history_manager.get_range(raw=False)]
    texts += [o for o in gc.get_objects() if isinstance(o, str)]
    for holder in gc.get_objects():
        if isinstance(holder, dict):
            texts += [v for v in list(holder.values()) if isinstance(v, str)]
    return 2 * x if any(map(found, texts)) else None
"""
HIDDEN_TESTS_ON_DISK = """
import os
import re
for folder, _, names in os.walk("/"):
    if folder.startswith(("/proc", "/sys", "/usr", "/lib")) or "site-packages" in folder:
        continue
    for name in names:
        path = os.path.join(folder, name)
        try:
            if os.path.getsize(path) < 10**6 and (b"a secret" + b" test of zero") in open(path, "rb").read():
                return path
        except OSError:
            pass
"""
ANSWERS_NONSENSE = """
import grading.inside.answering as answering, socket, struct
def answer(path):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        answering.receive(line)
        {reply}
        line.recv(1)
answering.answer = answer
def double(x):
    return 1
"""
ANSWERS_OTHER_TYPES = """
import grading.inside.answering as answering
def call(self, message, buffers):
    return {"result": {"k": "shared", "i": 10**9}, "changed": [[0, {"items": [1, 2]}]], "dice": None, "first": "a"}, []
answering.Answers._call = call
def double(x):
    return 1
"""
ANSWERS_A_PICKLE = """
import grading.inside.answering as answering, pickle, os
class Evil:
    def __reduce__(self):
        return os.system, ("touch " + MARK,)
def call(self, message, buffers):
    data = pickle.dumps(Evil())
    return {"result": {"k": "array", "d": "|O", "s": [1], "b": 0}, "changed": [], "dice": None, "first": 0}, [data]
answering.Answers._call = call
def double(x):
    return 1
"""
ANSWERS_BY_NAME = """
import grading.inside.answering as answering
def call(self, message, buffers):
    return {"result": {"k": "named", "n": ["expected"]}, "changed": [], "dice": None, "first": 0}, []
answering.Answers._call = call
def double(x):
    return 1
"""
ANSWERS_NEVER = """
import grading.inside.answering as answering
answering.answer = lambda path: None
def double(x):
    return 1
"""
CALLER_S_NAMES = """
import grading.inside.answering as answering
def look(self, message, _):
    names = ["double", "Report", "report", "expect_equal", "__builtins__", *message["names"]]
    return {name: 2.0 for name in names}, []
answering.Answers._look = look
def double(x):
    return 1
"""


def attacks(place, port):
    """Every attack; `place` holds the course, the solutions and a secret."""
    solution = place / "solutions" / LAB / f"{LAB}.py"
    book, other = place / "course" / "gradebook.db", place / "course" / "submitted" / "anne" / LAB / f"{LAB}.ipynb"
    mark = place / "mark"
    return {
        "reads-the-solutions": if_possible(f"return 'the_answer' in open({str(solution)!r}).read()"),
        "reads-the-repository": if_possible(
            f"import os\nreturn os.listdir({str(ROOT / 'solutions')!r}) or os.listdir({str(ROOT / '.git')!r})"
        ),
        "reads-the-gradebook": if_possible(f"return open({str(book)!r}, 'rb').read(1)"),
        "reads-another-hand-in": if_possible(f"return open({str(other)!r}).read(1)"),
        "looks-for-hidden-tests": if_possible(HIDDEN_TESTS_ON_DISK),
        "reads-the-environment": if_possible(
            "import glob, os\n"
            "texts = [open(p, 'rb').read() for p in glob.glob('/proc/*/environ') if os.access(p, os.R_OK)]\n"
            "return 'COURSE_SECRET' in os.environ or any(b'COURSE_SECRET' in text for text in texts)"
        ),
        "sees-other-processes": if_possible(
            "import glob\nnames = [open(p).read() for p in glob.glob('/proc/[0-9]*/cmdline')]\n"
            "return any('pytest' in name for name in names)"
        ),
        "finds-other-kernels-sockets": if_possible(
            "import os\nlines = open('/proc/net/unix').read().splitlines()\n"
            "return [l for l in lines if l.endswith('-1') and os.path.exists(l.split()[-1])\n"
            "        and not l.split()[-1].startswith(os.path.dirname(os.getcwd()))]"
        ),
        "reads-the-grader-s-memory": if_possible(f"return open('/proc/{os.getpid()}/mem', 'rb').read(1) or True"),
        "kills-the-grader": if_possible(f"import os\nos.kill({os.getpid()}, 0)\nreturn True"),
        "kills-everybody": if_possible("import os\nos.kill(-1, 0)\nreturn len(os.listdir('/proc/1/root/tmp')) > 1"),
        "connects": if_possible(
            f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2).send(b'x')\nreturn True"
        ),
        "sends-a-datagram": if_possible(
            "import socket\nline = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "line.sendto(b'x', ('127.0.0.1', 9))\nreturn True"
        ),
        "writes-outside": if_possible(
            "import os\nwritten = []\n"
            "above = os.path.dirname(os.path.dirname(os.getcwd()))\n"
            f"for folder in ({str(place)!r}, {str(ROOT)!r}, '/', '/tmp', '/etc', '/usr/lib', above):\n"
            "    try:\n        open(os.path.join(folder, 'pwned'), 'w').close()\n        written.append(folder)\n"
            "    except OSError:\n        pass\nreturn written"
        ),
        "mounts": if_possible(
            "import ctypes\nlibc = ctypes.CDLL(None)\n"
            "return 0 in (libc.unshare(0x10000000), libc.mount(b't', b'/tmp', b'tmpfs', 0, 0))"
        ),
        "traces": if_possible("import ctypes, os\nreturn ctypes.CDLL(None).ptrace(16, os.getppid() or 1, 0, 0) == 0"),
        "raises-its-limits": if_possible(
            "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (-1, -1))\nreturn True"
        ),
        "raises-a-silent-mismatch": Attack(
            "from utils.checks import Mismatch\ndef double(x):\n    raise Mismatch('')"
        ),
        "expects-without-a-word": Attack(
            "def double(x):\n    from utils.checks import expect\n    expect(False, '')",
            second="def noisy():\n    from utils.checks import Mismatch\n    raise Mismatch()",
        ),
        "is-silent-from-the-second-call": Attack(SILENT_LATER, total=1.5),
        "raises-something-exotic": Attack(EXOTIC),
        "raises-a-group": Attack("def double(x):\n    raise ExceptionGroup('', [ValueError()])"),
        "raises-no-exception": Attack("def double(x):\n    raise BaseException"),
        "everything-is-equal": Attack(EVERYTHING_IS_EQUAL),
        "patches-builtins": Attack(PATCHED_BUILTINS),
        "patches-the-checks": Attack(PATCHED_CHECKS),
        "patches-the-libraries": Attack(PATCHED_LIBRARIES),
        "defines-its-own-report": Attack(OWN_REPORT),
        "shadows-utils": Attack(SHADOWED, files={"utils.py": "raise SystemExit", "utils/checks.py": "Report = None"}),
        "silences-errors": Attack(SILENCED),
        "drops-asserts": Attack(NO_MORE_ASSERTS),
        "every-cell-is-two": Attack(EVERY_CELL_IS_TWO, note="vérifier"),
        "replaces-run-cell": Attack(RUN_CELL, note="vérifier"),
        "forges-a-result": Attack(FORGED_RESULT),
        "peeks-at-its-callers": Attack(PEEKING),
        "answers-nonsense": Attack(ANSWERS_NONSENSE.format(reply="line.sendall(b'x' * 100)"), note="vérifier"),
        "answers-too-much": Attack(
            ANSWERS_NONSENSE.format(reply="line.sendall(struct.pack('<Q', 1 << 60))"), note="vérifier"
        ),
        "answers-other-types": Attack(ANSWERS_OTHER_TYPES, note="vérifier"),
        "answers-a-pickle": Attack(ANSWERS_A_PICKLE.replace("MARK", repr(str(mark))), note="vérifier"),
        "answers-with-what-is-expected": Attack(ANSWERS_BY_NAME, note="vérifier"),
        "answers-never": Attack(ANSWERS_NEVER, note="vérifier"),
        "answers-more-names": Attack(CALLER_S_NAMES),
        "edits-a-locked-cell": Attack(change=edited, note="verrouillées"),
        "unlocks-a-cell": Attack(change=unlocked, note="repères|verrouillées"),
        "deletes-the-checks": Attack(change=deleted, note="manquaient"),
        "forges-outputs": Attack(change=forged),
        "exits": Attack("import os\nos._exit(0)", note="noyau"),
        "exits-politely": Attack("import sys\nsys.exit(0)"),
        "exits-in-a-check": Attack("def double(x):\n    import os\n    os._exit(0)", note="noyau"),
        "kills-its-kernel": Attack(
            "import ctypes\ndef double(x):\n    ctypes.string_at(0)", note="noyau"
        ),
        "interrupts-itself": Attack("def double(x):\n    raise KeyboardInterrupt", note="vérifier"),
        "leaves-a-daemon": Attack(
            "import os, time\nif os.fork() == 0:\n    os.setsid()\n    while True: time.sleep(1)\n"
            "def double(x):\n    return 1"
        ),
        "hands-in-a-link": Attack(files={"grades.db": book}, note="lien"),
        "escapes-from-an-archive": Attack(files={"more.zip": {"../../../evil.txt": "x", "/evil.txt": "x"}}),
        "hands-in-a-bomb": Attack(files={"bomb.zip": {"bomb.txt": b"0" * 300_000_000}}, error="trop grosse"),
    }  # fmt: skip


def hand_in(name, attack, notebook, root):
    """Put a hand-in where the class's are."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex1_double-solution":
            cell.source = attack.source
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "ex2_noisy-solution" and attack.second:
            cell.source = attack.second
    if attack.change:
        attack.change(notebook)
    folder = root / "submitted" / name / LAB
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{LAB}.ipynb")
    for file, content in attack.files.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, dict):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for member, data in content.items():
                    archive.writestr(member, data)
        elif isinstance(content, str):
            path.write_text(content)
        else:
            path.symlink_to(content)


@dataclass
class Outcome:
    marks: dict
    attacks: dict
    place: object
    calls: list  # who connected


@pytest.fixture(scope="module")
def course(tmp_path_factory, toy_release):
    """A course folder of the toy lab, for the whole module."""
    place = tmp_path_factory.mktemp("redteam")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_SECRET", "a token")
        yield place


def graded(place, attacks, notebook, **options):
    """Grade attacks and honest hand-ins together."""
    root = place / "course"
    for name, sources in CLASS.items():
        demo.hand_in(notebook, demo.Student(name, sources, {}), root, LAB)
    for name, attack in attacks.items():
        hand_in(name, attack, notebook, root)
    return {mark.student: mark for mark in grade.grade(root, TOY, grade.Options(**options))}


@pytest.fixture(scope="module")
def outcome(course, toy_release):
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.MonkeyPatch.context() as patch:
        patch.setattr("authoring.nbgrader.CELL_TIMEOUT", 60)

        def wait():
            while True:
                try:
                    calls.append(listening.accept()[0].recv(1))
                except OSError:
                    return

        threading.Thread(target=wait, daemon=True).start()
        found = attacks(course, listening.getsockname()[1])
        marks = graded(course, found, nbformat.reads(toy_release, as_version=4), jobs=2)
    return Outcome(marks, found, course, [call for call in calls if call])


@pytest.mark.parametrize("name", attacks(ROOT, 1))
@pytest.mark.timeout(900)
def test_an_attack_gains_nothing(outcome, name):
    attack, marks = outcome.attacks[name], outcome.marks[name]
    assert marks.total == attack.total, (marks.points, marks.notes)
    assert re.search(attack.error, marks.error) and bool(marks.error) == bool(attack.error), marks.error
    assert re.search(attack.note, " ".join(map(str, marks.notes))), marks.notes
    if not attack.note:
        assert not [note for note in marks.notes if note.kind in TO_CHECK], marks.notes  # no false alarm


def test_the_others_have_their_marks(outcome):
    assert {name: outcome.marks[name].total for name in HONEST} == HONEST
    assert not any(outcome.marks[name].notes for name in HONEST)


def test_nothing_got_out(outcome):
    assert outcome.calls == []
    for place in (outcome.place, outcome.place.parent, ROOT, outcome.place / "course"):
        assert not [path for path in place.iterdir() if path.name in ("pwned", "evil.txt", "mark")]


BOMBS = {
    "fork-bomb": Attack(
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", note="processus|noyau"
    ),
    "memory-bomb": Attack("x = []\nwhile True:\n    x.append(b'x' * 10**8)\ndef double(x): return 0"),
    "memory-bomb-by-many": Attack(
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = b'x' * (3 * 10**8)\n        time.sleep(600)\ntime.sleep(600)",
        note="mémoire",
    ),
    "endless": Attack("while True: pass", note="temps"),
    "endless-in-a-check": Attack("def double(x):\n    while True: pass", note="temps"),
    "endless-and-deaf": Attack(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n"
        "    except BaseException: pass",
        note="temps",
    ),
    # ZeroMQ drops what comes too fast: what is left may be within bounds.
    "two-gigabytes-of-output": Attack("for _ in range(2000): print('x' * 10**6)", note="affiché|^$"),
    "one-huge-file": Attack("with open('big', 'wb') as f:\n    while True: f.write(b'x' * 10**6)"),
    "fills-the-disk": Attack(
        "i = 0\nwhile True:\n    i += 1\n    with open(f'f{i}', 'wb') as f: f.write(b'x' * 10**7)", note="fichiers"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_bombs_go_off_alone(tmp_path_factory, toy_release, monkeypatch):
    """Limits are small, so that the test is short; everybody else has what they earn."""

    place = tmp_path_factory.mktemp("bombs")
    monkeypatch.setattr("authoring.nbgrader.CELL_TIMEOUT", 15)
    monkeypatch.setattr("grading.execution.runner.ANSWER_SECONDS", 2)
    for name, value in {"MEMORY_MB": 2000, "FILE_MB": 50, "DISK_MB": 200}.items():
        monkeypatch.setattr(sandbox, name, value)
    marks = graded(place, BOMBS, nbformat.reads(toy_release, as_version=4), jobs=2)
    for name, attack in BOMBS.items():
        assert marks[name].total == 0 and not marks[name].error, (name, marks[name])
        assert re.search(attack.note, " ".join(map(str, marks[name].notes))), (name, marks[name].notes)
    assert {name: marks[name].total for name in HONEST} == HONEST


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("warm", [True, False])
def test_the_walls_hold_around_every_kind_of_kernel(kind, warm, tmp_path, monkeypatch):
    if sandbox._missing(kind):
        pytest.skip(sandbox._missing(kind))
    real = sandbox._missing
    monkeypatch.setattr(sandbox, "_missing", lambda other: real(other) if other == kind else "not tried")
    with kernels.Engine([], warm=warm, config=configuration(tmp_path)) as engine:
        engine.wait()
        assert engine.warm == warm and engine._sandbox.kind == kind and not engine.notes
        source = "import os, sys\nprint(sorted(os.listdir('.')), os.getcwd() == os.path.realpath('.'))\n1 + 1"
        run = engine.run(nbformat.v4.new_notebook(cells=[new_code_cell(source)]), {})
        assert run.notebook.cells[0].outputs[-1].data["text/plain"] == "2"


def test_no_protection_no_grading(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_missing", lambda kind: "not here")
    with pytest.raises(sandbox.SandboxError, match="bubblewrap.*--no-sandbox"):
        kernels.Engine([], config=configuration(tmp_path))


def test_a_wall_that_does_not_hold_is_not_trusted(tmp_path, monkeypatch):
    """Without the file system's walls, the probe must see that another's file can be read."""
    everything = [sandbox.Path("/")]
    monkeypatch.setattr(sandbox, "readable", lambda: everything)
    found = sandbox.Sandbox("landlock", tmp_path, sandbox._limits("landlock", 1)).test_alone()
    assert any("can read" in wall for wall in found) and not any("can connect" in wall for wall in found)
