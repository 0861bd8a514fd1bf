"""Ids that occur twice and causes that do not exist, among any number of events in little memory.

Hashes of 64 bits, keyed anew for each run, stand for the ids; they wait in a temporary file and are compared a
share of their range at a time. What is found is a suspicion: whoever explains it compares the ids themselves.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Iterator
from typing import IO, Final

from aether_engine.audit.examining import Examined
from aether_engine.audit.hash_sets import repeated, share_of, without

#: Hashes that are held in memory in one go.
_AT_ONCE: Final = 3_000_000
_CHUNK: Final = 1 << 17
_WIDTH: Final = 8


class Spool:
    """Numbers in a temporary file: written one after the other, read as often as one likes."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self.count = 0

    def extend(self, numbers: array[int]) -> None:
        """Add numbers."""
        if not numbers:
            return
        if self._file is None:
            folder = self._folder
            self._file = tempfile.TemporaryFile(prefix="aether-audit-", dir=folder)  # noqa: SIM115 (`close` does)
        self._file.write(numbers)
        self.count += len(numbers)

    def chunks(self) -> Iterator[array[int]]:
        """All numbers, in pieces."""
        if self._file is None:
            return
        self._file.flush()
        place = 0
        while True:
            self._file.seek(place)
            data = self._file.read(_CHUNK * _WIDTH)
            if not data:
                break
            place += len(data)
            piece = array("q")
            piece.frombytes(data)
            yield piece
        self._file.seek(0, 2)

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Identities:
    """The ids, commands and causes of a store's logs."""

    def __init__(self) -> None:
        self._ids: dict[str, Spool] = {}
        # Stretches of sequences without a hole: where each begins, and how long it is.
        self._sequences: dict[str, tuple[array[int], array[int]]] = {}
        self._causes: dict[str, Spool] = {}
        self._commands = Spool()

    def take(self, namespace: str, examined: Examined) -> None:
        """Take in a part of a log."""
        self._ids.setdefault(namespace, Spool()).extend(examined.ids)
        _note_sequences(self._sequences.setdefault(namespace, (array("q"), array("q"))), examined.id_sequences)
        self._causes.setdefault(namespace, Spool()).extend(examined.causes)
        self._commands.extend(examined.commands)

    @property
    def has_causes(self) -> bool:
        """Whether any event names a cause."""
        return any(spool.count for spool in self._causes.values())

    def compare(
        self, *, duplicates: bool, causes: bool, step: Callable[[], None] = lambda: None
    ) -> tuple[dict[str, set[int]], set[int]]:
        """Hashes of ids that occur more than once, by namespace, and those of causes that are no id or command.

        `step` is called now and then; what it raises ends the comparison.
        """
        total = sum(spool.count for spool in (*self._ids.values(), *self._causes.values(), self._commands))
        shares = max(1, -(-total // _AT_ONCE))
        twice: dict[str, set[int]] = {namespace: set() for namespace in self._ids}
        missing: set[int] = set()
        wants_causes = causes and self.has_causes
        if not duplicates and not wants_causes:
            return twice, missing
        for share in range(shares):
            wanted = array("q")
            if wants_causes:
                for spool in self._causes.values():
                    wanted.extend(_share(spool, share, shares, step, every=2))
            for namespace, spool in self._ids.items():
                ids = _share(spool, share, shares, step)
                if duplicates:
                    twice[namespace] |= repeated(ids)
                if wanted:
                    wanted = without(wanted, ids)
            if wanted:
                missing.update(without(wanted, _share(self._commands, share, shares, step)))
        return twice, missing

    def places_of(self, namespace: str, hashes: set[int]) -> Iterator[tuple[int, int]]:
        """Hash and sequence of each event whose id is among `hashes`, in the order of the log."""
        if not hashes or namespace not in self._ids:
            return
        done = 0
        starts, lengths = self._sequences[namespace]
        segment, before = 0, 0
        for piece in self._ids[namespace].chunks():
            if not hashes.isdisjoint(piece):
                for index, each in enumerate(piece):
                    if each in hashes:
                        place = done + index
                        while place - before >= lengths[segment]:
                            before += lengths[segment]
                            segment += 1
                        yield each, starts[segment] + place - before
            done += len(piece)

    def effects_of(self, namespace: str, hashes: set[int]) -> Iterator[int]:
        """The sequences of events whose cause is among `hashes`."""
        if not hashes or namespace not in self._causes:
            return
        for piece in self._causes[namespace].chunks():
            causes = piece[1::2]
            if not hashes.isdisjoint(causes):
                yield from (
                    sequence for sequence, cause in zip(piece[::2], causes, strict=True) if cause in hashes
                )

    def close(self) -> None:
        """Remove the temporary files."""
        for spool in (*self._ids.values(), *self._causes.values(), self._commands):
            spool.close()


def _note_sequences(stretches: tuple[array[int], array[int]], sequences: array[int]) -> None:
    starts, lengths = stretches
    start, count = 0, len(sequences)
    while start < count:
        end = count
        if sequences[-1] - sequences[start] != count - 1 - start:
            end = start + 1
            while end < count and sequences[end] == sequences[end - 1] + 1:
                end += 1
        if starts and starts[-1] + lengths[-1] == sequences[start]:
            lengths[-1] += end - start
        else:
            starts.append(sequences[start])
            lengths.append(end - start)
        start = end


def _share(spool: Spool, share: int, shares: int, step: Callable[[], None], *, every: int = 1) -> array[int]:
    """The share of the spool's numbers (or of every second one) whose turn it is."""
    found = array("q")
    for piece in spool.chunks():
        step()
        found.extend(share_of(piece, share, shares, step=every))
    return found
