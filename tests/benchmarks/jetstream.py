"""The store in JetStream beside the plain driver and the raw protocol, on one real server on this machine."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from aether_engine.engine import Engine, open_engine
from aether_engine.event import Event
from aether_engine.store.protocols import CountsActors, Store
from tests.benchmarks.events import make_events
from tests.benchmarks.table import Row
from tests.nats_servers import nats_server

_PLAIN = "plain_events"
_REPEATS = 3
_SAVERS = 64
_PULLED = 2000
# MiB that a tail may have on its way and in its batches, however long the log is.
_TAIL_MEMORY = 48.0


def run(quick: bool) -> list[Row]:
    """Measure every figure of docs/jetstream.md."""
    with nats_server() as server:
        return asyncio.run(_run(server.url, quick))


async def _run(url: str, quick: bool) -> list[Row]:
    scale = 10 if quick else 1
    connection = await nats.connect(url)
    try:
        await _make_stream(connection, _PLAIN)
        async with open_engine(url) as engine:
            rows = [
                await _one_after_another(engine, connection, 5_000 // scale),
                await _many_savers(engine, connection, 12_800 // scale),
                await _batches(engine, connection, 20_000 // scale),
                *await _reading(engine, connection, 200_000 // scale),
                await _loading(engine, connection, 500 // scale),
                *await _tailing(engine, url, 400_000 // scale),
            ]
        async with open_engine(url) as engine:
            # A page of a thousand is compared with the whole list: fewer actors would be another figure.
            rows += await _listing(engine, connection, 120_000)
        return rows
    finally:
        await connection.close()


async def _make_stream(connection: Client, name: str) -> None:
    config = {
        "name": name,
        "subjects": [f"{name}.events.>"],
        "storage": "file",
        "discard": "new",
        "deny_delete": True,
        "deny_purge": True,
        "allow_direct": True,
        "allow_atomic": True,
    }
    await connection.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(config).encode(), timeout=5)


def _named(events: Sequence[Event], tag: str) -> list[Event]:
    """The same events as others, of other actors and with other ids."""
    return [replace(event, id=f"{tag}{event.id}", actor_id=f"{tag}-{event.actor_id}") for event in events]


async def _rate(count: int, work: Callable[[], Awaitable[object]]) -> float:
    start = perf_counter()
    await work()
    return count / (perf_counter() - start)


def _row(work: str, ours: list[float], unit: str, against: str, theirs: list[float], reach: str) -> Row:
    """The ratio is the median of those of neighbouring runs: what else the machine does disturbs both alike."""
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    return Row(work, median(ours), unit, against, median(theirs), ratio, reach)


def _headers(event: Event, expected: int) -> dict[str, str]:
    return {
        "Nats-Msg-Id": event.id,
        "Nats-Expected-Stream": _PLAIN,
        "Nats-Expected-Last-Subject-Sequence": str(expected),
    }


async def _one_after_another(engine: Engine, connection: Client, count: int) -> Row:
    store = await engine.store("bench")
    plain = connection.jetstream()
    base = list(make_events(count, active=50, length=100))
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(_REPEATS):

        async def publish(events: Sequence[Event]) -> None:
            last: dict[str, int] = {}
            for event in events:
                subject = f"{_PLAIN}.events.x.{event.actor_id}"
                headers = _headers(event, last.get(subject, 0))
                last[subject] = (await plain.publish(subject, event.to_json(), headers=headers)).seq

        async def save(events: Sequence[Event]) -> None:
            for event in events:
                await store.save_event(event)

        one, other = _named(base, f"p{number}"), _named(base, f"o{number}")
        theirs.append(await _rate(count, partial(publish, one)))
        ours.append(await _rate(count, partial(save, other)))
    return _row("save_event one after another", ours, "/s", "publish, same headers", theirs, "≥ 0.7")


async def _at_once(work: Callable[[Sequence[Event]], Awaitable[None]], events: Sequence[Event]) -> None:
    """`work` for the events of each of the savers, all at the same time."""
    await asyncio.gather(*(work(events[number::_SAVERS]) for number in range(_SAVERS)))


async def _many_savers(engine: Engine, connection: Client, count: int) -> Row:
    store = await engine.store("bench")
    plain = connection.jetstream()
    base = list(make_events(count, active=_SAVERS, length=count // _SAVERS))
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(_REPEATS):

        async def publish(events: Sequence[Event]) -> None:
            last = 0
            for event in events:
                subject = f"{_PLAIN}.events.x.{event.actor_id}"
                last = (await plain.publish(subject, event.to_json(), headers=_headers(event, last))).seq

        async def save(events: Sequence[Event]) -> None:
            for event in events:
                await store.save_event(event)

        one, other = _named(base, f"mp{number}"), _named(base, f"mo{number}")
        theirs.append(await _rate(count, partial(_at_once, publish, one)))
        ours.append(await _rate(count, partial(_at_once, save, other)))
    return _row(f"{_SAVERS} savers of different actors", ours, "/s", "gather of publishes", theirs, "≥ 0.6")


async def _batches(engine: Engine, connection: Client, count: int) -> Row:
    store = await engine.store("bench")
    plain = connection.jetstream()
    base = list(make_events(count, active=100, length=10))
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(_REPEATS):

        async def publish(events: Sequence[Event], number: int = number) -> None:
            for start in range(0, len(events), 1000):
                seen: set[str] = set()
                part = events[start : start + 1000]
                for place, event in enumerate(part, 1):
                    subject = f"{_PLAIN}.events.x.{event.actor_id}"
                    headers = {
                        "Nats-Batch-Id": f"batch-{number}-{start}",
                        "Nats-Batch-Sequence": str(place),
                        "Nats-Msg-Id": event.id,
                    }
                    if subject not in seen:
                        seen.add(subject)
                        headers["Nats-Expected-Last-Subject-Sequence"] = "0"
                    raw = event.to_json()
                    if place == 1:
                        await connection.request(subject, raw, headers=headers, timeout=5)
                    elif place < len(part):
                        await connection.publish(subject, raw, headers=headers)
                    else:
                        await plain.publish(subject, raw, headers=headers | {"Nats-Batch-Commit": "1"})

        async def save(events: Sequence[Event]) -> None:
            for start in range(0, len(events), 1000):
                await store.save_events(events[start : start + 1000])

        one, other = _named(base, f"bp{number}"), _named(base, f"bo{number}")
        theirs.append(await _rate(count, partial(publish, one)))
        ours.append(await _rate(count, partial(save, other)))
    return _row("save_events of 1,000", ours, "/s", "raw atomic batch", theirs, "≥ 0.7")


async def _fill(store: Store, count: int, tag: str) -> None:
    events = _named(list(make_events(count, active=1000, length=20)), tag)
    for start in range(0, count, 1000):
        await store.save_events(events[start : start + 1000])


async def _raw_pull(connection: Client, stream: str, count: int, **config: object) -> None:
    """Take `count` messages in the fastest way: no filter, two requests in flight, an inbox of one's own."""
    inbox = connection.new_inbox()
    done = asyncio.get_running_loop().create_future()
    received = 0
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += _PULLED
        body = json.dumps({"batch": _PULLED, "expires": 10_000_000_000}).encode()
        await connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.bench", body, reply=inbox)

    async def take(message: Msg) -> None:
        nonlocal received
        received += 1
        if received >= count and not done.done():
            done.set_result(None)
        elif received % _PULLED == 0 and asked < count:
            await ask()

    subscription = await connection.subscribe(inbox, cb=take, pending_msgs_limit=0, pending_bytes_limit=0)
    settings = {"name": "bench", "ack_policy": "none", "deliver_policy": "all", "mem_storage": True}
    body = {"stream_name": stream, "config": settings | {"inactive_threshold": 30_000_000_000} | config}
    await connection.request(f"$JS.API.CONSUMER.CREATE.{stream}.bench", json.dumps(body).encode(), timeout=5)
    await ask()
    await ask()
    await done
    await subscription.unsubscribe()
    await connection.request(f"$JS.API.CONSUMER.DELETE.{stream}.bench", b"", timeout=5)


