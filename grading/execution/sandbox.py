"""The sandbox around students' kernels (Linux), the grader's side: bubblewrap, else Landlock; seccomp; limits.

`Sandbox.choose` tries every wall on a live process (`grading.inside.walls.probe`) before it trusts them.

Two ways in.  A kernel that starts on its own is run by `bwrap … python -m grading.inside.walls SPEC kernel …`.  The
fork server is put as a whole in one bubblewrap, and each child that it forks calls `enter`, which gives it name spaces
of its own.  The grader being root, each kernel gets a user id of its own; else, a user name space of its own.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from authoring.nbgrader import COURSE
from grading.inside import seccomp
from grading.inside.walls import landlock_version
from utils.environment import ROOT, cache_dir

INSIDE = ("__init__.py", "inside")  # of grading/, what a student's process may see
MEMORY_MB = 8000  # at most; less on a machine that has not that much for every kernel
PROCESSES = 256  # threads count: beyond, none can be started
WATCHED_PROCESSES = 64  # threads do not: beyond, the kernel is stopped, for it would slow the others
FILE_MB = 1000
DISK_MB = 2000  # all files of a kernel together
FIRST_UID = 2_000_000_000  # where user ids that nobody has begin: one per kernel, when the grader is root
PROBE_SECONDS = 60

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/ssl/certs", "/etc/timezone",
    "/nix/store",
)  # fmt: skip


class SandboxError(RuntimeError):
    """No protection can be had here; the message says why and what to do."""


@dataclass
class Sandbox:
    """A protection that was tried and found whole.  `kind`: bubblewrap or landlock."""

    kind: str
    folder: Path  # the folder of all scratch folders
    limits: dict[str, int]
    secret: tuple[Path, ...] = ()  # what must not be seen, besides what this module knows of
    used: int = field(default=0, repr=False)

    @classmethod
    def choose(cls, folder: Path, jobs: int = 1, secret: tuple[Path, ...] = ()) -> "Sandbox":
        """The strongest protection that holds on this machine, for kernels in sub-folders of `folder`.

        Raises `SandboxError` if there is none.
        """
        reasons = []
        for kind in ("bubblewrap", "landlock"):
            if reason := _missing(kind):
                reasons.append(f"{kind}: {reason}")
                continue
            sandbox = cls(kind, folder, _limits(kind, jobs), secret)
            if not (broken := sandbox.test_alone()):
                return sandbox
            reasons.append(f"{kind}: {'; '.join(broken)}")
        raise SandboxError(
            "Students' code would run without protection: it could read the solutions, the gradebook and your files. "
            f"({' | '.join(reasons)})\nOn Linux: install bubblewrap (Debian, Ubuntu: sudo apt install bubblewrap). "
            "Elsewhere: grade in a virtual machine or a container of its own, or, if you trust every hand-in, with "
            "--no-sandbox (make grade SANDBOX=0)."
        )

    def __str__(self) -> str:
        walls = {
            "bubblewrap": "bubblewrap, " + ("Landlock, " if landlock_version() else "") + "seccomp",
            "landlock": "Landlock, seccomp (bubblewrap is stronger, and multiprocessing needs it: install it)",
        }[self.kind]
        return (
            f"{walls}; no network; {self.limits['memory_mb']} MB of memory and {self.limits['processes']} processes "
            "a notebook"
        )

    # ........................................................................................ places and commands
    def make_place(self, place: Path) -> dict:
        """What a kernel in `place` (a new folder in `folder`) must `enter`, in JSON's types."""
        self.used += 1
        uid = FIRST_UID + self.used if self.kind == "bubblewrap" and os.geteuid() == 0 else None
        return {
            "kind": self.kind, "place": str(place), "folder": str(self.folder), "uid": uid, "limits": self.limits,
            "read": [str(path) for path in readable()],
        }  # fmt: skip

    def give(self, spec: dict) -> None:
        """Let the kernel of `spec` own its place: to be called once its files are there."""
        if spec["uid"] is not None:
            for path in [Path(spec["place"]), *Path(spec["place"]).rglob("*")]:
                os.chown(path, spec["uid"], spec["uid"], follow_symlinks=False)

    def server_command(self, command: list[str]) -> list[str]:
        """The fork server's command, in one bubblewrap from which each kernel will have its own name spaces."""
        if self.kind != "bubblewrap":
            return command
        return [*_bubblewrap([self.folder], "CAP_SYS_ADMIN", "CAP_SETFCAP", "CAP_KILL"), "--chdir", str(ROOT), *command]

    def alone_command(self, spec: dict, action: list[str]) -> list[str]:
        """The command of a kernel (or of a probe) that is not forked from the server."""
        command = [sys.executable, "-m", "grading.inside.walls", json.dumps({**spec, "alone": True}), *action]
        if self.kind != "bubblewrap":
            return command
        return [*_bubblewrap([Path(spec["place"])]), "--chdir", str(ROOT), *command]

    # ........................................................................................ trying the walls
    @contextmanager
    def trial(self) -> Iterator[tuple[dict, dict]]:
        """(spec, questions) of a process that will try the walls and write what it found to `answer(spec)`."""
        place = Path(tempfile.mkdtemp(dir=self.folder, prefix="trial-"))
        other = Path(tempfile.mkdtemp(dir=self.folder, prefix="other-"))
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            try:
                (other / "copy.ipynb").write_text("another student's work")
                for name in ("w", "h", "k"):
                    (place / name).mkdir()
                spec = self.make_place(place)
                self.give(spec)
                sights = ("/proc", "/proc/1/cmdline", "/proc/net/unix") if self.kind == "landlock" else ()
                questions = {
                    "pid": os.getpid(), "port": listening.getsockname()[1], "limits": self.limits,
                    "unreadable": [str(other / "copy.ipynb"), *map(str, secrets(self.secret)), *sights],
                    "unwritable": [str(path) for path in (self.folder, ROOT, cache_dir(), "/", "/tmp", "/var/tmp")],
                    "work": str(place / "w"),
                }  # fmt: skip
                yield spec, questions
            finally:
                shutil.rmtree(place, ignore_errors=True)
                shutil.rmtree(other, ignore_errors=True)

    def test_alone(self) -> list[str]:
        """The walls that do not hold around a process of its own (an empty list: they all do)."""
        with self.trial() as (spec, questions):
            command = self.alone_command(spec, ["probe", json.dumps(questions)])
            env = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
            env["COURSE_CACHE"] = str(cache_dir())
            try:
                done = subprocess.run(
                    command, env=env, capture_output=True, text=True, errors="replace", timeout=PROBE_SECONDS,
                    cwd=ROOT, stdin=subprocess.DEVNULL,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                return [str(error)]
            return answer(spec) or ([] if done.returncode == 0 else [(done.stderr.splitlines() or ["failed"])[-1]])


def available() -> bool:
    """Whether this machine has a protection that holds."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return bool(Sandbox.choose(Path(folder)))
        except SandboxError:
            return False


def answer(spec: dict) -> list[str]:
    """What a probe found, once it has ended: the walls that do not hold."""
    path = Path(spec["place"], "w", "probe.json")
    if not path.exists():
        return ["the process that tries the walls did not start"]
    return json.loads(path.read_text(encoding="utf-8"))


def secrets(more: tuple[Path, ...] = ()) -> list[Path]:
    """What a student's code must not see, of what there is on this machine."""
    own = [path for path in (ROOT / "grading").iterdir() if path.name not in INSIDE]
    known = (ROOT / "solutions", ROOT / "authoring", ROOT / ".git", ROOT / "tests", COURSE, ROOT / "build", *own,
             Path.home() / ".ssh", Path.home() / ".bashrc", Path("/etc/passwd"))  # fmt: skip
    return [path for path in (*known, *more) if path.exists()]


def readable() -> list[Path]:
    """What a kernel must read: the system's and Python's code, the course's helpers and data, the models."""
    places = [Path(name) for name in SYSTEM] + [Path(sys.prefix), Path(sys.base_prefix)]
    places += [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    places += [ROOT / "utils", ROOT / "data", cache_dir(), *(ROOT / "grading" / name for name in INSIDE)]
    kept: list[Path] = []
    for place in places:
        if place.exists() and not any(place.is_relative_to(other) for other in kept):
            kept.append(place)
    return kept


def outside(server: int, inner: int) -> int | None:
    """The id here of a kernel that is `inner` in the name space of the fork server; `server`: bubblewrap's id."""
    processes: list[psutil.Process] = []
    with suppress(psutil.Error):
        processes = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    for process in processes:
        with suppress(OSError):  # it has just ended
            if _id_in_parent(process.pid) == inner:
                return process.pid
    return None


def _id_in_parent(pid: int) -> int:
    """A process's id in the name space above its own."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            ids = [int(word) for word in line.split()[1:]]
            return ids[-2] if len(ids) > 2 else ids[-1]
    return pid


def memory_mb(processes: list[psutil.Process]) -> float:
    """Proportional memory of processes (what several share is counted once among them), in megabytes."""
    total = 0.0
    for process in processes:
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1024
    return total


def disk_mb(folder: Path) -> float:
    """What the files in a folder take up, in megabytes."""
    total, folders = 0, [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total / 1e6


def _missing(kind: str) -> str:
    """Why a protection is out of the question here (empty: it is not)."""
    if sys.platform != "linux":
        return f"Linux only, not {sys.platform}"
    if not seccomp.supported():
        return f"not on {platform.machine()}"
    if kind == "bubblewrap":
        return "" if shutil.which("bwrap") else "bwrap is not installed"
    version = landlock_version()
    return "" if version >= 6 else f"the kernel has {f'version {version}' if version else 'none'}, 6 is needed"


def _limits(kind: str, jobs: int) -> dict[str, int]:
    memory = psutil.virtual_memory().total >> 20
    taken = 0
    if kind == "landlock":  # one user for all: whatever else runs counts
        for process in psutil.process_iter(["uids", "num_threads"]):
            if process.info["uids"] and process.info["uids"].real == os.getuid():
                taken += process.info["num_threads"] or 1
    return {
        "memory_mb": int(min(MEMORY_MB, max(2000, 0.9 * memory / max(1, jobs)))),
        "processes": taken + PROCESSES * (1 if kind == "bubblewrap" else jobs),
        "file_mb": FILE_MB,
    }


def _bubblewrap(writable: list[Path], *capabilities: str) -> list[str]:
    """A bubblewrap that shows `readable()` and `writable`, and nothing else.  Started with an empty environment."""
    command = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"]
    command += ["--die-with-parent", "--hostname", "grader", "--cap-drop", "ALL"]
    if os.geteuid() == 0:
        capabilities += ("CAP_SETUID", "CAP_SETGID")  # to become, for good, a user that owns nothing else
    else:
        command += ["--unshare-user", "--uid", "0", "--gid", "0"]  # 0 of its own name space: an ordinary user outside
    for capability in capabilities:
        command += ["--cap-add", capability]
    shown = readable()
    above = {parent for path in [*shown, *writable] for parent in path.parents}
    for parent in sorted(path for path in above if not any(path.is_relative_to(other) for other in shown)):
        command += ["--dir", str(parent)]  # 0755, whatever it is outside
    for path in shown:
        source = os.readlink(path) if path.is_symlink() else str(path)
        command += ["--symlink" if path.is_symlink() else "--ro-bind", source, str(path)]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for path in writable:
        command += ["--bind", str(path), str(path)]
    return [*command, "--remount-ro", "/"]
