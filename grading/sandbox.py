"""Walls around a kernel that runs a student's code (Linux): bubblewrap, else Landlock; seccomp; limits.

What a kernel is left with: its own scratch folder to write to; the Python environment, `utils/`, `data/` and the
models to read; no network; no sight of other kernels, of the course's sources, of the gradebook or of the environment;
limits on memory, processor time, processes, file size.  `Sandbox.choose` tries every wall on a live process
(`probe`) before it trusts them.

Two ways in.  A kernel that starts on its own is run by `bwrap … python -m grading.sandbox SPEC kernel …`.  The fork
server is put as a whole in one bubblewrap, and each child that it forks calls `enter`, which gives it name spaces of
its own.  The grader being root, each kernel gets a user id of its own; else, a user name space of its own.
"""

import ctypes
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from utils.paths import ROOT, cache_dir

GRADING = Path(__file__).resolve().parent
# Of grading/, what a kernel needs to start.
INSIDE = ("__init__.py", "answering.py", "forkserver.py", "messages.py", "sandbox.py")
MEMORY_MB = 8000  # at most; less on a machine that has not that much for every kernel
PROCESSES = 256  # threads count: beyond, none can be started
WATCHED_PROCESSES = 64  # threads do not: beyond, the kernel is stopped, for it would slow the others
FILE_MB = 1000
DISK_MB = 2000  # all files of a kernel together
SHARED_MEMORY_MB = 1000  # /dev/shm
FIRST_UID = 2_000_000_000  # where user ids that nobody has begin: one per kernel, when the grader is root
PROBE_SECONDS = 60

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/ssl/certs", "/etc/timezone",
    "/nix/store",
)  # fmt: skip
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


class SandboxError(RuntimeError):
    """No protection can be had here; the message says why and what to do."""


# ------------------------------------------------------------------------------------------------ the grader's side
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
            "landlock": "Landlock, seccomp (bubblewrap is stronger: install it if you can)",
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
        command = [sys.executable, "-m", "grading.sandbox", json.dumps({**spec, "alone": True}), *action]
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
    known = (ROOT / "solutions", ROOT / ".git", ROOT / "tests", GRADING / "submitted", GRADING / "gradebook.db",
             ROOT / "build", Path.home() / ".ssh", Path.home() / ".bashrc", Path("/etc/passwd"))  # fmt: skip
    return [path for path in (*known, *more) if path.exists()]


def readable() -> list[Path]:
    """What a kernel must read: the system's and Python's code, the course's helpers and data, the models."""
    places = [Path(name) for name in SYSTEM] + [Path(sys.prefix), Path(sys.base_prefix)]
    places += [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    places += [ROOT / "utils", ROOT / "data", cache_dir(), *(GRADING / name for name in INSIDE)]
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
    if platform.machine() not in _CALLS:
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


# ------------------------------------------------------------------------------------------------ the kernel's side
def enter(spec: dict) -> None:
    """Go behind the walls, for good.  Only for a process with a single thread."""
    if spec["kind"] == "bubblewrap" and not spec.get("alone"):
        _separate(Path(spec["place"]), Path(spec["folder"]))
    _set_limits(spec["limits"])
    if spec["uid"] is not None:
        os.setgroups([])
        os.setresgid(*[spec["uid"]] * 3)
        os.setresuid(*[spec["uid"]] * 3)
    elif spec["kind"] == "bubblewrap" and not spec.get("alone"):
        _own_users()
    os.chdir(Path(spec["place"], "w"))
    _drop_capabilities()
    _prctl(38, 1)  # PR_SET_NO_NEW_PRIVS
    if landlock_version():
        own = ["/dev/shm"] if spec["kind"] == "bubblewrap" else []  # else everybody's, and nobody would clear it
        _landlock([*spec["read"], *_readable_proc(spec["kind"])], [spec["place"], *own])
    _seccomp()


def _readable_proc(kind: str) -> list[str]:
    """What of /proc can be read: without a name space of its own, nothing of other processes.

    Nor /proc/net: it tells the paths of the sockets of other kernels, to which Landlock lets anyone connect.
    """
    if kind == "bubblewrap":
        return ["/proc"]
    names = ("cpuinfo", "meminfo", "stat", "self/maps", "self/stat", "self/statm", "self/status")
    return [f"/proc/{name}" for name in names]


def prepare_namespace() -> int | None:
    """Make the next fork the first process of a name space of its own; gives what `restore_namespace` needs."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    _check(_libc.unshare(_NEWPID), "unshare")
    return own


def restore_namespace(own: int) -> None:
    _check(_libc.setns(own, _NEWPID), "setns")
    os.close(own)


_NEWNS, _NEWIPC, _NEWUSER, _NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
_BIND, _PRIVATE, _NOSUID_NODEV, _NOEXEC = 0x1000, 0x44000, 0x6, 0x8


def _separate(place: Path, folder: Path) -> None:
    """A view of the files without the other kernels' folders, and process list and shared memory of one's own."""
    _check(_libc.unshare(_NEWNS | _NEWIPC), "unshare")
    _mount(None, "/", None, _PRIVATE)
    own = os.open(place, os.O_PATH | os.O_CLOEXEC)
    _mount("proc", "/proc", "proc", _NOSUID_NODEV | _NOEXEC)
    _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID_NODEV, f"size={SHARED_MEMORY_MB}m,mode=1777")
    _mount("tmpfs", str(folder), "tmpfs", _NOSUID_NODEV, "size=1m,mode=755")
    place.mkdir()
    _mount(f"/proc/self/fd/{own}", str(place), None, _BIND)
    os.close(own)
    os.chdir("/")  # the old view stays reachable from a folder that was entered before


def _own_users() -> None:
    """An ordinary user's own user name space: processes are then counted for this kernel alone."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(_NEWUSER), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _set_limits(limits: dict[str, int]) -> None:
    import resource

    memory, size = limits["memory_mb"] << 20, limits["file_mb"] << 20
    wanted = {"DATA": memory, "FSIZE": size, "NPROC": limits["processes"], "NOFILE": 4096, "CORE": 0}
    if "cpu_seconds" in limits:
        wanted["CPU"] = limits["cpu_seconds"]
    for name, value in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _drop_capabilities() -> None:
    for capability in range(64):
        _libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; those that do not exist are refused
    header, nothing = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0] * 6)
    _check(_libc.syscall(_CALLS[platform.machine()]["capset"], header, nothing), "capset")


