"""What a reducer's process and its parent say to each other: frames over two pipes.

A frame is its length (4 bytes, big-endian) and then its content: a kind (1 byte), a JSON object behind its length
(4 bytes), and parts, each behind its length (4 bytes). States and events travel as parts, in their very bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from aether_engine.codec import dumps, loads

#: The frozen application is its own interpreter; with this as its first argument it is a reducer's process.
CHILD_ARGUMENT: Final = "--aether-reducer-child"
#: No frame is longer, in bytes. A length beyond is what somebody else wrote into the pipe.
MAX_FRAME: Final = 1 << 30
#: The cell that both processes see: which event the reducer is at, -1 while it is at none.
CELL: Final = struct.Struct("=q")
NOWHERE: Final = -1

_LENGTH: Final = struct.Struct(">I")


class Kind(IntEnum):
    """What a frame is about: the first ones go to the reducer's process, the others come back."""

    LOAD = 1
    FEED = 2
    READY = 10
    STATES = 11
    DONE = 12
    FAILED = 13
    PRINTED = 14


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: Kind
    head: dict[str, Any]
    parts: Sequence[bytes] = ()

    def encode(self) -> bytes:
        """The bytes of it."""
        head = dumps(self.head)
        pieces = [bytes((self.kind,)), _LENGTH.pack(len(head)), head]
        for part in self.parts:
            pieces += (_LENGTH.pack(len(part)), part)
        return b"".join([_LENGTH.pack(sum(map(len, pieces))), *pieces])


class BrokenFrameError(Exception):
    """What came is no frame; the process on the other side is not to be talked to any more."""


def read_frame(descriptor: int) -> Frame | None:
    """The next frame, None at the end of the pipe. Raises `BrokenFrameError`."""
    head = _read(descriptor, _LENGTH.size)
    if head is None:
        return None
    [length] = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise BrokenFrameError
    body = _read(descriptor, length)
    return None if body is None else _decode(body)


def write_frame(descriptor: int, frame: Frame) -> None:
    """Send all of a frame; raises `OSError` when nobody reads any more."""
    rest = memoryview(frame.encode())
    while rest:
        rest = rest[os.write(descriptor, rest[: 1 << 20]) :]


def _read(descriptor: int, count: int) -> bytes | None:
    pieces: list[bytes] = []
    while count:
        piece = os.read(descriptor, min(count, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _decode(body: bytes) -> Frame:
    try:
        kind = Kind(body[0])
        [length] = _LENGTH.unpack_from(body, 1)
        place = 5 + length
        head = loads(body[5:place])
        parts: list[bytes] = []
        while place < len(body):
            [length] = _LENGTH.unpack_from(body, place)
            place += 4
            part = body[place : place + length]
            if len(part) != length:
                raise BrokenFrameError
            parts.append(part)
            place += length
    except (ValueError, IndexError, struct.error) as error:
        raise BrokenFrameError from error
    if not isinstance(head, dict):
        raise BrokenFrameError
    return Frame(kind, head, parts)
