"""Copies between stores and rows for spreadsheets: nothing invented, nothing lost, nothing executed."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aether_engine import (
    ActorSnapshot,
    DuplicateEventError,
    Event,
    InMemoryEventStore,
    TransferError,
    VersionConflictError,
    open_engine,
)
from aether_engine.query import parse_filter
from aether_engine.testing import NASTY_PAYLOADS, collect, make_event
from aether_engine.transfer import copy_events, export_csv, import_ndjson
from tests.engine.test_transfer import PERMITS, _WithoutBulk


async def _permits() -> InMemoryEventStore:
    store = InMemoryEventStore("permits")
    await import_ndjson(store, PERMITS)
    return store


async def test_a_copy_has_the_same_bytes_in_the_same_order(tmp_path: Path) -> None:
    source = await _permits()
    before = await collect(source.read())
    async with open_engine(str(tmp_path / "copy.aether")) as engine:
        target = await engine.store("elsewhere")
        result = await copy_events(source, target)
        after = await collect(target.read())
    assert [stored.raw for stored in after] == [stored.raw for stored in before]
    assert (result.events, result.bytes) == (len(before), sum(len(stored.raw) for stored in before))
    assert result.skipped == []


async def test_one_actor_with_its_snapshots() -> None:
    source, target = InMemoryEventStore("a"), InMemoryEventStore("b")
    await source.save_events([make_event(1, "one"), make_event(1, "other"), make_event(2, "one")])
    await source.save_snapshot(ActorSnapshot("one", 2, {"n": 2}))
    await source.save_snapshot(ActorSnapshot("other", 1, {"n": 1}))
    result = await copy_events(source, target, actor_id="one", snapshots=True)
    assert (result.events, result.snapshots) == (2, 1)
    assert [event.version for event in await target.get_events("one")] == [1, 2]
    assert await target.get_latest_version("other") == 0
    assert await target.get_latest_snapshot("one") == await source.get_latest_snapshot("one")
    assert await target.get_latest_snapshot("other") is None


async def test_what_passes_a_filter() -> None:
    source, target = await _permits(), InMemoryEventStore("b")
    first = (await collect(source.read()))[0].event
    assert first is not None
    kind = first.event_type
    result = await copy_events(source, target, event_filter=parse_filter(f'type:"{kind}"'))
    copied = await collect(target.read())
    assert 0 < len(copied) == result.events < await source.last_sequence()
    assert {stored.event.event_type for stored in copied if stored.event} == {kind}


@pytest.mark.parametrize("taken", ["version", "id"])
async def test_what_the_target_refuses_leaves_it_as_it_was(tmp_path: Path, taken: str) -> None:
    source = InMemoryEventStore("a")
    await source.save_events([Event(f"e-{number}", "T", f"actor-{number}", 1, {}) for number in range(5)])
    held = Event("x", "T", "actor-3", 1, {}) if taken == "version" else Event("e-3", "T", "else", 1, {})
    async with open_engine(str(tmp_path / "copy.aether")) as engine:
        target = await engine.store("b")
        await target.save_event(held)
        with pytest.raises(VersionConflictError if taken == "version" else DuplicateEventError):
            await copy_events(source, target)
        assert await target.last_sequence() == 1


async def test_a_store_without_bulk_says_how_far_it_came() -> None:
    source, store = InMemoryEventStore("a"), InMemoryEventStore("b")
    for start in range(0, 2500, 500):
        await source.save_events([Event(f"e-{n}", "T", f"actor-{n}", 1, {}) for n in range(start, start + 500)])
    target = _WithoutBulk(store)
    target.fails_at_batch = 3
    with pytest.raises(TransferError, match="2,000 events were stored"):
        await copy_events(source, target)
    assert await store.last_sequence() == 2000


async def test_damaged_events_are_left_out_and_listed(tmp_path: Path) -> None:
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        await (await engine.store("a")).save_events([make_event(version, "one") for version in (1, 2, 3)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET raw = substr(raw, 1, 20) WHERE version = 2")
    target = InMemoryEventStore("b")
    async with open_engine(str(path), read_only=True) as engine:
        result = await copy_events(await engine.store("a"), target)
    assert [event.version for event in await target.get_events("one")] == [1, 3]
    assert [error.sequence_number for error in result.skipped] == [2]


# --- CSV ---


def _rows(written: bytes) -> list[dict[str, str]]:
    csv.field_size_limit(2**30)
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))


async def test_rows_hold_what_was_written() -> None:
    store = InMemoryEventStore("a")
    raw = (
        b'{"id":"e-1","eventType":"Paid","actorId":"order-1","version":9223372036854775807,'
        b'"data":{"total":19.90,"note":"two\\nlines, \\"quoted\\""},'
        b'"metadata":{"UserID":"u"},"timestamp":"2024-01-01T00:00:00.123456789+02:00"}'
    )
    await store.save_event(Event.from_json(raw))
    written = io.BytesIO()
    result = await export_csv(store, written)
    assert (result.events, result.skipped, result.damaged) == (1, [], [])
    assert written.getvalue().startswith(b"\xef\xbb\xbfsequence,recordedAt,")
    (row,) = _rows(written.getvalue())
    assert row["version"] == "9223372036854775807"
    assert row["data"] == '{"total":19.90,"note":"two\\nlines, \\"quoted\\""}'
    assert row["metadata"] == '{"UserID":"u"}'
    assert row["timestamp"] == "2024-01-01T00:00:00.123456789+02:00"
    assert row["problem"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
async def test_no_text_is_a_formula(start: str) -> None:
    store = InMemoryEventStore("a")
    evil = f"{start}cmd|'/c calc'!A0"
    await store.save_event(Event(evil + "1", evil, evil, 1, {"text": evil}, command_id=evil))
    written = io.BytesIO()
    await export_csv(store, written)
    (row,) = _rows(written.getvalue())
    for name in ("actorId", "eventType", "id", "commandId"):
        assert row[name].startswith(f"'{start}")
    assert not any(value.startswith(start) for value in row.values())


@pytest.mark.parametrize("payload", NASTY_PAYLOADS.values(), ids=NASTY_PAYLOADS.keys())
async def test_every_payload_is_a_row(payload: bytes) -> None:
    store = InMemoryEventStore("a")
    event = Event.from_json(payload)
    await store.save_event(event)
    written = io.BytesIO()
    await export_csv(store, written)
    (row,) = _rows(written.getvalue())
    assert (row["version"], row["problem"]) == (str(event.version), "")


async def test_damaged_events_are_rows_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        await (await engine.store("a")).save_events([make_event(version, "one") for version in (1, 2, 3)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE events SET raw = substr(raw, 1, 20) WHERE version = 2")
    target = tmp_path / "out.csv"
    async with open_engine(str(path), read_only=True) as engine:
        result = await export_csv(await engine.store("a"), target)
    rows = _rows(target.read_bytes())
    assert [row["sequence"] for row in rows] == ["1", "2", "3"]
    assert (rows[1]["problem"] != "", rows[1]["data"]) == (True, "")
    assert [error.sequence_number for error in result.damaged] == [2]
