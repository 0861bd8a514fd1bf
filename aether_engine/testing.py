"""The contracts of store, bus and engine as pytest classes: a new kind of storage passes them or it is none.

Supply one fixture and inherit::

    class TestMyStore(StoreContract):
        @pytest_asyncio.fixture
        async def open_engine_for_test(self, tmp_path):
            async with engines("my://…") as opened:
                yield opened

The fixture yields an `EngineFactory`: each call opens one more engine on the *same* storage, empty at the start
of the test. Needs pytest, pytest-asyncio and hypothesis.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.bus import Subscription
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import (
    AetherError,
    DuplicateEventError,
    InvalidEventError,
    NamespaceCollisionError,
    NamespaceNameError,
    ReadOnlyError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import (
    MAX_VERSION,
    ActorOrder,
    ActorSnapshot,
    Event,
    Gap,
    Published,
    StoredEvent,
    SubscriptionFilter,
    Tailed,
)
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.protocols import (
    MAX_BATCH,
    ActorDirectory,
    BulkWriter,
    EventLog,
    EventStore,
    EventStoreWithErrors,
    SequenceReader,
    SnapshotLog,
    SnapshotStore,
    Store,
    StreamIndex,
)

#: Longest wait for something that must happen; reached only when it does not.
PATIENCE_SECONDS: Final = 20.0

_T = TypeVar("_T")
_numbers = itertools.count(1)

#: Actor ids that break whoever splits, sorts by bytes, trims or builds patterns of them. In code point order.
ODD_ACTOR_IDS: Final = (
    "\x00",
    " ",
    " leading",
    "%",
    "*",
    "-",
    "-no-type",
    ".",
    "..",
    "A",
    "_",
    "a",
    "a\x00",
    "a\x00b",
    "a\tb\r\nc",
    "a b",
    "a%b",
    "a*b",
    "a.b",
    "a.b.>",
    "a_b",
    "aa",
    "cafe\u0301",
    "caf\u00e9",
    "order-1",
    "order-10",
    "order-2",
    "\u202egnitset",
    "\u65e5\u672c\u8a9e",
    "\uffff",
    "\U0001f600",
    "\U0010ffff",
)

#: Wire forms that lose something in whoever decodes and encodes again.
NASTY_PAYLOADS: Final = {
    "nanoseconds and an offset": b'{"id":"n1","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2024-02-29T23:59:59.123456789+05:30"}',
    "leap second": b'{"id":"n2","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2016-12-31T23:59:60Z"}',
    "integers beyond 64 bits": b'{"id":"n3","eventType":"T","actorId":"nasty-1","version":1,'
    b'"data":{"a":18446744073709551616,"b":-9223372036854775809,"c":9007199254740993},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "decimals as written": b'{"id":"n4","eventType":"T","actorId":"nasty-1","version":1,'
    b'"data":{"a":1.10,"b":1e2,"c":-0,"d":-0.0,"e":0.1000000000000000055511151231257827},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "duplicate keys": b'{"id":"n5","eventType":"T","actorId":"nasty-1","version":1,"data":{"a":1,"a":2},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "null maps": b'{"id":"n6","eventType":"T","actorId":"nasty-1","commandId":"","version":1,"data":null,'
    b'"metadata":null,"timestamp":"0001-01-01T00:00:00Z"}',
    "missing data": b'{"id":"n7","eventType":"T","actorId":"nasty-1","version":1,'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "escapes": b'{"id":"n8","eventType":"T\\u003c\\/\\u0000","actorId":"nasty-1","version":1,'
    b'"data":{"\\u0061":"\\ud83d\\ude00 \\" \\\\ \xf0\x9f\x98\x80"},"timestamp":"2024-01-01T00:00:00Z"}',
    "another key order and unknown keys": b'{"timestamp":"2024-01-01t00:00:00z","zz":[1,{"y":null}],"version":1,'
    b'"data":{"b":1,"a":2},"actorId":"nasty-1","eventType":"T","id":"n9","metadata":{"Z":"1","A":"2"}}',
    "white space": b' \r\n{ "id" : "n10",\t"eventType":"T","actorId":"nasty-1","version":1,\n "data":{ },'
    b'"timestamp":"2024-01-01T00:00:00Z" }\r\n ',
    "odd event id": b'{"id":"n 11\\n\\u0000\\u00fc*.>","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "large": b'{"id":"n12","eventType":"T","actorId":"nasty-1","version":1,"data":{"x":"'
    + b"y" * 200_000
    + b'"},"timestamp":"2024-01-01T00:00:00Z"}',
}


class EngineFactory(Protocol):
    """Opens one more engine on the storage of the test."""

    def __call__(self, *, read_only: bool = False) -> Awaitable[Engine]: ...


@asynccontextmanager
async def engines(url: str, **options: object) -> AsyncIterator[EngineFactory]:
    """An `EngineFactory` for `url`; every engine it opened is closed at the end."""
    opened: list[Engine] = []

    async def factory(*, read_only: bool = False) -> Engine:
        engine = await open_engine(url, read_only=read_only, **options)
        opened.append(engine)
        return engine

    try:
        yield factory
    finally:
        for engine in reversed(opened):
            await engine.close()


def make_event(version: int = 1, actor_id: str = "order-1", **fields: Any) -> Event:
    """An event with an id of its own and what else a test does not care about."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": f"event-{number}",
        "event_type": "OrderChanged",
        "data": {"number": number},
    }
    return Event(**(values | fields), actor_id=actor_id, version=version)


def nested(depth: int) -> dict[str, Any]:
    """An object that contains itself so many levels deep."""
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


