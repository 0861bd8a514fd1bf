"""A program that makes namespaces of one event each, by the thousand, and deletes them, as it is told to."""

from __future__ import annotations

import asyncio
import sys

import nats

from aether_engine.engine import open_engine
from aether_engine.event import Event

_AT_ONCE = 16


async def make(url: str, turn: str, count: int) -> None:
    """Namespaces that nobody had before."""
    async with open_engine(url) as engine:

        async def one(number: int) -> None:
            name = f"born-{turn}.{number}"
            await (await engine.store(name)).save_event(Event(f"{name}-1", "Born", "thing-1", 1, {"n": number}))

        for start in range(0, count, _AT_ONCE):
            await asyncio.gather(*(one(number) for number in range(start, min(start + _AT_ONCE, count))))


async def delete(url: str) -> None:
    """Every stream there is."""
    connection = await nats.connect(url)
    try:
        context = connection.jetstream()
        while streams := await context.streams_info():
            for stream in streams:
                await context.delete_stream(str(stream.config.name))
    finally:
        await connection.close()


def main(url: str, count: int) -> None:
    """Obey `make TURN` and `delete`, one a line, and say when it is done."""
    for line in sys.stdin:
        command, _, turn = line.strip().partition(" ")
        asyncio.run(make(url, turn, count) if command == "make" else delete(url))
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
