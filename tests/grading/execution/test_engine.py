"""The fork server and the kernels that come out of it."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from authoring.nbgrader import configuration
from grading.execution import sandbox
from grading.execution.engine import Engine, Manager
from grading.execution.forks import ForkServer
from grading.inside.zygote import ForkError
from utils import models

linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


def notebook(*sources):
    return new_notebook(cells=[new_code_cell(source) for source in sources])


def text(run):
    return [
        "".join(output.get("text", output.get("evalue", "")) for output in cell.outputs) for cell in run.notebook.cells
    ]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    # A library with a state that every child shares until it writes to it.
    with Engine(["torch", "utils.checks"], config=configuration(root)) as engine:
        engine.wait()
        yield engine


@linux
def test_kernels_are_warm_and_do_not_see_each_other(engine):
    assert engine.warm and not engine.notes
    change = "import torch, numpy as np\ntorch.nn.Linear.mark = 1\nnp.pi = 3\nprint(np.pi)"
    look = "import sys\nprint('torch' in sys.modules)\nimport torch, numpy as np\n"
    look += "print(hasattr(torch.nn.Linear, 'mark'), np.pi)"
    assert text(engine.run(notebook(change), {})) == ["3\n"]
    assert text(engine.run(notebook(look), {})) == ["True\nFalse 3.141592653589793\n"]


@linux
@pytest.mark.skipif(not models.cached("masked").is_intact(), reason="the masked model is not in the cache")
def test_models_are_shared_and_changes_are_not(tmp_path):
    load = "from utils.models import load_masked_lm\nmodel, tokenizer = load_masked_lm()\nimport torch\n"
    total = "print(sum(p.double().sum().item() for p in model.parameters()))\n"
    change = "with torch.no_grad():\n    for p in model.parameters(): p += 1\ntokenizer.add_tokens(['xyzzy'])\n"
    again = "other, _ = load_masked_lm()\nmodel = other\n"
    rest = "import time\ntime.sleep(1.5)"
    with Engine(["utils.models:load_masked_lm"], config=configuration(tmp_path)) as engine:
        engine.wait()
        assert engine.warm, engine.notes
        first = engine.run(notebook(load + total, change + total, again + total, rest), {})
        second = engine.run(notebook(load + total, "print(len(tokenizer), 'xyzzy' in tokenizer.get_vocab())", rest), {})
    before, changed, reloaded, _ = text(first)
    assert before != changed and reloaded == before
    assert text(second)[0] == before and text(second)[1].endswith("False\n")
    # 22.7 million parameters, 91 MB: the child that only reads them does not have them to itself.
    assert 0 < second.usage["proportional_mb"] < first.usage["proportional_mb"]


@linux
def test_kernels_draw_different_numbers(engine):
    draw = "import random, torch, numpy\nprint(random.random(), numpy.random.rand(), torch.rand(1).item())"
    first, second = (text(engine.run(notebook(draw), {}))[0].split() for _ in range(2))
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_the_folder_holds_the_files_and_not_the_notebook(engine, tmp_path):
    (tmp_path / "table.csv").write_text("a,b")
    look = "import os\nprint(sorted(os.listdir()), open('data/table.csv').read())"
    assert text(engine.run(notebook(look), {"data/table.csv": tmp_path / "table.csv"})) == ["['data'] a,b\n"]


def test_the_environment_holds_no_secret(engine, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert "SECRET_TOKEN" not in text(engine.run(notebook("import os\nprint(dict(os.environ))"), {}))[0]


def test_system_commands_need_no_terminal(engine):
    commands = "!echo one; echo two >&2\nword = 'three'\n!echo {word}\nnames = !echo four; echo five\nprint(names)"
    failing = "!exit 3\nprint(_exit_code)\n"
    failing += (
        "def f():\n    number = 7\n    !echo $number\n    names = !echo {number + 1}\n    return names\nprint(f())"
    )
    printed = text(engine.run(notebook(commands, failing, "%pip --version"), {}))
    assert printed[0] == "one\ntwo\nthree\n['four', 'five']\n"
    assert printed[1] == "3\n7\n['8']\n"
    assert "pip " in printed[2]


def test_a_local_module_does_not_hide_the_course_helpers(engine):
    shadow = "open('utils.py', 'w').write('raise SystemExit')\nimport utils.checks\nprint(utils.checks.__file__)"
    assert text(engine.run(notebook(shadow), {}))[0].strip().endswith(os.path.join("utils", "checks.py"))


@linux
def test_what_a_kernel_leaves_running_is_killed(engine):
    leave = (
        "import subprocess\nprint(subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=-3, stderr=-3).pid)"
    )
    before = {process.pid for process in psutil.process_iter()}
    assert text(engine.run(notebook(leave), {}))[0].strip().isdigit()

    def left():
        names = [process for process in psutil.process_iter() if process.pid not in before]
        return [process for process in names if "600" in process.cmdline()]

    end = time.monotonic() + 5
    while left() and time.monotonic() < end:
        time.sleep(0.05)
    assert not left()


@linux
def test_a_kernel_that_is_not_found_is_not_taken_for_the_grader(monkeypatch):
    """For psutil, no process id means its own: a big grader had its kernels killed as they started."""
    monkeypatch.setattr(sandbox, "outside", lambda server, inner: None)
    server = SimpleNamespace(process=SimpleNamespace(pid=os.getpid()))
    kernel = SimpleNamespace(pid=os.getpid())  # its number in the server's name space may be anybody's here
    manager = Manager(server=server, walls={"kind": "bubblewrap"}, process=kernel)
    assert manager.processes() == []
    manager = Manager(server=server, walls={"kind": "bubblewrap"}, provisioner=None)
    assert manager.processes() == []


@linux
def test_a_kernel_is_found_among_processes_that_end(monkeypatch):
    def end_or_tell(pid):
        if pid == os.getpid():
            raise FileNotFoundError
        return 7

    child = subprocess.Popen(["sleep", "60"])
    try:
        monkeypatch.setattr(sandbox, "_id_in_parent", end_or_tell)
        assert sandbox.outside(os.getpid(), 7) not in (None, os.getpid())
    finally:
        child.kill()
        child.wait()


def test_output_is_bounded(engine, monkeypatch):
    monkeypatch.setattr("grading.execution.runner.OUTPUT_BYTES", 100_000)
    some = engine.run(notebook("for _ in range(5): print('x' * 50_000, flush=True)", "print('y'); 1"), {})
    assert some.status == "ok" and len(text(some)[0]) <= 100_000
    assert some.notebook.cells[1].outputs[-1].data["text/plain"] == "1"  # results decide marks: always kept
    flood = engine.run(notebook("while True: print('x' * 50_000, flush=True)", "1"), {})
    assert flood.status == "flood" and flood.notebook.cells[1].outputs[0].output_type == "error"


@linux
def test_a_thread_before_the_fork_is_refused(tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()"
    )
    with (
        ForkServer(["threaded"], env=os.environ | {"PYTHONPATH": str(tmp_path)}) as server,
        pytest.raises(ForkError, match="thread"),
    ):
        server.wait()


def test_no_fork_falls_back_to_plain_kernels(monkeypatch, tmp_path):
    monkeypatch.setattr("grading.execution.forks.sys.platform", "darwin")
    with Engine([], config=configuration(tmp_path), isolated=False) as plain:
        plain.wait()
        assert not plain.warm and "Linux only" in plain.notes[0]
        assert text(plain.run(notebook("print(6 * 7)"), {})) == ["42\n"]


@linux
def test_a_server_that_cannot_start_falls_back_too(tmp_path):
    with Engine(["--no-such-option"], config=configuration(tmp_path)) as engine:
        engine.wait()
        assert not engine.warm and "did not start" in engine.notes[0]
