"""The index over causes and correlations: made when somebody looks, never wrong, in nobody's way."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.audit import Audit, FileTarget, Finding
from aether_engine.errors import UnsupportedFormatError
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, Event
from aether_engine.store.protocols import TraceKey
from aether_engine.store.sqlite import link_search as sqlite_link_search
from aether_engine.store.sqlite import links as sqlite_links
from aether_engine.store.sqlite import writer as sqlite_writer
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.schema import first_position
from aether_engine.store.sqlite.store import SQLiteEventStore
from aether_engine.trace import Related, find_related
from aether_engine.trace_memory import TraceMemory
from tests.engine.audit.test_corpus import run
from tests.engine.sqlite.support import NAMESPACE, folder_content, opened
from tests.waiting import until


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sqlite_links, sqlite_link_search):
        monkeypatch.setattr(module, "WORTH_MAKING", 30)
        monkeypatch.setattr(module, "WORTH_MOVING", 10)
    monkeypatch.setattr(sqlite_links, "ROUND", 50)
    monkeypatch.setattr(sqlite_links, "GATHERED_AT_ONCE", 20)
    monkeypatch.setattr(sqlite_links, "SLICE", 16)
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 0.02)
    monkeypatch.setattr(sqlite_writer, "_SHORT_BREAK", 0.001)


def chain(first: int, last: int, *, namespace: str = "") -> list[Event]:
    """Each the effect of the one before, in correlations of seven; every fifth has no metadata."""
    return [
        Event(
            f"{namespace}e{n}",
            "T",
            f"a-{n % 3}",
            n,
            {},
            {} if n % 5 == 0 else {CAUSATION_ID: f"{namespace}e{n - 1}", CORRELATION_ID: f"c{n // 7}"},
        )
        for n in range(first, last + 1)
    ]


async def stored(backend: SQLiteBackend, count: int, name: str = NAMESPACE) -> SQLiteEventStore:
    store = await backend.store(name)
    await store.save_events(chain(1, count))
    return store


async def reach(store: SQLiteEventStore) -> int:
    """How far the index goes; asking makes it go on."""
    return (await store.find_traced([(TraceKey.CORRELATION, "c1")], near=1, limit=5)).searched_to


async def level(store: SQLiteEventStore) -> int:
    """Wait until the index has followed as far as it is worth."""
    last = await store.last_sequence()
    reached = await reach(store)
    while last - reached >= sqlite_links.WORTH_MOVING:
        await until(lambda: not store._backend.writer or store._backend.writer._pause is None, what="a pause")
        reached = await reach(store)
    return reached


async def relatives(store: SQLiteEventStore, sequence: int, memory: TraceMemory | None = None) -> list[Related]:
    [event] = [each async for batch in store.read(from_sequence=sequence, to_sequence=sequence) for each in batch]
    assert event.event is not None
    found = find_related(
        {store.namespace: store},
        event.event,
        namespace=store.namespace,
        sequence=sequence,
        recorded_at=event.recorded_at,
        memory=memory,
    )
    return [each async for each in found]


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        connection.close()


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def test_it_is_made_when_somebody_looks_and_follows_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await stored(backend, 200)
        assert "event_links" not in tables(path), "nobody has looked yet"
        assert await reach(store) == 0
        reached = await level(store)
        assert 190 < reached <= 200
        answer = await store.find_traced(
            [
                (TraceKey.CORRELATION, "c10"),
                (TraceKey.CAUSATION, "e71"),
                (TraceKey.ID, "e71"),
                (TraceKey.ID, "none"),
                (TraceKey.CORRELATION, "none"),
            ],
            near=73,
            limit=3,
        )
        assert answer.searched_to == reached
        assert [(each.sequences, each.total) for each in answer.matches] == [
            ([72, 73, 74], 5),  # 70 and 75 have no metadata
            ([72], 1),
            ([71], 1),
            ([], 0),
            ([], 0),
        ]
        # Nobody need look again: it follows what is saved.
        await store.save_events(chain(201, 400))
        await until(lambda: backend.writer is not None and not backend.writer.appender.links.is_behind())
        assert await reach(store) > 390
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        answers = await relatives(store, 300)
        assert answers[-1].is_complete
        assert answers[-1].effect_count == 1


async def test_it_is_right_wherever_it_ends(tmp_path: Path) -> None:
    """Index and rest of the log together find what reading the whole log finds."""
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await stored(backend, 90)
        await (await backend.store("other")).save_events(chain(1, 90, namespace="x"))
        plain = [(await relatives(store, sequence))[-1] for sequence in (1, 6, 44, 88)]
        await level(store)
    for reached in (90, 89, 64, 21, 1, 0):
        # What is not claimed yet may be there already: a part that was not moved to its end.
        change(path, f"UPDATE link_progress SET links_until = {reached}")
        async with opened(path, read_only=True) as backend:
            store = await backend.store(NAMESPACE)
            assert (await store.find_traced([(TraceKey.ID, "e1")], near=1, limit=1)).searched_to == reached
            found = [(await relatives(store, sequence))[-1] for sequence in (1, 6, 44, 88)]
        assert found == plain, reached


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.lists(
        st.tuples(st.sampled_from(["", "a", "b", "ä\n", "\u0000"]), st.sampled_from(["", "1", "2", "x:y"])),
        min_size=31,
        max_size=120,
    ),
    near=st.integers(0, 130),
    limit=st.integers(1, 9),
)
async def test_it_agrees_with_reading_the_log(
    tmp_path_factory: pytest.TempPathFactory, links: list[tuple[str, str]], near: int, limit: int
) -> None:
    path = tmp_path_factory.mktemp("links") / "a.aether"
    events = []
    for n, (cause, correlation) in enumerate(links, 1):
        metadata = {CAUSATION_ID: cause, CORRELATION_ID: correlation, "UserID": "u"}
        events.append(Event(f"e{n}", "T", "a", n, {}, metadata))
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events(events)
        reached = await level(store)
        for key, index, values in (
            (TraceKey.CAUSATION, 0, ["a", "b", "ä\n", "\u0000", "zz"]),
            (TraceKey.CORRELATION, 1, ["1", "2", "x:y", "1:"]),
        ):
            answer = await store.find_traced([(key, value) for value in values], near=near, limit=limit)
            assert answer.searched_to == reached
            for value, match in zip(values, answer.matches, strict=True):
                every = [n for n, link in enumerate(links[:reached], 1) if link[index] == value]
                assert match.total == len(every)
                assert match.sequences == sorted(match.sequences)
                assert set(match.sequences) <= set(every)
                assert len(match.sequences) == min(limit, len(every))
                if match.sequences:
                    farthest = max(abs(n - near) for n in match.sequences)
                    assert all(abs(n - near) >= farthest for n in set(every) - set(match.sequences))


async def test_looking_at_a_small_or_read_only_or_guarded_file_leaves_it_alone(tmp_path: Path) -> None:
    path, small = tmp_path / "a.aether", tmp_path / "small.aether"
    for target, count in ((path, 100), (small, 29)):
        async with opened(target) as backend:
            await stored(backend, count)
    before = folder_content(tmp_path)

    async def refuse(_namespace: str) -> None:
        raise AssertionError("nobody may write")

    async with opened(path, read_only=True) as backend:
        assert (await relatives(await backend.store(NAMESPACE), 50))[-1].is_complete
    async with opened(path) as backend:
        backend.gate.ask = refuse
        assert (await relatives(await backend.store(NAMESPACE), 50))[-1].is_complete
        assert backend.writer is not None
        assert backend.writer._pause is None
    async with opened(small) as backend:
        assert (await relatives(await backend.store(NAMESPACE), 20))[-1].is_complete
        assert backend.writer is not None
        assert backend.writer._pause is None
    assert folder_content(tmp_path) == before


async def test_two_processes_may_make_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as one, opened(path, synchronous="OFF") as two:
        store = await stored(one, 300)
        other = await two.store(NAMESPACE)
        await reach(store)
        await reach(other)
        assert await level(store) > 290
        assert await level(other) > 290
        await other.save_events(chain(301, 400))
        await until(lambda: two.writer is not None and not two.writer.appender.links.is_behind())
        assert await reach(store) > 390
    connection = sqlite3.connect(path)
    held = connection.execute("SELECT count(*) FROM event_links WHERE position <= ?", (first_position(1) + 390,))
    assert held.fetchone()[0] == 2 * (390 - 390 // 5)
    connection.close()


async def test_it_ends_in_front_of_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        await stored(backend, 200)
    change(path, f"DELETE FROM events WHERE position = {first_position(1) + 111}")
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        assert await reach(store) == 0
        await until(lambda: backend.writer is not None and bool(backend.writer.appender.links._damaged))
        await until(lambda: backend.writer is not None and not backend.writer.appender.links.is_behind())
        assert 50 <= await reach(store) < 111
        assert (await relatives(store, 150))[-1].is_complete
        await store.save_event(Event("late", "T", "late", 1, {}))


async def test_an_index_that_cannot_be_read_is_done_without(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await stored(backend, 100)
        plain = (await relatives(store, 50))[-1]
        await level(store)
    connection = sqlite3.connect(path)
    [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'event_links'").fetchone()
    [size] = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        assert await reach(store) == 0
        assert (await relatives(store, 50))[-1] == plain


@pytest.mark.parametrize("workers_from", [1, 10_000])
async def test_one_that_lies_is_found_by_an_audit(tmp_path: Path, workers_from: int) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        await level(await stored(backend, 100))

    async def audit() -> list[Finding]:
        found = await run(Audit(FileTarget(path, "sqlite:///a.aether", workers_from=workers_from)))
        return [one for one in found if one.check == "index-links"]

    assert await audit() == []
    change(
        path,
        "UPDATE event_links SET link = link + 7 WHERE position & 1023 = 9",
        "DELETE FROM event_links WHERE position & 1023 IN (12, 13)",
        "INSERT INTO event_links SELECT 5, max(position) - 90 FROM events",
    )
    found = await audit()
    assert [(one.sequence, one.path) for one in found] == [
        (9, "/log"),
        (12, "/log"),
        (13, "/log"),
        (9, "/index"),
        (10, "/index"),
    ]
    assert "is not found" in found[0].explanation
    assert "is not the event's" in found[-1].explanation


async def test_counters_that_lie_about_it_are_not_believed_beyond_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        await level(await stored(backend, 100))
    for claimed in ("999999", "-5", "'many'"):
        change(path, f"UPDATE link_progress SET links_until = {claimed}")
        async with opened(path, read_only=True) as backend:
            store = await backend.store(NAMESPACE)
            assert await reach(store) in (0, 100)
            assert (await relatives(store, 50))[-1].is_complete


async def test_a_file_may_lack_it_and_may_not_have_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await stored(backend, 100)
        plain = (await relatives(store, 50))[-1]
        await level(store)
    # Half of it is none, and is made anew.
    change(path, "DROP TABLE event_links")
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        assert await reach(store) == 0
        assert (await relatives(store, 50))[-1] == plain
        assert await level(store) > 90
        assert (await relatives(store, 50))[-1] == plain
    change(
        path,
        "CREATE TABLE IF NOT EXISTS event_links(link)",
        "DROP TABLE event_links",
        "CREATE TABLE event_links(x)",
    )
    with pytest.raises(UnsupportedFormatError, match="event_links"):
        async with opened(path):
            pass
