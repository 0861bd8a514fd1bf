"""What the processes of the tests do: `python -m tests.engine.sqlite.processes <what> <path> <argument>`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from aether_engine.errors import StoreUnavailableError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.sqlite import checkpoints as sqlite_checkpoints
from aether_engine.store.sqlite import ids as sqlite_ids
from tests.engine.sqlite.support import NAMESPACE, make_event, opened


async def save_until_killed(path: Path, name: str) -> None:
    """Say the number of each event as soon as it is acknowledged."""
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        version = await store.get_latest_version(name)
        while True:
            version += 1
            await store.save_event(Event(f"{name}-{version}", "T", name, version, {"text": "x" * (version % 300)}))
            print(version, flush=True)


async def save_batches_until_killed(path: Path, name: str) -> None:
    """As `save_until_killed`, in batches, with an index over ids that is moved into all the time."""
    sqlite_ids.LAG, sqlite_ids.SLICE = 20, 8
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        version = await store.get_latest_version(name)
        while True:
            batch = [Event(f"{name}-{version + n}", "T", name, version + n, {}) for n in range(1, 8)]
            await store.save_events(batch)
            version += len(batch)
            print(version, flush=True)


async def race(path: Path, name: str) -> None:
    """Try for every version of one actor from 1 to 60, and say which were won."""
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for version in range(1, 61):
            try:
                # Each contender has ids of its own: it is the version they race for.
                await store.save_event(Event(f"{name}-{version}", "T", "contested", version, {"by": name}))
            except VersionConflictError:
                continue
            print(version, flush=True)


async def save_some(path: Path, name: str) -> None:
    """Wait for a line, then save ten events of an actor of one's own."""
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for version in range(1, 11):
            print(
                await store.save_event(Event(f"{name}-{version}", "T", name, version, {})),
                flush=True,
            )


async def save_beyond_limit(path: Path, _name: str) -> None:
    """Save until the system allows the file no more bytes, then once more."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        number = 0
        for _ in range(2):
            try:
                while True:
                    number += 1
                    await store.save_event(make_event(number, text="x" * 5000))
            except StoreUnavailableError:
                number -= 1
                print(number, await store.last_sequence(), flush=True)


def _keep_logs_short() -> None:
    sqlite_checkpoints.STEP, sqlite_checkpoints.LONG, sqlite_checkpoints.LIMIT = 10, 40, 80


async def save_with_a_short_log(path: Path, name: str) -> None:
    """As `save_until_killed`, with a log that is copied and begun anew all the time."""
    _keep_logs_short()
    await save_until_killed(path, name)


async def save_beyond_limit_with_a_short_log(path: Path, _name: str) -> None:
    """Save until the file can take no more of its log; say how often that was tried, and what was saved."""
    import resource

    _keep_logs_short()
    sqlite_checkpoints.PAUSE = 0.0
    failures = 0
    put_off = sqlite_checkpoints.Checkpoints._put_off

    def counted(self: sqlite_checkpoints.Checkpoints, error: Exception) -> None:
        nonlocal failures
        failures += 1
        put_off(self, error)

    sqlite_checkpoints.Checkpoints._put_off = counted  # type: ignore[method-assign]  # to count
    # More than the log holds while it can be copied.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        number = 0
        with contextlib.suppress(StoreUnavailableError):
            while True:
                await store.save_event(make_event(number + 1, text="x" * 5000))
                number += 1
        print(failures, number, await store.last_sequence(), flush=True)


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]](Path(sys.argv[2]), sys.argv[3]))
