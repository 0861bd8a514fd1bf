"""Stored events as lines of NDJSON: the very bytes, and a line end."""

from __future__ import annotations

from collections.abc import Sequence

from aether_engine.errors import TransferError
from aether_engine.event import ReplayError, StoredEvent
from aether_engine.transfer.form import Form


class NdjsonLines(Form):
    """Corrupted events, and those whose bytes contain a line break, cannot be lines: they are left out."""

    def rows(self, batch: Sequence[StoredEvent]) -> bytes:
        lines: list[bytes] = []
        for stored in batch:
            if stored.error is not None:
                self.skipped.append(stored.error)
            elif b"\n" in stored.raw:
                problem = TransferError(
                    f"The event at sequence {stored.sequence}", "its bytes contain a line break, it is no line"
                )
                self.skipped.append(ReplayError(stored.sequence, stored.raw, problem))
            else:
                lines += (stored.raw, b"\n")
                self.events += 1
        return b"".join(lines)
