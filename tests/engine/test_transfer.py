"""Import and export: byte for byte, all or nothing, and a readable reason for every line that is refused."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aether_engine import (
    ActorInfo,
    Event,
    ImportLineError,
    InMemoryEventStore,
    ReadOnlyError,
    ReplayError,
    Store,
    StoredEvent,
    StoreUnavailableError,
    TransferError,
    open_engine,
)
from aether_engine.testing import NASTY_PAYLOADS, collect, make_event, soon
from aether_engine.transfer import ExportResult, ImportResult, TransferProgress, export_ndjson, import_ndjson

PERMITS = Path(__file__).parents[1] / "data" / "permits-extract.ndjson"


class _WithoutBulk:
    """A store that has no `save_all`, as a server's may."""

    def __init__(self, store: InMemoryEventStore) -> None:
        self._store = store
        self.namespace = store.namespace
        self.fails_at_batch = 0
        self._batches = 0

    async def save_event(self, event: Event) -> int:
        return await self._store.save_event(event)

    async def save_events(self, events: Sequence[Event]) -> list[int]:
        self._batches += 1
        if self._batches == self.fails_at_batch:
            raise StoreUnavailableError("test://", "the connection was lost")
        return await self._store.save_events(events)

    async def get_latest_version(self, actor_id: str) -> int:
        return await self._store.get_latest_version(actor_id)

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        return await self._store.get_events(actor_id, from_version)

    async def last_sequence(self) -> int:
        return await self._store.last_sequence()

    def read(self, **how: Any) -> AsyncIterator[list[StoredEvent]]:
        return self._store.read(**how)

    def read_actor(self, actor_id: str, **how: Any) -> AsyncIterator[list[StoredEvent]]:
        return self._store.read_actor(actor_id, **how)

    async def actors(self, **how: Any) -> list[ActorInfo]:
        return await self._store.actors(**how)

    def tail(self, *, after_sequence: int | None = None) -> AsyncIterator[list[StoredEvent]]:
        return self._store.tail(after_sequence=after_sequence)

    async def snapshots(self, actor_id: str) -> list[Any]:
        return await self._store.snapshots(actor_id)


@pytest_asyncio.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = "memory://" if request.param == "memory" else str(tmp_path / "store.aether")
    async with open_engine(url) as engine:
        yield await engine.store("imported")


def lines(*raws: bytes) -> bytes:
    return b"".join(raw + b"\n" for raw in raws)


def line(version: int, actor_id: str = "order-1", **fields: Any) -> bytes:
    return make_event(version, actor_id, **fields).to_json()


def write(folder: Path, content: bytes, name: str = "events.ndjson") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


# --- Round trip -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed_in", [False, True])
@pytest.mark.parametrize("packed_out", [False, True])
async def test_a_real_file_comes_out_as_it_went_in(
    store: Store, tmp_path: Path, packed_in: bool, packed_out: bool
) -> None:
    content = PERMITS.read_bytes()
    # The name says nothing: what is packed is recognised by its content.
    source = write(tmp_path, gzip.compress(content), "permits.ndjson") if packed_in else PERMITS
    imported = await import_ndjson(store, source)
    target = tmp_path / ("out.ndjson.gz" if packed_out else "out.ndjson")
    exported = await export_ndjson(store, target)
    written = target.read_bytes()
    assert (gzip.decompress(written) if packed_out else written) == content
    assert imported.events == exported.events == content.count(b"\n")
    assert imported.actors == len(await store.actors())
    assert imported.bytes == len(content) - imported.events
    assert exported == ExportResult(imported.events, len(content), [], [])


async def test_nasty_events_come_out_as_they_went_in(store: Store, tmp_path: Path) -> None:
    raws = [
        Event.from_json(raw).with_version(version).to_json()
        for version, raw in enumerate(NASTY_PAYLOADS.values(), 1)
        if b"\n" not in raw
    ]
    content = lines(*raws, b" \t" + line(99) + b" \r")
    await import_ndjson(store, write(tmp_path, content))
    stream = io.BytesIO()
    await export_ndjson(store, stream)
    assert stream.getvalue() == content
    assert not stream.closed


async def test_the_same_events_give_the_same_packed_file(store: Store, tmp_path: Path) -> None:
    await import_ndjson(store, PERMITS)
    first, second = tmp_path / "one.gz", tmp_path / "two.gz"
    await export_ndjson(store, first)
    await export_ndjson(store, second)
    assert first.read_bytes() == second.read_bytes()


