"""A second start hands what it was asked for to the window that runs; whatever else comes is refused."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aether_desktop.folders import socket_address
from aether_desktop.single_instance import MAX_MESSAGE, Doorkeeper, MessageError, decode, encode, hand_over
from aether_desktop.start_marker import LastRun, StartMarker
from tests.waiting import until


class Heard:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.address = socket_address()
        self.keeper = Doorkeeper(self.address, self.asked.append, self.refused.append)


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    assert made.keeper.listen()
    yield made
    made.keeper.close()


async def test_what_is_asked_for_arrives(heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {
        "url": "shop.aether",
        "actor": "order-1",
        "version": 3,
        "read_only": True,
        "demo": False,
        "tail": None,
    }
    assert await asyncio.to_thread(hand_over, heard.address, asked)
    await until(lambda: heard.asked, what="it arrives")
    assert heard.asked == [
        {"url": str(tmp_path / "shop.aether"), "actor": "order-1", "version": 3, "read_only": True}
    ]
    mode = Path(heard.address).stat().st_mode
    assert stat.S_IMODE(mode) & 0o077 == 0, "nobody else can talk to it"
    # Another window of the same user does not take it over.
    other = Doorkeeper(heard.address, lambda _values: None, lambda _why: None)
    assert not other.listen()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"GET / HTTP/1.1\n", "it is no JSON"),
        (b"[]\n", "it is no object"),
        (b'{"run": "rm"}\n', "'run' is not among what can be handed over"),
        (b'{"version": true}\n', "'version' is not among what can be handed over"),
        (b'{"version": -1}\n', "version is not a version"),
        (json.dumps({"url": "x" * 9000}).encode() + b"\n", "url is too long, or not a text"),
        (b"x" * (MAX_MESSAGE + 1), "it is too long"),
    ],
)
async def test_anything_else_is_refused(heard: Heard, message: bytes, why: str) -> None:
    def send() -> bytes:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(heard.address)
            try:
                link.sendall(message)
                return link.recv(10)
            except OSError:
                return b""

    assert await asyncio.to_thread(send) == b""
    await until(lambda: heard.refused, what="it is refused")
    assert heard.refused == [f"What another start has handed over is not followed: {why}."]
    assert heard.asked == []


def test_a_socket_that_was_left_behind_is_taken_over(qapp: object) -> None:
    address = socket_address()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address)
    assert Path(address).exists()
    assert not hand_over(address, {})
    keeper = Doorkeeper(address, lambda _values: None, lambda _why: None)
    assert keeper.listen()
    keeper.close()
    assert not Path(address).exists()


def test_a_message_comes_back_as_it_was() -> None:
    asked = {"profile": "shop", "server_password": Path("/run/secret"), "tail": "prod.>", "demo": True}
    assert decode(encode(asked)) == asked
    with pytest.raises(MessageError):
        decode(b"")


def test_a_folder_that_others_can_write_to_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert socket_address().startswith(f"{tmp_path}/aether-desktop-")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    assert socket_address() == ""
    assert Doorkeeper("", lambda _values: None, lambda _why: None).listen()


def test_how_the_last_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "running"
    assert StartMarker(path).start() is LastRun.ENDED
    again = StartMarker(path)
    assert again.start() is LastRun.DIED_STARTING
    again.started()
    last = StartMarker(path)
    assert last.start() is LastRun.DIED
    last.ended()
    assert StartMarker(path).start() is LastRun.ENDED
