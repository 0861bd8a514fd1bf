"""Where a tail begins: now, with the last events, at a sequence or a moment; nothing is missing or comes twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.models.tail.tail_feed import TailSource, TailStart
from aether_desktop.models.tail.tail_table import TailColumn
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import NamespaceNameError
from tests.desktop.tail.stories import column, event, shown
from tests.waiting import until


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


def test_starts_are_checked() -> None:
    with pytest.raises(ValueError, match="begin at 1"):
        TailStart(from_sequence=0)
    with pytest.raises(ValueError, match="negative"):
        TailStart(last=-1)