# --- Import -----------------------------------------------------------------------------------------------


async def test_blank_lines_and_a_last_line_without_end(store: Store, tmp_path: Path) -> None:
    first, last = line(1), line(2)
    content = b"\n  \r\n" + first + b"\r\n\t\n" + last
    result = await import_ndjson(store, write(tmp_path, content))
    assert result == ImportResult(2, 1, len(first) + 1 + len(last), 3)
    assert [stored.raw for stored in await collect(store.read())] == [first + b"\r", last]


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
async def test_no_events_are_fine(store: Store, tmp_path: Path, content: bytes) -> None:
    assert (await import_ndjson(store, write(tmp_path, content))).events == 0
    assert await store.last_sequence() == 0


async def test_import_goes_on_behind_what_is_stored(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event(1))
    await import_ndjson(store, write(tmp_path, lines(line(2), line(1, "order-2"))))
    assert await store.get_latest_version("order-1") == 2


async def _refused(store: Any, source: Any, number: int, reason: str) -> None:
    before = await collect(store.read())
    with pytest.raises(ImportLineError) as caught:
        await import_ndjson(store, source)
    error = caught.value
    assert (error.line, error.source) == (number, str(source) if isinstance(source, Path) else error.source)
    assert reason in error.reason
    assert str(error).endswith("Nothing was imported.")
    assert await collect(store.read()) == before


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not UTF-8"),
        (b"[]", "is not a JSON object"),
        (line(3).replace(b"OrderChanged", b""), "eventType is empty"),
        (line(3)[:40], "is not JSON"),
    ],
)
async def test_a_bad_line_is_named(store: Store, tmp_path: Path, bad: bytes, reason: str, packed: bool) -> None:
    content = lines(line(1), b"", line(2), bad, line(4))
    await _refused(store, write(tmp_path, gzip.compress(content) if packed else content), 4, reason)


async def test_a_bad_line_far_behind(store: Store, tmp_path: Path) -> None:
    content = lines(*(line(version) for version in range(1, 2501)), b"oops", line(9999))
    await _refused(store, write(tmp_path, content), 2501, "is not JSON")


async def test_a_conflict_with_the_store_names_the_line(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event(5))
    await _refused(store, write(tmp_path, lines(line(1, "x"), line(5), line(6))), 2, "the actor is at version 5")


@pytest.mark.parametrize("between", [0, 1500])
async def test_a_conflict_inside_the_file_names_the_second_line(
    store: Store, tmp_path: Path, between: int
) -> None:
    others = [line(version, "x") for version in range(1, between + 1)]
    await _refused(store, write(tmp_path, lines(line(5), *others, line(6), line(5))), between + 3, "at version 6")


async def test_a_known_id_names_the_line(store: Store, tmp_path: Path) -> None:
    known = make_event(1)
    await store.save_event(known)
    content = lines(line(2), line(1, "x", id=known.id), line(1, "y", id=known.id))
    await _refused(store, write(tmp_path, content), 2, "already stored at sequence 1")


@pytest.mark.parametrize("between", [0, 1500])
async def test_an_id_twice_in_the_file_names_the_second_line(store: Store, tmp_path: Path, between: int) -> None:
    others = [line(version, "x") for version in range(1, between + 1)]
    content = lines(line(1, id="twice"), *others, line(2, id="twice"), line(3))
    await _refused(store, write(tmp_path, content), between + 2, "twice")


@pytest.mark.parametrize("between", [0, 1500])
async def test_a_line_twice_in_the_file_is_not_called_stored(store: Store, tmp_path: Path, between: int) -> None:
    others = [line(version, "x") for version in range(1, between + 1)]
    content = lines(line(1, id="twice"), *others, line(1, id="twice"))
    await _refused(store, write(tmp_path, content), between + 2, "an earlier event of the same batch")


async def test_a_line_beyond_the_limit(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether_engine.transfer.ndjson_import.MAX_LINE_BYTES", 2**20)
    content = lines(line(1), line(2, data={"x": "y" * 2**20}))
    await _refused(store, write(tmp_path, content), 2, "longer than 1 MiB")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lines(line(1)).decode().encode("utf-16"), "UTF-16"),
        (lines(line(1)).decode().encode("utf-16-le"), "UTF-16"),
        (lines(line(1)).decode().encode("utf-8-sig"), "byte order mark"),
        (gzip.compress(lines(line(1)).decode().encode("utf-8-sig"), mtime=0), "byte order mark"),
        (b"SQLite format 3\x00" + bytes(100), "is not JSON"),
    ],
)
async def test_other_encodings_are_named(store: Store, tmp_path: Path, content: bytes, reason: str) -> None:
    await _refused(store, write(tmp_path, content), 1, reason)


