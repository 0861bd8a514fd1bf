"""Damage: a page costs the events on it and no others, wherever in the file it lies."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from zlib import crc32

import pytest

from aether_engine.audit import Audit, AuditScope, FileTarget
from aether_engine.errors import (
    AetherError,
    ChecksumMismatchError,
    CorruptStoreError,
    EventLostError,
    InvalidEventError,
    MisplacedEventError,
)
from aether_engine.event import Event, StoredEvent
from aether_engine.store.sqlite.cells import begins_as_event, cells_of, local_length
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.rows import is_intact
from aether_engine.store.sqlite.salvage import Salvage
from aether_engine.store.sqlite.schema import PAGE_SIZE, checksum_seed, first_position
from tests.engine.sqlite.support import NAMESPACE, fill, make_event, opened, read_all

_SECOND = "tenant-b"


async def _make(path: Path, scale: int = 1) -> dict[tuple[str, int], Event]:
    """A file with two namespaces that take turns, small events and some that spread over several pages."""
    events: dict[tuple[str, int], Event] = {}
    async with opened(path, synchronous="OFF") as backend:
        for turn in range(4 * scale):
            for namespace in (NAMESPACE, _SECOND):
                store = await backend.store(namespace)
                first = turn * 60 + 1
                batch = [
                    make_event(n, f"order-{n % 23}", text="x" * (30_000 if n % 97 == 0 else n % 400))
                    for n in range(first, first + 60)
                ]
                for sequence, event in zip(await store.save_events(batch), batch, strict=True):
                    events[namespace, sequence] = event
    return events


def _owners(path: Path) -> dict[int, set[int]]:
    """Which positions need a page: those whose row is on it or runs over it."""
    owners: dict[int, set[int]] = defaultdict(set)
    content = path.read_bytes()
    for number in range(1, len(content) // PAGE_SIZE + 1):
        page = content[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        for position, offset, length in cells_of(page):
            if not begins_as_event(page, offset, length):
                continue
            owners[number].add(position)
            local = local_length(length, PAGE_SIZE)
            if local < length:
                following = int.from_bytes(page[offset + local : offset + local + 4], "big")
                while following:
                    owners[following].add(position)
                    start = (following - 1) * PAGE_SIZE
                    following = int.from_bytes(content[start : start + 4], "big")
    return owners


def _zero(_page: bytes, _dice: random.Random) -> bytes:
    return bytes(PAGE_SIZE)


def _garble(_page: bytes, dice: random.Random) -> bytes:
    return dice.randbytes(PAGE_SIZE)


def _misname(page: bytes, _dice: random.Random) -> bytes:
    # The header alone: cells stay as they are, and nobody can find them.
    return b"\xff" * 8 + page[8:]


def _swap_in_another(page: bytes, _dice: random.Random) -> bytes:
    # A torn or misdirected write: a valid page of another kind.
    return b"\x0a\0\0\0\0" + PAGE_SIZE.to_bytes(2, "big") + b"\0" + page[8:]


@pytest.mark.parametrize("damage", [_zero, _garble, _misname, _swap_in_another])
async def test_every_page(tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]) -> None:
    path = tmp_path / "store.aether"
    events = await _make(path)
    whole = path.read_bytes()
    owners = _owners(path)
    assert set().union(*owners.values()) == {
        first_position(1 if namespace == NAMESPACE else 2) + sequence for namespace, sequence in events
    }
    dice = random.Random(7)
    broken = tmp_path / "broken.aether"
    # Zeroed ones all; the other kinds take turns with what they leave out.
    step, turn = (1, 0) if damage is _zero else (3, (_garble, _misname, _swap_in_another).index(damage))
    for number in range(2 + turn, len(whole) // PAGE_SIZE + 1, step):
        start = (number - 1) * PAGE_SIZE
        page = damage(whole[start : start + PAGE_SIZE], dice)
        broken.write_bytes(whole[:start] + page + whole[start + PAGE_SIZE :])
        async with opened(broken, read_only=True) as backend:
            assert [info.name for info in await backend.namespaces()] == [NAMESPACE, _SECOND], number
            for code, namespace in ((1, NAMESPACE), (2, _SECOND)):
                store = await backend.store(namespace)
                found = await read_all(store, batch_size=100)
                expected = {sequence: event for (name, sequence), event in events.items() if name == namespace}
                lost = {position - first_position(code) for position in owners[number]} & expected.keys()
                assert [stored.sequence for stored in found] == sorted(expected), number
                assert {stored.sequence for stored in found if stored.event is None} == lost, number
                for stored in found:
                    _check(stored, expected[stored.sequence])
                single = sorted({*list(expected)[number % 9 :: 9], *lost})
                read = [stored async for batch in store.read_sequences(single) for stored in batch]
                assert [(each.sequence, each.event) for each in read] == [
                    (stored.sequence, stored.event) for stored in found if stored.sequence in single
                ]
                if damage is _swap_in_another:
                    continue  # An index page that says it is empty cannot be told from one that is.
                actors = {event.actor_id for event in expected.values()}
                if not lost:
                    assert {info.actor_id for info in await store.actors()} == actors
                for actor_id in sorted(actors)[::5]:
                    intact = [
                        event
                        for sequence, event in expected.items()
                        if event.actor_id == actor_id and sequence not in lost
                    ]
                    assert await store.get_events(actor_id) == intact, (number, actor_id)
                    assert await store.get_latest_version(actor_id) >= intact[-1].version, number
                    places = {place async for batch in store.places(actor_id) for place in batch}
                    assert places >= {
                        (expected[each].version, each) for each in expected if expected[each] in intact
                    }


def _check(stored: StoredEvent, event: Event) -> None:
    if stored.event is not None:
        assert (stored.event, stored.error) == (event, None)
    else:
        assert stored.error is not None
        assert stored.error.sequence_number == stored.sequence
        assert stored.error.raw_data == stored.raw
        assert isinstance(stored.error.error, (EventLostError, ChecksumMismatchError, InvalidEventError))


async def test_the_first_page(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await _make(path)
    whole = path.read_bytes()
    for page in (
        bytes(PAGE_SIZE),
        whole[:100] + bytes(PAGE_SIZE - 100),
        whole[:100] + b"\xff" * (PAGE_SIZE - 100),
    ):
        path.write_bytes(page + whole[PAGE_SIZE:])
        for read_only in (True, False):
            with pytest.raises(AetherError):
                async with opened(path, read_only=read_only):
                    pass
        assert path.read_bytes() == page + whole[PAGE_SIZE:]


async def test_a_damaged_root_and_many_leaves(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    events = await _make(path, scale=3)
    owners = _owners(path)
    content = bytearray(path.read_bytes())
    connection = sqlite3.connect(path)
    roots = [row[0] for row in connection.execute("SELECT rootpage FROM sqlite_master")]
    connection.close()
    gone = set(sorted(owners)[::9])
    for number in (*gone, *(root for root in roots if root != 1)):
        content[(number - 1) * PAGE_SIZE : number * PAGE_SIZE] = bytes(PAGE_SIZE)
    path.write_bytes(content)
    # With every root gone the names of the namespaces are gone too.
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        with pytest.raises(CorruptStoreError):
            await read_all(store)
    salvage = Salvage(RawFile(path))
    base = first_position(1)
    lost = {position for number in gone for position in owners[number]}
    expected = {base + sequence for name, sequence in events if name == NAMESPACE} - lost
    assert {at for at, row in salvage.rows(base + 1, base + 10_000).items() if is_intact(row)} == expected


async def test_every_flipped_bit_of_some_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 40, text="abc")
    whole = path.read_bytes()
    raws: dict[int, bytes] = {}
    async with opened(path, read_only=True) as backend:
        for stored in await read_all(await backend.store(NAMESPACE)):
            raws[stored.sequence] = stored.raw
            expected_actor = stored.event.actor_id if stored.event else ""
    dice = random.Random(3)
    for sequence in (1, 17, 40):
        start = whole.index(raws[sequence])
        for offset in dice.sample(range(len(raws[sequence])), 12):
            flipped = bytearray(whole)
            flipped[start + offset] ^= 1 << dice.randrange(8)
            path.write_bytes(flipped)
            async with opened(path, read_only=True) as backend:
                found = await read_all(await backend.store(NAMESPACE))
            bad = [stored for stored in found if stored.event is None]
            assert [stored.sequence for stored in bad] == [sequence]
            assert bad[0].error is not None
            assert isinstance(bad[0].error.error, ChecksumMismatchError)
            assert bad[0].raw == bytes(flipped[start : start + len(raws[sequence])])
    assert expected_actor


async def test_flipped_bits_anywhere_never_show_a_false_event(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    events = await _make(path)
    whole = path.read_bytes()
    dice = random.Random(11)
    for _ in range(80):
        flipped = bytearray(whole)
        place = dice.randrange(PAGE_SIZE, len(whole))
        flipped[place] ^= 1 << dice.randrange(8)
        path.write_bytes(flipped)
        lost = 0
        async with opened(path, read_only=True) as backend:
            for namespace in (NAMESPACE, _SECOND):
                found = await read_all(await backend.store(namespace))
                assert [stored.sequence for stored in found] == list(range(1, 241)), place
                for stored in found:
                    assert stored.event in (None, events[namespace, stored.sequence]), place
                    lost += stored.event is None
        assert lost <= 60, place


async def test_a_row_that_was_edited_with_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 10, actors=2)
    connection = sqlite3.connect(path)

    def replace(sequence: int, raw: bytes) -> None:
        position = first_position(1) + sequence
        version, recorded_at = connection.execute(
            "SELECT version, recorded_at FROM events WHERE position = ?", (position,)
        ).fetchone()
        checksum = crc32(raw, checksum_seed(position, version, recorded_at))
        connection.execute("UPDATE events SET raw = ?, checksum = ? WHERE position = ?", (raw, checksum, position))

    replace(2, make_event(2, "order-1").to_json())
    replace(3, make_event(3, "order-1", version=4).to_json())
    replace(4, b'{"id":"x"}')
    replace(5, b"\xff")
    connection.execute("UPDATE events SET raw = 'text' WHERE position = ?", (first_position(1) + 6,))
    connection.execute("UPDATE events SET checksum = 'no number' WHERE position = ?", (first_position(1) + 7,))
    connection.execute("UPDATE events SET recorded_at = 'no time' WHERE position = ?", (first_position(1) + 8,))
    connection.execute("UPDATE events SET recorded_at = 9e99 WHERE position = ?", (first_position(1) + 9,))
    connection.commit()
    connection.close()
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        found = await read_all(store)
        kinds = [type(stored.error.error) if stored.error else None for stored in found]
        # Whose stream a row is filed under counts where a stream is read.
        assert kinds == [
            None, None, MisplacedEventError, InvalidEventError, InvalidEventError,
            InvalidEventError, InvalidEventError, InvalidEventError, InvalidEventError, None,
        ]  # fmt: skip
        result = await store.get_events_with_errors("order-0")
        assert [event.version for event in result.events] == [10]
        assert (2, MisplacedEventError) in [(e.sequence_number, type(e.error)) for e in result.errors]
        assert len(result.errors) == 4


async def test_a_hole_in_the_log_is_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 20)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM events WHERE position & 0xffffffff IN (1, 8, 9, 20)")
    connection.commit()
    connection.close()
    async with opened(path, read_only=True) as backend:
        found = await read_all(await backend.store(NAMESPACE))
    assert [stored.sequence for stored in found] == list(range(1, 21))
    lost = [stored for stored in found if stored.event is None]
    assert [stored.sequence for stored in lost] == [1, 8, 9, 20]
    assert all(stored.raw == b"" for stored in lost)
    assert found[8].recorded_at == found[6].recorded_at
    assert found[0].recorded_at.year == 1970


async def test_counters_that_lie_do_not_make_endless_reads(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 20)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE namespaces SET last_sequence = 1 << 39, size_bytes = 'many'")
    connection.execute("UPDATE actors SET event_count = 'x', latest_version = 1.5")
    connection.commit()
    connection.close()
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        assert len(await read_all(store)) == 20
        await backend.namespaces()
        await store.actors()
        await store.get_latest_version("order-1")
        assert len(await store.get_events("order-1")) == 3


async def test_an_index_out_of_order_does_not_make_endless_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    await fill(path, 300, actors=2)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'events_by_actor'"
        (root,) = connection.execute(query).fetchone()
    content = bytearray(path.read_bytes())
    pointers = (root - 1) * PAGE_SIZE + 8
    cells = [bytes(content[at : at + 2]) for at in range(pointers, pointers + 600, 2)]
    # All entries are there, and those of each actor stand backwards.
    content[pointers : pointers + 600] = b"".join([*cells[149::-1], *cells[:149:-1]])
    path.write_bytes(content)
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        for actor in range(2):
            expected = list(range(actor or 2, 301, 2))
            events = [one async for batch in store.read_actor(f"order-{actor}", batch_size=7) for one in batch]
            assert [stored.event.version for stored in events if stored.event] == expected
            places = [one async for batch in store.places(f"order-{actor}", batch_size=7) for one in batch]
            assert [version for version, _ in places] == expected
    audit = Audit(FileTarget(path, str(path)), AuditScope(actors="order-1"))
    async with aclosing(audit.steps()) as steps:
        findings = [one async for step in steps for one in step.findings]
    await audit.close()
    # Each event of the actor was looked at: `fill` leaves every second version to the other one.
    assert [(one.check, one.sequence) for one in findings] == [
        ("version-gap", number) for number in range(3, 301, 2)
    ]


def _hostile_pages(dice: random.Random) -> Iterator[bytes]:
    for _ in range(300):
        page = bytearray(dice.randbytes(PAGE_SIZE))
        page[0] = 0x0D
        page[3:5] = dice.randrange(2000).to_bytes(2, "big")
        # Cells whose records have the right shape and whose chains lead anywhere, themselves included.
        for cell in range(0, 40, 2):
            place = dice.randrange(200, PAGE_SIZE - 100)
            page[8 + cell : 10 + cell] = place.to_bytes(2, "big")
            page[place : place + 14] = (
                b"\x83\x80\x00" + b"\x07" + b"\x09\x00\x01\x01\x01\x2c\x06\x04\xff"[:9] + b"\x7e"
            )
        yield bytes(page)


def test_salvage_survives_hostile_pages(tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    dice = random.Random(5)
    head = bytearray(b"SQLite format 3\0".ljust(PAGE_SIZE, b"\0"))
    head[16:18] = PAGE_SIZE.to_bytes(2, "big")
    path.write_bytes(bytes(head) + b"".join(_hostile_pages(dice)))
    salvage = Salvage(RawFile(path))
    salvage.rows(0, 1 << 62)
    salvage.last_position(0, 1 << 62)
