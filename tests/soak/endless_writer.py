"""A program that writes events to a server at a steady rate until it is ended, whatever the server does.

It says each second how many events it has written in all, and how many connections it took.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from time import perf_counter, sleep
from urllib.parse import urlsplit

from aether_engine.store.jetstream.frames import frame
from aether_engine.store.jetstream.layout import JetStreamLayout
from tests.benchmarks.tail_writer import ACTORS, written_at

_TICK = 0.005
_PATIENCE = 5.0
# The server asks now and then whether we are there.
_PONG = b"PONG\r\n"


def main(url: str, namespace: str, rate: int) -> None:
    """Write; a connection that breaks is made again. Events that a server loses are lost."""
    layout = JetStreamLayout()
    stream = layout.stream(namespace)
    subjects = [layout.event_subject(stream, f"order-{actor:08d}") for actor in range(ACTORS)]
    place = urlsplit(url)
    number = connections = 0
    said = perf_counter()
    while True:
        connections += 1
        with suppress(OSError), socket.create_connection((place.hostname, place.port), _PATIENCE) as connection:
            connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
            start, sent = perf_counter(), 0
            while True:
                due = int((perf_counter() - start) * rate)
                if due - sent > rate:
                    # Held up for a second: what was due then is not made up for.
                    start, sent, due = perf_counter(), 0, 0
                # No ids: a server keeps those of the last minutes.
                frames = [
                    frame(subjects[each % ACTORS], written_at(each), {}, "")
                    for each in range(number, number + due - sent)
                ]
                connection.sendall(_PONG + b"".join(frames))
                number, sent = number + due - sent, due
                if perf_counter() - said >= 1:
                    said = perf_counter()
                    print(said, number, connections, flush=True)
                _drain(connection)
                sleep(_TICK)
        sleep(0.1)


def _drain(connection: socket.socket) -> None:
    """Read what the server says, so that it is not held up by it. Raises `OSError` when it has gone."""
    connection.settimeout(0)
    try:
        if not connection.recv(65536):
            raise ConnectionError
    except BlockingIOError:
        pass
    finally:
        connection.settimeout(_PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
