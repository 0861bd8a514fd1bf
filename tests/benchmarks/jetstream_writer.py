"""The other process of the benchmark of tails: a program that publishes events as fast as a server takes them.

It is what a writer in another language is like: plain messages, prepared beforehand, over a socket of its own, so
that what is measured is the tail and not how fast events are made.
"""

from __future__ import annotations

import socket
import sys
from time import perf_counter
from urllib.parse import urlsplit

from aether_engine.store.jetstream.frames import frame
from aether_engine.store.jetstream.layout import JetStreamLayout
from tests.benchmarks.events import make_events

_AT_ONCE = 1000


def main(url: str, namespace: str, count: int) -> None:
    """Say "ready", wait for a line, publish `count` events, and say how many the server took a second."""
    layout = JetStreamLayout()
    stream = layout.stream(namespace)
    parts: list[bytes] = []
    frames: list[bytes] = []
    for event in make_events(count, active=1000, length=20):
        # The last one of each part is answered when it is stored, so that the server is not flooded.
        reply = "done" if len(frames) == _AT_ONCE - 1 else ""
        headers = {"Nats-Msg-Id": event.id}
        frames.append(frame(layout.event_subject(stream, event.actor_id), event.to_json(), headers, reply))
        if reply:
            parts.append(b"".join(frames))
            frames.clear()
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port)) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        connection.sendall(b'CONNECT {"verbose":false,"headers":true}\r\nSUB done 1\r\n')
        print("ready", flush=True)
        sys.stdin.readline()
        start = perf_counter()
        stored = 0
        for sent, part in enumerate(parts, 1):
            connection.sendall(part)
            # Two parts are on their way.
            while stored < sent - 1 or (sent == len(parts) and stored < sent):
                stored += answers.readline().startswith(b"MSG done")
        print(int(len(parts) * _AT_ONCE / (perf_counter() - start)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