async def soon(awaitable: Awaitable[_T]) -> _T:
    """The result of what must come without further doing; `TimeoutError` if it does not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await awaitable


async def take(batches: AsyncIterator[list[_T]], count: int) -> list[_T]:
    """The next `count` items; a batch must not reach beyond them."""
    items: list[_T] = []
    while len(items) < count:
        items += await soon(anext(batches))
    assert len(items) == count, f"{len(items)} items came where {count} were expected"
    return items


async def collect(batches: AsyncIterator[list[_T]]) -> list[_T]:
    """Everything up to the end."""
    items: list[_T] = []
    async for batch in batches:
        assert batch, "an empty batch says nothing"
        items += batch
    return items


async def hand_over(events: Iterable[Event], size: int = 3) -> AsyncIterator[Sequence[Event]]:
    """`events` in batches, as `save_all` takes them."""
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Contract:
    """What the contracts share: one overridable fixture, and an engine and a store made with it."""

    #: Whether a second engine on the same storage sees what the first one stored.
    shared: ClassVar[bool] = True
    #: Longest actor id the store must take; JetStream puts it into a subject.
    longest_actor_id: ClassVar[int] = 1500

    pytestmark = pytest.mark.asyncio

    @pytest_asyncio.fixture
    async def open_engine_for_test(self, tmp_path: Path) -> AsyncIterator[EngineFactory]:
        """Override me: yields a factory that opens engines on one storage, empty at first."""
        yield _not_supplied

    @pytest_asyncio.fixture
    async def engine(self, open_engine_for_test: EngineFactory) -> Engine:
        return await open_engine_for_test()

    @pytest_asyncio.fixture
    async def store(self, engine: Engine) -> Store:
        return await engine.store("tenant-a")


class StoreContract(_Contract):
    """Sections 2, 3 and 8 of the engine contract: what every store does."""

    # --- Shape --------------------------------------------------------------------------------------------

    async def test_implements_every_protocol(self, store: Store) -> None:
        """A store offers events, errors, snapshots and the log, and knows its namespace."""
        for protocol in (EventStore, EventStoreWithErrors, SnapshotStore, EventLog):
            assert isinstance(store, protocol)
        assert store.namespace == "tenant-a"

    async def test_empty_namespace(self, store: Store) -> None:
        """An empty namespace answers every question; nothing is an error."""
        assert await store.get_latest_version("order-1") == 0
        assert await store.get_events("order-1") == []
        result = await store.get_events_with_errors("order-1")
        assert (result.events, result.errors) == ([], [])
        assert await store.last_sequence() == 0
        assert await collect(store.read()) == []
        assert await collect(store.read_actor("order-1")) == []
        assert await store.actors() == []
        assert await store.snapshots("order-1") == []
        assert await store.get_latest_snapshot("order-1") is None

    # --- Saving -------------------------------------------------------------------------------------------

    async def test_save_and_read_back(self, store: Store) -> None:
        """A saved event is read back equal, by actor and from the log, with its sequence and when it came."""
        before = datetime.now(UTC)
        event = make_event(
            data={"total": 12, "items": [{"sku": "a"}]},
            metadata={"CorrelationID": "c-1"},
            command_id="command-1",
            timestamp=datetime(2024, 5, 6, 7, 8, 9, 123456, timezone(timedelta(hours=2))),
        )
        sequence = await store.save_event(event)
        assert sequence >= 1
        assert await store.get_events("order-1") == [event]
        [stored] = await collect(store.read())
        assert stored.sequence == sequence
        assert stored.event == event
        assert stored.error is None
        assert stored.raw == event.to_json()
        assert stored.recorded_at.utcoffset() == timedelta(0)
        assert before - timedelta(seconds=5) <= stored.recorded_at <= datetime.now(UTC) + timedelta(seconds=5)

    async def test_sequences_rise_strictly(self, store: Store) -> None:
        """Sequences rise over all actors and `last_sequence` is the highest of them."""
        sequences = [await store.save_event(make_event(1, f"order-{number}")) for number in range(5)]
        sequences += await store.save_events([make_event(2, f"order-{number}") for number in range(5)])
        assert sequences == sorted(set(sequences))
        assert await store.last_sequence() == sequences[-1]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"id": ""}, "id"),
            ({"id": None}, "id"),
            ({"event_type": ""}, "eventType"),
            ({"actor_id": ""}, "actorId"),
            ({"version": 0}, "version"),
            ({"version": -1}, "version"),
            ({"version": MAX_VERSION + 1}, "version"),
            ({"version": 1.0}, "version"),
            ({"version": True}, "version"),
            ({"data": []}, "data"),
            ({"data": {"x": float("nan")}}, "data"),
            ({"data": {"x": object()}}, "data"),
            ({"data": {1: "x"}}, "data"),
            ({"data": {"x": 10**400}}, "data"),
            ({"data": nested(2000)}, "data"),
            ({"metadata": {"a": 1}}, "metadata"),
            ({"timestamp": datetime(2024, 1, 1)}, "timestamp"),  # noqa: DTZ001 (naive on purpose)
            ({"command_id": 7}, "commandId"),
        ],
    )
    async def test_invalid_events_are_refused(self, store: Store, changes: dict[str, Any], field: str) -> None:
        """Checked first: the event is valid, and the error names the field. Nothing is stored."""
        event = replace(make_event(), **changes)
        with pytest.raises(InvalidEventError) as caught:
            await store.save_event(event)
        assert caught.value.field == field
        with pytest.raises(InvalidEventError):
            await store.save_events([make_event(), event])
        assert await store.last_sequence() == 0

    async def test_versions_need_not_be_contiguous(self, store: Store) -> None:
        """Gaps are the caller's business; the current version is the highest one."""
        for version in (3, 4, 90, MAX_VERSION):
            await store.save_event(make_event(version))
            assert await store.get_latest_version("order-1") == version
        assert [event.version for event in await store.get_events("order-1")] == [3, 4, 90, MAX_VERSION]

    @pytest.mark.parametrize("attempted", [1, 3, 4, 5])
    async def test_version_must_exceed_the_current_one(self, store: Store, attempted: int) -> None:
        """`VersionConflictError` says what was tried, where the actor is, and who holds that version."""
        held = {version: make_event(version) for version in (1, 3, 5)}
        for event in held.values():
            await store.save_event(event)
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(make_event(attempted))
        conflict = caught.value
        assert (conflict.actor_id, conflict.attempted_version, conflict.current_version) == (
            "order-1",
            attempted,
            5,
        )
        assert conflict.stored == held.get(attempted)
        assert not conflict.is_duplicate
        assert len(await store.get_events("order-1")) == 3

    async def test_duplicate_command_is_told_from_a_concurrent_write(self, store: Store) -> None:
        """Saving the very same event again is a conflict that says so: the caller can be content."""
        event = make_event(2)
        await store.save_event(event)
        await store.save_event(make_event(3))
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(event)
        assert caught.value.is_duplicate
        assert caught.value.stored == event
        assert len(await store.get_events("order-1")) == 2

    @pytest.mark.parametrize("actor_id", ["order-1", "order-2"])
    async def test_an_id_is_stored_once(self, store: Store, actor_id: str) -> None:
        """An id held at another version or actor is refused, naming where it is; never a second copy."""
        first = make_event(1)
        sequence = await store.save_event(first)
        again = replace(make_event(7, actor_id), id=first.id)
        with pytest.raises(DuplicateEventError) as caught:
            await store.save_event(again)
        assert (caught.value.event_id, caught.value.sequence) == (first.id, sequence)
        with pytest.raises(DuplicateEventError):
            await store.save_events([again])
        assert [stored.event for stored in await collect(store.read())] == [first]

    async def test_version_is_checked_before_the_id(self, store: Store) -> None:
        """A known id at a version that is too low is a version conflict."""
        first, second = make_event(1), make_event(2)
        await store.save_events([first, second])
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(replace(second, version=1))
        assert caught.value.stored == first
        assert not caught.value.is_duplicate

    async def test_a_stored_event_is_nobodys_to_change(self, store: Store) -> None:
        """Neither the caller's dict nor a returned one reaches what is stored."""
        data = {"list": [1]}
        await store.save_event(make_event(data=data))
        data["list"].append(2)
        [event] = await store.get_events("order-1")
        assert event.data == {"list": [1]}
        event.data["list"].append(3)
        assert [event.data for event in await store.get_events("order-1")] == [{"list": [1]}]

    # --- Batches ------------------------------------------------------------------------------------------

    async def test_save_events_keeps_the_order(self, store: Store) -> None:
        """A batch of several actors is stored in its order and returns a sequence for each event."""
        batch = [make_event(version, actor) for version in (1, 2, 3) for actor in ("order-1", "order-2")]
        sequences = await store.save_events(batch)
        assert [(stored.sequence, stored.event) for stored in await collect(store.read())] == list(
            zip(sequences, batch, strict=True)
        )

    async def test_save_events_takes_none_and_a_thousand(self, store: Store) -> None:
        """From nothing to `MAX_BATCH` events; one more is an `InvalidEventError` and stores nothing."""
        assert await store.save_events([]) == []
        events = [make_event(number) for number in range(1, MAX_BATCH + 2)]
        with pytest.raises(InvalidEventError):
            await store.save_events(events)
        assert await store.last_sequence() == 0
        assert len(set(await store.save_events(events[:MAX_BATCH]))) == MAX_BATCH
        assert await store.get_latest_version("order-1") == MAX_BATCH

    @pytest.mark.parametrize(
        "mistake", ["invalid", "conflict", "conflict inside", "duplicate", "duplicate inside"]
    )
    async def test_save_events_is_all_or_none(self, store: Store, mistake: str) -> None:
        """One refused event refuses the batch, with the error its own save would have raised."""
        known = make_event(5)
        await store.save_event(known)
        last = await store.last_sequence()
        batch = [make_event(6), make_event(1, "order-2")]
        bad, error = {
            "invalid": (replace(make_event(7), event_type=""), InvalidEventError),
            "conflict": (make_event(5), VersionConflictError),
            "conflict inside": (make_event(6), VersionConflictError),
            "duplicate": (replace(make_event(7), id=known.id), DuplicateEventError),
            "duplicate inside": (replace(make_event(7), id=batch[0].id), DuplicateEventError),
        }[mistake]
        with pytest.raises(error) as caught:
            await store.save_events([*batch, bad, make_event(9)])
        if isinstance(caught.value, VersionConflictError):
            assert caught.value.attempted_version == bad.version
            assert caught.value.current_version >= bad.version
        assert await store.get_events("order-1") == [known]
        assert await store.get_events("order-2") == []
        assert await store.last_sequence() == last
        assert await store.save_events(batch)

    async def test_a_mistake_inside_a_batch_is_told_from_what_is_stored(self, store: Store) -> None:
        """What stands in the way within the batch is refused with it: no error may call it stored."""
        known = make_event(5)
        await store.save_event(known)
        first = make_event(6)
        for again in (first, make_event(6)):
            with pytest.raises(VersionConflictError) as inside:
                await store.save_events([first, again])
            assert (inside.value.attempted_version, inside.value.current_version) == (6, 6)
            assert (inside.value.stored, inside.value.is_duplicate, inside.value.in_batch) == (None, False, True)
            assert "stored there" not in str(inside.value)
        with pytest.raises(VersionConflictError) as outside:
            await store.save_events([first, known])
        assert (outside.value.attempted_version, outside.value.current_version) == (5, 5)
        assert (outside.value.stored, outside.value.is_duplicate, outside.value.in_batch) == (known, True, False)
        with pytest.raises(DuplicateEventError) as twice:
            await store.save_events([first, replace(make_event(7), id=first.id)])
        assert twice.value.in_batch
        assert "already stored" not in str(twice.value)
        with pytest.raises(DuplicateEventError) as stored:
            await store.save_events([first, replace(make_event(7), id=known.id)])
        assert not stored.value.in_batch
        assert [event.version for event in await store.get_events("order-1")] == [5]

    # --- Bytes --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", NASTY_PAYLOADS)
    async def test_bytes_are_the_truth(self, store: Store, name: str) -> None:
        """What goes in comes out, byte for byte, on every way of reading."""
        raw = NASTY_PAYLOADS[name]
        tail = store.tail(after_sequence=0)
        event = Event.from_json(raw)
        await store.save_event(event)
        [stored] = await collect(store.read())
        [of_actor] = await collect(store.read_actor("nasty-1"))
        [tailed] = await take(tail, 1)
        [read] = await store.get_events("nasty-1")
        assert stored.raw == of_actor.raw == tailed.raw == read.to_json() == raw
        assert read == event

    async def test_nasty_payloads_in_one_batch(self, store: Store) -> None:
        """The same through `save_events`."""
        events = [
            Event.from_json(raw).with_version(version) for version, raw in enumerate(NASTY_PAYLOADS.values(), 1)
        ]
        await store.save_events(events)
        assert [stored.raw for stored in await collect(store.read())] == [event.to_json() for event in events]

    # --- Reading ------------------------------------------------------------------------------------------

    async def test_read_ranges(self, store: Store) -> None:
        """`from_sequence` and `to_sequence` are both inclusive; what lies outside the log is just empty."""
        sequences = await store.save_events([make_event(version) for version in range(1, 11)])

        async def between(first: int, last: int | None) -> list[int]:
            batches = store.read(from_sequence=first, to_sequence=last)
            return [stored.sequence for stored in await collect(batches)]

        assert await between(1, None) == sequences
        assert await between(0, None) == sequences
        assert await between(sequences[3], None) == sequences[3:]
        assert await between(sequences[3], sequences[6]) == sequences[3:7]
        assert await between(sequences[3], sequences[3]) == [sequences[3]]
        assert await between(sequences[6], sequences[3]) == []
        assert await between(1, 0) == []
        assert await between(sequences[8], sequences[9] + 1000) == sequences[8:]
        assert await between(sequences[9] + 1, None) == []

    @pytest.mark.parametrize("batch_size", [1, 3, 10, 11])
    async def test_batches_are_as_large_as_asked(self, store: Store, batch_size: int) -> None:
        """No batch is larger than `batch_size` and none is empty, whatever the size."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        for batches in (store.read(batch_size=batch_size), store.read_actor("order-1", batch_size=batch_size)):
            sizes = [len(batch) async for batch in batches]
            assert sum(sizes) == 10
            assert 0 < max(sizes) <= batch_size

    async def test_read_ends_where_the_log_ended(self, store: Store) -> None:
        """Without `to_sequence` a read ends, also while somebody keeps writing."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        seen = 0
        async for batch in store.read(batch_size=2):
            seen += len(batch)
            await store.save_event(make_event(100 + seen))
        assert seen == 10

    async def test_reading_may_be_left(self, store: Store) -> None:
        """Whoever leaves a read in the middle leaves nothing locked behind."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        async for _ in store.read(batch_size=1):
            break
        async for _ in store.read_actor("order-1", batch_size=1):
            break
        await store.save_event(make_event(11))
        assert len(await collect(store.read())) == 11

    async def test_read_actor_in_version_order(self, store: Store) -> None:
        """An actor's stream holds its events only, by version, from any version on."""
        for version in (2, 5, 9):
            await store.save_events([make_event(version), make_event(version, "order-10")])

        async def versions(start: int) -> list[int]:
            found = await collect(store.read_actor("order-1", from_version=start, batch_size=2))
            assert all(stored.event is not None and stored.event.actor_id == "order-1" for stored in found)
            return [stored.event.version for stored in found if stored.event is not None]

        assert await versions(0) == [2, 5, 9]
        assert await versions(2) == [2, 5, 9]
        assert await versions(3) == [5, 9]
        assert await versions(9) == [9]
        assert await versions(10) == []

    async def test_get_events_from_version(self, store: Store) -> None:
        """`from_version` is inclusive, for both ways of getting events."""
        events = [make_event(version) for version in (2, 5, 9)]
        await store.save_events(events)
        for start, expected in ((0, events), (5, events[1:]), (6, events[2:]), (10, [])):
            assert await store.get_events("order-1", start) == expected
            assert await store.get_events("order-1", from_version=start) == expected
            result = await store.get_events_with_errors("order-1", start)
            assert (result.events, result.errors) == (expected, [])

    # --- Single places, where a store finds them ----------------------------------------------------------

    async def test_single_places_of_the_log(self, store: Store) -> None:
        """A store that reads single sequences gives them in the order asked for, and none where there is none."""
        if not isinstance(store, SequenceReader):
            pytest.skip("this store reads ranges only")
        assert await collect(store.read_sequences([1, 2])) == []
        sequences = await store.save_events([make_event(version, "order-1") for version in range(1, 8)])
        await store.save_snapshot(ActorSnapshot("order-1", 3, {}, datetime(2024, 1, 1, tzinfo=UTC)))
        sequences += await store.save_events([make_event(8, "order-1")])
        by_sequence = {stored.sequence: stored for stored in await collect(store.read())}
        last = sequences[-1]
        for wanted in ([], [last], [sequences[4], sequences[1], sequences[4]], range(-1, last + 3), [2**62]):
            expected = [by_sequence[sequence] for sequence in wanted if sequence in by_sequence]
            assert await collect(store.read_sequences(wanted)) == expected
            batches = [batch async for batch in store.read_sequences(wanted, batch_size=2)]
            assert [stored for batch in batches for stored in batch] == expected
            assert all(len(batch) <= 2 for batch in batches)

    async def test_places_of_an_actor(self, store: Store) -> None:
        """A store with an index over versions tells where each is, as reading the actor would."""
        if not isinstance(store, StreamIndex):
            pytest.skip("this store has no index over versions")
        assert await collect(store.places("order-1")) == []
        await store.save_events([make_event(version, f"order-{version % 2}") for version in range(1, 12)])
        stream = await collect(store.read_actor("order-1"))
        expected = [(stored.event.version, stored.sequence) for stored in stream if stored.event is not None]
        assert await collect(store.places("order-1")) == expected
        assert await collect(store.places("order-1", batch_size=2)) == expected
        assert await collect(store.places("order-1", from_version=4, batch_size=3)) == expected[2:]
        assert await collect(store.places("order-1", from_version=12)) == []

    # --- Actors -------------------------------------------------------------------------------------------

    async def test_odd_actor_ids_stay_apart(self, store: Store) -> None:
        """Ids are texts: nothing is trimmed, folded, normalised or taken for a pattern."""
        for number, actor_id in enumerate(ODD_ACTOR_IDS, 1):
            await store.save_event(make_event(number, actor_id))
        for number, actor_id in enumerate(ODD_ACTOR_IDS, 1):
            assert await store.get_latest_version(actor_id) == number, repr(actor_id)
            assert [event.actor_id for event in await store.get_events(actor_id)] == [actor_id]
        assert [info.actor_id for info in await store.actors()] == list(ODD_ACTOR_IDS)

    async def test_actors_in_pages(self, store: Store) -> None:
        """`after` and `limit` page through the actors in code point order; each comes exactly once."""
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        for limit in (1, 5, len(ODD_ACTOR_IDS), 1000):
            found: list[str] = []
            while page := await store.actors(after=found[-1] if found else None, limit=limit):
                assert len(page) <= limit
                found += [info.actor_id for info in page]
            assert found == list(ODD_ACTOR_IDS)
        assert [info.actor_id for info in await store.actors(after="order-0", limit=2)] == ["order-1", "order-10"]
        assert await store.actors(after=ODD_ACTOR_IDS[-1]) == []

    @pytest.mark.parametrize(
        "prefix", ["a", "a.", "a%", "a*", "a_", "a\x00", "cafe", "order-1", "\U0010ffff", "zz"]
    )
    async def test_actors_by_prefix(self, store: Store, prefix: str) -> None:
        """A prefix is text too; with `after` both hold."""
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        expected = [actor_id for actor_id in ODD_ACTOR_IDS if actor_id.startswith(prefix)]
        assert [info.actor_id for info in await store.actors(prefix=prefix)] == expected
        for place, actor_id in enumerate(expected):
            page = await store.actors(prefix=prefix, after=actor_id, limit=2)
            assert [info.actor_id for info in page] == expected[place + 1 : place + 3]

    async def test_no_limit_is_too_high(self, store: Store) -> None:
        """Limits and sizes beyond 64 bits mean "all", as every number beyond what is there does."""
        event = make_event()
        await store.save_event(event)
        for huge in (2**63 - 1, 2**63, 2**100):
            assert [info.actor_id for info in await store.actors(limit=huge)] == ["order-1"]
            reads = (
                store.read(to_sequence=huge, batch_size=huge),
                store.read_actor("order-1", batch_size=huge),
                store.read_actor("order-1", from_version=-huge),
            )
            for read in reads:
                assert [stored.event for stored in await collect(read)] == [event]
            assert await collect(store.read(from_sequence=huge)) == []
            assert await store.get_events("order-1", huge) == []

    async def test_actor_infos(self, store: Store) -> None:
        """Each info tells count, latest version, last event type and when it came; new actors join the list."""
        await store.save_event(make_event(1, "b", event_type="First"))
        await store.actors()
        await store.save_events([make_event(4, "b", event_type="Last"), make_event(2, "a", event_type="Only")])
        a, b = await store.actors()
        assert (a.actor_id, a.event_count, a.latest_version, a.last_event_type) == ("a", 1, 2, "Only")
        assert (b.actor_id, b.event_count, b.latest_version, b.last_event_type) == ("b", 2, 4, "Last")
        recorded = [stored.recorded_at for stored in await collect(store.read())]
        assert b.last_recorded_at == recorded[1]

    async def test_actors_can_be_counted_and_entered_anywhere(self, store: Store) -> None:
        """A store with a directory counts its actors and gives any page of them, forwards and backwards."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors from the first on")
        assert await store.actor_count() == 0
        assert await store.actors(order=ActorOrder.EVENTS, descending=True) == []
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        ids = list(ODD_ACTOR_IDS)
        for prefix in ("", "a", "cafe", "order-1", "nobody", "\U0010ffff"):
            expected = [actor_id for actor_id in ids if actor_id.startswith(prefix)]
            assert await store.actor_count(prefix=prefix) == len(expected)
            for offset in (0, 1, len(expected) - 1, len(expected), 2**70):
                page = await store.actors(prefix=prefix, offset=max(offset, 0), limit=3)
                assert [info.actor_id for info in page] == expected[max(offset, 0) :][:3]
                page = await store.actors(prefix=prefix, offset=max(offset, 0), limit=3, descending=True)
                assert [info.actor_id for info in page] == expected[::-1][max(offset, 0) :][:3]
        page = await store.actors(after=ids[5], descending=True, limit=2)
        assert [info.actor_id for info in page] == [ids[4], ids[3]]
        page = await store.actors(after=ids[5], offset=1, limit=2)
        assert [info.actor_id for info in page] == ids[7:9]

    @pytest.mark.parametrize(
        "pattern", ["*", "a*", "*1", "o*-1*", "*.*", "a.>", ">", "*[*", "*?*", "*%*", "a*a*", "café*", "order-1"]
    )
    async def test_actors_by_pattern(self, store: Store, pattern: str) -> None:
        """A pattern means what it means everywhere; signs that databases know are signs like others."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors by prefix")
        odd = [*ODD_ACTOR_IDS, "a[1]", "a?b", "a.b.c"]
        await store.save_events([make_event(1, actor_id) for actor_id in dict.fromkeys(odd)])
        expected = sorted(actor_id for actor_id in set(odd) if match_actor_pattern(pattern, actor_id))
        assert [info.actor_id for info in await store.actors(pattern=pattern)] == expected
        assert await store.actor_count(pattern=pattern) == len(expected)
        page = await store.actors(pattern=pattern, offset=1, limit=2, descending=True)
        assert [info.actor_id for info in page] == expected[::-1][1:3]
        with_prefix = [actor_id for actor_id in expected if actor_id.startswith("o")]
        assert [info.actor_id for info in await store.actors(pattern=pattern, prefix="o")] == with_prefix
        assert await store.actor_count(pattern=pattern, prefix="o") == len(with_prefix)

    async def test_actors_by_events_and_activity(self, store: Store) -> None:
        """Sorted by a number, equal ones by id; the infos are those of every other list."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors by id")
        for version, names in ((1, "cab_"), (2, "ba_"), (3, "b")):
            for name in names:
                await store.save_event(make_event(version, name))
        infos = {info.actor_id: info for info in await store.actors()}
        for descending, expected in ((True, "b_ac"), (False, "c_ab")):
            found = await store.actors(order=ActorOrder.EVENTS, descending=descending)
            assert found == [infos[name] for name in expected]
            page = await store.actors(order=ActorOrder.EVENTS, descending=descending, offset=1, limit=2)
            assert page == found[1:3]
        found = await store.actors(order=ActorOrder.ACTIVITY, descending=True)
        moments = [info.last_recorded_at for info in found]
        assert sorted(infos) == sorted(info.actor_id for info in found)
        assert moments == sorted((moment for moment in moments if moment is not None), reverse=True)
        assert await store.actors(order=ActorOrder.ACTIVITY, descending=True, offset=1, limit=2) == found[1:3]
        assert [
            info.actor_id for info in await store.actors(order=ActorOrder.EVENTS, prefix="a", pattern="*")
        ] == ["a"]

    async def test_very_long_actor_id(self, store: Store) -> None:
        """The longest id the store has to take works like any other."""
        actor_id = "long-" + "x" * (self.longest_actor_id - 5)
        await store.save_event(make_event(1, actor_id))
        await store.save_event(make_event(1, actor_id[:-1]))
        assert [event.actor_id for event in await store.get_events(actor_id)] == [actor_id]
        assert [info.actor_id for info in await store.actors(prefix=actor_id)] == [actor_id]

    # --- Snapshots ----------------------------------------------------------------------------------------

    async def test_snapshots(self, store: Store) -> None:
        """Snapshots are kept apart from events, ordered by version, the highest one is the latest."""
        await store.save_event(make_event(1))
        snapshots = [
            ActorSnapshot("order-1", version, {"v": version}, datetime(2024, 1, 1, tzinfo=UTC))
            for version in (7, 2, 9, 4)
        ]
        for snapshot in snapshots:
            await store.save_snapshot(snapshot)
        assert await store.get_latest_snapshot("order-1") == snapshots[2]
        by_version = sorted(snapshots, key=lambda snapshot: snapshot.version)
        assert await store.snapshots("order-1") == by_version
        assert await store.snapshots("order-10") == []
        assert await store.get_latest_snapshot("order-10") is None
        assert await store.get_latest_version("order-1") == 1
        assert len(await collect(store.read())) == 1
        assert [info.event_count for info in await store.actors()] == [1]

    async def test_a_snapshot_replaces_that_of_its_version(self, store: Store) -> None:
        """Saving a snapshot of the same version again replaces it."""
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        await store.save_snapshot(ActorSnapshot("order-1", 3, {"try": 1}, moment))
        await store.save_snapshot(ActorSnapshot("order-1", 3, {"try": 2}, moment))
        assert [snapshot.state for snapshot in await store.snapshots("order-1")] == [{"try": 2}]

    async def test_all_snapshots(self, store: Store) -> None:
        """A `SnapshotLog` lists those of all actors, each version once, as it was saved last, with its bytes."""
        if not isinstance(store, SnapshotLog):
            pytest.skip("this store lists the snapshots of one actor only")
        assert await collect(store.read_snapshots()) == []
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        saved: dict[tuple[str, int], ActorSnapshot] = {}
        for number, actor_id in enumerate(("order-1", "order-10", "a b", "a_b", "order-1", *ODD_ACTOR_IDS)):
            for version in (9, 2, 2):
                snapshot = ActorSnapshot(actor_id, version, {"try": number}, moment)
                saved[actor_id, version] = snapshot
                await store.save_snapshot(snapshot)
        for batch_size in (1000, 7):
            found = await collect(store.read_snapshots(batch_size=batch_size))
            assert {(one.actor_id, one.version): one.snapshot for one in found} == saved
            assert len(found) == len(saved)
            assert all(
                one.error is None and one.raw == saved[one.actor_id, one.version].to_json() for one in found
            )
        for actor_id in ("order-1", "a b", "nobody"):
            mine = await collect(store.read_snapshots(actor_id=actor_id))
            assert sorted(one.version for one in mine) == ([] if actor_id == "nobody" else [2, 9])
            assert {one.actor_id for one in mine} <= {actor_id}

    async def test_snapshot_bytes(self, store: Store) -> None:
        """Of a decoded snapshot the very bytes are kept."""
        raw = (
            b'{"version":3, "actorId":"order-1","state":{"n":18446744073709551616,"d":1.10},'
            b'"timestamp":"2024-01-01T00:00:00.123456789Z","x":1}'
        )
        await store.save_snapshot(ActorSnapshot.from_json(raw))
        latest = await store.get_latest_snapshot("order-1")
        assert latest is not None
        assert latest.to_json() == raw

    @pytest.mark.parametrize(
        ("changes", "field"),
        [({"actor_id": ""}, "actorId"), ({"version": 0}, "version"), ({"state": []}, "state")],
    )
    async def test_invalid_snapshots_are_refused(self, store: Store, changes: dict[str, Any], field: str) -> None:
        """A snapshot is checked like an event."""
        with pytest.raises(InvalidEventError) as caught:
            await store.save_snapshot(replace(ActorSnapshot("order-1", 1, {}), **changes))
        assert (caught.value.field, caught.value.kind) == (field, "snapshot")
        assert await store.snapshots("order-1") == []

    # --- Publishing ---------------------------------------------------------------------------------------

    async def test_saves_are_published_in_order(self, engine: Engine, store: Store) -> None:
        """What is stored is on the bus, in order, with its sequence, by the time it can be read."""
        with_own = engine.bus.subscribe("tenant-a")
        first = make_event(1)
        batch = [make_event(2), make_event(1, "order-2")]
        sequences = [await store.save_event(first), *await store.save_events(batch)]
        published = await take_published(with_own, 3)
        assert [item.event for item in published] == [first, *batch]
        assert [item.sequence for item in published] == sequences
        assert {item.namespace for item in published} == {"tenant-a"}

    async def test_refused_saves_are_not_published(self, engine: Engine, store: Store) -> None:
        """The bus never hears of what was not stored."""
        subscription = engine.bus.subscribe(">")
        await store.save_event(make_event(2))
        for bad in (make_event(1), replace(make_event(3), event_type="")):
            with pytest.raises(AetherError):
                await store.save_events([make_event(5), bad])
        last = make_event(3)
        await store.save_event(last)
        assert [item.event.version for item in await take_published(subscription, 2)] == [2, 3]

    async def test_concurrent_saves_are_published_by_sequence(self, engine: Engine, store: Store) -> None:
        """However many save at once, the bus tells of them in the order of the log."""
        subscription = engine.bus.subscribe("tenant-a")
        sequences = await asyncio.gather(
            *(store.save_event(make_event(1, f"order-{number}")) for number in range(50))
        )
        published = await take_published(subscription, 50)
        assert [item.sequence for item in published] == sorted(sequences)

    # --- Tail ---------------------------------------------------------------------------------------------

    async def test_tail_from_now(self, store: Store) -> None:
        """`None` is what comes after the call, beginning with a save right behind it."""
        await store.save_event(make_event(1))
        tail = store.tail()
        event = make_event(2)
        await store.save_event(event)
        assert [stored.event for stored in await take(tail, 1)] == [event]

    async def test_tail_from_a_sequence(self, store: Store) -> None:
        """A number is what lies behind it, and then what comes."""
        sequences = await store.save_events([make_event(version) for version in range(1, 6)])
        from_start, from_third = store.tail(after_sequence=0), store.tail(after_sequence=sequences[2])
        assert [stored.sequence for stored in await take(from_start, 5)] == sequences
        assert [stored.sequence for stored in await take(from_third, 2)] == sequences[3:]
        sequences.append(await store.save_event(make_event(6)))
        assert [stored.sequence for stored in await take(from_third, 1)] == sequences[5:]
        assert [stored.sequence for stored in await take(from_start, 1)] == sequences[5:]

    async def test_tail_waits_without_a_namespace(self, store: Store) -> None:
        """A tail of a namespace that does not exist yet waits for its first event."""
        waiting = asyncio.ensure_future(anext(store.tail()))
        await asyncio.sleep(0)
        event = make_event()
        await store.save_event(event)
        assert [stored.event for stored in await soon(waiting)] == [event]

    async def test_tail_misses_nothing_under_writers(self, store: Store) -> None:
        """Tails opened anywhere among concurrent writers see every event behind their start, once, in order."""

        async def write(actor_id: str) -> None:
            for version in range(1, 41):
                await store.save_event(make_event(version, actor_id))

        writers = [asyncio.create_task(write(f"order-{number}")) for number in range(5)]
        tails: list[tuple[int, AsyncIterator[list[StoredEvent]]]] = []
        for _ in range(3):
            after = await store.last_sequence()
            tails.append((after, store.tail(after_sequence=after)))
            await asyncio.sleep(0)
        await asyncio.gather(*writers)
        log = [stored.sequence for stored in await collect(store.read())]
        assert len(log) == 200
        for after, tail in tails:
            expected = [sequence for sequence in log if sequence > after]
            assert [stored.sequence for stored in await take(tail, len(expected))] == expected

    async def test_tail_ends_with_the_engine(self, engine: Engine, store: Store) -> None:
        """Closing ends a tail, also one that is waiting."""
        waiting = asyncio.ensure_future(collect(store.tail()))
        await asyncio.sleep(0)
        await engine.close()
        assert await soon(waiting) == []

    # --- Concurrency --------------------------------------------------------------------------------------

    async def test_one_winner_for_a_version(self, store: Store) -> None:
        """Of many that race for a version exactly one wins; the others learn who."""
        events = [make_event(1) for _ in range(20)]
        results = await asyncio.gather(*map(store.save_event, events), return_exceptions=True)
        [winner] = await store.get_events("order-1")
        losers = [result for result in results if not isinstance(result, int)]
        assert len(losers) == 19
        for loser in losers:
            assert isinstance(loser, VersionConflictError)
            assert loser.current_version == 1
            assert loser.stored == winner
            assert not loser.is_duplicate

    async def test_one_event_saved_many_times_at_once(self, store: Store) -> None:
        """The same event from many savers is stored once; the others learn that it is there already."""
        event = make_event(1)
        results = await asyncio.gather(*(store.save_event(event) for _ in range(10)), return_exceptions=True)
        assert await store.get_events("order-1") == [event]
        assert sum(isinstance(result, int) for result in results) == 1
        assert sum(isinstance(result, VersionConflictError) and result.is_duplicate for result in results) == 9

    async def test_optimistic_writers(self, store: Store) -> None:
        """Writers that read, decide and try again on a conflict lose nothing and store nothing twice."""

        async def write(count: int) -> None:
            for _ in range(count):
                while True:
                    try:
                        await store.save_event(make_event(await store.get_latest_version("order-1") + 1))
                        break
                    except VersionConflictError:
                        await asyncio.sleep(0)

        await asyncio.gather(*(write(10) for _ in range(5)))
        assert [event.version for event in await store.get_events("order-1")] == list(range(1, 51))

    async def test_different_actors_do_not_conflict(self, store: Store) -> None:
        """Whoever writes another actor never gets a conflict, however many write at once."""
        await asyncio.gather(*(store.save_event(make_event(1, f"order-{number}")) for number in range(100)))
        assert len(await store.actors()) == 100

    @pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
    async def test_a_cancelled_saver(self, store: Store, turns: int) -> None:
        """Whenever a saver is cancelled, its event is stored once or not at all, and saving again is safe."""
        event = make_event(1)
        task = asyncio.create_task(store.save_event(event))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        [again] = await asyncio.gather(store.save_event(event), return_exceptions=True)
        assert isinstance(again, int) or (isinstance(again, VersionConflictError) and again.is_duplicate)
        assert await store.get_events("order-1") == [event]
        await store.save_event(make_event(2))
        assert await store.get_latest_version("order-1") == 2

    # --- Bulk ---------------------------------------------------------------------------------------------

    async def test_save_all(self, engine: Engine, store: Store) -> None:
        """A load of any length is stored as one, in order, published, and progress is told."""
        bulk = _bulk_writer(store)
        subscription = engine.bus.subscribe("tenant-a")
        await store.save_event(make_event(1))
        events = [make_event(version) for version in range(2, 2501)]
        heard: list[int] = []
        assert await bulk.save_all(hand_over(events, 700), progress=heard.append) == len(events)
        assert heard == sorted(heard)
        assert heard[-1] == len(events)
        assert [stored.event for stored in await collect(store.read())][1:] == events
        assert len(await take_published(subscription, 2500)) == 2500

    async def test_save_all_of_nothing(self, engine: Engine, store: Store) -> None:
        """No events are no events, and no namespace comes of them."""
        assert await _bulk_writer(store).save_all(hand_over([])) == 0
        assert await engine.namespaces() == []

    @pytest.mark.parametrize("mistake", ["invalid", "conflict", "conflict inside", "duplicate", "source"])
    async def test_save_all_rolls_back(self, engine: Engine, store: Store, mistake: str) -> None:
        """A refused event, or a source that fails, leaves nothing of the load behind, nor on the bus."""
        bulk = _bulk_writer(store)
        known = make_event(5)
        sequence = await store.save_event(known)
        subscription = engine.bus.subscribe(">")
        good = [make_event(version, "order-2") for version in range(1, 11)]
        bad = {
            "invalid": replace(make_event(7), event_type=""),
            "conflict": make_event(5),
            "conflict inside": make_event(10, "order-2"),
            "duplicate": replace(make_event(7), id=good[0].id),
        }.get(mistake)

        def source() -> Iterable[Event]:
            yield from good
            if bad is None:
                raise _SourceError
            yield bad

        with pytest.raises((AetherError, _SourceError)) as caught:
            await bulk.save_all(hand_over(source()))
        assert type(caught.value) is {
            "invalid": InvalidEventError,
            "duplicate": DuplicateEventError,
            "source": _SourceError,
        }.get(mistake, VersionConflictError)
        assert [stored.event for stored in await collect(store.read())] == [known]
        assert [info.actor_id for info in await store.actors()] == ["order-1"]
        assert await store.last_sequence() == sequence
        if isinstance(caught.value, VersionConflictError):
            stored = (known if mistake == "conflict" else None, mistake == "conflict inside")
            assert (caught.value.stored, caught.value.in_batch) == stored
            assert caught.value.current_version == (5 if mistake == "conflict" else 10)
        if isinstance(caught.value, DuplicateEventError):
            assert caught.value.in_batch
        await store.save_event(make_event(6))
        assert [item.event.version for item in await take_published(subscription, 1)] == [6]

    async def test_save_all_cancelled(self, store: Store) -> None:
        """Cancelled while it waits for more, nothing is stored and the store goes on."""
        bulk = _bulk_writer(store)
        handed_over = asyncio.Event()

        async def source() -> AsyncIterator[Sequence[Event]]:
            yield [make_event(version) for version in range(1, 11)]
            handed_over.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(bulk.save_all(source()))
        await soon(handed_over.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        assert await store.last_sequence() == 0
        await soon(store.save_event(make_event(1)))

    async def test_reading_during_save_all(self, store: Store) -> None:
        """While a load is under way everybody still reads what was there before, and sees nothing of it."""
        bulk = _bulk_writer(store)
        await store.save_event(make_event(1))

        async def source() -> AsyncIterator[Sequence[Event]]:
            yield [make_event(version) for version in range(2, 11)]
            assert await soon(store.get_latest_version("order-1")) == 1
            assert len(await soon(collect(store.read()))) == 1

        await bulk.save_all(source())
        assert await store.get_latest_version("order-1") == 10

    # --- Namespaces ---------------------------------------------------------------------------------------

    async def test_namespaces_are_isolated(self, engine: Engine) -> None:
        """The same actor, version and id in two namespaces have nothing to do with each other."""
        one, other = await engine.store("prod.tenant-a"), await engine.store("prod.tenant-b")
        event = make_event(1)
        await one.save_event(event)
        await one.save_snapshot(ActorSnapshot("order-1", 1, {}))
        assert await other.get_latest_version("order-1") == 0
        assert await other.get_events("order-1") == []
        assert await collect(other.read()) == []
        assert await other.actors() == []
        assert await other.snapshots("order-1") == []
        await other.save_event(event)
        await other.save_event(make_event(2))
        assert await one.get_latest_version("order-1") == 1

    async def test_looking_makes_no_namespace(self, engine: Engine, store: Store) -> None:
        """A namespace exists from its first save, not from having been looked at; a refused save is none."""
        await self.test_empty_namespace(store)
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        assert await engine.namespaces() == []
        await store.save_event(make_event())
        assert [info.name for info in await engine.namespaces()] == ["tenant-a"]

    async def test_namespace_infos(self, engine: Engine) -> None:
        """Namespaces come by name, with count, bytes and the times of the first and the last event."""
        for name in ("b", "a", "a.c", "A"):
            store = await engine.store(name)
            for version in (1, 2, 3):
                await store.save_event(make_event(version))
        infos = await engine.namespaces()
        assert [info.name for info in infos] == ["A", "a", "a.c", "b"]
        for info in infos:
            stored = await collect((await engine.store(info.name)).read())
            assert info.event_count == 3
            assert info.size_bytes == sum(len(item.raw) for item in stored)
            assert info.first_recorded_at == stored[0].recorded_at
            assert info.last_recorded_at == stored[-1].recorded_at

    # --- Several engines ----------------------------------------------------------------------------------

    async def test_what_is_stored_stays(self, open_engine_for_test: EngineFactory) -> None:
        """After closing and opening everything is there, and the log goes on."""
        self._needs_sharing()
        engine = await open_engine_for_test()
        store = await engine.store("tenant-a")
        events = [Event.from_json(raw).with_version(n) for n, raw in enumerate(NASTY_PAYLOADS.values(), 1)]
        await store.save_events(events)
        await store.save_snapshot(ActorSnapshot("nasty-1", 2, {"a": 1}))
        before = await collect(store.read())
        snapshots = await store.snapshots("nasty-1")
        await engine.close()
        store = await (await open_engine_for_test()).store("tenant-a")
        assert await collect(store.read()) == before
        assert [item.raw for item in await collect(store.read())] == [event.to_json() for event in events]
        assert await store.snapshots("nasty-1") == snapshots
        with pytest.raises(VersionConflictError):
            await store.save_event(make_event(1, "nasty-1"))
        assert await store.save_event(make_event(100, "nasty-1")) > before[-1].sequence

    async def test_two_engines_on_one_storage(self, open_engine_for_test: EngineFactory) -> None:
        """Each sees the other's events, in reads and tails; of two that race for a version one wins."""
        self._needs_sharing()
        one, other = [await (await open_engine_for_test()).store("tenant-a") for _ in range(2)]
        await one.save_event(make_event(1))
        assert await other.get_latest_version("order-1") == 1
        tail = other.tail(after_sequence=0)
        await take(tail, 1)
        for version in range(2, 12):
            results = await asyncio.gather(
                one.save_event(make_event(version)),
                other.save_event(make_event(version)),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in results) == ["VersionConflictError", "int"]
        assert [item.event.version for item in await take(tail, 10) if item.event] == list(range(2, 12))

    # --- Read-only ----------------------------------------------------------------------------------------

    async def test_read_only(self, open_engine_for_test: EngineFactory) -> None:
        """A read-only store reads everything and refuses every write; validity is still checked first."""
        event = make_event(1)
        if self.shared:
            writable = await open_engine_for_test()
            await (await writable.store("tenant-a")).save_event(event)
            await writable.close()
        engine = await open_engine_for_test(read_only=True)
        assert engine.read_only
        store = await engine.store("tenant-a")
        with pytest.raises(ReadOnlyError):
            await store.save_event(make_event(2))
        with pytest.raises(ReadOnlyError):
            await store.save_event(event)
        with pytest.raises(ReadOnlyError):
            await store.save_events([make_event(2)])
        with pytest.raises(ReadOnlyError):
            await store.save_snapshot(ActorSnapshot("order-1", 1, {}))
        if isinstance(store, BulkWriter):
            with pytest.raises(ReadOnlyError):
                await store.save_all(hand_over([make_event(2)]))
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        with pytest.raises(ReadOnlyError):
            await (await engine.store("another")).save_event(make_event())
        assert await store.get_events("order-1") == ([event] if self.shared else [])
        assert [info.name for info in await engine.namespaces()] == (["tenant-a"] if self.shared else [])

    # --- Asking before a write ----------------------------------------------------------------------------

    async def test_asked_before_each_write(self, open_engine_for_test: EngineFactory) -> None:
        """Each write waits for the one who wants to be asked; what he refuses leaves nothing behind."""
        engine = await open_engine_for_test()
        store = await engine.store("tenant-a")
        asked: list[str] = []

        async def refuse(namespace: str) -> None:
            asked.append(namespace)
            await asyncio.sleep(0)
            raise ReadOnlyError("refused")

        engine.ask_before_writing(refuse)
        writes: list[Callable[[], Awaitable[object]]] = [
            lambda: store.save_event(make_event(1)),
            lambda: store.save_events([make_event(1), make_event(2)]),
            lambda: store.save_snapshot(ActorSnapshot("order-1", 1, {})),
        ]
        if isinstance(store, BulkWriter):
            bulk = store
            writes.append(lambda: bulk.save_all(hand_over([make_event(1)])))
        for write in writes:
            with pytest.raises(ReadOnlyError, match="refused"):
                await write()
        assert asked == ["tenant-a"] * len(writes)
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        assert await engine.namespaces() == []
        assert await store.snapshots("order-1") == []

        async def allow(namespace: str) -> None:
            asked.append(namespace)

        engine.ask_before_writing(allow)
        await store.save_event(make_event(1))
        assert len(asked) == len(writes) + 1
        engine.ask_before_writing(None)
        await store.save_event(make_event(2))
        assert len(asked) == len(writes) + 1

    # --- Against a model ----------------------------------------------------------------------------------

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        steps=st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["a", "a.b", "\u65e5", "a\x00"]),
                    st.integers(0, 6),
                    st.integers(1, 12),
                ),
                min_size=1,
                max_size=4,
            ),
            max_size=25,
        )
    )
    async def test_against_a_model(self, engine: Engine, steps: list[list[tuple[str, int, int]]]) -> None:
        """Whatever is tried in whatever order, the store does what a list and three rules do."""
        store = await engine.store(f"model-{next(_numbers)}")
        model = _Model()
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        for step in steps:
            batch = [
                Event(f"id-{number}", "T", actor, version, {"n": number}, timestamp=moment)
                for actor, version, number in step
            ]
            expected = model.save(batch)
            if expected is None:
                await store.save_events(batch)
            elif len(batch) == 1:
                with pytest.raises(expected):
                    await store.save_event(batch[0])
            else:
                # Validity comes first; which of several other mistakes is told is the store's choice.
                told = (
                    InvalidEventError
                    if expected is InvalidEventError
                    else (VersionConflictError, DuplicateEventError)
                )
                with pytest.raises(told):
                    await store.save_events(batch)
        assert [stored.event for stored in await collect(store.read(batch_size=3))] == model.log
        infos = await store.actors()
        assert [info.actor_id for info in infos] == sorted({event.actor_id for event in model.log})
        for info in infos:
            events = [event for event in model.log if event.actor_id == info.actor_id]
            assert await store.get_events(info.actor_id) == events
            assert (info.event_count, info.latest_version) == (len(events), events[-1].version)
            assert await store.get_latest_version(info.actor_id) == events[-1].version

    def _needs_sharing(self) -> None:
        if not self.shared:
            pytest.skip("each engine of this kind has a storage of its own")


