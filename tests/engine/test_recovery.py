"""Recovery: every event whose page is there comes back byte for byte, and what does not is named."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from aether_engine.audit import Audit, FileTarget
from aether_engine.errors import AetherError, TransferError, UnsupportedFormatError
from aether_engine.event import ActorSnapshot
from aether_engine.recovery import Item, RecoveryProgress, RecoveryResult, recover_file
from aether_engine.store.sqlite.cells import cells_of, is_event, local_length
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.records import PageScanner
from aether_engine.store.sqlite.schema import PAGE_SIZE, first_position
from tests.engine.audit.corpus import build
from tests.engine.audit.test_corpus import run
from tests.engine.sqlite.support import NAMESPACE, make_event, opened

_SECOND = "tenant-b"
_MUTATIONS = 2000 if os.environ.get("AETHER_SOAK") else 150


async def make(path: Path, count: int = 300) -> dict[tuple[str, int], bytes]:
    """A file of two namespaces, with events of all sizes and snapshots; its events' bytes by place."""
    raws: dict[tuple[str, int], bytes] = {}
    async with opened(path, synchronous="OFF") as backend:
        for namespace in (NAMESPACE, _SECOND):
            store = await backend.store(namespace)
            batch = [
                make_event(n, f"order-{n % 9}", version=n // 9, text="x" * (20_000 if n % 61 == 0 else n % 300))
                for n in range(9, count + 9)
            ]
            for sequence, event in zip(await store.save_events(batch), batch, strict=True):
                raws[namespace, sequence] = event.to_json()
            await store.save_snapshot(ActorSnapshot("order-1", 2, {"a": 1}))
    return raws


def rows(path: Path) -> dict[tuple[int, int], tuple[Any, ...]]:
    """What a file's log says, with names for numbers."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return {
            (position >> 40, position & (2**40 - 1)): tuple(rest)
            for position, *rest in connection.execute(
                "SELECT e.position, a.actor_id, e.version, t.name, e.id_hash, e.recorded_at, e.checksum, e.raw "
                "FROM events AS e JOIN actors AS a ON a.id = e.actor JOIN event_types AS t ON t.id = e.event_type"
            )
        }


async def recover(source: Path, target: Path) -> tuple[RecoveryResult, list[Item]]:
    items: list[Item] = []
    result = await recover_file(source, target, on_item=items.append)
    return result, items


def needed_pages(path: Path) -> dict[int, set[int]]:
    """The pages that each event needs: its leaf and what it runs over to."""
    needed: dict[int, set[int]] = defaultdict(set)
    content = path.read_bytes()
    raw = RawFile(path)
    scanner = PageScanner(raw)
    for number, cells in scanner.cells():
        for cell in cells:
            if is_event(cell.values):
                needed[cell.row_id].add(number)
                value = cell.values[7]
                assert isinstance(value, bytes)
                if len(value) > 8000:
                    # The chain is looked for by its content: a page that holds a part of the event's text.
                    needed[cell.row_id] |= _chain(content, number, cell.row_id)
    scanner.release()
    raw.release()
    return needed


def _chain(content: bytes, number: int, position: int) -> set[int]:
    page = content[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    found: set[int] = set()
    for row_id, offset, length in cells_of(page):
        local = local_length(length, PAGE_SIZE)
        if row_id == position and local < length:
            following = int.from_bytes(page[offset + local : offset + local + 4], "big")
            while following:
                found.add(following)
                start = (following - 1) * PAGE_SIZE
                following = int.from_bytes(content[start : start + 4], "big")
    return found


async def test_a_whole_file_comes_back_as_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    await make(source)
    before = source.read_bytes()
    seen: list[RecoveryProgress] = []
    items: list[Item] = []
    result = await recover_file(source, target, on_item=items.append, progress=seen.append)
    assert result.is_whole
    assert items == []
    assert (result.namespaces, result.actors, result.snapshots) == ({NAMESPACE: 300, _SECOND: 300}, 18, 2)
    assert rows(target) == rows(source)
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.aether", "target.aether"]
    assert seen
    assert await run(Audit(FileTarget(target, "sqlite:///target"))) == []
    async with opened(target) as backend:
        store = await backend.store(NAMESPACE)
        assert await store.save_event(make_event(9000, "order-1", version=9000)) == 301


async def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    await make(source)
    target.write_bytes(b"mine")
    with pytest.raises(TransferError, match="exists and was left as it is"):
        await recover(source, target)
    with pytest.raises(TransferError, match="exists"):
        await recover(source, source)
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("content", [b"", b"text\n" * 5000, b"SQLite format 3\0" + bytes(9000)])
async def test_a_file_of_another_program_is_refused(tmp_path: Path, content: bytes) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    source.write_bytes(content)
    with pytest.raises(UnsupportedFormatError, match="holds no event"):
        await recover(source, target)
    assert [path.name for path in tmp_path.iterdir()] == ["source.aether"]


@pytest.mark.parametrize("kept", [0, 16, 100, 4000], ids=lambda kept: f"first page zero behind {kept}")
async def test_without_the_first_page(tmp_path: Path, kept: int) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    raws = await make(source)
    whole = source.read_bytes()
    expected = rows(source)
    source.write_bytes(whole[:kept] + bytes(PAGE_SIZE - kept) + whole[PAGE_SIZE:])
    result, items = await recover(source, target)
    assert rows(target) == expected
    assert result.events == len(raws)
    assert result.namespaces == {NAMESPACE: 300, _SECOND: 300}
    assert [item for item in items if item["kind"] != "page"] == []


async def test_copies_that_rows_have_left_do_not_mislead_about_the_size_of_pages(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        # All in one go, so that pages are split while they are filled.
        await store.save_events([make_event(n, "order-1", version=n, text="x" * 40) for n in range(1, 200)])
    content = bytearray(path.read_bytes())
    content[:16] = bytes(16)
    damaged = tmp_path / "damaged.aether"
    damaged.write_bytes(content)
    items: list[Item] = []
    result = await recover_file(damaged, tmp_path / "new.aether", on_item=items.append)
    assert (result.namespaces, result.lost, items) == ({NAMESPACE: 199}, 0, [])


async def test_names_that_are_lost(tmp_path: Path) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    await make(source)
    content = bytearray(source.read_bytes())
    # Pages 2 to 10 are the roots of all tables and indexes; what is on them is gone, with the names of namespaces.
    with closing(sqlite3.connect(f"file:{source}?immutable=1", uri=True)) as connection:
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'namespaces'").fetchall()
    content[(page - 1) * PAGE_SIZE : page * PAGE_SIZE] = bytes(PAGE_SIZE)
    source.write_bytes(content)
    result, items = await recover(source, target)
    assert result.namespaces == {"recovered_1": 300, "recovered_2": 300}
    assert [(item["kind"], item["tree"]) for item in items] == [("page", "table namespaces")]


async def test_damaged_rows_are_listed_with_their_bytes(tmp_path: Path) -> None:
    source, target = tmp_path / "corpus.aether", tmp_path / "target.aether"
    corpus = build(source, 6)
    result, items = await recover(source, target)
    damaged = {(item["namespace"], item["sequence"]) for item in items if item["kind"] == "damaged"}
    assert damaged == {place[1:] for place in corpus.planted if place[0] == "checksum"}
    lost = {
        (item["namespace"], sequence)
        for item in items
        if item["kind"] == "lost"
        for sequence in range(item["first"], item["last"] + 1)
    }
    assert lost == {place[1:] for place in corpus.planted if place[0] == "lost"}
    assert result.events == corpus.events - len(damaged) - len(lost)
    # What could be mended is: columns, counters and indexes follow from the events.
    left = {one.check for one in await run(Audit(FileTarget(target, "sqlite:///target")))}
    mended = {
        "version-column",
        "actor-column",
        "type-column",
        "id-column",
        "orphan",
        "index-versions",
        "index-ids",
    }
    assert not left & (mended | {"checksum", "actor-counter", "namespace-counter", "page"})
    assert {"undecodable", "invalid-field", "duplicate-key", "duplicate-id", "version-order", "lost"} <= left


async def test_what_is_in_a_write_ahead_log(tmp_path: Path) -> None:
    live, crashed = tmp_path / "live.aether", tmp_path / "crashed.aether"
    async with opened(live) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([make_event(n, "a", version=n) for n in range(1, 50)])
        for suffix in ("", "-wal"):
            subprocess.run(["cp", f"{live}{suffix}", f"{crashed}{suffix}"], check=True)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("crashed*")}
    result, _ = await recover(crashed, tmp_path / "target.aether")
    assert result.events == 49
    assert {path.name: path.read_bytes() for path in tmp_path.glob("crashed*")} == before
    Path(f"{crashed}-wal").unlink()
    with pytest.raises(UnsupportedFormatError):
        await recover(crashed, tmp_path / "other.aether")


async def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "source.aether", tmp_path / "target.aether"
    await make(source, 900)
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()

    def begin(_: object) -> None:
        loop.call_soon_threadsafe(begun.set)

    task = asyncio.create_task(
        recover_file(
            source,
            target,
            on_item=lambda _: None,
            progress=begin,
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path.name for path in tmp_path.iterdir()] == ["source.aether"]


# --- The mutation run -----------------------------------------------------------------------------------------


def _flip(content: bytearray, dice: random.Random) -> set[int]:
    place = dice.randrange(len(content))
    content[place] ^= 1 << dice.randrange(8)
    return {place // PAGE_SIZE + 1}


def _zero(content: bytearray, dice: random.Random) -> set[int]:
    page = dice.randrange(len(content) // PAGE_SIZE)
    content[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = bytes(PAGE_SIZE)
    return {page + 1}


def _tear(content: bytearray, dice: random.Random) -> set[int]:
    page = dice.randrange(len(content) // PAGE_SIZE)
    middle = page * PAGE_SIZE + dice.randrange(16) * 512
    content[middle : (page + 1) * PAGE_SIZE] = dice.randbytes((page + 1) * PAGE_SIZE - middle)
    return {page + 1}


def _truncate(content: bytearray, dice: random.Random) -> set[int]:
    length = dice.randrange(1, len(content))
    pages = set(range(length // PAGE_SIZE + 1, len(content) // PAGE_SIZE + 1))
    del content[length:]
    return pages


def _several(content: bytearray, dice: random.Random) -> set[int]:
    pages: set[int] = set()
    for _ in range(dice.randrange(2, 9)):
        pages |= dice.choice((_flip, _flip, _zero, _tear))(content, dice)
    return pages


_KINDS: tuple[Callable[[bytearray, random.Random], set[int]], ...] = (_flip, _zero, _tear, _truncate, _several)


async def test_mutations(tmp_path: Path) -> None:
    """No crash, no hang, no changed input, and every event whose pages are intact is recovered byte for byte."""
    whole = tmp_path / "whole.aether"
    raws = await make(whole, 150)
    content = whole.read_bytes()
    needed = needed_pages(whole)
    expected = {first_position(1 if name == NAMESPACE else 2) + n: raw for (name, n), raw in raws.items()}
    assert needed.keys() == expected.keys()
    dice = random.Random(20_260_101)
    folder = tmp_path / "run"
    for turn in range(_MUTATIONS):
        folder.mkdir()
        source, target = folder / "source.aether", folder / "target.aether"
        mutated = bytearray(content)
        broken = _KINDS[turn % len(_KINDS)](mutated, dice)
        source.write_bytes(mutated)
        intact = {position for position, pages in needed.items() if not pages & broken}
        try:
            await asyncio.wait_for(recover(source, target), 60)
            found = {first_position(number) + n: row[-1] for (number, n), row in rows(target).items()}
        except UnsupportedFormatError:
            found = {}
        assert intact <= found.keys(), turn
        assert all(raw == expected[position] for position, raw in found.items()), turn
        if turn % 3 == 0:
            # A file whose schema is damaged is refused.
            with suppress(AetherError):
                await asyncio.wait_for(run(Audit(FileTarget(source, "sqlite:///source"))), 60)
        assert source.read_bytes() == mutated, turn
        assert {path.name for path in folder.iterdir()} <= {"source.aether", "target.aether"}
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