async def _copy(connection: Client, store: Store, stream: str) -> None:
    """The events of `store` in another stream, without any headers: what is read fastest."""
    await _make_stream(connection, stream)
    context = connection.jetstream()
    async for batch in store.read():
        for stored in batch[:-1]:
            await connection.publish(f"{stream}.events.copy", stored.raw)
        # Answered when it is stored, so that the server is not flooded.
        await context.publish(f"{stream}.events.copy", batch[-1].raw)


async def _reading(engine: Engine, connection: Client, count: int) -> list[Row]:
    store = await engine.store("reading")
    await _fill(store, count, "r")
    await _copy(connection, store, "copied_events")
    ours: list[float] = []
    theirs: list[float] = []
    bare: list[float] = []

    async def read() -> None:
        found = 0
        async for batch in store.read():
            found += sum(1 for stored in batch if stored.event is not None)
        assert found == count

    for _ in range(_REPEATS):
        theirs.append(await _rate(count, lambda: _raw_pull(connection, "reading_events", count)))
        bare.append(await _rate(count, lambda: _raw_pull(connection, "copied_events", count)))
        ours.append(await _rate(count, read))
    work = f"read {count:,} events, decoded"
    return [
        _row(work, ours, "/s", "raw pull, not decoded", theirs, "≥ 0.5"),
        _row(work, ours, "/s", "raw pull of the same without headers", bare, "≥ 0.5"),
    ]


