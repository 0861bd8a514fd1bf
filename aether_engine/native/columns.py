"""Columns of numbers, gone through by the library: streams that go on as they should, and sets of hashes."""

from __future__ import annotations

import ctypes
from array import array
from typing import Final

from aether_engine.native.library import library

_STREAMS: Final = ("versions", "sequences", "moments", "names")
_EVENTS: Final = ("sequences", "actors", "names", "versions", "moments")


class _Streams(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_void_p) for name in _STREAMS), ("count", ctypes.c_int64))


class _Events(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_void_p) for name in _EVENTS), ("count", ctypes.c_int64))


def take_events(
    streams: tuple[array[int], array[int], array[float], array[int]],
    events: tuple[array[int], array[int], array[int], array[int], array[float]],
) -> int:
    """Take in events as long as each is the next one of the actor it is filed under; returns how many were.

    `streams` are the last versions, sequences and moments of actors by number, and the hashes of their ids;
    `events` are sequences, actors, hashes of ids, versions and moments, alike in length. Needs the library.
    """
    native = _library()
    count = min(len(column) for column in streams)
    taken: int = native.take_events(
        ctypes.byref(_Streams(*(column.buffer_info()[0] for column in streams), count)),
        ctypes.byref(
            _Events(*(column.buffer_info()[0] for column in events), min(len(column) for column in events))
        ),
    )
    return taken


def repeated(numbers: array[int]) -> set[int]:
    """The numbers that occur more than once, but 0. Needs the library; raises `MemoryError`."""
    native = _library()
    found = array("q", bytes(8 * len(numbers)))
    count = native.find_repeated(_place(numbers), ctypes.c_int64(len(numbers)), _place(found))
    return set(found[: _counted(count)])


def without(numbers: array[int], others: array[int]) -> array[int]:
    """The numbers that are not among `others`, but 0, some more than once; as `repeated`."""
    native = _library()
    rest = numbers[:]
    count = native.remove_known(
        _place(rest), ctypes.c_int64(len(rest)), _place(others), ctypes.c_int64(len(others))
    )
    del rest[_counted(count) :]
    return rest


def share_of(numbers: array[int], share: int, shares: int, *, step: int = 1) -> array[int]:
    """The numbers, or every `step`th of them, whose turn it is when there are `shares`. Needs the library."""
    native = _library()
    copies = array("q", bytes(8 * (len(numbers) // step)))
    count = native.copy_share(
        _place(numbers),
        ctypes.c_int64(len(numbers)),
        ctypes.c_int64(step),
        ctypes.c_uint64(share),
        ctypes.c_uint64(shares),
        _place(copies),
    )
    del copies[count:]
    return copies


def _library() -> ctypes.CDLL:
    native = library()
    assert native is not None
    for name in ("take_events", "find_repeated", "remove_known", "copy_share"):
        getattr(native, name).restype = ctypes.c_int64
    return native


def _place(column: array[int]) -> ctypes.c_void_p:
    return ctypes.c_void_p(column.buffer_info()[0])


def _counted(count: int) -> int:
    if count < 0:
        raise MemoryError
    return count
