"""Messages to an exam, from the grader and from a student's kernel: JSON, and bytes that it refers to.

Nothing is ever unpickled.
"""

import json
import socket
import struct
from dataclasses import dataclass

LARGEST = 1 << 30  # bytes of one message
LARGEST_HEAD = 64 << 20  # and of its JSON


@dataclass(frozen=True)
class Step:
    """A code cell of a lab, as its teacher runs it.  `check`: its name if it is one, with the `points` it gives.

    `later`: of a check, what later checks use of it.
    """

    source: str
    solution: bool = False
    check: str = ""
    points: float = 0.0
    later: str = ""


def send(line: socket.socket, message: object, buffers: list[bytes] = ()) -> None:
    """A message of JSON's types, and bytes that it refers to by number."""
    head = json.dumps([message, [len(buffer) for buffer in buffers]]).encode()
    line.sendall(struct.pack("<Q", len(head)) + head)
    for buffer in buffers:
        line.sendall(buffer)


def receive(line: socket.socket) -> tuple[object, list[bytes]]:
    """The next message; raises `EOFError` if there is none, `ValueError` if it is not one."""
    (size,) = struct.unpack("<Q", _exactly(line, 8))
    if size > LARGEST_HEAD:
        raise ValueError("a message is too large")
    message, sizes = json.loads(_exactly(line, size))
    if sum(sizes) > LARGEST or min(sizes, default=0) < 0:
        raise ValueError("a message is too large")
    return message, [_exactly(line, size) for size in sizes]


def _exactly(line: socket.socket, size: int) -> bytes:
    if not 0 <= size <= LARGEST:
        raise ValueError("a message is too large")
    data = bytearray()
    while len(data) < size:
        part = line.recv(min(size - len(data), 1 << 20))
        if not part:
            raise EOFError("the other side is gone")
        data += part
    return bytes(data)


def outcome_of(line: socket.socket, seconds: float | None) -> dict | None:
    """What an examination told at its end; None if it did not come to its end in time (`seconds` None: no limit)."""
    line.settimeout(seconds)
    try:
        return receive(line)[0]
    except (OSError, EOFError, ValueError):
        return None
