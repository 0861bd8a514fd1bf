"""What is used of the driver beyond its documented parts: an update that changes it fails here first."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator

import pytest
from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from aether_engine.store.jetstream.client import QuickClient
from aether_engine.store.jetstream.frames import Frame, FrameParser, frame, header, status
from aether_engine.testing import soon
from tests.nats_servers import NatsServer, nats_server
from tests.waiting import until


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


def test_the_driver_has_what_is_used_of_it() -> None:
    for name in ("_send_command", "_flush_pending", "_send_subscribe", "_connect_to_server"):
        assert inspect.iscoroutinefunction(getattr(Client, name)), name
    assert not inspect.iscoroutinefunction(Client._remove_sub)
    client = Client()
    for name in ("_flush_queue", "_transport", "_server_info", "_reconnection_task"):
        assert hasattr(client, name), name
    assert type(client._ps) is Parser
    assert inspect.iscoroutinefunction(client._ps.parse)
    for name in ("state", "buf"):
        assert hasattr(client._ps, name), name


def test_frames() -> None:
    assert frame("a.b", b"xy") == b"PUB a.b 2\r\nxy\r\n"
    assert frame("a.b", b"xy", None, "r") == b"PUB a.b r 2\r\nxy\r\n"
    head = b"NATS/1.0\r\nK: \xc3\xa9\r\n\r\n"
    assert frame("ä", b"xy", {"K": "é"}, "r") == b"HPUB \xc3\xa4 r %d %d\r\n%bxy\r\n" % (
        len(head),
        len(head) + 2,
        head,
    )


def test_headers_are_found_in_what_came() -> None:
    head = b"NATS/1.0 404 No Messages\r\nNats-Pending-Messages: 5\r\nOdd:v:w \r\n\r\n"
    assert status(head) == ("404", "No Messages")
    assert status(b"NATS/1.0 204\r\n\r\n") == ("204", "")
    assert status(b"NATS/1.0\r\nA: b\r\n\r\n") == status(b"") == ("", "")
    assert header(head, b"Nats-Pending-Messages") == b"5"
    assert header(head, b"Odd") == b"v:w"
    assert header(head, b"Pending-Messages") == header(head, b"None") == b""
    assert header(b"NATS/1.0\r\nA: forged\r\nA: the server's\r\n\r\n", b"A") == b"the server's"


class _Driver:
    """What the parser hands to the driver."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, head: bytes) -> None:
        self.seen.append((sid, subject, reply, head, data))

    async def _process_ping(self) -> None:
        self.seen.append("ping")

    async def _process_info(self, info: dict[str, object]) -> None:
        self.seen.append(info)

    async def _process_err(self, text: str) -> None:
        self.seen.append(text)


_HEAD = b"NATS/1.0\r\nK: v\r\n\r\n"
_STREAM = b"".join(
    [
        b"MSG a.b 7 2\r\nx\n\r\n",
        b"MSG a.b 7 re.ply 0\r\n\r\n",
        b"PING\r\n",
        b"HMSG a.c 7 %d %d\r\n%bMSG a.b 7 1\r\n\r\n" % (len(_HEAD), len(_HEAD) + 13, _HEAD),
        b"HMSG a.c 7 r %d %d\r\n%b\r\n" % (len(_HEAD), len(_HEAD), _HEAD),
        b"MSG a.d 8 r 3\r\n\r\n\r\r\n",
        b'INFO {"max_payload": 5}\r\n',
        b"HMSG a.e 9 r %d %d\r\n%bhi\r\n" % (len(_HEAD), len(_HEAD) + 2, _HEAD),
        b"-ERR 'Permissions Violation'\r\n",
        b"MSG a.b 7 %d\r\n%b\r\n" % (70_000, b"\r\nMSG " * 11_666 + b"abcd"),
    ]
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 61, 1000, 1_000_000])
async def test_the_stream_is_cut_into_frames_wherever_the_reads_end(size: int) -> None:
    driver = _Driver()
    parser = FrameParser(driver)
    ours: list[Frame] = []

    def take(frames: list[Frame]) -> None:
        ours.extend(frames)
        driver.seen.append(len(frames))

    def fail(frames: list[Frame]) -> None:
        raise RuntimeError("a subscriber that raises harms nobody else")

    parser.handles[b"7"] = take
    parser.handles[b"8"] = fail
    for start in range(0, len(_STREAM), size):
        await parser.parse(_STREAM[start : start + size])
    assert ours == [
        (b"a.b", b"", b"", b"x\n"),
        (b"a.b", b"re.ply", b"", b""),
        (b"a.c", b"", _HEAD, b"MSG a.b 7 1\r\n"),
        (b"a.c", b"r", _HEAD, b""),
        (b"a.b", b"", b"", b"\r\nMSG " * 11_666 + b"abcd"),
    ]
    left = [one for one in driver.seen if not isinstance(one, int)]
    assert left == [
        "ping",
        {"max_payload": 5},
        (9, b"a.e", b"r", _HEAD, b"hi"),
        "'permissions violation'",
    ]
    # What the driver hears stands where it stood between ours.
    taken = 0
    for one in driver.seen:
        taken += one if isinstance(one, int) else 0
        if one == "ping":
            assert taken == 2


async def test_what_is_no_protocol_is_told() -> None:
    for line in (b"WHAT\r\n", b"MSG a 7 x\r\n", b"HMSG a 7\r\nNATS/1.0\r\n", b"MSG\r\n"):
        with pytest.raises(ProtocolError):
            await FrameParser(_Driver()).parse(line)


async def test_nothing_is_left_of_a_connection_that_was_given_up() -> None:
    parser = FrameParser(_Driver())
    got: list[Frame] = []
    parser.handles[b"7"] = got.extend
    await parser.parse(b"MSG a.b 7 5\r\nxx")
    parser.reset()
    await parser.parse(b"MSG a.b 7 2\r\nab\r\n")
    assert [data for _, _, _, data in got] == [b"ab"]


async def test_a_driver_that_misses_being_cancelled_stops_trying_all_the_same() -> None:
    """As it does when a connection is made or refused in the same moment."""
    missed = 0

    async def go_on() -> None:
        nonlocal missed
        while missed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                missed += 1
        await asyncio.sleep(60)

    client = QuickClient()
    await client.stop_trying()
    trying = asyncio.create_task(go_on())
    client._reconnection_task = trying  # as the driver keeps it
    await asyncio.sleep(0)
    await soon(client.stop_trying())
    assert trying.cancelled()
    assert missed == 2


async def test_a_driver_that_parses_by_itself_delivers_too(server: NatsServer) -> None:
    client = QuickClient()
    got: list[Frame] = []
    await client.connect(server.url)
    try:
        subscription = await client.listen("t.>", got.extend)
        # As if a later driver had another parser.
        client._frames.handles.clear()
        await client.publish("t.a", b"1", reply="r", headers={"K": "v"})
        await client.publish("t.b", b"2")
        await until(lambda: len(got) == 2)
        await subscription.unsubscribe()
    finally:
        await client.close()
    assert got == [(b"t.a", b"r", b"NATS/1.0\r\nK: v\r\n\r\n", b"1"), (b"t.b", b"", b"", b"2")]
