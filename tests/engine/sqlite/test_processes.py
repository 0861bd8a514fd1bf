"""Several processes on one file, and processes that end in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all

_ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def run_process(what: str, path: Path, argument: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engine.sqlite.processes", what, str(path), argument,
        cwd=_ROOT, stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


async def _go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    await process.stdin.drain()


async def test_acknowledged_events_survive_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    acknowledged: Counter[str] = Counter()
    for turn in range(6):
        async with (
            run_process("save_until_killed", path, "a") as first,
            run_process("save_until_killed", path, "b") as second,
        ):
            for _ in range(5 + 7 * turn):
                for name, process in (("a", first), ("b", second)):
                    acknowledged[name] = max(acknowledged[name], int(await read_line(process)))
            first.kill()
            second.kill()
            for name, process in (("a", first), ("b", second)):
                rest = (await process.communicate())[0].split()
                acknowledged[name] = max([acknowledged[name], *map(int, rest)])
        async with opened(path, read_only=turn % 2 == 0) as backend:
            store = await backend.store(NAMESPACE)
            for name, version in acknowledged.items():
                events = await store.get_events(name)
                assert len(events) >= version
                assert [event.version for event in events] == list(range(1, len(events) + 1))
            found = await read_all(store)
            assert [stored.sequence for stored in found] == list(range(1, len(found) + 1))
            assert all(stored.error is None for stored in found)


@pytest.mark.parametrize("count", [2, 8])
async def test_exactly_one_process_wins_each_version(tmp_path: Path, count: int) -> None:
    # The file does not exist yet: they race to make it as well.
    path = tmp_path / "store.aether"
    async with contextlib.AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(run_process("race", path, f"p{n}")) for n in range(count)]
        for process in processes:
            assert await read_line(process) == "ready"
        for process in processes:
            await _go(process)
        outputs = [(await process.communicate())[0].split() for process in processes]
        assert [process.returncode for process in processes] == [0] * count
    won = sorted(int(version) for output in outputs for version in output)
    async with opened(path, read_only=True) as backend:
        events = await (await backend.store(NAMESPACE)).get_events("contested")
    assert [event.version for event in events] == won
    assert len(set(won)) == len(won)
    assert won[-1] == 60
    for number, output in enumerate(outputs):
        assert [str(event.version) for event in events if event.data["by"] == f"p{number}"] == [
            version.decode() for version in output
        ]


async def test_eight_processes_make_one_file(tmp_path: Path) -> None:
    for turn in range(3):
        path = tmp_path / f"store-{turn}.aether"
        if turn == 1:
            path.touch()
        async with contextlib.AsyncExitStack() as stack:
            processes = [
                await stack.enter_async_context(run_process("save_some", path, f"p{n}")) for n in range(8)
            ]
            for process in processes:
                assert await read_line(process) == "ready"
            for process in processes:
                await _go(process)
            outputs = [(await process.communicate())[0].split() for process in processes]
        assert sorted(int(sequence) for output in outputs for sequence in output) == list(range(1, 81))
        async with opened(path) as backend:
            store = await backend.store(NAMESPACE)
            assert {info.actor_id: info.event_count for info in await store.actors()} == {
                f"p{number}": 10 for number in range(8)
            }


async def test_a_tail_sees_what_another_process_saves(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        tail = store.tail()
        count = backend.change_count()
        async with run_process("save_some", path, "other") as process:
            assert await read_line(process) == "ready"
            await _go(process)
            await asyncio.wait_for(backend.wait_for_change(count), 30)
            seen: list[int] = []
            while len(seen) < 10:
                seen += [stored.sequence for stored in await asyncio.wait_for(anext(tail), 30)]
        assert seen == list(range(2, 12))
        # Both write on, in turns.
        await store.save_event(make_event(2))
        assert [stored.sequence for stored in await asyncio.wait_for(anext(tail), 30)] == [12]


async def test_a_read_only_tail_sees_a_file_grow(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await (await backend.store(NAMESPACE)).save_event(make_event(1))
    async with opened(path, read_only=True) as looking:
        tail = (await looking.store(NAMESPACE)).tail(after_sequence=0)
        assert [stored.sequence for stored in await anext(tail)] == [1]
        for number in range(2, 5):
            waiting = asyncio.ensure_future(anext(tail))
            await asyncio.sleep(0)
            async with opened(path) as backend:
                await (await backend.store(NAMESPACE)).save_event(make_event(number))
            assert [stored.sequence for stored in await asyncio.wait_for(waiting, 30)] == [number]


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size is POSIX")
async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with run_process("save_beyond_limit", path, "-") as process:
        lines = (await asyncio.wait_for(process.communicate(), 60))[0].decode().splitlines()
        assert process.returncode == 0
    counts = [tuple(map(int, line.split())) for line in lines]
    assert len(counts) == 2
    for acknowledged, last in counts:
        assert acknowledged == last > 5
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        last = await store.last_sequence()
        assert last == counts[1][0]
        assert await store.save_event(make_event(last + 1)) == last + 1