async def _loading(engine: Engine, connection: Client, rounds: int) -> Row:
    """An actor of 20 events, milliseconds, the median of many."""
    store = await engine.store("loading")
    events = _named(list(make_events(1000, active=50, length=20)), "l")
    await store.save_events(events)
    actors = sorted({event.actor_id for event in events})
    loop = asyncio.get_running_loop()
    inbox = connection.new_inbox()
    received: list[Msg] = []
    ended = asyncio.Event()

    async def take(message: Msg) -> None:
        if message.headers and "Status" in message.headers:
            ended.set()
        else:
            received.append(message)

    subscription = await connection.subscribe(inbox, cb=take)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        actor = actors[number % len(actors)]
        start = loop.time()
        subject = f"loading_events.events.{actor.partition('-')[0]}.{actor}"
        body = json.dumps({"batch": 1000, "seq": 1, "next_by_subj": subject}).encode()
        await connection.publish("$JS.API.DIRECT.GET.loading_events", body, reply=inbox)
        await ended.wait()
        theirs.append((loop.time() - start) * 1000)
        assert len(received) == 20
        received.clear()
        ended.clear()
        start = loop.time()
        assert len(await store.get_events(actor)) == 20
        ours.append((loop.time() - start) * 1000)
    await subscription.unsubscribe()
    one, other = median(ours), median(theirs)
    return Row("load an actor of 20 events, p50", one, "ms", "one batched direct get", other, one / other, "≤ 1.5")


