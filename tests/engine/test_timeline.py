"""Timelines: every event in exactly one place, on every store, whatever its clock said."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine import timeline as timeline_module
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from aether_engine.moments import TimeCount, count_events, milliseconds
from aether_engine.store.protocols import CountsByTime, Store
from aether_engine.time_bars import SPAN_WIDTHS, Bars, Layer, TimeHistogram, make_bars
from aether_engine.timeline import LogTimeline, sequence_at, sequence_recorded_at
from tests.nats_servers import NatsServer, nats_server, wipe

START = datetime(2024, 2, 28, 23, 59, 50, tzinfo=UTC)
NAMESPACE = "clocks"
STORES = ("memory", "sqlite", "nats")
_ids = count()


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@asynccontextmanager
async def store_of(kind: str, folder: Path, server: NatsServer | None = None) -> AsyncIterator[Store]:
    url = "memory://" if kind == "memory" else sqlite_url(folder / f"{next(_ids)}.aether")
    if kind == "nats":
        assert server is not None
        await wipe(server)
        url = server.url
    async with open_engine(url) as engine:
        yield await engine.store(NAMESPACE)


def event_at(moment: datetime, event_type: str = "Ticked") -> Event:
    number = next(_ids)
    return Event(f"e-{number}", event_type, f"clock-{number}", 1, {}, timestamp=moment)


def raw_event(timestamp: str, **more: object) -> Event:
    """An event as most programs write it, the timestamp last."""
    number = next(_ids)
    document = {"id": f"e-{number}", "eventType": "Ticked", "actorId": f"clock-{number}", "version": 1, **more}
    document["timestamp"] = timestamp
    return Event.from_json(json.dumps(document, separators=(",", ":")).encode())


async def whole(store: Store) -> LogTimeline:
    timeline = LogTimeline(store)
    async for _ in timeline.count():
        pass
    assert timeline.progress.is_exact
    return timeline


def placed(bars: Bars) -> int:
    outside = sum(each.count for each in (bars.before, bars.behind) if each is not None)
    return sum(bar.total for bar in bars.bars) + outside + bars.untimed


moments = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))]),
)
near = st.builds(lambda seconds: START + timedelta(seconds=seconds), st.floats(0, 100_000))
types = st.sampled_from([f"Type{number}" for number in range(8)])
logs = st.lists(st.tuples(st.one_of(near, moments), types), min_size=1, max_size=40)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@given(log=logs, first=st.integers(1, 40), length=st.integers(0, 40), width=st.sampled_from(SPAN_WIDTHS))
@settings(max_examples=40, deadline=None)
def test_any_range_counts_every_event_once(
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    log: list[tuple[datetime, str]],
    first: int,
    length: int,
    width: int,
) -> None:
    async def run() -> None:
        async with store_of(kind, tmp_path_factory.mktemp("log")) as store:
            await store.save_events([event_at(moment, event_type) for moment, event_type in log])
            last = min(first + length - 1, len(log))
            found = await _counts(store, first, last, width)
            expected = Counter(
                (event_type, milliseconds(moment) // width) for moment, event_type in log[first - 1 : last]
            )
            assert {(group.event_type, group.span): group.count for group in found} == dict(expected)
            for group in found:
                inside = [
                    (sequence, milliseconds(moment))
                    for sequence, (moment, event_type) in enumerate(log, 1)
                    if first <= sequence <= last
                    and event_type == group.event_type
                    and milliseconds(moment) // width == group.span
                ]
                assert group.first_sequence == inside[0][0]
                assert group.earliest <= min(time for _, time in inside)
                assert group.latest >= max(time for _, time in inside)
            assert placed((await whole(store)).bars(20)) == len(log)

    asyncio.run(run())


async def _counts(store: Store, first: int, last: int, width: int) -> list[TimeCount]:
    if isinstance(store, CountsByTime):
        return await store.count_by_time(first, last, width)
    groups: list[TimeCount] = []
    if first <= last:
        async for batch in store.read(from_sequence=first, to_sequence=last):
            groups += count_events(batch, width)
    return groups


@given(
    groups=st.lists(
        st.tuples(types, st.integers(-(10**13), 10**14), st.integers(1, 50)), min_size=1, max_size=300
    ),
    limit=st.integers(1, 300),
    weight=st.sampled_from([1.0, 3.0]),
    sampled=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_bars_hold_every_event_and_stay_within_their_number(
    groups: list[tuple[str, int, int]], limit: int, weight: float, sampled: bool
) -> None:
    counts = [TimeCount(name, time, n, place, time, time) for place, (name, time, n) in enumerate(groups, 1)]
    histogram = TimeHistogram()
    if not sampled:
        histogram.add(counts, 1)
    layer = Layer(histogram, counts if sampled else (), weight)
    bars = make_bars(layer, None, limit)
    total = sum(n for _, _, n in groups)
    assert placed(bars) == bars.total == (total * weight if sampled else total)
    assert 0 < len(bars.bars) <= max(limit, 2)
    for bar, following in zip(bars.bars, bars.bars[1:], strict=False):
        assert bar.end == following.start == bar.start + bars.width
    if not sampled:
        for bar in bars.bars:
            inside = [group for group in counts if bar.start <= group.earliest < bar.end]
            assert bar.total == sum(group.count for group in inside)
            assert bar.first_sequence == min((group.first_sequence for group in inside), default=0)


def test_the_histogram_does_not_grow_with_the_log() -> None:
    histogram = TimeHistogram()
    for day in range(20_000):
        groups = [TimeCount(f"Type{day}", day * 86_400_000 + 17, 1, day + 1, 0, 0)]
        histogram.add([TimeCount(g.event_type, g.span // histogram.width, 1, g.first_sequence, 0, 0)
                       for g in groups if g.span is not None], histogram.width)  # fmt: skip
    assert len(histogram.spans) <= 2048
    assert len(histogram.types) <= 24
    assert len(histogram.totals) + histogram.unlisted == 20_000
    bars = make_bars(Layer(histogram), None, 100)
    assert placed(bars) == 20_000
    assert sum(bar.counts[-1] for bar in bars.bars) >= 20_000 - 24
    assert bars.has_more_types, "it is not known how many there are"
    assert len(bars.types) + bars.other_types < 20_000


def test_a_few_clocks_far_off_do_not_squeeze_the_rest() -> None:
    histogram = TimeHistogram()
    times = [milliseconds(START + timedelta(minutes=minute)) for minute in range(600)]
    wrong = [milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1, 1, 9999)]
    histogram.add([TimeCount("T", t, 1, n, t, t) for n, t in enumerate(wrong + times, 1)], 1)
    bars = make_bars(Layer(histogram), None, 60)
    assert bars.before is not None
    assert bars.behind is not None
    assert (bars.before.count, bars.before.first_sequence) == (2, 1)
    assert (bars.behind.count, bars.behind.first_sequence) == (1, 3)
    assert bars.width == 20 * 60_000
    assert sum(bar.total for bar in bars.bars) == 600


def test_hits_stand_in_the_bars_of_all_events() -> None:
    histogram, hits = TimeHistogram(), TimeHistogram()
    every = [TimeCount("AB"[n % 2], n * 600, 1, n + 1, n * 600, n * 600) for n in range(1000)]
    histogram.add(every, 1)
    hits.add(every[500:700:2], 1)
    bars = make_bars(Layer(histogram), Layer(hits), 10)
    assert bars.has_hits
    assert [bar.hit_total for bar in bars.bars] == [0, 0, 0, 0, 0, 50, 50, 0, 0, 0]
    assert [bar.total for bar in bars.bars] == [100] * 10
    assert bars.bars[5].first_hit == 501
    assert bars.bars[0].first_hit == 0
    assert bars.types == ("A", "B")


@pytest.mark.parametrize("kind", STORES)
async def test_a_timeline_counts_all_and_then_follows(kind: str, tmp_path: Path, server: NatsServer) -> None:
    async with store_of(kind, tmp_path, server) as store:
        await store.save_events([event_at(START + timedelta(seconds=n), "AB"[n % 2]) for n in range(100)])
        timeline = await whole(store)
        bars = timeline.bars(10)
        assert [bar.total for bar in bars.bars] == [10] * 10
        assert bars.types == ("A", "B")
        assert [bar.counts for bar in bars.bars] == [(5, 5, 0)] * 10
        # A server counts on behind snapshots and losses; the first event of a bar is known all the same.
        assert bars.bars[0].first_sequence == 1
        await store.save_events([event_at(START + timedelta(seconds=n), "C") for n in range(100, 120)])
        async for _ in timeline.count():
            pass
        bars = timeline.bars(12)
        assert [bar.total for bar in bars.bars] == [10] * 12
        assert bars.total == 120


@pytest.mark.parametrize("kind", STORES)
async def test_an_estimate_comes_first_and_has_the_right_size(
    kind: str, tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_module, "SHORT", 100)
    monkeypatch.setattr(timeline_module, "READ_WHOLE", 100)
    monkeypatch.setattr(timeline_module, "SAMPLES", (50, 200))
    monkeypatch.setattr(timeline_module, "FEWER_SAMPLES", (50, 200))
    async with store_of(kind, tmp_path, server) as store:
        for start in range(0, 2000, 1000):
            events = [
                event_at(START + timedelta(seconds=n), "Rare" if n % 10 == 0 else "Usual")
                for n in range(start, start + 1000)
            ]
            await store.save_events(events)
        timeline = LogTimeline(store)
        samples = []
        async for progress in timeline.estimate():
            samples.append(progress.sampled)
            bars = timeline.bars(20)
            assert not progress.is_exact
            assert abs(bars.total - 2000) < 50
            assert bars.types == ("Usual", "Rare")
            assert all(bar.first_sequence == 0 for bar in bars.bars)
        assert samples == [50, 200]
        estimated = {bar.start: bar.total for bar in timeline.bars(20).bars}
        seen = [timeline.bars(20).total async for _ in timeline.count()]
        # Part counted, part estimated: the sum stays about the same.
        assert all(abs(total - 2000) < 50 for total in seen)
        assert seen[-1] == 2000
        exact = {bar.start: bar.total for bar in timeline.bars(20).bars}
        assert sum(exact.values()) == 2000
        assert all(abs(estimated.get(start, 0) - total) <= 40 for start, total in exact.items())


UNUSUAL = (
    "2024-02-29T00:00:00Z",
    "2024-02-29T00:00:00.9999Z",
    "2024-02-29T00:00:00.5+05:45",
    "2024-02-28T23:59:59.999999999-11:30",
    "2024-02-29t00:00:07.25z",
    "2016-12-31T23:59:60Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "1969-12-31T23:59:59.999Z",
    "1582-10-10T12:00:00.120-00:30",
)


@pytest.mark.parametrize("width", [1, 100, 1000, 86_400_000])
async def test_unusual_times_and_layouts_are_counted_as_they_decode(tmp_path: Path, width: int) -> None:
    events = [raw_event(text) for text in UNUSUAL]
    wrong = "1999-01-01T00:00:00Z"
    events += [
        # A payload at the end that looks like the end of an event, other orders, layouts, and repeated keys.
        Event.from_json(
            b'{"id":"x0","eventType":"T","actorId":"a0","version":1,"timestamp":"2024-03-01T00:00:00Z",'
            b'"data":{"x":1,"timestamp":"1999-01-01T00:00:00Z"}}'
        ),
        raw_event("2024-03-02T00:00:00Z", data={"timestamp": wrong}, metadata={"timestamp": wrong}),
        Event.from_json(
            b'{"timestamp":"1999-01-01T00:00:00Z","id":"x1","eventType":"T","actorId":"a1","version":1'
            b',"timestamp":"2024-03-03T00:00:00Z"}'
        ),
        Event.from_json(
            b'{"id":"x2","eventType":"T","actorId":"a2","version":1,"timestamp":"2024-03-04T00:00:00Z",'
            b'"data":{"timestamp":"1999-01-01T00:00:00Z"}}'
        ),
        Event.from_json(
            b'{"id":"x3","eventType":"T","actorId":"a3","version":1,"timestamp" : "2024-03-05T00:00:00Z" }\n'
        ),
        Event.from_json(
            b'{"id":"x4","eventType":"T","actorId":"a4","version":1,"time\\u0073tamp":"2024-03-06T00:00:00Z"}'
        ),
    ]
    async with store_of("sqlite", tmp_path) as store:
        await store.save_events(events)
        assert isinstance(store, CountsByTime)
        found = await store.count_by_time(1, len(events), width)
        got = Counter[tuple[str, int | None]]()
        for group in found:
            got[group.event_type, group.span] += group.count
        assert got == Counter((e.event_type, milliseconds(e.timestamp) // width) for e in events)
        sampled = await store.sample_times(range(1, len(events) + 5), width)
        assert {(g.first_sequence, g.span) for g in sampled} == {
            (sequence, milliseconds(event.timestamp) // width) for sequence, event in enumerate(events, 1)
        }


async def test_damaged_events_are_counted_where_they_claim_to_be(tmp_path: Path) -> None:
    path = tmp_path / "damaged.aether"
    async with open_engine(sqlite_url(path)) as engine:
        store = await engine.store(NAMESPACE)
        await store.save_events([event_at(START + timedelta(seconds=n)) for n in range(20)])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE events SET checksum = checksum + 1 WHERE position & 1048575 = 5")
    connection.execute("UPDATE events SET raw = x'00' WHERE position & 1048575 = 6")
    connection.execute("DELETE FROM events WHERE position & 1048575 = 7")
    connection.commit()
    connection.close()
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        store = await engine.store(NAMESPACE)
        bars = (await whole(store)).bars(100)
        assert (bars.total, bars.damaged, bars.untimed) == (20, 3, 2)
        assert placed(bars) == 20
        assert [(bar.start - milliseconds(START)) // 1000 for bar in bars.bars if bar.damaged] == [4]
        # Within SQLite checksums are not looked at; what is lost or unreadable is noticed all the same.
        assert isinstance(store, CountsByTime)
        inside = await store.count_by_time(1, 20, 1000)
        assert sum(group.count for group in inside) == 20
        assert sum(group.count for group in inside if group.span is None) == 2


@pytest.mark.parametrize("kind", STORES)
async def test_a_time_is_found_in_any_order(kind: str, tmp_path: Path, server: NatsServer) -> None:
    seconds = [5, 3, 9, 1, 20, 2, 30, 4]
    async with store_of(kind, tmp_path, server) as store:
        await store.save_events([event_at(START + timedelta(seconds=n)) for n in seconds])
        timeline = await whole(store)
        for second in range(35):
            moment = START + timedelta(seconds=second)
            expected = next((place for place, n in enumerate(seconds, 1) if n >= second), None)
            assert await sequence_at(store, moment) == expected
            assert await sequence_at(store, moment, zones=timeline.zones) == expected


async def test_zones_spare_what_is_known_to_be_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "_ZONE", 0)
    async with open_engine("memory://") as engine:
        store = await engine.store(NAMESPACE)
        for start in range(0, 5000, 1000):
            await store.save_events([event_at(START + timedelta(seconds=n)) for n in range(start, start + 1000)])
        timeline = await whole(store)
        assert len(timeline.zones) == 5
        looked: list[int] = []
        moment = START + timedelta(seconds=4500)
        assert await sequence_at(store, moment, zones=timeline.zones, progress=looked.append) == 4501
        assert not looked
        assert await sequence_at(store, START + timedelta(days=1), progress=looked.append) is None
        assert looked == [1000, 2000, 3000, 4000, 5000]


@pytest.mark.parametrize("kind", STORES)
async def test_a_recorded_time_is_found_by_halving(kind: str, tmp_path: Path, server: NatsServer) -> None:
    async with store_of(kind, tmp_path, server) as store:
        assert await sequence_recorded_at(store, START) is None
        for _ in range(5):
            await store.save_events([event_at(START) for _ in range(3)])
            await asyncio.sleep(0.005)
        recorded = [stored.recorded_at async for batch in store.read() for stored in batch]
        for moment in (*recorded, recorded[0] - timedelta(days=1)):
            expected = next(place for place, at in enumerate(recorded, 1) if at >= moment)
            assert await sequence_recorded_at(store, moment) == expected
        assert await sequence_recorded_at(store, recorded[-1] + timedelta(microseconds=1)) is None


async def test_a_count_can_be_stopped_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_module, "READ_WHOLE", 0)
    monkeypatch.setattr(timeline_module, "_FIRST_STEP", 100)
    monkeypatch.setattr(timeline_module, "_LONGEST_STEP", 100)
    async with store_of("sqlite", tmp_path) as store:
        await store.save_events([event_at(START + timedelta(seconds=n)) for n in range(1000)])
        timeline = LogTimeline(store)
        steps = aiter(timeline.count())
        assert (await anext(steps)).counted == 100
        counted: Sequence[int] = [progress.counted async for progress in timeline.count()]
        # On a busy machine steps are shorter.
        assert 100 < counted[0] <= 200
        assert counted[-1] == 1000
        assert timeline.bars(10).total == 1000
