"""The list of actors in a file, read by the library where it is plainly in order."""

from __future__ import annotations

import ctypes
from array import array
from dataclasses import dataclass
from typing import Final

from aether_engine.native.hashes import Key, key_of
from aether_engine.native.library import library
from aether_engine.native.page_file import FileArgument, PageFile

_COLUMNS: Final = ("hashes", "namespaces", "events", "versions", "sequences")


class _Question(ctypes.Structure):
    _fields_ = (
        ("file", FileArgument),
        ("root", ctypes.c_uint32),
        ("first", ctypes.c_int64),
        ("key", Key),
    )


class _Answer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _COLUMNS),
        *((name, ctypes.c_int64) for name in ("room", "length", "next")),
    )


@dataclass(frozen=True, slots=True)
class ActorRows:
    """Rows of actors from number `first` on: each column has an entry for each number, 0 where there is no row.

    `hashes` are of the ids, `namespaces` are numbers; `events`, `versions` and `sequences` are what is counted.
    `next_number` is that of the first actor behind them, None at the end.
    """

    first: int
    hashes: array[int]
    namespaces: array[int]
    events: array[int]
    versions: array[int]
    sequences: array[int]
    next_number: int | None


def read_actors(file: PageFile, root: int, key: bytes, first: int, room: int) -> ActorRows | None:
    """Actors with numbers from `first` on, within `room` numbers; None where they are not plainly in order.

    `root` is the first page of their table. Needs the library.
    """
    native = library()
    assert native is not None
    columns = {name: array("q", bytes(8 * room)) for name in _COLUMNS}
    question = _Question(file=file.argument(), root=root, first=first, key=key_of(key))
    answer = _Answer(*(column.buffer_info()[0] for column in columns.values()), room)
    if not native.read_actors(ctypes.byref(question), ctypes.byref(answer)):
        return None
    for column in columns.values():
        del column[answer.length :]
    return ActorRows(first, **columns, next_number=answer.next if answer.next >= 0 else None)
