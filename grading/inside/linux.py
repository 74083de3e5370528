"""Linux's system calls that Python does not offer."""

import ctypes
import os

NEWNS, NEWIPC, NEWUSER, NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000  # name spaces, for unshare and setns
BIND, PRIVATE, NOSUID_NODEV, NOEXEC = 0x1000, 0x44000, 0x6, 0x8  # for mount
PARENT_DEATH_SIGNAL, BOUNDING_SET_DROP, SUBREAPER, NO_NEW_PRIVILEGES = 1, 24, 36, 38  # prctl's options
# The same number on every machine since Linux 5.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446

libc = ctypes.CDLL(None, use_errno=True)


class SystemCallError(OSError):
    """A system call was refused; the message says which."""


def check(result: int, what: str) -> int:
    """The result of a system call; raises `SystemCallError` where it says that it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise SystemCallError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int) -> None:
    check(libc.prctl(option, value, 0, 0, 0), "prctl")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    check(libc.mount(*arguments, flags, options.encode() if options else None), f"mount {target}")