async def test_files_that_cannot_be_read(store: Store, tmp_path: Path) -> None:
    packed = gzip.compress(lines(*(line(version) for version in range(1, 3000))))
    damaged = bytearray(packed)
    damaged[len(damaged) // 2] ^= 0xFF
    for source, reason in (
        (tmp_path / "missing.ndjson", "No such file"),
        (tmp_path, "a folder"),
        (write(tmp_path, packed[:-20], "cut.gz"), "cut off"),
        (write(tmp_path, bytes(damaged), "damaged.gz"), "damaged"),
    ):
        with pytest.raises((TransferError, ImportLineError)) as caught:
            await import_ndjson(store, source)
        assert str(source) in str(caught.value)
        if source.name != "damaged.gz":
            assert reason in str(caught.value)
        assert await store.last_sequence() == 0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read(store: Store, tmp_path: Path) -> None:
    source = write(tmp_path, lines(line(1)))
    source.chmod(0)
    with pytest.raises(TransferError, match="Permission denied"):
        await import_ndjson(store, source)


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
@pytest.mark.parametrize("packed", [False, True])
async def test_import_from_a_pipe(store: Store, packed: bool) -> None:
    content = PERMITS.read_bytes()
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(gzip.compress(content) if packed else content)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(reading, "rb") as pipe:
        result = await soon(import_ndjson(store, pipe))
    feeder.join()
    assert result.events == content.count(b"\n")


async def test_import_from_a_stream_begins_where_it_stands(store: Store) -> None:
    stream = io.BytesIO(b"header\n" + lines(line(1), line(1)))
    stream.readline()
    await _refused(store, stream, 2, "at version 1")
    stream.seek(7)
    stream.truncate()
    stream.write(lines(line(1)))
    stream.seek(7)
    assert (await import_ndjson(store, stream)).events == 1
    assert not stream.closed


async def test_progress_of_an_import(store: Store, tmp_path: Path) -> None:
    heard: list[TransferProgress] = []
    content = lines(*(line(version) for version in range(1, 3501)))
    result = await import_ndjson(store, write(tmp_path, content), progress=heard.append)
    assert [progress.events for progress in heard] == [1000, 2000, 3000, 3500]
    assert heard[-1] == TransferProgress(3500, result.bytes, 1.0)
    fractions = [progress.fraction or 0 for progress in heard]
    assert fractions == sorted(fractions)


async def test_a_cancelled_import_stores_nothing(store: Store, tmp_path: Path) -> None:
    source = write(tmp_path, lines(*(line(version) for version in range(1, 5001))))
    begun = asyncio.Event()
    task = asyncio.create_task(import_ndjson(store, source, progress=lambda _: begun.set()))
    await soon(begun.wait())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    assert await store.last_sequence() == 0
    await soon(import_ndjson(store, source))


async def test_the_loop_runs_on_during_an_import(store: Store, tmp_path: Path) -> None:
    source = write(tmp_path, lines(*(line(version) for version in range(1, 5001))))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await import_ndjson(store, source)
    task.cancel()
    assert turns > 20


async def test_import_into_a_read_only_store(tmp_path: Path) -> None:
    async with open_engine("memory://", read_only=True) as engine:
        with pytest.raises(ReadOnlyError):
            await import_ndjson(await engine.store("a"), write(tmp_path, lines(line(1))))


# --- Import into a store without save_all -------------------------------------------------------------------


async def test_import_in_batches() -> None:
    store = InMemoryEventStore()
    result = await import_ndjson(_WithoutBulk(store), PERMITS)
    assert result.events == await store.last_sequence() == PERMITS.read_bytes().count(b"\n")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(b"{}", "id is missing"), (line(1), "at version 2000"), (line(3000, id="first"), "earlier line")],
)
async def test_a_bad_line_is_found_before_anything_is_stored(tmp_path: Path, bad: bytes, reason: str) -> None:
    content = lines(line(1, id="first"), *(line(version) for version in range(2, 2001)), bad)
    await _refused(_WithoutBulk(InMemoryEventStore()), write(tmp_path, content), 2001, reason)


