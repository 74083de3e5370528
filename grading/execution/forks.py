"""The grader's side of the fork server (`grading.inside.zygote`): starting it, and what it forks."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading

from grading.execution.sandbox import Sandbox
from grading.inside.zygote import LONGEST_REQUEST, SELF_TEST_SECONDS, ForkError
from utils.environment import ROOT

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # Arrow's allocator would start one when it is imported
    "HF_DEACTIVATE_ASYNC_LOAD": "1",  # transformers would load weights with several
}


class ForkServer:
    """A running server; `with ForkServer([...]) as server: server.fork({...})`."""

    def __init__(self, modules: list[str], env: dict[str, str] | None = None, sandbox: Sandbox | None = None):
        """Start importing `modules` (such as `torch` or `transformers:pipeline`) and return at once."""
        if sys.platform != "linux":
            raise ForkError(f"kernels are forked on Linux only, not on {sys.platform}")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "grading.inside.zygote", "--fd", str(theirs.fileno()), *modules]
        with theirs:
            self.process = subprocess.Popen(
                sandbox.server_command(command) if sandbox else command,
                env={**(os.environ if env is None else env), **ONE_THREAD},
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl+C in the terminal is the grader's affair
            )
        self.ready: dict = {}
        self._lock = threading.Lock()

    def wait(self) -> dict:
        """Wait until the modules are imported and a test child has lived and died; what the server says of itself."""
        with self._lock:
            if not self.ready:
                answer = self._control.recv(LONGEST_REQUEST)
                self.ready = json.loads(answer) if answer else {"error": self._died()}
        if "error" in self.ready:
            raise ForkError(self.ready["error"])
        return self.ready

    def _died(self) -> str:
        return f"the fork server did not start (exit code {self.process.wait()})"

    def fork(self, request: dict, *lines: socket.socket) -> "ForkedProcess":
        """A new child: `request` holds argv, cwd and env; `walls`: what it must `enter`; `probe`: try them instead.

        With a line of the grader's, it is no kernel but the exam of the lab that will come down this line.
        """
        self.wait()
        line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                socket.send_fds(
                    self._control, [json.dumps(request).encode()], [one.fileno() for one in (theirs, *lines)]
                )
        except OSError as error:
            line.close()
            raise ForkError(f"the fork server is gone ({error})") from None
        return ForkedProcess(line)

    def close(self) -> None:
        """End the server and every kernel."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class ForkedProcess:
    """What jupyter_client needs of a `Popen`, for a child of the fork server."""

    stdin = stdout = stderr = None

    def __init__(self, line: socket.socket):
        self._line, self.returncode, self.usage = line, None, {}
        line.settimeout(SELF_TEST_SECONDS)
        answer = line.recv(LONGEST_REQUEST)
        if not answer:
            raise ForkError("the fork server refused a kernel")
        self.pid = json.loads(answer)["pid"]
        line.setblocking(False)

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                answer = self._line.recv(LONGEST_REQUEST)
            except BlockingIOError:
                return None
            except OSError:
                answer = b""
            self.usage = json.loads(answer) if answer else {"exit": -signal.SIGKILL}
            self.returncode = self.usage["exit"]
            self._line.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._line], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("kernel", timeout)
        return self.poll()

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(OSError):
                self._line.send(json.dumps(int(signum)).encode())

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)
