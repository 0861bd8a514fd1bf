"""A tail over a real engine: nothing is lost, everything is counted, and stopping ends what was started."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aether_desktop.models.events.roles import RowBanner, RowKind
from aether_desktop.models.tail.tail_controller import LONGEST_FRAME, TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import TailSource, TailStart
from aether_desktop.models.tail.tail_rate import SPAN, RateRecorder, RateState
from aether_desktop.models.tail.tail_rows import UnseenTailEvent, stored_of
from aether_desktop.models.tail.tail_table import TailColumn
from aether_engine import Event
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import NamespaceNameError, StoreUnavailableError
from aether_engine.event import Gap, Published, SubscriptionFilter
from tests.waiting import until

BURST = 1000


def event(number: int, *, actor: str = "order-1", kind: str = "OrderPlaced", id_of: str = "id") -> Event:
    return Event(f"{id_of}-{actor}-{number}", kind, actor, number, {"n": number})


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine("memory://") as opened:
        yield opened


@pytest.fixture
async def tail(engine: Engine) -> AsyncIterator[TailController]:
    controller = TailController(engine)
    yield controller
    assert controller.counters.adds_up
    await controller.close()
    assert controller.counters.adds_up


def column(tail: TailController, which: TailColumn) -> list[object]:
    return [tail.table.data(tail.table.index(row, which)) for row in range(tail.table.rowCount())]


def titles(tail: TailController) -> list[str]:
    rows = (tail.table.row_at(row) for row in range(tail.table.rowCount()))
    return [row.banner.title for row in rows if row is not None and row.banner is not None]


async def shown(tail: TailController, count: int) -> None:
    await until(lambda: tail.counters.shown == count, what=f"{count} shown, {tail.counters}")


async def test_a_wildcard_crosses_namespaces_and_an_exact_name_does_not(engine: Engine) -> None:
    crossing, exact = TailController(engine), TailController(engine)
    await (await engine.store("prod.a")).save_event(event(1))
    crossing.start("prod.>")
    exact.start("prod.a")
    for namespace in ("prod.a", "prod.b", "staging", "prod.a"):
        store = await engine.store(namespace)
        await store.save_event(event(await store.get_latest_version("order-1") + 1, id_of=namespace))
    await shown(crossing, 3)
    await shown(exact, 2)
    assert sorted(map(str, column(crossing, TailColumn.NAMESPACE))) == ["prod.a", "prod.a", "prod.b"]
    assert column(exact, TailColumn.SEQUENCE) == [2, 3]
    await crossing.close()
    await exact.close()


@pytest.mark.parametrize("source", list(TailSource))
async def test_last_n_and_then_everything_once(engine: Engine, tail: TailController, source: TailSource) -> None:
    one, other = await engine.store("prod.a"), await engine.store("prod.b")
    await one.save_events([event(number) for number in range(1, 31)])
    await other.save_events([event(number, id_of="b") for number in range(1, 4)])
    tail.start("prod.*", source, TailStart(last=10))
    await one.save_event(event(31))  # both read as stored and delivered live
    await shown(tail, 10)
    await one.save_event(event(32))
    await shown(tail, 11)
    found = list(zip(column(tail, TailColumn.NAMESPACE), column(tail, TailColumn.SEQUENCE), strict=True))
    assert len(set(found)) == 11
    assert [sequence for namespace, sequence in found if namespace == "prod.a"] == [*range(25, 33)][-8:]
    assert tail.counters.received == 11
    # What was stored before did not arrive at a rate.
    assert tail.rate.figures().total == 1


@pytest.mark.parametrize("source", list(TailSource))
async def test_last_n_has_no_gap_while_others_write(tmp_path: Path, source: TailSource) -> None:
    async with open_engine(f"sqlite:///{tmp_path}/race.aether", synchronous="OFF") as engine:
        stores = [await engine.store(f"prod.n{number}") for number in range(2)]
        written = [0, 0]
        stopping = False

        async def write(which: int) -> None:
            while not stopping:
                start = written[which] + 1
                await stores[which].save_events([event(start + offset, id_of=str(which)) for offset in range(5)])
                written[which] += 5

        writers = [asyncio.create_task(write(which)) for which in range(2)]
        await until(lambda: min(written) > 50)
        for _ in range(8):
            tail = TailController(engine)
            tail.start("prod.*", source, TailStart(last=20))
            await until(lambda: tail.counters.received > 100)
            tail.stop()
            found: dict[object, list[object]] = {}
            for namespace, sequence in zip(
                column(tail, TailColumn.NAMESPACE), column(tail, TailColumn.SEQUENCE), strict=True
            ):
                found.setdefault(namespace, []).append(sequence)
            for sequences in found.values():
                first = sequences[0]
                assert isinstance(first, int)
                assert sequences == list(range(first, first + len(sequences)))
            await tail.close()
        stopping = True
        await asyncio.gather(*writers)


@pytest.mark.parametrize("source", list(TailSource))
async def test_from_a_sequence(engine: Engine, tail: TailController, source: TailSource) -> None:
    store = await engine.store("prod")
    await store.save_events([event(number) for number in range(1, 21)])
    tail.start("prod", source, TailStart(from_sequence=15))
    await shown(tail, 6)
    await store.save_event(event(21))
    await shown(tail, 7)
    assert column(tail, TailColumn.SEQUENCE) == list(range(15, 22))


@pytest.mark.parametrize("source", list(TailSource))
async def test_since_a_moment_across_namespaces_by_time(
    engine: Engine, tail: TailController, source: TailSource
) -> None:
    one, other = await engine.store("prod.a"), await engine.store("prod.b")
    await one.save_events([event(number) for number in range(1, 4)])
    await other.save_event(event(1, id_of="b"))
    await asyncio.sleep(0.002)  # the store's clock has to go on
    since = datetime.now(UTC)
    for number in range(4, 8):
        await one.save_event(event(number))
        await other.save_event(event(number, id_of="b"))
    tail.start("prod.*", source, TailStart(since=since))
    await shown(tail, 8)
    await one.save_event(event(8))
    await shown(tail, 9)
    assert column(tail, TailColumn.VERSION) == [4, 4, 5, 5, 6, 6, 7, 7, 8]
    names = [str(name) for name in column(tail, TailColumn.NAMESPACE)]
    assert names == [*("prod.a", "prod.b") * 4, "prod.a"]
    with pytest.raises(ValueError, match="needs an offset"):
        TailStart(since=datetime.now())


async def test_counters_add_up_to_the_event_under_load(engine: Engine) -> None:
    """A ring that overflows, a filter that changes, pauses, a bus that loses: every event is somewhere."""
    logged, heard = TailController(engine, capacity=700), TailController(engine, capacity=5000)
    store = await engine.store("shop")
    odd = SubscriptionFilter(event_types=frozenset({"Odd"}))
    logged.set_filter(odd)
    heard.set_filter(odd)
    logged.start("shop")
    heard.start("shop", TailSource.BUS)
    written = 0
    for round_number in range(12):
        for _ in range(13 if round_number == 6 else 2):
            batch = range(written + 1, written + 1001)
            await store.save_events([event(n, kind="Odd" if n % 2 else "Even") for n in batch])
            written += 1000
        for tail in (logged, heard):
            (tail.pause if round_number % 3 == 0 else tail.resume)()
            if round_number == 9:
                tail.set_filter(None)
            assert tail.counters.adds_up
        await asyncio.sleep(0)
    for tail in (logged, heard):
        tail.resume()
        await until(lambda: tail.counters.received == written and not tail.counters.waiting, timeout=20)
        tail.stop()
        counters = tail.counters
        assert (
            counters.received == written == counters.shown + counters.filtered + counters.dropped + counters.left
        )
        assert counters.filtered
        assert tail.table.event_count == counters.shown
    assert logged.counters.dropped == 0
    assert heard.counters.dropped > 0
    await logged.close()
    await heard.close()


async def test_the_first_event_after_a_rest_is_shown_at_once(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.set_frame(LONGEST_FRAME)
    tail.start("shop")
    await store.save_event(event(1))
    await shown(tail, 1)
    times: list[float] = []
    tail.table.rowsInserted.connect(lambda *_: times.append(time.monotonic()))
    for number in range(2, 12):
        await store.save_event(event(number))
        await shown(tail, number)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) > LONGEST_FRAME / 1000 * 0.9, "but no sooner after the last one than a frame"


async def test_alerts_tell_type_and_actor_of_what_passes_and_rest(engine: Engine, tail: TailController) -> None:
    told: list[tuple[str, str]] = []
    tail.alerts.due.connect(lambda *words: told.append(words))
    store = await engine.store("shop")
    await store.save_event(event(1, kind="Paid"))
    tail.set_filter(SubscriptionFilter(event_types=frozenset({"Paid"})))
    tail.start("shop", start=TailStart(last=5))
    await shown(tail, 1)
    await store.save_event(event(2, kind="Paid"))
    await shown(tail, 2)
    assert not tail.alerts.on
    assert told == [], "off at first"
    tail.alerts.set_on(True)
    await store.save_events([event(3, kind="Noise"), event(4, kind="Paid")])
    await shown(tail, 3)
    assert told == [("Tail shop", "Paid · order-1")]
    await store.save_events([event(number, kind="Paid") for number in range(5, 15)])
    await shown(tail, 13)
    assert len(told) == 1, "not again so soon"
    tail.alerts.tell()  # what the timer does when the rest is over
    assert told[1:] == [("Tail shop", "10 events passed the filter, the last: Paid · order-1")]
    await store.save_event(event(15, kind="Paid"))
    await shown(tail, 14)
    tail.stop()
    tail.alerts.tell()
    assert len(told) == 2, "a stopped tail calls no more"


async def test_of_what_nobody_looks_at_only_the_bytes_are_kept(engine: Engine, tail: TailController) -> None:
    store = await engine.store("prod.a")
    tail.start("prod.a")
    await store.save_events([event(number) for number in range(1, 4)])
    await shown(tail, 3)
    assert all(isinstance(entry, UnseenTailEvent) for entry in tail.table.entries())
    stored = [each async for batch in store.read() for each in batch]
    looked_at = tail.table.stored_at(1)
    assert looked_at == ("prod.a", stored[1])
    assert [isinstance(entry, UnseenTailEvent) for entry in tail.table.entries()] == [True, False, True]
    assert tail.table.find("prod.a", 3) == 2
    # Saved as they are, seen or not.
    assert stored_of(tail.table.entries()) == stored


async def test_a_filter_counts_what_it_leaves_out(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.set_filter(SubscriptionFilter(event_types=frozenset({"Paid"})))
    tail.start("shop")
    await store.save_events([event(number, kind="Paid" if number % 3 else "Noise") for number in range(1, 31)])
    await shown(tail, 20)
    assert tail.counters.filtered == 10
    assert tail.counters.received == 30
    tail.set_filter(lambda namespace, item: item.event is not None and item.event.version > 31)
    await store.save_events([event(31), event(32)])
    await shown(tail, 21)
    assert titles(tail) == ["Filter changed"]
    assert tail.counters.filtered == 11


async def test_a_pause_freezes_the_table_and_counts(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.start("shop")
    await store.save_event(event(1))
    await shown(tail, 1)
    tail.pause()
    assert tail.state is TailState.PAUSED
    await store.save_events([event(number) for number in range(2, 12)])
    await until(lambda: tail.new_count == 10)
    assert tail.table.rowCount() == 1
    assert tail.counters.waiting == 10
    tail.show_waiting()
    assert tail.state is TailState.PAUSED
    assert tail.table.rowCount() == 11
    assert tail.new_count == 0
    await store.save_event(event(12))
    await until(lambda: tail.new_count == 1)
    tail.resume()
    assert tail.running
    assert column(tail, TailColumn.VERSION) == list(range(1, 13))


async def test_what_waits_while_paused_is_bounded(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.set_capacity(100)
    tail.start("shop")
    await store.save_events([event(number) for number in range(1, 51)])
    await shown(tail, 50)
    tail.pause()
    await store.save_events([event(number) for number in range(51, 351)])
    await until(lambda: tail.new_count == 300)
    counters = tail.counters
    assert (counters.shown, counters.waiting, counters.left) == (50, 100, 200)
    assert counters.adds_up
    tail.resume()
    counters = tail.counters
    assert (counters.shown, counters.waiting, counters.left) == (100, 0, 250)
    assert column(tail, TailColumn.VERSION) == list(range(251, 351))
    tail.set_capacity(10)
    assert tail.counters.left == 340
    assert tail.counters.adds_up


@pytest.mark.parametrize("source", list(TailSource))
async def test_bursts_of_fifty_thousand_without_loss(engine: Engine, source: TailSource) -> None:
    tail = TailController(engine, capacity=60_000)
    store = await engine.store("shop")
    tail.start("shop", source)
    changes: list[None] = []
    tail.table.rowsInserted.connect(lambda *_: changes.append(None))
    for burst in range(10):
        for first in range(burst * 5000 + 1, burst * 5000 + 5001, BURST):
            await store.save_events([event(number) for number in range(first, first + BURST)])
        await until(lambda: tail.counters.received == burst * 5000 + 5000)
    await shown(tail, 50_000)
    assert column(tail, TailColumn.SEQUENCE) == list(range(1, 50_001))
    assert tail.counters.received == 50_000
    assert len(changes) < 500, "the table changes by the frame"
    await tail.close()


async def test_a_slow_bus_loses_and_says_so(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.start("shop", TailSource.BUS)
    await store.save_event(event(1))
    await shown(tail, 1)
    # Saving in memory does not let the loop run, so the subscription's queue of 10,000 overflows.
    bus_batch = [(number, event(number)) for number in range(2, 12_002)]
    await store.save_events([made for _, made in bus_batch[:1000]])
    for first in range(1000, 12_000, 1000):
        await store.save_events([made for _, made in bus_batch[first : first + 1000]])
    await until(lambda: tail.counters.received == 12_001, what=str(tail.counters))
    await until(lambda: tail.counters.waiting == 0)
    counters = tail.counters
    assert counters.dropped == 2000
    assert counters.adds_up
    # The gap is no event: it may still be on its way when no event is waiting any more.
    await until(lambda: bool(titles(tail)), what="the row of the gap")
    gap = next(row for row in range(tail.table.rowCount()) if tail.table.stored_at(row) is None)
    assert titles(tail) == ["2000 events not shown here"] or titles(tail) == ["2,000 events not shown here"]
    tail.set_capacity(20_000)
    await store.save_event(event(12_002))
    await until(lambda: tail.counters.received == 12_002)

    tail.load_gap(gap)
    await until(lambda: tail.counters.dropped == 0 and tail.counters.waiting == 0)
    assert tail.counters.received == 12_002
    versions = column(tail, TailColumn.VERSION)
    assert versions == list(range(12_003 - len(versions), 12_003))


async def test_a_gap_of_unknown_size_is_filled_up_to_the_next_event(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    await store.save_events([event(number) for number in range(1, 6)])
    tail.start("shop", TailSource.BUS)
    gap = Gap("shop", 2, None, "the server was away")
    tail.take([Published("shop", event(2), 2), gap, Published("shop", event(5), 5)])
    await shown(tail, 2)
    assert tail.counters.unknown_gaps == 1
    tail.load_gap(1)
    await shown(tail, 4)
    assert column(tail, TailColumn.SEQUENCE) == [2, 3, 4, 5]
    assert tail.counters.unknown_gaps == 0


async def test_what_the_bus_lost_at_the_very_end_is_said_too(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.start("shop", TailSource.BUS)
    for first in range(1, 12_001, 1000):
        await store.save_events([event(number) for number in range(first, first + 1000)])
    tail.stop()
    assert tail.counters.dropped == 2000
    assert len(titles(tail)) == 1


async def test_a_lost_link_is_a_line_in_the_table(engine: Engine) -> None:
    now = [1_763_906_472.410]
    tail = TailController(engine, clock=lambda: now[0])
    tail.start("*")
    tail.set_link(False)
    assert not tail.link_up
    assert tail.rate.state is RateState.NO_LINK
    now[0] += 9.268
    tail.set_link(True, "eu-1.shop.example")
    await until(lambda: tail.table.rowCount() == 1)
    row = tail.table.row_at(0)
    assert row is not None
    assert row.kind is RowKind.NOTE
    assert isinstance(row.item, RowBanner)
    assert row.item.text == "9.268 s without a link to eu-1.shop.example."
    assert tail.counters.received == 0
    await tail.close()


async def test_stop_ends_the_tasks_and_keeps_the_rows(engine: Engine, tail: TailController) -> None:
    before = asyncio.all_tasks()
    store = await engine.store("shop")
    for source in TailSource:
        tail.start("shop", source)
        tail.stop()  # before the task took its first step
    tail.start("shop")
    await store.save_event(event(1))
    await shown(tail, 1)
    tail.stop()
    assert tail.state is TailState.STOPPED
    await until(lambda: asyncio.all_tasks() == before, what="the tasks end")
    await store.save_event(event(2))
    assert tail.counters.received == 1
    assert tail.table.rowCount() == 1


async def test_closing_at_once_leaves_nothing(engine: Engine) -> None:
    before = asyncio.all_tasks()
    for source in TailSource:
        tail = TailController(engine)
        tail.start("shop", source)
        tail.stop()
        tail.start("*", source)
        await tail.close()
        assert not tail.running
        tail.start("shop", source)
        assert not tail.running
    assert asyncio.all_tasks() == before


async def test_a_start_that_fails_changes_nothing(engine: Engine, tail: TailController) -> None:
    store = await engine.store("shop")
    tail.start("shop")
    await store.save_event(event(1))
    await shown(tail, 1)
    assert tail.check_pattern("shop..x") is not None
    assert tail.check_pattern("shop.>") is None
    with pytest.raises(NamespaceNameError):
        tail.start("shop..x")
    assert tail.state is TailState.LIVE
    assert tail.pattern == "shop"
    assert tail.table.rowCount() == 1


async def test_a_closed_engine_ends_the_tail(engine: Engine, tail: TailController) -> None:
    tail.start("shop")
    await engine.close()
    await until(lambda: tail.state is TailState.STOPPED)
    assert tail.message == "The connection was closed."
    with pytest.raises(StoreUnavailableError):
        tail.start("shop")


async def test_a_failing_source_is_shown(
    engine: Engine, tail: TailController, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> None:
        raise StoreUnavailableError("nats://server", "the server refused the login")

    monkeypatch.setattr(engine, "namespaces", fails)
    tail.start("shop", TailSource.BUS, TailStart(last=5))
    await until(lambda: tail.state is TailState.FAILED)
    assert "refused the login" in tail.message
    assert isinstance(tail.error, StoreUnavailableError)


def test_rate_per_second_with_pause_and_stop() -> None:
    now = [1_000_000.5]
    rate = RateRecorder(lambda: now[0])
    assert {sample.state for sample in rate.samples()} == {RateState.OFF}
    rate.set_state(RateState.LIVE)
    rate.add(3)
    rate.add(2)
    now[0] += 1
    rate.add(7)
    rate.set_state(RateState.PAUSED)
    now[0] += 1
    rate.add(1)
    now[0] += 1
    samples = rate.samples()
    assert len(samples) == SPAN
    assert [sample.count for sample in samples[-4:]] == [5, 7, 1, 0]
    assert [sample.state.value for sample in samples[-5:]] == ["off", "live", "paused", "paused", "paused"]
    assert rate.figures() == (figures := rate.figures())
    assert (figures.now, figures.total, figures.seconds, figures.peak) == (1, 13, 4, 7)
    rate.set_state(RateState.OFF)
    now[0] += 1000
    assert rate.samples() == samples
    rate.set_state(RateState.LIVE)
    assert rate.figures().total == 0


def test_starts_are_checked() -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        TailStart(from_sequence=0)
    with pytest.raises(ValueError, match="negative"):
        TailStart(last=-1)
