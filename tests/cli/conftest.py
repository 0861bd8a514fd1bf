"""The program `aether`, in this process or as one of its own, and event files to let it loose on."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from aether_desktop.cli import main
from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.store.sqlite.schema import checksum_seed

ROOT = Path(__file__).resolve().parents[2]
#: Numbers and keys that a decoder would change.
EXACT = b'{"total":19.90,"big":9007199254740993,"huge":123456789012345678901234567890,"a":1,"a":2}'
#: Of a few dozen of these, a pipe is full.
BIG = b'{"text":"%b"}' % (b"x" * 10_000)


@dataclass(frozen=True)
class Ran:
    """How a run ended and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[bytes]:
        return self.out.splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


Aether = Callable[..., Ran]


@pytest.fixture
def aether(capfdbinary: pytest.CaptureFixture[bytes]) -> Aether:
    """Run a command in this process."""

    def run(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        captured = capfdbinary.readouterr()
        return Ran(code, captured.out, captured.err.decode())

    return run


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    """Start the real program."""
    command = [sys.executable, "-m", "aether_desktop.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **{**pipes, "env": environment, **options})


@pytest.fixture
def program() -> Aether:
    """Run a command as a process of its own to its end."""

    def run(*arguments: object, given: bytes = b"", **options: Any) -> Ran:
        with start(*arguments, stdin=subprocess.PIPE, **options) as process:
            out, err = process.communicate(given, timeout=30)
        return Ran(process.returncode, out, err.decode())

    return run


def event(actor_id: str, version: int, data: bytes = EXACT, event_type: str = "OrderPlaced") -> Event:
    """An event in bytes that only its producer would have written so."""
    return Event.from_json(
        b'{ "id":"%b-%d", "eventType":"%b","actorId":"%b","version":%d,"data":%b,"extra":null,'
        b'"timestamp":"2026-03-01T10:00:00.123456789+02:00"}'
        % (actor_id.encode(), version, event_type.encode(), actor_id.encode(), version, data)
    )


def write(path: Path, events: dict[str, list[Event]]) -> None:
    """Make an event file."""

    async def save() -> None:
        async with open_engine(str(path)) as engine:
            for namespace, saved in events.items():
                await (await engine.store(namespace)).save_events(saved)

    asyncio.run(save())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A file with three events of two actors in `shop`."""
    path = tmp_path / "shop.aether"
    events = [
        event("order-1", 1),
        event("order-2", 1),
        event("order-1", 3, b'{"paid":true,"total":20.00}', "OrderPaid"),
    ]
    write(path, {"shop": events})
    return path


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A file with two namespaces."""
    path = tmp_path / "two.aether"
    write(path, {"prod.a": [event("order-1", 1)], "staging": [event("order-1", 1), event("cart-1", 1)]})
    return path


def damage(path: Path, sequence: int, change: Callable[[bytes], bytes], *, checksum_too: bool = False) -> bytes:
    """Change the bytes of an event in the file's first namespace, as a failing disk would; returns them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        position, version, recorded_at, raw = connection.execute(
            "SELECT position, version, recorded_at, raw FROM events ORDER BY position LIMIT 1 OFFSET ?",
            (sequence - 1,),
        ).fetchone()
        changed = change(bytes(raw))
        connection.execute("UPDATE events SET raw = ? WHERE position = ?", (changed, position))
        if checksum_too:
            checksum = zlib.crc32(changed, checksum_seed(position, version, recorded_at))
            connection.execute("UPDATE events SET checksum = ? WHERE position = ?", (checksum, position))
    return changed


def waiting(pipe: IO[bytes] | None) -> int:
    """How many bytes are in a pipe, seen from either end."""
    import fcntl
    import termios

    assert pipe is not None
    return int.from_bytes(fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


def is_full(pipe: IO[bytes] | None) -> bool:
    """Whether whoever writes to the pipe has to wait."""
    assert pipe is not None
    # The last page may have room left for less than a whole write.
    return waiting(pipe) > 65_536 - 4096
