"""A tail over a real engine: filters, pauses and alerts; stopping ends what was started."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from aether_desktop.models.tail.tail_controller import LONGEST_FRAME, TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import TailSource, TailStart
from aether_desktop.models.tail.tail_rate import SPAN, RateRecorder, RateState
from aether_desktop.models.tail.tail_rows import UnseenTailEvent, stored_of
from aether_desktop.models.tail.tail_table import TailColumn
from aether_engine.engine import Engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import SubscriptionFilter
from tests.desktop.tail.stories import column, event, shown, titles
from tests.waiting import until


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


async def test_a_closed_engine_ends_the_tail(engine: Engine, tail: TailController) -> None:
    tail.start("shop")
    await engine.close()
    await until(lambda: tail.state is TailState.STOPPED)
    assert tail.message == "The connection was closed."
    with pytest.raises(StoreUnavailableError):
        tail.start("shop")


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
