"""Rows of a log that are plainly in order, looked at by the library as long as they are."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from aether_engine.native.hashes import Key, key_of
from aether_engine.native.library import library
from aether_engine.native.page_file import FileArgument, PageFile

#: Numbers of event types beyond this one are not looked up, nor are longer names (in bytes).
_MOST_TYPES: Final = 100_000
_LONGEST_TYPE: Final = 4096


class _Names(ctypes.Structure):
    _fields_ = (
        ("bytes", ctypes.c_char_p),
        ("ends", ctypes.POINTER(ctypes.c_uint32)),
        ("count", ctypes.c_uint32),
    )


class _Question(ctypes.Structure):
    _fields_ = (
        ("file", FileArgument),
        ("root", ctypes.c_uint32),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("namespace_number", ctypes.c_int64),
        ("key", Key),
        ("ahead", ctypes.c_double),
        ("behind", ctypes.c_double),
        ("types", _Names),
    )


_COLUMNS: Final = ("sequences", "actors", "names", "versions", "ids", "commands", "causes", "late")
_NUMBERS: Final = (
    *("rows", "command_count", "cause_count", "late_count"),
    *("size_bytes", "first_recorded", "last_recorded", "high_sum", "low_sum"),
)


class _Answer(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _COLUMNS),
        ("moments", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in _NUMBERS),
    )


@dataclass(frozen=True, slots=True)
class SoundRows:
    """What rows in order say, from the first one on: an entry for each in `sequences` to `moments`.

    `names`, `ids`, `commands` and causes are hashes of texts; `causes` alternate sequences and hashes; `late` are
    sequences; `moments` are seconds since 1970, recorded times microseconds. `id_sum` is the sum of the first
    eight bytes of the id hashes, as signed numbers.
    """

    sequences: array[int]
    actors: array[int]
    names: array[int]
    versions: array[int]
    ids: array[int]
    commands: array[int]
    causes: array[int]
    late: array[int]
    moments: array[float]
    size_bytes: int
    first_recorded: int
    last_recorded: int
    id_sum: int


class RowReader:
    """Looks at rows of one namespace's log. Needs the library."""

    def __init__(
        self,
        root: int,
        namespace: int,
        types: Mapping[int, str],
        key: bytes,
        *,
        ahead: float,
        behind: float,
    ) -> None:
        """`root` is the table's first page; `ahead` and `behind` are what clocks may go wrong, in seconds."""
        native = library()
        assert native is not None
        self._read = native.read_sound_rows
        self._read.restype = ctypes.c_int64
        names = [types.get(number, "").encode() for number in range(min(max(types, default=-1) + 1, _MOST_TYPES))]
        names = [name if len(name) <= _LONGEST_TYPE else b"" for name in names]
        ends = accumulate(map(len, names))
        self._ends = (ctypes.c_uint32 * len(names))(*ends)
        self._names = b"".join(names)
        self._question = _Question(
            root=root,
            namespace_number=namespace,
            key=key_of(key),
            ahead=ahead,
            behind=behind,
            types=_Names(self._names, self._ends, len(names)),
        )

    def rows(self, file: PageFile, first: int, last: int) -> SoundRows | None:
        """The rows at sequences `first` to `last`, as far as they are in order; None if the first is not."""
        question, count = self._question, last - first + 1
        base = question.namespace_number << 40
        question.file, question.first, question.last = file.argument(), base + first, base + last
        columns = {name: array("q", bytes(8 * count * (2 if name == "causes" else 1))) for name in _COLUMNS}
        moments = array("d", bytes(8 * count))
        answer = _Answer(*(column.buffer_info()[0] for column in columns.values()), moments.buffer_info()[0])
        rows = self._read(ctypes.byref(question), ctypes.byref(answer))
        if not rows:
            return None
        lengths = {"commands": answer.command_count, "causes": answer.cause_count, "late": answer.late_count}
        for name, column in columns.items():
            del column[lengths.get(name, rows) :]
        del moments[rows:]
        return SoundRows(
            **columns,
            moments=moments,
            size_bytes=answer.size_bytes,
            first_recorded=answer.first_recorded,
            last_recorded=answer.last_recorded,
            id_sum=(answer.high_sum << 32) + answer.low_sum,
        )
