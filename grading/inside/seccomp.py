"""The filter of system calls (seccomp) behind which a student's process runs.  Linux only.

Kernel documentation: userspace-api/seccomp_filter.  Numbers: the kernel's unistd.h of each machine.
"""

import ctypes
import platform
import socket
import struct

from grading.inside import linux

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # the kernel's name of each (linux/audit.h)
# System calls that a kernel has no use for, by name: their numbers on x86_64 and on aarch64.
REFUSED = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    # what outlives its process, and is outside every limit: System V's shared memory, semaphores, messages
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    # name spaces, file systems
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "quotactl": (179, 60),
    # io_uring, whose work this filter does not see
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # the kernel's keys
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # what only root does
    "syslog": (103, 116),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
}
LOOKED_AT = {
    "socket": (41, 198),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prlimit64": (302, 261),
}  # refused by what they are asked
NEW_NAMESPACES = 0x7E020000  # the flags of clone that make one


def supported() -> bool:
    """Whether the numbers of this machine's system calls are known here."""
    return platform.machine() in MACHINES


def number(call: str) -> int:
    """The number of a system call on this machine."""
    return {**REFUSED, **LOOKED_AT}[call][list(MACHINES).index(platform.machine())]


def refuse_calls() -> None:
    """Refuse sockets but unix ones, new name spaces, mounts, other processes, io_uring, and what only root does."""
    program = _program()
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filters = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    linux.check(linux.libc.prctl(22, 2, filters, 0, 0), "seccomp")  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _program() -> list[tuple[int, int, int, int]]:
    """The filter, in steps (operation, steps to skip if true, if false, operand) of the kernel's BPF."""
    load, equal, at_least, any_bit, done = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000
    no_such = 0x00050000 | 95  # "operation not supported": ZeroMQ, which looks for interfaces, takes no other
    program = [
        (load, 0, 0, 4), (equal, 1, 0, MACHINES[platform.machine()]), (done, 0, 0, kill),
        (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (done, 0, 0, refuse),  # the x32 calls
    ]  # fmt: skip
    for call in REFUSED:
        program += [(equal, 0, 1, number(call)), (done, 0, 0, refuse)]
    program += [(equal, 0, 1, number("clone3")), (done, 0, 0, unknown)]  # its flags cannot be read: clone takes over
    program += [(equal, 0, 4, number("clone")), (load, 0, 0, 16), (any_bit, 0, 1, NEW_NAMESPACES), (done, 0, 0, refuse),
                (done, 0, 0, allow)]  # fmt: skip
    # The limits of another process (its number is the first argument; 0: one's own) are not one's affair.
    program += [(equal, 0, 4, number("prlimit64")), (load, 0, 0, 16), (equal, 1, 0, 0), (done, 0, 0, refuse),
                (done, 0, 0, allow)]  # fmt: skip
    program += [(equal, 0, 4, number("socket")), (load, 0, 0, 16), (equal, 1, 0, socket.AF_UNIX), (done, 0, 0, no_such),
                (done, 0, 0, allow), (done, 0, 0, allow)]  # fmt: skip
    return program