def landlock_version() -> int:
    """The version of Landlock in the kernel; 0: none."""
    return max(0, _libc.syscall(444, None, 0, 1)) if sys.platform == "linux" else 0


def _landlock(read: list[str], write: list[str]) -> None:
    """Files below `read` can be read, below `write` anything; no TCP; no signal to, no trace of, what is outside."""
    version = landlock_version()
    everything = (1 << 13) - 1
    for since, right in ((2, 13), (3, 14), (5, 15)):  # refer, truncate, ioctl on devices
        everything |= (version >= since) << right
    network, scope = 3 * (version >= 4), 3 * (version >= 6)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _check(_libc.syscall(444, struct.pack("QQQ", everything, network, scope), size, 0), "landlock")
    reading = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
    allowed = [(path, reading) for path in read] + [(path, everything) for path in write]
    allowed += [(path, 1 << 1 | 1 << 2 | 1 << 15) for path in DEVICES]
    for path, access in allowed:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if not os.path.isdir(path):
            access &= 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # those that a file has
        _check(_libc.syscall(445, rules, 1, struct.pack("=Qi", access & everything, descriptor), 0), path)
        os.close(descriptor)
    _check(_libc.syscall(446, rules, 0), "landlock")
    os.close(rules)


# System calls by machine (see the kernel's unistd.h): those a kernel has no use for are refused.
_CALLS = {
    "x86_64": {
        "audit": 0xC000003E, "socket": 41, "clone": 56, "clone3": 435, "capset": 126,
        "refused": (
            101, 103, 155, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 175, 176, 179, 227, 246, 248, 249, 250,
            272, 298, 303, 304, 308, 310, 311, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438,
            442,
        ),
    },
    "aarch64": {
        "audit": 0xC00000B7, "socket": 198, "clone": 220, "clone3": 435, "capset": 91,
        "refused": (
            39, 40, 41, 51, 60, 89, 97, 104, 105, 106, 112, 116, 117, 142, 161, 162, 170, 217, 218, 219, 224, 225, 241,
            264, 265, 268, 270, 271, 273, 280, 282, 294, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442,
        ),
    },
}  # fmt: skip


