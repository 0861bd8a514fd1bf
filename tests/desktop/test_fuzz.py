"""Mutated events through everything: reader, tables, tail, inspector, state, export, audit. Seeded.

No crash, no hang, and what is corrupted is shown as that by all of them. `AETHER_SOAK=1` takes many more rounds,
`AETHER_FUZZ_SEED` other mutations.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from PySide6.QtCore import Qt

from aether_desktop.models.events.roles import Role, RowKind
from aether_desktop.models.tail.tail_controller import TailController
from aether_engine.audit import Audit, FileTarget
from aether_engine.codec import decode_event
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.errors import InvalidEventError
from aether_engine.event import Event, StoredEvent, Tailed
from aether_engine.store.sqlite.schema import checksum_seed
from aether_engine.transfer import export_ndjson
from tests.desktop.driven_window import DrivenWindow, driven_file
from tests.engine.audit.test_corpus import run
from tests.hostile import hostile_events
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

_LONG: Final = "AETHER_SOAK" in os.environ
_ROUNDS: Final = 60 if _LONG else 1
_SEED: Final = int(os.environ.get("AETHER_FUZZ_SEED", "20260201"))
_EVENTS: Final = 60
#: Rows of a round that are looked at with inspector and state.
_SELECTED: Final = 12 if _LONG else 5
_NAMESPACE: Final = "fuzzed"
#: Seconds that one round may take on a busy machine; what hangs takes longer.
_PATIENCE: Final = 120
_ROLES: Final = (
    *(Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole),
    *(Role.KIND, Role.FULL_TEXT, Role.COPY_TEXT, Role.BANNER),
)

_TOKENS: Final = (b'"version"', b'"data"', b'"id"', *(bytes([each]) for each in b'{}:,1"Z'), b"true", b"null")
_OTHERS: Final = (
    *(b"-1", b"0", b"1e999", b"9223372036854775808", b"NaN", b"null", b"[]", b"{}", b'"\\ud800"'),
    *(b"\xff", b"\x00", b"\n", b"\xef\xbb\xbf", b'"version":2,"version"', b"0000-00-00T00:00:00Z"),
    *(b"[" * 3000, b'{"a":' * 2000),
)

Mutation = Callable[[bytes, random.Random], bytes]


def _flip(raw: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ 1 << dice.randrange(8)]) + raw[place + 1 :]


def _cut(raw: bytes, dice: random.Random) -> bytes:
    return raw[: dice.randrange(len(raw))]


def _splice(raw: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(raw))
    end = min(len(raw), start + dice.randrange(1, 30))
    return raw[:start] + dice.choice((b"", raw[start:end] * 2, dice.randbytes(dice.randrange(1, 9)))) + raw[end:]


def _token(raw: bytes, dice: random.Random) -> bytes:
    """One token becomes another that is legal somewhere, or nowhere."""
    return raw.replace(dice.choice(_TOKENS), dice.choice(_OTHERS), dice.randrange(1, 3))


def _append(raw: bytes, dice: random.Random) -> bytes:
    return raw + dice.choice((b"}", b" ", b"\n", b"\x00", raw, b"x" * 100_000))


_MUTATIONS: Final[tuple[Mutation, ...]] = (_flip, _cut, _splice, _token, _append)


def _whole(path: Path) -> None:
    """A file of events, plain and hostile."""
    plain = [
        Event(f"e{n}", "Changed", f"order-{n % 5}", n // 5 + 1, {"n": n, f"k{n % 7}": {"x": [n]}})
        for n in range(_EVENTS)
    ]
    small = [event for event in hostile_events() if len(event.to_json()) < 10_000]

    async def fill() -> None:
        async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
            await (await engine.store(_NAMESPACE)).save_events(plain + small)

    asyncio.run(fill())


def _mutate(path: Path, dice: random.Random, report: Counter[str]) -> dict[int, tuple[bytes, bool]]:
    """Change half of the rows; of each its bytes now, and whether its checksum was made to fit them."""
    changed: dict[int, tuple[bytes, bool]] = {}
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute(
            "SELECT position, version, recorded_at, raw FROM events ORDER BY position"
        ).fetchall()
        for sequence, (position, version, recorded_at, raw) in enumerate(rows, 1):
            if dice.random() < 0.5:
                continue
            mutation = dice.choice(_MUTATIONS)
            now = mutation(bytes(raw), dice)
            if now == raw:
                continue
            fits = dice.random() < 0.5
            connection.execute("UPDATE events SET raw = ? WHERE position = ?", (now, position))
            if fits:
                checksum = zlib.crc32(now, checksum_seed(position, version, recorded_at))
                connection.execute("UPDATE events SET checksum = ? WHERE position = ?", (checksum, position))
            changed[sequence] = now, fits
            report[mutation.__name__] += 1
    return changed


def _readable(raw: bytes) -> bool:
    try:
        return decode_event(raw).to_json() == raw
    except InvalidEventError:
        return False


async def _round(path: Path, folder: Path, dice: random.Random, report: Counter[str]) -> None:
    changed = _mutate(path, dice, report)
    async with driven_file(path, read_only=True) as seen:
        store = await seen.workspace.connections[0].engine.store(_NAMESPACE)
        rows = [stored async for batch in store.read() for stored in batch]
        corrupted = {stored.sequence for stored in rows if stored.event is None}
        assert [stored.sequence for stored in rows] == list(range(1, len(rows) + 1)), "a row is missing"
        for stored in rows:
            raw, fits = changed.get(stored.sequence, (stored.raw, True))
            assert stored.raw == raw
            if stored.event is not None:
                assert fits, "a wrong checksum passed"
                assert stored.event.to_json() == raw
            elif stored.sequence not in changed:
                raise AssertionError("an event that nobody has touched is corrupted")
            if not fits or not _readable(raw):
                assert stored.sequence in corrupted
        report["corrupted"] += len(corrupted)
        await _table(seen, corrupted, len(rows))
        await _tail(seen, rows, corrupted)
        await _panels(seen, sorted(corrupted), dice)
        result = await export_ndjson(store, folder / "out.ndjson", overwrite=True)
        skipped = {error.sequence_number for error in result.skipped}
        lines = [each.raw for each in rows if each.event is not None and b"\n" not in each.raw]
        assert skipped == {each.sequence for each in rows if each.event is None or b"\n" in each.raw}
        assert (folder / "out.ndjson").read_bytes().splitlines() == [
            part for raw in lines for part in raw.splitlines()
        ]
    found = await run(Audit(FileTarget(path, sqlite_url(path))))
    placed = {finding.sequence for finding in found}
    assert corrupted <= placed, f"the audit is silent about {sorted(corrupted - placed)}"
    report["findings"] += len(found)


async def _table(seen: DrivenWindow, corrupted: set[int], count: int) -> None:
    model = seen.view.model
    await until(lambda: model.rowCount() == count)
    shown: set[int] = set()
    for row in range(count):
        seen.view.table.scrollTo(model.index(row, 1))
        await until(lambda: model.stored_at(row) is not None)
        for column in range(model.columnCount()):
            for role in _ROLES:
                model.index(row, column).data(role)
        if model.index(row, 1).data(Role.KIND) == RowKind.CORRUPTED:
            shown.add(row + 1)
    assert shown == corrupted
    assert not seen.window.grab().isNull()


async def _tail(seen: DrivenWindow, rows: list[StoredEvent], corrupted: set[int]) -> None:
    tail = TailController(seen.workspace.connections[0].engine)
    tail.take([Tailed(_NAMESPACE, stored) for stored in rows])
    await until(lambda: tail.counters.shown == len(rows))
    table = tail.table
    for row in range(len(rows)):
        for column in range(table.columnCount()):
            for role in _ROLES:
                table.index(row, column).data(role)
        assert (table.index(row, 1).data(Role.KIND) == RowKind.CORRUPTED) == (row + 1 in corrupted)
    await tail.close()


async def _panels(seen: DrivenWindow, corrupted: list[int], dice: random.Random) -> None:
    rows = seen.view.model.rowCount()
    chosen = [*dice.sample(corrupted, min(len(corrupted), _SELECTED)), dice.randrange(rows) + 1]
    for sequence in chosen:
        await seen.click_row(sequence - 1)
        await seen.settle()
        stored = seen.panels.inspector.stored
        assert stored is not None
        assert stored.sequence == sequence
        assert not seen.window.grab().isNull()


async def test_mutated_events_through_everything(tmp_path: Path) -> None:
    whole = tmp_path / "whole.aether"
    await asyncio.to_thread(_whole, whole)
    dice = random.Random(_SEED)
    report: Counter[str] = Counter()
    begun = monotonic()
    for turn in range(_ROUNDS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        path = folder / "fuzzed.aether"
        path.write_bytes(whole.read_bytes())
        async with asyncio.timeout(_PATIENCE):
            await _round(path, folder, dice, report)
    words = ", ".join(f"{name.lstrip('_')} {count:,}" for name, count in sorted(report.items()))
    print(f"\nfuzz, seed {_SEED}: {_ROUNDS} rounds in {monotonic() - begun:.0f} s: {words}")
    assert report["corrupted"] > 10 * _ROUNDS