class BusContract(_Contract):
    """Sections 4 and 5 of the engine contract: what every bus does."""

    async def test_exact_subscriber_hears_its_namespace_only(self, engine: Engine) -> None:
        """An exact subscriber of X never sees Y, however alike the names are."""
        subscription = engine.bus.subscribe("tenant-a")
        for name in ("tenant-b", "tenant-a.b", "prod.tenant-a", "TENANT-A", "tenant-a"):
            await engine.bus.publish(name, make_event(data={"to": name}))
        [item] = await take_published(subscription, 1)
        assert (item.namespace, item.event.data) == ("tenant-a", {"to": "tenant-a"})

    @pytest.mark.parametrize(
        ("pattern", "heard"),
        [
            ("*", ["a", "a.b", "a.b.c", "b"]),
            (">", ["a", "a.b", "a.b.c", "b"]),
            ("a.*", ["a.b"]),
            ("a.>", ["a.b", "a.b.c"]),
            ("*.b", ["a.b"]),
            ("*.*.c", ["a.b.c"]),
        ],
    )
    async def test_wildcards(self, engine: Engine, pattern: str, heard: list[str]) -> None:
        """`*` is one token, a last `>` one or more, a lone `*` everything."""
        subscription = engine.bus.subscribe(pattern)
        for name in ("a", "a.b", "a.b.c", "b"):
            await engine.bus.publish(name, make_event())
        assert [item.namespace for item in await take_published(subscription, len(heard))] == heard

    @pytest.mark.parametrize("pattern", ["", "a..b", "a b", "or*", ">.a", "a.>.b", ".a", "a."])
    async def test_bad_patterns(self, engine: Engine, pattern: str) -> None:
        """A pattern that can match nothing is refused when it is given."""
        with pytest.raises(NamespaceNameError):
            engine.bus.subscribe(pattern)

    async def test_publish_checks_what_it_is_given(self, engine: Engine) -> None:
        """Neither a bad name nor an invalid event reaches a subscriber."""
        with pytest.raises(NamespaceNameError):
            await engine.bus.publish("a.*", make_event())
        with pytest.raises(InvalidEventError):
            await engine.bus.publish("a", replace(make_event(), event_type=""))

    async def test_published_without_a_store(self, engine: Engine) -> None:
        """`publish` announces: order and bytes are kept, nothing is stored, there is no sequence."""
        subscription = engine.bus.subscribe("a")
        events = [Event.from_json(raw) for raw in NASTY_PAYLOADS.values()]
        for event in events:
            await engine.bus.publish("a", event)
        items = await take_published(subscription, len(events))
        assert [item.event.to_json() for item in items] == list(NASTY_PAYLOADS.values())
        assert {item.sequence for item in items} == {None}
        assert await engine.namespaces() == []

    async def test_filters(self, engine: Engine) -> None:
        """A filter chooses by event type, by actor pattern, or both; what it leaves out is not `dropped`."""
        by_type = engine.bus.subscribe("a", SubscriptionFilter(frozenset({"Paid", "Sent"})))
        by_actor = engine.bus.subscribe("a", SubscriptionFilter(actor_pattern="order-*"))
        by_both = engine.bus.subscribe("a", SubscriptionFilter(frozenset({"Paid"}), "order-*"))
        for event_type, actor in (
            ("Paid", "order-1"),
            ("Paid", "cart-1"),
            ("Sent", "order-2"),
            ("Lost", "cart-2"),
        ):
            await engine.bus.publish("a", make_event(actor_id=actor, event_type=event_type))

        async def heard(subscription: Subscription, count: int) -> list[tuple[str, str]]:
            items = await take_published(subscription, count)
            return [(item.event.event_type, item.event.actor_id) for item in items]

        assert await heard(by_type, 3) == [("Paid", "order-1"), ("Paid", "cart-1"), ("Sent", "order-2")]
        assert await heard(by_actor, 2) == [("Paid", "order-1"), ("Sent", "order-2")]
        assert await heard(by_both, 1) == [("Paid", "order-1")]
        assert (by_type.dropped, by_actor.dropped, by_both.dropped) == (0, 0, 0)

    async def test_a_slow_subscriber_loses_and_is_told(self, engine: Engine) -> None:
        """Its queue is bounded; what it loses is counted, and one gap marker stands where that happened."""
        slow, quick = engine.bus.subscribe("a", max_pending=3), engine.bus.subscribe("a")
        store = await engine.store("a")
        sequences = [await store.save_event(make_event(version)) for version in range(1, 8)]
        assert len(await take_published(quick, 7)) == 7
        await until(lambda: slow.dropped == 4)
        batch = await soon(anext(slow))
        assert [item.sequence for item in batch[:3] if isinstance(item, Published)] == sequences[:3]
        [gap] = batch[3:]
        assert isinstance(gap, Gap)
        assert (gap.namespace, gap.missed, gap.after_sequence) == ("a", 4, sequences[2])
        assert gap.reason
        await store.save_event(make_event(8))
        [item] = await take_published(slow, 1)
        assert item.event.version == 8
        assert slow.dropped == 4

    async def test_unsubscribing_ends_the_iterator(self, engine: Engine) -> None:
        """Also one that is waiting; twice is once; nothing comes any more."""
        subscription = engine.bus.subscribe("a")
        waiting = asyncio.ensure_future(collect(subscription))
        await asyncio.sleep(0)
        subscription.unsubscribe()
        subscription.unsubscribe()
        assert await soon(waiting) == []
        await engine.bus.publish("a", make_event())
        assert await soon(collect(subscription)) == []

    async def test_subscription_as_context_manager(self, engine: Engine) -> None:
        """Leaving the block unsubscribes."""
        async with engine.bus.subscribe("a") as subscription:
            await engine.bus.publish("a", make_event())
            await take_published(subscription, 1)
        assert await soon(collect(subscription)) == []

    async def test_subscribers_do_not_disturb_each_other(self, engine: Engine) -> None:
        """One that raises, one that hangs and one that left harm neither the writer nor the others."""

        async def misbehave() -> None:
            async for _ in engine.bus.subscribe("a"):
                raise _SourceError

        raising = asyncio.create_task(misbehave())
        hanging, gone, good = (engine.bus.subscribe("*", max_pending=1000) for _ in range(3))
        await asyncio.sleep(0)
        gone.unsubscribe()
        for _ in range(20):
            await engine.bus.publish("a", make_event())
        assert len(await take_published(good, 20)) == 20
        with pytest.raises(_SourceError):
            await soon(raising)
        assert hanging.dropped == 0

    async def test_closing_ends_subscriptions(self, engine: Engine) -> None:
        """What waits is still read, then the iterator ends; later subscriptions are at their end at once."""
        subscription, waiting = engine.bus.subscribe("a"), engine.bus.subscribe("b")
        task = asyncio.ensure_future(collect(waiting))
        await asyncio.sleep(0)
        await (await engine.store("a")).save_event(make_event())
        await engine.close()
        assert await soon(task) == []
        assert len(await soon(collect(subscription))) <= 1
        assert await soon(collect(engine.bus.subscribe("a"))) == []


