"""Walls that a process which will run a student's code goes behind, for good (Linux): Landlock, seccomp, limits.

What it is left with: its own scratch folder to write to; the Python environment, `utils/`, `data/` and the models to
read; no network; no sight of other kernels, of the course's sources, of the gradebook or of the environment; limits on
memory, processor time, processes, file size.  `grading.execution.sandbox` says when, and tries every wall on a live
process (`probe`) before it trusts them.
"""

import json
import os
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from grading.inside import linux
from grading.inside.seccomp import refuse_calls

SHARED_MEMORY_MB = 1000  # /dev/shm
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


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
    linux.prctl(linux.NO_NEW_PRIVILEGES, 1)
    if landlock_version():
        own = ["/dev/shm"] if spec["kind"] == "bubblewrap" else []  # else everybody's, and nobody would clear it
        _landlock([*spec["read"], *_readable_proc(spec["kind"])], [spec["place"], *own])
    refuse_calls()


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
    linux.check(linux.libc.unshare(linux.NEWPID), "unshare")
    return own


def restore_namespace(own: int) -> None:
    linux.check(linux.libc.setns(own, linux.NEWPID), "setns")
    os.close(own)


def _separate(place: Path, folder: Path) -> None:
    """A view of the files without the other kernels' folders, and process list and shared memory of one's own."""
    linux.check(linux.libc.unshare(linux.NEWNS | linux.NEWIPC), "unshare")
    linux.mount(None, "/", None, linux.PRIVATE)
    own = os.open(place, os.O_PATH | os.O_CLOEXEC)
    linux.mount("proc", "/proc", "proc", linux.NOSUID_NODEV | linux.NOEXEC)
    linux.mount("tmpfs", "/dev/shm", "tmpfs", linux.NOSUID_NODEV, f"size={SHARED_MEMORY_MB}m,mode=1777")
    linux.mount("tmpfs", str(folder), "tmpfs", linux.NOSUID_NODEV, "size=1m,mode=755")
    place.mkdir()
    linux.mount(f"/proc/self/fd/{own}", str(place), None, linux.BIND)
    os.close(own)
    os.chdir("/")  # the old view stays reachable from a folder that was entered before


def _own_users() -> None:
    """An ordinary user's own user name space: processes are then counted for this kernel alone."""
    uid, gid = os.geteuid(), os.getegid()
    linux.check(linux.libc.unshare(linux.NEWUSER), "unshare")
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
        linux.libc.prctl(linux.BOUNDING_SET_DROP, capability, 0, 0, 0)  # those that do not exist are refused
    header, nothing = struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0] * 6)
    linux.check(linux.libc.capset(header, nothing), "capset")


def landlock_version() -> int:
    """The version of Landlock in the kernel; 0: none."""
    return max(0, linux.libc.syscall(linux.LANDLOCK_CREATE_RULESET, None, 0, 1)) if sys.platform == "linux" else 0


def _landlock(read: list[str], write: list[str]) -> None:
    """Files below `read` can be read, below `write` anything; no TCP; no signal to, no trace of, what is outside."""
    version = landlock_version()
    everything = (1 << 13) - 1
    for since, right in ((2, 13), (3, 14), (5, 15)):  # refer, truncate, ioctl on devices
        everything |= (version >= since) << right
    network, scope = 3 * (version >= 4), 3 * (version >= 6)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    asked = struct.pack("QQQ", everything, network, scope)
    rules = linux.check(linux.libc.syscall(linux.LANDLOCK_CREATE_RULESET, asked, size, 0), "landlock")
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
        rule = struct.pack("=Qi", access & everything, descriptor)
        linux.check(linux.libc.syscall(linux.LANDLOCK_ADD_RULE, rules, 1, rule, 0), path)
        os.close(descriptor)
    linux.check(linux.libc.syscall(linux.LANDLOCK_RESTRICT_SELF, rules, 0), "landlock")
    os.close(rules)


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
    forbidden("it can make name spaces", lambda: linux.check(linux.libc.unshare(linux.NEWUSER), "unshare"))
    forbidden("it can mount", lambda: linux.mount("tmpfs", questions["work"], "tmpfs", 0))
    forbidden("it can open a process", lambda: os.pidfd_open(os.getpid()))
    forbidden("it can leave shared memory", lambda: linux.check(linux.libc.shmget(0, 4096, 0o1600), "shmget"))
    forbidden("it has no limit of memory", lambda: bytearray((questions["limits"]["memory_mb"] + 1) << 20))
    with tempfile.TemporaryFile(dir=questions["work"]) as file:  # which can be made
        size = (questions["limits"]["file_mb"] + 1) << 20
        forbidden("it has no limit of file size", lambda: os.truncate(file.fileno(), size))
    import resource

    for pid in {questions["pid"], os.getppid()} - {0}:
        forbidden("it can limit another process", lambda pid=pid: resource.prlimit(pid, resource.RLIMIT_CPU))
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


def write_probe(spec: dict, questions: dict) -> None:
    """Try the walls and leave the answer where the grader looks for it."""
    Path(spec["place"], "w", "probe.json").write_text(json.dumps(probe(questions)), encoding="utf-8")


def main(spec: str, action: str, *arguments: str) -> None:
    """`python -m grading.inside.walls SPEC probe QUESTIONS`, or `… kernel -f FILE`."""
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