def _seccomp() -> None:
    """Refuse sockets but unix ones, new name spaces, mounts, tracing, io_uring, and what only root does anyway.

    Kernel documentation: userspace-api/seccomp_filter.
    """
    calls = _CALLS[platform.machine()]
    load, equal, at_least, any_bit, done = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000
    no_such = 0x00050000 | 95  # "operation not supported": ZeroMQ, which looks for interfaces, takes no other
    program = [
        (load, 0, 0, 4), (equal, 1, 0, calls["audit"]), (done, 0, 0, kill),
        (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (done, 0, 0, refuse),  # the x32 calls
    ]  # fmt: skip
    for number in calls["refused"]:
        program += [(equal, 0, 1, number), (done, 0, 0, refuse)]
    program += [(equal, 0, 1, calls["clone3"]), (done, 0, 0, unknown)]  # its flags cannot be read: clone takes over
    program += [(equal, 0, 4, calls["clone"]), (load, 0, 0, 16), (any_bit, 0, 1, 0x7E020000), (done, 0, 0, refuse),
                (done, 0, 0, allow)]  # fmt: skip
    program += [(equal, 0, 4, calls["socket"]), (load, 0, 0, 16), (equal, 1, 0, socket.AF_UNIX), (done, 0, 0, no_such),
                (done, 0, 0, allow), (done, 0, 0, allow)]  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filters = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    _check(_libc.prctl(22, 2, filters, 0, 0), "seccomp")  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0), "prctl")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    _check(_libc.mount(*arguments, flags, options.encode() if options else None), f"mount {target}")


def _check(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise SandboxError(f"{what}: {os.strerror(error)}")
    return result


# ------------------------------------------------------------------------------------------------ trying the walls
def probe(questions: dict) -> list[str]:
    """Try to do what must be impossible, from behind the walls; what could be done."""
    broken = []

    def forbidden(what: str, attempt) -> None:
        try:
            attempt()
        except (OSError, MemoryError, ValueError):
            return
        broken.append(what)

    def visible(path: str) -> None:
        os.listdir(path) if os.path.isdir(path) else Path(path).read_bytes()

    forbidden("it can connect", lambda: socket.create_connection(("127.0.0.1", questions["port"]), 2))
    forbidden("it can send", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
    for path in questions["unreadable"]:
        forbidden(f"it can read {path}", lambda path=path: visible(path))
    for path in questions["unwritable"]:
        forbidden(f"it can write in {path}", lambda path=path: tempfile.mkstemp(dir=path))
    names: list[str] = []
    with suppress(PermissionError):
        names = os.listdir("/proc")
    others = [int(name) for name in names if name.isdigit() and int(name) not in _family()]
    for pid in others:
        forbidden("it can read another process's environment", lambda pid=pid: Path(f"/proc/{pid}/environ").read_text())
        forbidden("it can signal another process", lambda pid=pid: os.kill(pid, 0))
    if questions["pid"] not in _family():
        forbidden("it can signal the grader", lambda: os.kill(questions["pid"], 0))
    forbidden("it can make name spaces", lambda: _check_os(_libc.unshare(_NEWUSER)))
    forbidden("it can mount", lambda: _check_os(_libc.mount(b"tmpfs", questions["work"].encode(), b"tmpfs", 0, None)))
    forbidden("it has no limit of memory", lambda: bytearray((questions["limits"]["memory_mb"] + 1) << 20))
    with tempfile.TemporaryFile(dir=questions["work"]) as file:  # which can be made
        size = (questions["limits"]["file_mb"] + 1) << 20
        forbidden("it has no limit of file size", lambda: os.truncate(file.fileno(), size))
    import resource

    for name in ("DATA", "FSIZE", "NPROC"):
        kind = getattr(resource, f"RLIMIT_{name}")
        limit = resource.getrlimit(kind)[1]
        if limit == resource.RLIM_INFINITY:
            broken.append(f"it has no limit {name}")
        forbidden(f"it can raise {name}", lambda kind=kind, limit=limit: resource.setrlimit(kind, (limit + 1,) * 2))
    return sorted(set(broken))


def _family() -> set[int]:
    """This process and those above it in its own name space that are bubblewrap's."""
    return {os.getpid(), os.getppid(), *({1} if os.getpid() != 1 and os.getppid() in (0, 1) else set())}


def _check_os(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def write_probe(spec: dict, questions: dict) -> None:
    """Try the walls and leave the answer where the grader looks for it."""
    Path(spec["place"], "w", "probe.json").write_text(json.dumps(probe(questions)), encoding="utf-8")


def main(spec: str, action: str, *arguments: str) -> None:
    """`python -m grading.sandbox SPEC probe QUESTIONS`, or `… kernel -f FILE`."""
    walls = json.loads(spec)
    enter(walls)
    if action == "probe":
        write_probe(walls, json.loads(arguments[0]))
    else:
        os.environ.pop("JPY_PARENT_PID", None)  # of another name space; it ends with bubblewrap
        sys.argv = ["ipykernel_launcher", *arguments]
        sys.path[0:1] = [""]  # what ipykernel would have had
        from ipykernel import kernelapp

        kernelapp.launch_new_instance()


if __name__ == "__main__":
    main(*sys.argv[1:])
