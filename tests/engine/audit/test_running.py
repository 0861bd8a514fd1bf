"""An audit as it runs: on every kind of store, in every scope, and without a trace."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aether_engine.audit import (
    Audit,
    AuditScope,
    AuditSettings,
    FileTarget,
    Finding,
    LogTarget,
    Severity,
    UnknownCheckError,
    audit_target,
)
from aether_engine.audit.target import LogFacts
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import ActorSnapshot, Event
from tests.engine.audit.corpus import NAMESPACES, build, fill
from tests.engine.audit.test_corpus import places, run
from tests.engine.sqlite.support import NAMESPACE, folder_content, opened
from tests.nats_servers import NatsServer, nats_server


def _target(path: Path) -> FileTarget:
    return FileTarget(path, f"sqlite:///{path.name}")


def _change(path: Path, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


class Overtaken(FileTarget):
    """A file that somebody writes to: more is stored before each thing that is looked up besides the logs."""

    def __init__(self, path: Path, engine: Engine, workers_from: int = 1 << 40) -> None:
        super().__init__(path, f"sqlite:///{path.name}", workers_from=workers_from)
        self._engine = engine
        self._rounds = 0

    async def write(self) -> None:
        """Store events of an actor that has some, of a new one, and in a new namespace."""
        self._rounds += 1
        for namespace, actor in (
            (NAMESPACE, "order-1"),
            (NAMESPACE, f"new-{self._rounds}"),
            (f"new.n{self._rounds}", "order-1"),
        ):
            store = await self._engine.store(namespace)
            version = await store.get_latest_version(actor)
            ids = [f"{actor}-{self._rounds}-{number}" for number in range(1, 4)]
            await store.save_events([Event(one, "Paid", actor, version + n, {}) for n, one in enumerate(ids, 1)])

    async def actor_names(self) -> array[int] | None:
        await self.write()
        return await super().actor_names()

    async def closing_checks(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        await self.write()
        return await super().closing_checks(facts)


@pytest.mark.parametrize("workers_from", [1, 1 << 40])
async def test_what_is_stored_meanwhile_is_no_damage(tmp_path: Path, workers_from: int) -> None:
    path = tmp_path / "live.aether"
    await fill(path, 300)
    async with open_engine(f"sqlite:///{path}") as engine:
        target = Overtaken(path, engine, workers_from)
        await target.write()
        assert await run(Audit(target, settings=AuditSettings(snapshots=True))) == []


async def test_a_wrong_counter_is_told_though_events_are_stored_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "live.aether"
    await fill(path, 300)
    _change(path, "UPDATE actors SET event_count = event_count + 1 WHERE actor_id IN ('order-1', 'order-2')")
    _change(path, "UPDATE namespaces SET size_bytes = size_bytes + 1")
    async with open_engine(f"sqlite:///{path}") as engine:
        found = await run(Audit(Overtaken(path, engine)))
    assert sorted((one.check, one.actor_id, one.path) for one in found) == [
        ("actor-counter", "order-1", "/events"),
        ("actor-counter", "order-2", "/events"),
        ("namespace-counter", "", "/bytes"),
    ]


# --- Clean logs -------------------------------------------------------------------------------------------------


async def test_a_clean_file_has_no_findings_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 3000)
    before = folder_content(tmp_path)
    audit = Audit(_target(path), settings=AuditSettings(snapshots=True))
    assert await run(audit) == []
    assert folder_content(tmp_path) == before
    totals = audit.totals
    assert (totals.events, totals.actors, totals.is_complete) == (3000, 7, True)
    [file] = audit.target.evidence.files
    assert file.is_unchanged
    assert len(file.before) == 64


async def test_events_of_every_legal_form_are_clean() -> None:
    async with open_engine("memory://") as engine:
        store = await engine.store("forms")
        forms = [
            '{"id":"1","eventType":"T","actorId":"a","version":1,"data":null,"metadata":null,"timestamp":"%s"}',
            '{ "id" : "2" , "eventType":"T","actorId":"a","version":2,"timestamp":"%s", "extra":[{}] }',
            '{"timestamp":"%s","version":3,"actorId":"a","eventType":"\\u003c","id":"3","commandId":null}',
            '{"id":"4","eventType":"T","actorId":"a","version":4,"data":{"a":{"a":[{"a":1},{"a":2}]}},"timestamp":"%s"}',
            '{"id":"5","eventType":"T","actorId":"a","version":5,"data":{"x":"\\"a\\":","y":"{"},"timestamp":"%s"}',
            '{"id":"6","eventType":"T","actorId":"a","version":6,"data":{"n":1e400},"timestamp":"%s"}',
            '{"id":"7","eventType":"T","actorId":"a","version":9223372036854775807,"timestamp":"%s"}',
        ]
        versions = [json.loads(form)["version"] for form in forms]
        events = []
        for number, form in enumerate(forms):
            time = f"2026-01-01T00:00:0{number}{'.123456789' if number % 2 else ''}+00:00"
            try:
                events.append(Event.from_json((form % time).encode()))
            except Exception:
                versions[number] = 0
        await store.save_events(events)
        found = await run(Audit(LogTarget(engine)))
        assert [one.check for one in found] == ["version-gap"]
        assert found[0].version == 2**63 - 1


# --- Kinds of stores -------------------------------------------------------------------------------------------


def _event(number: int, actor: str, version: int, **metadata: str) -> Event:
    return Event(f"e-{number}", "Happened", actor, version, {"n": number}, metadata)


async def _spoil(engine: Engine) -> None:
    """Save what any store takes and an audit finds."""
    store = await engine.store("a.one")
    await store.save_events(
        [
            _event(1, "x-1", 1),
            _event(2, "x-1", 2, CausationID="e-1"),
            _event(3, "x-1", 5, CausationID="b-1"),
            _event(4, "x-2", 1, CausationID="nothing"),
            Event.from_json(
                b'{"id":"e-5","eventType":"T","actorId":"x-2","version":2,"data":{"k":1,"k":2},'
                b'"timestamp":"2025-01-01T00:00:00Z"}'
            ),
            _event(6, "x-2", 3),
        ]
    )
    other = await engine.store("b.two")
    await other.save_events(
        [Event("b-1", "T", "y-1", 1, {}), Event("b-2", "T", "y-1", 3, {}, {"CausationID": "?"})]
    )
    await store.save_snapshot(ActorSnapshot("x-1", 9, {}))


_SPOILED = {
    ("version-gap", "a.one", "x-1", 5),
    ("cause-missing", "a.one", "x-2", 1),
    ("duplicate-key", "a.one", "x-2", 2),
    ("time-backwards", "a.one", "x-2", 2),
    ("clock-behind", "a.one", "x-2", 2),
    ("version-gap", "b.two", "y-1", 3),
    ("cause-missing", "b.two", "y-1", 3),
    ("snapshot-ahead", "a.one", "x-1", 9),
}


def _who(findings: list[Finding]) -> set[tuple[str, str, str, int | None]]:
    return {(one.check, one.namespace, one.actor_id, one.version) for one in findings}


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.mark.parametrize("kind", ["memory", "sqlite", "jetstream"])
async def test_the_same_is_found_on_every_store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = {"memory": "memory://", "sqlite": str(tmp_path / "s.aether")}.get(kind, "")
    if not url:
        running: NatsServer = request.getfixturevalue("server")
        url = running.url
    async with open_engine(url) as engine:
        await _spoil(engine)
        found = await run(Audit(audit_target(engine), settings=AuditSettings(snapshots=True)))
        assert _who(found) == _SPOILED
        assert all(one.severity in Severity and one.explanation.endswith(".") for one in found)
        only = await run(Audit(audit_target(engine), AuditScope("b.*")))
        assert _who(only) == {one for one in _SPOILED if one[1] == "b.two"}
        one_actor = await run(Audit(audit_target(engine), AuditScope("a.one", "x-1")))
        assert _who(one_actor) == {("version-gap", "a.one", "x-1", 5)}
        pattern = await run(Audit(audit_target(engine), AuditScope(actors="x-*")))
        assert _who(pattern) == {one for one in _SPOILED if one[1] == "a.one" and one[0] != "snapshot-ahead"}
        # A cause in a namespace outside of the scope is one all the same.
        assert not any(one.version == 5 and one.check == "cause-missing" for one in found + only + pattern)


async def test_what_only_a_stream_can_have(server: NatsServer) -> None:
    import nats

    async with open_engine(server.url) as engine:
        store = await engine.store("shop")
        await store.save_events([_event(n, f"x-{n % 3}", n) for n in range(1, 31)])
    client = await nats.connect(server.url)
    try:
        context = client.jetstream()
        raw = _event(99, "x-1", 99).to_json()
        await context.publish("shop_events.events.x.x-2", raw)
        await context.publish("shop_events.events.x.x-2", b"\xff\xfe")
        config = (await context.stream_info("shop_events")).config
        await context.delete_stream("shop_events")
        config.deny_delete = config.deny_purge = False
        config.subjects = ["shop_events.events.>", "shop_events.snapshots.>"]
        await context.add_stream(config)
        for n in range(1, 31):
            await context.publish(
                f"shop_events.events.x.x-{n % 3}", _event(n, f"x-{n % 3}", (n - 1) // 3 + 1).to_json()
            )
        for sequence in (4, 5, 11):
            await context.delete_msg("shop_events", sequence)
        await context.publish("shop_events.events.x.x-2", raw)
        await context.publish("shop_events.events.x.x-2", b"\xff\xfe")
        await context.publish("shop_events.events.x.x-1", _event(1, "x-1", 2).to_json())
    finally:
        await client.close()
    async with open_engine(server.url, read_only=True) as engine:
        found = await run(Audit(audit_target(engine)))
    by_check = {check: [one for one in found if one.check == check] for check in {one.check for one in found}}
    assert [(one.sequence, one.last_sequence) for one in by_check["missing-sequence"]] == [(4, 5), (11, 11)]
    assert {one.path for one in by_check["stream-setting"]} >= {"/deny_delete", "/deny_purge"}
    assert [one.sequence for one in by_check["subject"]] == [31]
    assert [(one.sequence, one.offset) for one in by_check["undecodable"]] == [(32, 0)]
    assert [one.sequence for one in by_check["version-order"]] == [33]
    assert [one.sequence for one in by_check["duplicate-id"]] == [33]


# --- A file's own kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "check", "said"),
    [
        ("UPDATE namespaces SET last_sequence = last_sequence + 5", "namespace-counter", ""),
        ("UPDATE namespaces SET size_bytes = size_bytes - 1", "namespace-counter", "as bytes"),
        ("UPDATE namespaces SET first_recorded_at = 5", "namespace-counter", "as first recorded"),
        ("UPDATE namespaces SET last_recorded_at = NULL", "namespace-counter", "as last recorded"),
        ("UPDATE actors SET event_count = 1 WHERE id = 2", "actor-counter", "as events of"),
        ("UPDATE actors SET latest_version = 9999 WHERE id = 2", "actor-counter", "as latest version of"),
        ("UPDATE actors SET last_sequence = 1 WHERE id = 2", "actor-counter", "as last sequence of"),
        ("UPDATE event_ids SET id_prefix = 7 WHERE position & 1023 = 9", "index-ids", ""),
        ("DELETE FROM event_ids WHERE position & 1023 = 9", "index-ids", "does not hold the id"),
    ],
)
async def test_counters_and_indexes(tmp_path: Path, sql: str, check: str, said: str) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 300)
    _change(path, sql)
    found = await run(Audit(_target(path)))
    if "last_sequence + 5" in sql:
        # Sequences have no holes: those that were counted and are not there are lost.
        assert [(one.check, one.sequence, one.last_sequence) for one in found] == [("lost", 301, 305)]
        return
    assert {one.check for one in found} == {check}
    assert all(said in one.explanation for one in found)


async def test_damaged_pages_are_named(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 2000, text="x" * 100)
    content = bytearray(path.read_bytes())
    number = len(content) // 8192 // 2
    content[(number - 1) * 8192 : number * 8192] = bytes(8192)
    path.write_bytes(content)
    found = await run(Audit(_target(path)))
    pages = [one for one in found if one.check == "page"]
    assert [one.path for one in pages] == [f"/pages/{number}"]
    assert "is all zeros" in pages[0].explanation
    assert {one.check for one in found} <= {"page", "lost", "index-versions", "index-ids"}


async def test_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 2000, text="x" * 100)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)
    found = await run(Audit(_target(path)))
    assert any(one.check == "page" and one.path == "/size" for one in found)
    lost = sum(one.count for one in found if one.check == "lost")
    audit = Audit(_target(path))
    await run(audit)
    assert audit.totals.events + lost == 2000
    assert lost


# --- Limits, scopes, evidence ----------------------------------------------------------------------------------


async def test_beyond_the_limit_findings_are_counted(tmp_path: Path) -> None:
    corpus = build(tmp_path / "corpus.aether", 30)
    audit = Audit(_target(corpus.path), settings=AuditSettings(limit=7))
    found = await run(audit)
    for check, tally in audit.totals.tallies.items():
        expected = sum(1 for one in corpus.planted if one[0] == check)
        if check not in ("index-ids", "index-versions", "orphan", "lost", "duplicate-id"):
            assert tally.count == expected, check
            assert sum(1 for one in found if one.check == check) <= 7 or check == "clock-behind", check


async def test_only_the_chosen_checks_are_made(tmp_path: Path) -> None:
    corpus = build(tmp_path / "corpus.aether", 5)
    chosen = frozenset({"checksum", "cause-missing"})
    found = places(await run(Audit(_target(corpus.path), settings=AuditSettings(checks=chosen))))
    assert found == Counter(place for place in corpus.planted if place[0] in chosen)
    with pytest.raises(UnknownCheckError, match="no check 'spelling'"):
        AuditSettings(checks=frozenset({"spelling"}))


async def test_a_namespace_of_a_file(tmp_path: Path) -> None:
    corpus = build(tmp_path / "corpus.aether", 5)
    found = places(await run(Audit(_target(corpus.path), AuditScope(NAMESPACES[1]))))
    assert found == Counter(place for place in corpus.planted if place[1] == NAMESPACES[1])


async def test_what_an_actor_alone_cannot_show_is_said(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 100)
    audit = Audit(_target(path), AuditScope(NAMESPACE, "order-3"))
    assert await run(audit) == []
    assert audit.totals.events == len([n for n in range(7, 107) if n % 7 == 3])
    assert {"duplicate-id", "cause-missing", "lost", "page"} <= set(audit.left_out)


async def test_a_log_left_behind_by_a_crash_is_copied_and_not_recovered(tmp_path: Path) -> None:
    path = tmp_path / "live.aether"
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([_event(n, "x-1", n) for n in range(1, 11)])
        # By another process: closing the file in this one would drop the locks that tell it is in use.
        for name in ("live.aether", "live.aether-wal"):
            subprocess.run(["cp", tmp_path / name, crashed / name], check=True)
        in_use = Audit(_target(path))
        assert await run(in_use) == []
        assert in_use.totals.events == 10
        assert "in use" in in_use.target.evidence.notes[0]
    before = folder_content(crashed)
    audit = Audit(_target(crashed / "live.aether"))
    assert await run(audit) == []
    assert audit.totals.events == 10
    assert folder_content(crashed) == before
    assert "copied" in audit.target.evidence.notes[0]
    assert [Path(one.path).name for one in audit.target.evidence.files] == ["live.aether", "live.aether-wal"]
    assert all(one.is_unchanged for one in audit.target.evidence.files)


async def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    audit = Audit(_target(tmp_path / "nothing.aether"))
    with pytest.raises(StoreUnavailableError):
        await run(audit)
    assert list(tmp_path.iterdir()) == []
