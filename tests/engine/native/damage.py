"""Ways to damage an event file at random, down to the bits that its trees hang on."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

Damage = Callable[[bytearray, int, random.Random], None]


def in_pages_of(size: int, source: Path, target: Path) -> Path:
    """A copy of a file that has pages of another size, and trees that are so much deeper."""
    target.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA page_size = {size}")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode = WAL")
    return target


def _start(content: bytearray, size: int, dice: random.Random) -> int:
    """Where a page begins, but the first one, which has the schema."""
    return dice.randrange(1, max(len(content) // size, 2)) * size


def _flip(content: bytearray, place: int, dice: random.Random) -> None:
    if place < len(content):
        content[place] ^= 1 << dice.randrange(8)


def flip_anywhere(content: bytearray, size: int, dice: random.Random) -> None:
    """One bit."""
    _flip(content, _start(content, size, dice) + dice.randrange(size), dice)


def flip_in_header(content: bytearray, size: int, dice: random.Random) -> None:
    """One bit of a page's header or of the first pointers to its cells."""
    _flip(content, _start(content, size, dice) + dice.randrange(24), dice)


def flip_in_cell(content: bytearray, size: int, dice: random.Random) -> None:
    """One bit where a cell begins: lengths, row ids, serial types and columns."""
    start = _start(content, size, dice)
    count = int.from_bytes(content[start + 3 : start + 5], "big")
    at = start + 8 + 2 * dice.randrange(max(1, min(count, size // 8)))
    cell = int.from_bytes(content[at : at + 2], "big")
    _flip(content, start + min(cell, size - 1) + dice.randrange(48), dice)


def exchange_pointers(content: bytearray, size: int, dice: random.Random) -> None:
    """Two pointers to cells trade places, or one stands in for the other."""
    start = _start(content, size, dice)
    count = max(2, min(int.from_bytes(content[start + 3 : start + 5], "big"), size // 8))
    one, other = (start + 8 + 2 * dice.randrange(count) for _ in range(2))
    first, second = bytes(content[one : one + 2]), bytes(content[other : other + 2])
    content[one : one + 2] = second
    if dice.random() < 0.5:
        content[other : other + 2] = first


def zero_page(content: bytearray, size: int, dice: random.Random) -> None:
    """A page of zeros."""
    start = _start(content, size, dice)
    content[start : start + size] = bytes(size)


def garble_page(content: bytearray, size: int, dice: random.Random) -> None:
    """A page that is torn in the middle."""
    start = _start(content, size, dice)
    torn = dice.randrange(size)
    content[start + torn : start + size] = dice.randbytes(size - torn)


def misplace_page(content: bytearray, size: int, dice: random.Random) -> None:
    """A page that was written to the place of another one, or two that trade places."""
    one, other = _start(content, size, dice), _start(content, size, dice)
    first, second = bytes(content[one : one + size]), bytes(content[other : other + size])
    content[other : other + size] = first
    if dice.random() < 0.5:
        content[one : one + size] = second


def truncate(content: bytearray, size: int, dice: random.Random) -> None:
    """Less of the file than there was."""
    del content[dice.randrange(2 * size, len(content)) :]


KINDS: Final[tuple[Damage, ...]] = (
    flip_anywhere,
    flip_in_header,
    flip_in_header,
    flip_in_cell,
    flip_in_cell,
    exchange_pointers,
    zero_page,
    garble_page,
    misplace_page,
    truncate,
)


def damaged(content: bytes, size: int, dice: random.Random) -> bytes:
    """The content of a file of pages of `size`, with one to three damages."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        dice.choice(KINDS)(changed, size, dice)
    return bytes(changed)