async def _tailing(engine: Engine, url: str, count: int) -> list[Row]:
    """A tail beside a writer in another process: events a second, nothing missing, memory flat."""
    store = await engine.store("tailing")
    # Whoever only publishes needs the stream to be there.
    await store.save_event(replace(next(make_events(1)), id="first", actor_id="first-1"))
    tail = store.tail(after_sequence=1)
    command = (sys.executable, "-m", "tests.benchmarks.jetstream_writer", url, "tailing", str(count))
    writer = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert writer.stdin is not None
    assert writer.stdout is not None
    try:
        assert await writer.stdout.readline() == b"ready\n"
        writer.stdin.write(b"go\n")
        last = first = 1
        begun = settled = 0.0
        early = 0
        while last - first < count:
            batch = await anext(tail)
            begun = begun or perf_counter()
            for stored in batch:
                assert stored.sequence == last + 1
                assert stored.event is not None
                last = stored.sequence
            if not early and last - first >= count // 10:
                early = _resident_bytes()
        settled = perf_counter() - begun
        grown = max(_resident_bytes() - early, 0) / 2**20
        written = int(await writer.stdout.readline())
    finally:
        if writer.returncode is None:
            writer.terminate()
        await writer.wait()
    rate = count / settled
    work = f"tail of {count:,} events as they are written"
    return [
        Row(f"{work}, decoded, none missing", rate, "/s", "asked for", 20_000.0, rate / 20_000, "≥ 1"),
        Row(f"{work}, behind", rate, "/s", "the writer", float(written), rate / written, ""),
        Row(f"{work}, memory grown", grown, "MiB", "allowed", _TAIL_MEMORY, grown / _TAIL_MEMORY, "≤ 1"),
    ]


def _resident_bytes() -> int:
    """What this process holds in memory; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


async def _listing(engine: Engine, connection: Client, count: int) -> list[Row]:
    """Many actors with their counts: the first thousand and all, by an engine that knows nothing of them yet.

    The server's answer has names and counts and no more. The version, type and time of an actor stand in its last
    event only; an engine that knows those reads what is new.
    """
    store = await engine.store("listing")
    events = _named(list(make_events(count, active=1000, length=1)), "a")
    for start in range(0, count, 1000):
        await store.save_events(events[start : start + 1000])
    first: list[float] = []
    whole: list[float] = []
    again: list[float] = []
    counts: list[float] = []
    names: list[float] = []
    heads: list[float] = []
    for _ in range(_REPEATS):
        start_at = perf_counter()
        await _paged_info(connection, "listing_events")
        names.append((perf_counter() - start_at) * 1000)
        subject = "listing_events.events.>"
        await _raw_pull(
            connection, "listing_events", count, deliver_policy="last_per_subject", filter_subject=subject
        )
        heads.append((perf_counter() - start_at) * 1000)
        assert connection.connected_url is not None
        async with open_engine(f"nats://{connection.connected_url.netloc}") as fresh:
            other = await fresh.store("listing")
            assert isinstance(other, CountsActors)
            start_at = perf_counter()
            listed = 0
            async for part in other.actor_counts():
                listed += sum([events for _, events in part])
            counts.append((perf_counter() - start_at) * 1000)
            assert listed == count
        async with open_engine(f"nats://{connection.connected_url.netloc}") as fresh:
            other = await fresh.store("listing")
            for total in (whole, again):
                start_at = perf_counter()
                page = await other.actors(limit=1000)
                if total is whole:
                    first.append((perf_counter() - start_at) * 1000)
                listed = 0
                while page:
                    assert all(info.event_count == info.latest_version == 1 for info in page)
                    listed += len(page)
                    page = await other.actors(after=page[-1].actor_id, limit=1000)
                total.append((perf_counter() - start_at) * 1000)
                assert listed == count
    work = f"list {count:,} actors, "
    return [
        _row(work + "each with its count", counts, "ms", "paged stream info", names, "≤ 1.5"),
        _row(work + "first page", first, "ms", "paged stream info", names, "≤ 1.5"),
        _row(work + "all pages, again", again, "ms", "paged stream info", names, "≤ 1.5"),
        _row(work + "all pages, first time", whole, "ms", "paged stream info", names, ""),
        _row(work + "all pages, first time", whole, "ms", "and the last event of each", heads, "≤ 1.5"),
    ]


async def _paged_info(connection: Client, stream: str) -> None:
    """Every subject of a stream with its count, as the server hands them out."""
    offset = 0
    while True:
        body = json.dumps({"subjects_filter": f"{stream}.events.>", "offset": offset})
        message = await connection.request(f"$JS.API.STREAM.INFO.{stream}", body.encode(), timeout=9)
        answer = json.loads(message.data)
        offset += len(answer["state"].get("subjects") or {})
        if offset >= answer["total"]:
            return
