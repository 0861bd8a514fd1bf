"""The other process of the benchmarks of tails: writes events to a server at a steady rate, each with its time."""

from __future__ import annotations

import socket
import sys
from time import perf_counter, sleep, time_ns
from urllib.parse import urlsplit

from aether_engine.store.jetstream.frames import frame
from aether_engine.store.jetstream.layout import JetStreamLayout

_TICK = 0.004
ACTORS = 500
_TYPES = ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderClosed")


def written_at(number: int) -> bytes:
    """An event of about 300 bytes whose data say when it was written, in nanoseconds since 1970."""
    return (
        b'{"id":"%08x-91e8-4f3a-9d5e-%012x","eventType":"%s","actorId":"order-%08d","version":%d,'
        b'"data":{"at":%d,"customer":"customer-%04d","amount":%d,"currency":"EUR","items":3},'
        b'"metadata":{"CorrelationID":"%08x","UserID":"user-%d"},"timestamp":"2024-01-01T00:00:00Z"}'
        % (
            *(number, number, _TYPES[number % len(_TYPES)].encode(), number % ACTORS, number // ACTORS + 1),
            *(time_ns(), number % 977, number, number, number % 53),
        )
    )


def main(url: str, namespace: str, rate: int, count: int, first: int = 0) -> None:
    """Say "ready", wait for a line, write `count` events at `rate` a second, say how many a second it were."""
    layout = JetStreamLayout()
    stream = layout.stream(namespace)
    subjects = [layout.event_subject(stream, f"order-{actor:08d}") for actor in range(ACTORS)]
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB done 1\r\n')
        print("ready", flush=True)
        sys.stdin.readline()
        start = perf_counter()
        sent = 0
        while sent < count:
            due = min(int((perf_counter() - start) * rate) + 1, count)
            if due > sent:
                # The last one of all is answered when it is stored.
                frames = [
                    frame(
                        subjects[number % ACTORS],
                        written_at(number),
                        {"Nats-Msg-Id": f"{number:08x}"},
                        "done" if number == first + count - 1 else "",
                    )
                    for number in range(first + sent, first + due)
                ]
                connection.sendall(b"".join(frames))
                sent = due
            sleep(_TICK)
        while not answers.readline().startswith(b"MSG done"):
            pass
        print(int(count / (perf_counter() - start)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
