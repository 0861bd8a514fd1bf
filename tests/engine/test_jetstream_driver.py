"""What is used of the driver beyond its documented parts: an update that changes it fails here first."""

from __future__ import annotations

import inspect

from nats.aio.client import Client

from aether_engine.store.jetstream_client import Headers
from aether_engine.store.jetstream_link import frame


def test_the_driver_has_what_is_used_of_it() -> None:
    for name in ("_send_command", "_flush_pending", "_process_headers", "_connect_to_server"):
        assert inspect.iscoroutinefunction(getattr(Client, name)), name
    client = Client()
    for name in ("_flush_queue", "_transport", "_server_info"):
        assert hasattr(client, name), name


def test_headers_are_taken_apart_when_asked_for() -> None:
    headers = Headers(b"NATS/1.0 404 No Messages\r\nNats-Pending-Messages: 5\r\nOdd:v:w \r\n\r\n")
    assert headers
    assert headers.get("Status") == "404"
    assert headers["Description"] == "No Messages"
    assert headers["Nats-Pending-Messages"] == "5"
    assert "Odd" in headers
    assert headers["Odd"] == "v:w"
    assert headers.get("None", "x") == "x"
    assert "Status" not in Headers(b"NATS/1.0\r\nA: b\r\n\r\n")


def test_frames() -> None:
    assert frame("a.b", b"xy") == b"PUB a.b 2\r\nxy\r\n"
    assert frame("a.b", b"xy", None, "r") == b"PUB a.b r 2\r\nxy\r\n"
    head = b"NATS/1.0\r\nK: \xc3\xa9\r\n\r\n"
    assert frame("ä", b"xy", {"K": "é"}, "r") == b"HPUB \xc3\xa4 r %d %d\r\n%bxy\r\n" % (
        len(head),
        len(head) + 2,
        head,
    )
