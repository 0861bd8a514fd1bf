"""The difference of two documents of megabytes, found piece by piece; what is the same is never taken apart.

Decoding 30 MB makes a million objects in one step that no other thread can interrupt. Here the members of large
containers are compared by their bytes, and only small pieces that differ are decoded and compared by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Final

from aether_desktop.models.state.state_values import Path, WrittenValue
from aether_engine import codec
from aether_engine.json_pieces import Raw, array_pieces, object_pieces
from aether_engine.replay import Change, diff

#: Bytes of a value that is decoded.
_SMALL: Final = 1 << 16
#: Changes that are found at most.
CHANGES_KEPT: Final = 2000
#: Pairs that are compared between two looks whether anybody still wants to know.
_PAIRS: Final = 4096


class CancelledError(Exception):
    """Nobody wants to know any more."""


@dataclass(frozen=True, slots=True)
class LargeDifference:
    """The first changes in document order, and whether there are more."""

    changes: list[Change]
    are_more: bool


def diff_large(old: bytes, new: bytes, is_cancelled: Callable[[], bool]) -> LargeDifference:
    """What leads from one document to another, as `replay.diff`; large values come as `WrittenValue`.

    A large text counts as changed when it is written in another way. Raises `ValueError` for what is not JSON,
    and `CancelledError` soon after `is_cancelled` says so.
    """
    return _Comparison(is_cancelled).run(old, new)


class _Comparison:
    def __init__(self, is_cancelled: Callable[[], bool]) -> None:
        self._is_cancelled = is_cancelled
        self._changes: list[Change] = []

    def run(self, old: bytes, new: bytes) -> LargeDifference:
        # One open container after the other, the innermost last; what is found comes in document order.
        pending: list[Iterator[tuple[Path, bytes, bytes]]] = []
        if old != new:
            pending.append(iter([((), old, new)]))
        while pending and len(self._changes) <= CHANGES_KEPT:
            pair = next(pending[-1], None)
            if pair is None:
                pending.pop()
                continue
            path, before, after = pair
            kind = before[:1]
            if max(len(before), len(after)) <= _SMALL:
                self._compare(path, before, after)
            elif kind != after[:1] or kind not in (b"{", b"["):
                self._changes.append(Change(path, "changed", _value(before), _value(after)))
            else:
                pending.append((self._items if kind == b"[" else self._members)(path, before, after))
        return LargeDifference(self._changes[:CHANGES_KEPT], len(self._changes) > CHANGES_KEPT)

    def _compare(self, path: Path, before: bytes, after: bytes) -> None:
        for change in diff(codec.loads_exactly(before), codec.loads_exactly(after)):
            self._changes.append(Change(path + change.path, change.kind, change.old, change.new))

    def _items(self, path: Path, before: bytes, after: bytes) -> Iterator[tuple[Path, bytes, bytes]]:
        olds, news = chain.from_iterable(array_pieces(before)), chain.from_iterable(array_pieces(after))
        for place, (old, new) in enumerate(zip_longest(olds, news)):
            if not place % _PAIRS:
                self._check()
            if old is None:
                self._add((*path, place), bytes(new))
            elif new is None:
                self._remove((*path, place), bytes(old))
            elif old != new:
                yield (*path, place), bytes(old), bytes(new)

    def _members(self, path: Path, before: bytes, after: bytes) -> Iterator[tuple[Path, bytes, bytes]]:
        olds, news = self._by_key(before), self._by_key(after)
        for place, (key, old) in enumerate(olds.items()):
            if not place % _PAIRS:
                self._check()
            new = news.get(key)
            if new is None:
                self._remove((*path, key), bytes(old))
            elif old != new:
                yield (*path, key), bytes(old), bytes(new)
        for key, new in news.items():
            if key not in olds:
                self._add((*path, key), bytes(new))

    def _by_key(self, raw: bytes) -> dict[str, Raw]:
        found: dict[str, Raw] = {}
        for piece in object_pieces(raw):
            self._check()
            found |= piece
        return found

    def _add(self, path: Path, new: bytes) -> None:
        self._append(Change(path, "added", None, _value(new)))

    def _remove(self, path: Path, old: bytes) -> None:
        self._append(Change(path, "removed", _value(old), None))

    def _append(self, change: Change) -> None:
        # One more than is kept says that there are more.
        if len(self._changes) <= CHANGES_KEPT:
            self._changes.append(change)

    def _check(self) -> None:
        if self._is_cancelled():
            raise CancelledError


def _value(raw: bytes) -> object:
    return codec.loads_exactly(raw) if len(raw) <= _SMALL else WrittenValue(raw)
