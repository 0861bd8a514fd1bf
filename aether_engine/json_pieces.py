"""The members of large JSON containers, piece by piece: each step is short, and no value is taken apart.

A document of 30 MB that is split in one step stops every other thread for as long as that takes. So containers
are cut between two members about every megabyte. Where a cut may be is guessed from commas near the end of a
piece, and whether it was one is certain: a piece that ends inside a member is not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from msgspec import Raw
from msgspec.json import Decoder

__all__ = ["PIECE", "Raw", "array_pieces", "object_pieces", "syntax_error"]

_Piece = TypeVar("_Piece", dict[str, Raw], list[Raw])

#: Bytes of a piece.
PIECE: Final = 1 << 20
#: How far back from the end of a piece a cut is looked for, and how many places are tried.
_TAIL: Final = 1 << 15
_TRIES: Final = 6
_SEPARATOR: Final = re.compile(rb'[}\]"0-9el]([ \t\r\n]*+),([ \t\r\n]*+)(?=["{\[0-9tfn-])')
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")

_skip: Final[Callable[[bytes], Raw]] = Decoder(Raw).decode
_PLACE: Final = re.compile(r"\(byte ([0-9]+)\)\Z")
_decode_object: Final[Callable[[bytes], dict[str, Raw]]] = Decoder(dict[str, Raw]).decode
_decode_array: Final[Callable[[bytes], list[Raw]]] = Decoder(list[Raw]).decode


def object_pieces(raw: bytes) -> Iterator[dict[str, Raw]]:
    """The members of the object `raw` as written, in order, some at a time; of duplicates in a piece the last.

    Raises `ValueError` where it stops being an object.
    """
    return _pieces(raw, _decode_object, b"{", b"}")


def array_pieces(raw: bytes) -> Iterator[list[Raw]]:
    """The items of the array `raw` as written, in order, some at a time; raises `ValueError` likewise."""
    return _pieces(raw, _decode_array, b"[", b"]")


def syntax_error(raw: bytes) -> int | None:
    """The offset at which `raw` stops being a JSON value, its length if it ends too early; None if it is one."""
    try:
        _skip(raw)
    except ValueError as error:
        place = _PLACE.search(str(error))
        return len(raw) if place is None else int(place[1])
    except RecursionError:
        return None
    return None


def _pieces(raw: bytes, decode: Callable[[bytes], _Piece], opening: bytes, closing: bytes) -> Iterator[_Piece]:
    position = _after_space(raw, 0)
    if raw[position : position + 1] != opening or len(raw) - position <= PIECE:
        yield decode(raw)
        return
    position += 1
    while len(raw) - position > PIECE:
        window = raw[position : position + PIECE]
        for end, following in _cuts(window):
            try:
                piece = decode(opening + window[:end] + closing)
            except ValueError:
                continue
            yield piece
            position += following
            break
        else:
            # A member that is longer than a piece.
            break
    yield decode(opening + raw[position:])


def _cuts(window: bytes) -> list[tuple[int, int]]:
    """Where a member may end and the next begin: the likeliest first.

    Between members of the same container stands the same space, and less of it than deeper inside.
    """
    found: list[tuple[int, int, int]] = []
    for match in _SEPARATOR.finditer(window, max(0, len(window) - _TAIL)):
        space = match.end(2) - match.start(2) + match.end(1) - match.start(1)
        found.append((space, -match.start(1), match.end()))
    found.sort(key=lambda each: each[:2])
    cuts: dict[tuple[int, bytes], list[tuple[int, int]]] = {}
    for space, end, following in found:
        # What ends as an object or a text ends, and begins so, is one kind of place.
        kind = space, window[-end - 1 : -end] + window[following : following + 1]
        places = cuts.setdefault(kind, [])
        if len(places) < _TRIES:
            places.append((-end, following))
    ordered = sorted(cuts.items(), key=lambda each: (each[0][0], each[0][1][:1] not in (b"}", b"]")))
    return [place for _, places in ordered for place in places][: 4 * _TRIES]


def _after_space(raw: bytes, position: int) -> int:
    match: Any = _SPACE.match(raw, position)
    end: int = match.end()
    return end