class EngineContract(_Contract):
    """Sections 3 to 5 of the engine contract: what an engine adds to its stores."""

    async def test_a_store_is_one_object(self, engine: Engine) -> None:
        """The same namespace gives the same object, also when asked for at once."""
        stores = await asyncio.gather(*(engine.store("tenant-a") for _ in range(5)))
        assert all(store is stores[0] for store in stores)
        assert await engine.store("tenant-b") is not stores[0]

    @pytest.mark.parametrize("name", ["", "a b", "a..b", ".a", "a.", "*", "a.>", "ä", "a/b", "a\x00", "a" * 1000])
    async def test_bad_names(self, engine: Engine, name: str) -> None:
        """A name outside the rules is refused before anything is touched."""
        with pytest.raises(NamespaceNameError) as caught:
            await engine.store(name)
        assert caught.value.name == name

    async def test_names_that_sanitise_alike(self, engine: Engine) -> None:
        """`a.b` and `a_b` never share data: both work, or the second is refused."""
        one = await engine.store("a.b")
        await one.save_event(make_event(1))
        with suppress(NamespaceCollisionError):
            other = await engine.store("a_b")
            assert await other.get_events("order-1") == []
            await other.save_event(make_event(1))
        assert len(await one.get_events("order-1")) == 1

    async def test_closing(self, engine: Engine) -> None:
        """Closing twice is closing once; a closed engine and its stores refuse with a readable error."""
        store = await engine.store("tenant-a")
        await store.save_event(make_event())
        await asyncio.gather(engine.close(), engine.close())
        await engine.close()
        for attempt in (
            engine.store("tenant-a"),
            engine.namespaces(),
            store.save_event(make_event(2)),
            store.get_events("order-1"),
            store.last_sequence(),
            collect(store.read()),
        ):
            with pytest.raises(StoreUnavailableError):
                await soon(attempt)
        with pytest.raises(StoreUnavailableError):
            engine.tail("*")

    async def test_closing_while_saving(self, engine: Engine) -> None:
        """A save that was under way when the engine closed is stored or refused; nobody hangs."""
        store = await engine.store("tenant-a")
        saves = [asyncio.create_task(store.save_event(make_event(1, f"order-{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        await soon(engine.close())
        for result in await soon(asyncio.gather(*saves, return_exceptions=True)):
            assert isinstance(result, int | AetherError), repr(result)

    # --- Tail ---------------------------------------------------------------------------------------------

    async def test_tail_from_now_sees_the_next_save(self, engine: Engine) -> None:
        """A save right behind the call, without any await in between, is seen; what was there is not."""
        store = await engine.store("tenant-a")
        await store.save_event(make_event(1))
        tails = [engine.tail(pattern) for pattern in ("tenant-a", "*", ">")]
        event = make_event(2)
        await store.save_event(event)
        for tail in tails:
            assert _described(await take(tail, 1)) == [("tenant-a", 2)]
            await tail.aclose()

    async def test_tail_of_namespaces_born_later(self, engine: Engine) -> None:
        """A namespace born after the call joins with its first event, if it matches."""
        tail = engine.tail("prod.*")
        for name in ("prod.a", "staging", "prod.b"):
            store = await engine.store(name)
            await store.save_events([make_event(version) for version in (1, 2, 3)])
        found = _described(await take(tail, 6))
        assert [item for item in found if item[0] == "prod.a"] == [("prod.a", version) for version in (1, 2, 3)]
        assert [item for item in found if item[0] == "prod.b"] == [("prod.b", version) for version in (1, 2, 3)]
        await tail.aclose()

    async def test_tail_sees_other_engines(self, open_engine_for_test: EngineFactory) -> None:
        """Namespaces that another engine brings into being, and its events, are seen as well."""
        if not self.shared:
            pytest.skip("each engine of this kind has a storage of its own")
        reader, writer = await open_engine_for_test(), await open_engine_for_test()
        await (await writer.store("old")).save_event(make_event(1))
        tail = reader.tail("*", after_sequence=0)
        assert _described(await take(tail, 1)) == [("old", 1)]
        new = await writer.store("new")
        for version in (1, 2, 3):
            await new.save_event(make_event(version))
        assert _described(await take(tail, 3)) == [("new", 1), ("new", 2), ("new", 3)]
        await (await writer.store("old")).save_event(make_event(2))
        assert _described(await take(tail, 1)) == [("old", 2)]
        # The reader's own handle on a namespace that joined by itself changes nothing.
        assert await (await reader.store("new")).get_latest_version("order-1") == 3
        await tail.aclose()

    async def test_tail_from_a_sequence(self, engine: Engine) -> None:
        """`after_sequence` counts in each namespace; 0 is everything."""
        sequences = {}
        for name in ("a", "b"):
            store = await engine.store(name)
            sequences[name] = [await store.save_event(make_event(version)) for version in (1, 2, 3)]
        everything = engine.tail("*", after_sequence=0)
        found = _described(await take(everything, 6))
        assert [version for name, version in found if name == "a"] == [1, 2, 3]
        rest = engine.tail("b", after_sequence=sequences["b"][1])
        assert _described(await take(rest, 1)) == [("b", 3)]
        for tail in (everything, rest):
            await tail.aclose()

    async def test_tail_filters(self, engine: Engine) -> None:
        """A filter chooses by the saved event's own type and actor."""
        store = await engine.store("a")
        tail = engine.tail("*", SubscriptionFilter(frozenset({"Paid"}), "order-*"))
        await store.save_event(make_event(1, "order-1", event_type="Placed"))
        await store.save_event(make_event(1, "cart-1", event_type="Paid"))
        await store.save_event(make_event(2, "order-1", event_type="Paid"))
        assert _described(await take(tail, 1)) == [("a", 2)]
        await tail.aclose()

    async def test_tail_misses_nothing_for_a_slow_reader(self, engine: Engine) -> None:
        """However slow the reader is: every event of every namespace, once, in order within each."""
        names = [f"tenant-{number}" for number in range(5)]
        tail = engine.tail("*")

        async def write(name: str) -> None:
            store = await engine.store(name)
            for version in range(1, 61):
                await store.save_event(make_event(version))

        await asyncio.gather(*map(write, names))
        found: list[tuple[str, int]] = []
        while len(found) < 300:
            await asyncio.sleep(0)
            found += _described(await soon(anext(tail)))
        for name in names:
            assert [version for other, version in found if other == name] == list(range(1, 61))
        await tail.aclose()

    @pytest.mark.parametrize("pattern", ["", "a b", "or*"])
    async def test_tail_refuses_bad_patterns(self, engine: Engine, pattern: str) -> None:
        """At the call, as the bus does."""
        with pytest.raises(NamespaceNameError):
            engine.tail(pattern)

    async def test_tail_can_be_closed(self, engine: Engine) -> None:
        """`aclose` ends the iterator, also one that is waiting, and leaves no task behind."""
        before = asyncio.all_tasks()
        tail = engine.tail("*")
        waiting = asyncio.ensure_future(collect(tail))
        await asyncio.sleep(0)
        await tail.aclose()
        await tail.aclose()
        assert await soon(waiting) == []
        await until(lambda: asyncio.all_tasks() <= before)

    async def test_tail_ends_with_the_engine(self, engine: Engine) -> None:
        """Closing the engine ends its tails, waiting or forgotten, and their tasks."""
        before = asyncio.all_tasks()
        engine.tail("forgotten")
        waiting = asyncio.ensure_future(collect(engine.tail("*")))
        await asyncio.sleep(0)
        await engine.close()
        assert await soon(waiting) == []
        await until(lambda: asyncio.all_tasks() <= before)


async def _not_supplied(*, read_only: bool = False) -> Engine:
    raise NotImplementedError("the test class has to override the fixture open_engine_for_test")


class _SourceError(Exception):
    """A failure that is none of the engine's."""


class _Model:
    """A store in three rules."""

    def __init__(self) -> None:
        self.log: list[Event] = []

    def save(self, batch: Sequence[Event]) -> type[AetherError] | None:
        """The error of the first refused event; without one the batch is stored."""
        if any(event.version < 1 for event in batch):
            return InvalidEventError
        log = list(self.log)
        for event in batch:
            if any(old.actor_id == event.actor_id and old.version >= event.version for old in log):
                return VersionConflictError
            if any(old.id == event.id for old in log):
                return DuplicateEventError
            log.append(event)
        self.log = log
        return None


async def take_published(subscription: Subscription, count: int) -> list[Published]:
    """The next `count` events of a subscription, which must come without a gap."""
    published: list[Published] = []
    for item in await take(subscription, count):
        assert isinstance(item, Published), item
        published.append(item)
    return published


async def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`, turn by turn of the loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (any condition, of any implementation)
            await asyncio.sleep(0.001)


def _bulk_writer(store: Store) -> BulkWriter:
    if not isinstance(store, BulkWriter):
        pytest.skip("this store has no save_all")
    return store


def _described(items: Sequence[Tailed | Gap]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for item in items:
        assert isinstance(item, Tailed)
        assert item.stored.event is not None
        found.append((item.namespace, item.stored.event.version))
    return found
