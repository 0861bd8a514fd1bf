"""Nothing is lost but what the bus loses, which is said; all is counted."""

from __future__ import annotations

import asyncio

import pytest

from aether_desktop.models.events.roles import RowBanner, RowKind
from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import TailSource, TailStart
from aether_desktop.models.tail.tail_rate import RateState
from aether_desktop.models.tail.tail_table import TailColumn
from aether_engine.engine import Engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import Gap, Published, SubscriptionFilter
from tests.desktop.tail.stories import column, event, shown, titles
from tests.waiting import until

BURST = 1000


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
