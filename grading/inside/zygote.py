"""A process that has imported a lab's libraries and forks what runs the lab: students' kernels, and the exam (Linux).

Importing torch, transformers and datasets takes longer than most of what a student's cells do.  The server imports
them once, with one thread (a fork copies only the thread that calls it: a lock that another thread held would stay
locked for ever in the child), then forks a child for each kernel: children share its memory until they write to it.
It forks the process in which checks run as well (`grading.inside.exam`), and never holds anything secret itself: the
lab's source goes straight from the grader to that child, on a line that came with the request.

Walls (`grading.inside.walls`) may stand around the server, and each child goes behind its own before it runs any
student's code.  The server has no name in the file system: each request comes over a socket pair inherited from the
grader (`grading.execution.forks`) and brings the end of another pair, which is that child's own line.  Down it:
signals.  Up it: the process id, then how it ended.  When the line closes the child is killed; when the grader dies
everything is.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path

from grading.inside import linux, walls

LONGEST_REQUEST = 1 << 16
SELF_TEST_SECONDS = 60


class ForkError(RuntimeError):
    """No kernel can be forked here; the message says why.  Plain kernels give the same marks, more slowly."""


def preload(modules: list[str]) -> None:
    """Import `module` or `module:name`; what is not there is left for the student's own import to report."""
    import ipykernel.ipkernel
    import ipykernel.kernelapp
    import ipykernel.zmqshell  # noqa: F401

    for entry in modules:
        module, _, name = entry.partition(":")
        with contextlib.suppress(Exception):  # an optional library that breaks on import must not stop the class
            loaded = importlib.import_module(module)
            if name and not hasattr(loaded, name):  # transformers imports a name when it is asked for it
                importlib.import_module(f"{module}.{name}")


def share_models(modules: list[str]) -> None:
    """Load the models that `modules` ask `utils.models` for: children have them without reading or copying them.

    In each child the first load of a role gives the shared model, to be written to at will (the pages that change are
    copied); a second load gives another, as it would anywhere.
    """
    loader = re.compile(r"utils\.models:load_(\w+?)(?:_lm)?")  # as they are named: load_<role> or load_<role>_lm
    roles = [found[1] for entry in modules if (found := loader.fullmatch(entry))]
    models = sys.modules.get("utils.models")
    for role in roles if models else ():
        with contextlib.suppress(Exception):  # not in the cache: the student's own call will say so
            models.preloaded[role] = models.load(role)


def self_test() -> None:
    """Raise `ForkError` if there is a second thread, or if a forked child that computes does not come back."""
    if len(os.listdir("/proc/self/task")) > 1:
        raise ForkError("a library starts a thread when it is imported: a forked kernel could hang")
    child = os.fork()
    if child == 0:
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            torch.set_num_threads(2)
            assert torch.ones(300, 300).matmul(torch.ones(300, 300)).sum() == 300**3
        os._exit(0)
    end = time.monotonic() + SELF_TEST_SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if status:
                raise ForkError("a forked test process failed")
            return
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise ForkError("a forked test process hung")


def serve(control: socket.socket) -> None:
    """Fork on request until the grader closes its end."""
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    lines: dict[int, socket.socket] = {}
    while True:
        readable = select.select([control, awake, *lines.values()], [], [])[0]
        if awake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(awake, 4096)
            _bury(lines)
        for pid, line in list(lines.items()):
            if line in readable:
                _obey(pid, line)
        if control in readable:
            request, descriptors, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 2)
            if not request:
                break
            line, *more = (socket.socket(fileno=descriptor) for descriptor in descriptors)
            order = json.loads(request)
            apart = order.get("walls") and order["walls"]["kind"] == "bubblewrap"
            own = walls.prepare_namespace() if apart else None
            pid = os.fork()
            if pid == 0:
                for other in (control, line, *lines.values()):
                    other.close()
                os.close(awake)
                signal.set_wakeup_fd(-1)
                os.close(wake)
                _become(order, more)
            for other in more:
                other.close()
            if apart:
                walls.restore_namespace(own)
            lines[pid] = line
            _tell(line, {"pid": pid})
    for pid in lines:
        _kill_group(pid, signal.SIGKILL)


def _obey(pid: int, line: socket.socket) -> None:
    """Deliver the signals asked for; a closed line means that nobody waits for this kernel any more."""
    try:
        message = line.recv(LONGEST_REQUEST)
    except OSError:
        message = b""
    _kill_group(pid, json.loads(message) if message else signal.SIGKILL)


def _bury(lines: dict[int, socket.socket]) -> None:
    """Collect the dead, tell the grader what each used, and kill what a dead kernel left running."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if line := lines.pop(pid, None):
            _kill_group(pid, signal.SIGKILL)
            seconds = round(used.ru_utime + used.ru_stime, 3)
            _tell(line, {"exit": os.waitstatus_to_exitcode(status), "cpu": seconds, "peak_mb": used.ru_maxrss >> 10})
            line.close()
    for pid in _children() - lines.keys():  # daemons of dead kernels come to us, the sub-reaper
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _children() -> set[int]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def _tell(line: socket.socket, message: dict) -> None:
    with contextlib.suppress(OSError):
        line.send(json.dumps(message).encode())


def _kill_group(pid: int, signum: int) -> None:
    for send in (os.killpg, os.kill):  # it may not have its own group yet
        with contextlib.suppress(OSError):
            send(pid, signum)
            return


def _become(request: dict, lines: list[socket.socket]) -> None:
    """Turn this child into what is asked for: an IPython kernel, the exam or a probe of the walls; never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["env"])
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            if descriptor < 2 or "COURSE_DEBUG" not in os.environ:
                os.dup2(null, descriptor)
        if request.get("walls"):
            walls.enter(request["walls"])
        os.chdir(request["cwd"])
        linux.prctl(linux.PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if "probe" in request:
            walls.write_probe(request["walls"], request["probe"])
            return
        _reseed()
        if lines:
            from grading.inside import exam

            exam.begin(*lines)
        else:
            _be_a_kernel(request["argv"])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _be_a_kernel(argv: list[str]) -> None:
    sys.argv = ["ipykernel_launcher"]
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize(argv)
    app.start()


def _reseed() -> None:
    """Children of one parent would else draw the same random numbers, and share temporary names and caches."""
    import random
    import tempfile

    random.seed()
    tempfile.tempdir = None
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
    if "datasets" in sys.modules:  # it read HOME when it was imported
        sys.modules["datasets"].config.HF_DATASETS_CACHE = Path.home() / ".cache" / "datasets"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.inside.zygote", description=__doc__.splitlines()[0])
    parser.add_argument("--fd", type=int, required=True, help="the inherited control socket")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args(arguments)
    with socket.socket(fileno=options.fd) as control:
        began = time.monotonic()
        linux.prctl(linux.SUBREAPER, 1)
        preload(options.modules)
        with contextlib.redirect_stdout(None):
            share_models(options.modules)
        gc.collect()
        gc.freeze()  # the collector would else touch, and so copy, every shared page
        try:
            self_test()
        except ForkError as error:
            _tell(control, {"error": str(error)})
            return 1
        _tell(control, {"seconds": round(time.monotonic() - began, 2), "pid": os.getpid()})
        serve(control)
    return 0


if __name__ == "__main__":
    sys.exit(main())