async def test_a_part_that_was_stored_is_told(tmp_path: Path) -> None:
    store = _WithoutBulk(InMemoryEventStore())
    store.fails_at_batch = 3
    source = write(tmp_path, lines(*(line(version) for version in range(1, 3001))))
    with pytest.raises(TransferError, match=r"2,000 events were stored, then line 2001 .* connection was lost"):
        await import_ndjson(store, source)


# --- Export -----------------------------------------------------------------------------------------------


async def test_export_of_a_part(store: Store) -> None:
    raws = [line(version, actor) for version in (1, 2, 3) for actor in ("a", "b")]
    await store.save_events([Event.from_json(raw) for raw in raws])

    async def exported(**how: Any) -> list[bytes]:
        stream = io.BytesIO()
        await export_ndjson(store, stream, **how)
        return stream.getvalue().splitlines()

    assert await exported() == raws
    assert await exported(actor_id="b") == raws[1::2]
    assert await exported(actor_id="nobody") == []
    assert await exported(from_sequence=2, to_sequence=5) == raws[1:5]
    assert await exported(actor_id="a", from_sequence=2, to_sequence=4) == [raws[2]]


class _Damaged(InMemoryEventStore):
    async def _batch(self, sequences: Sequence[int]) -> list[StoredEvent]:
        lost = StoredEvent(2, datetime.now(UTC), b"", None, ReplayError(2, b"", ValueError("lost")))
        return [lost if stored.sequence == 2 else stored for stored in await super()._batch(sequences)]


async def test_what_cannot_be_a_line_is_listed(tmp_path: Path) -> None:
    store = _Damaged()
    raws = [line(1), line(2), line(3).replace(b",", b",\n"), line(4)]
    await store.save_events([Event.from_json(raw) for raw in raws])
    target = tmp_path / "out.ndjson"
    result = await export_ndjson(store, target)
    assert target.read_bytes() == lines(raws[0], raws[3])
    assert result.events == 2
    assert [(error.sequence_number, error.raw_data) for error in result.skipped] == [(2, b""), (3, raws[2])]
    assert "line break" in str(result.skipped[1].error)


async def test_an_export_replaces_only_when_told(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event())
    target = write(tmp_path, b"precious")
    with pytest.raises(TransferError, match="exists"):
        await export_ndjson(store, target)
    assert target.read_bytes() == b"precious"
    await export_ndjson(store, target, overwrite=True)
    assert target.read_bytes() != b"precious"


async def test_a_file_that_comes_to_be_during_an_export_is_kept(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event())
    target = tmp_path / "out.ndjson"

    def meanwhile(_: TransferProgress) -> None:
        target.write_bytes(b"precious")

    with pytest.raises(TransferError, match="exists"):
        await export_ndjson(store, target, progress=meanwhile)
    assert target.read_bytes() == b"precious"
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
async def test_a_link_stays_a_link(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event())
    (tmp_path / "folder").mkdir()
    target, link = write(tmp_path / "folder", b"old"), tmp_path / "link.ndjson"
    link.symlink_to(target)
    await export_ndjson(store, link, overwrite=True)
    assert link.is_symlink()
    assert target.read_bytes() != b"old"


async def test_a_cancelled_export_leaves_no_file(store: Store, tmp_path: Path) -> None:
    await store.save_events([make_event(version) for version in range(1, 1001)])
    target = tmp_path / "out.ndjson.gz"

    def cancel(_: TransferProgress) -> None:
        task.cancel()

    task = asyncio.create_task(export_ndjson(store, target, progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    assert not list(tmp_path.glob("*out*"))


async def test_places_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    await store.save_event(make_event())
    for target in (tmp_path, tmp_path / "missing" / "out.ndjson"):
        with pytest.raises(TransferError) as caught:
            await export_ndjson(store, target)
        assert str(target) in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk")
async def test_a_full_disk(store: Store) -> None:
    await store.save_event(make_event(data={"x": "y" * 100_000}))
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(TransferError, match="No space left"):
        await export_ndjson(store, full)


async def test_progress_of_an_export(store: Store, tmp_path: Path) -> None:
    await store.save_events([make_event(version) for version in range(1, 1001)])
    await store.save_events([make_event(version) for version in range(1001, 1501)])
    heard: list[TransferProgress] = []
    result = await export_ndjson(store, tmp_path / "out.ndjson", progress=heard.append)
    assert heard[-1] == TransferProgress(1500, result.bytes, 1.0)
    assert [progress.events for progress in heard] == sorted(progress.events for progress in heard)
