"""The real program in a real window: import, browse, replay, append with a conflict, tail, and ways to end."""

from __future__ import annotations

import gzip
import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.e2e.real_window import (
    PATIENCE,
    PROMPT,
    ROOT,
    MissingProgramsError,
    RealWindow,
    Screen,
    aether,
    private_screen,
)
from tests.e2e.real_window import real_window as opened
from tests.waiting import until_sync

ACTOR = "permit-891"
LATEST = 17
MAIN = "– Aether Desktop"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    try:
        with private_screen() as made:
            yield made
    except MissingProgramsError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def file(tmp_path: Path, permits_extract: Path) -> Path:
    """An event file made by the command line from a packed record."""
    packed = tmp_path / "permits-extract.ndjson.gz"
    packed.write_bytes(gzip.compress(permits_extract.read_bytes()))
    path = tmp_path / "permits.aether"
    done = aether("import", path, packed, "--namespace", "permits")
    assert (done.code, done.objects) == (0, [{"imported": 291, "namespace": "permits"}]), done.err
    return path


def stored(file: Path, actor: str, from_version: int = 1) -> list[dict[str, Any]]:
    """What the command line reads of an actor."""
    done = aether(
        "events", file, "--namespace", "permits", "--actor", actor, "--from-version", from_version, "--raw"
    )
    return done.objects


def append_outside(file: Path, actor: str, event_type: str) -> None:
    done = aether("append", file, "--namespace", "permits", "--actor", actor, "--type", event_type, "--next")
    assert done.code == 0, done.err


def append_like_the_selected(window: RealWindow) -> None:
    """Append an event with the data of the selected one: what the window has selected shows in the store."""
    window.keys("ctrl+shift+p")
    window.type("one like this")
    window.keys("Return")
    window.wait_for("Append event to")
    window.keys("ctrl+Return")
    window.wait_until_gone("Append event to")


def wait_for_selection(window: RealWindow, actor: str) -> None:
    """Wait until an event of `actor` is selected: the append dialog is then for that actor."""

    def is_selected() -> bool:
        window.keys("ctrl+n")
        if not window.appears("Append event to"):
            return False
        found = window.window(f"Append event to {actor}")
        window.keys("Escape")
        window.wait_until_gone("Append event to")
        return bool(found)

    until_sync(is_selected, PATIENCE, f"an event of {actor} is selected")


def go_to(window: RealWindow, place: str) -> None:
    window.keys("ctrl+g")
    window.wait_for("Go to")
    window.type(place)
    window.keys("Return")
    window.wait_until_gone("Go to")
    window.wait_for(MAIN)


def test_from_import_to_tail(screen: Screen, file: Path, tmp_path: Path, permits_extract: Path) -> None:
    lines = [json.loads(line) for line in permits_extract.read_bytes().splitlines()]
    with opened(screen, tmp_path, file) as window:
        window.wait_for(f"permits – permits.aether {MAIN}")

        # Browse: the keyboard begins in the log, at its first event.
        wait_for_selection(window, ACTOR)
        window.keys("F8", "F8", "F7")
        append_like_the_selected(window)
        (event,) = stored(file, ACTOR, LATEST + 1)
        assert event["data"] == lines[1]["data"], "F8, F8, F7: the second event"
        window.wait_for(f"{ACTOR} – permits – permits.aether {MAIN}")

        # Find an actor by its name, and an event of it by its version.
        other = lines[60]["actorId"]
        versions = [line for line in lines if line["actorId"] == other]
        window.keys("ctrl+p")
        window.type(f"={other}")
        window.keys("Return")
        window.wait_for(f"{other} – permits")
        wait_for_selection(window, other)
        go_to(window, "3")

        # Replay: one version back with the state panel's key.
        wait_for_selection(window, other)
        window.keys("F6", "F6", "F6", "Left")
        append_like_the_selected(window)
        (event,) = stored(file, other, len(versions) + 1)
        assert event["data"] == versions[1]["data"], "one back from version 3"

        # Append by hand, while somebody else is faster.
        window.keys("ctrl+n")
        dialog = window.wait_for(f"Append event to {other}")
        height = window.height(dialog)
        window.type("FeePaid")
        window.keys("Tab")
        window.type(str(len(versions) + 2))
        append_outside(file, other, "Outside")
        window.keys("ctrl+Return")
        until_sync(lambda: window.height(dialog) > height, PATIENCE, "the conflict panel makes the dialog grow")
        assert [each["eventType"] for each in stored(file, other, len(versions) + 2)] == ["Outside"]
        window.keys("Tab", "Tab", "Tab", "space")
        window.wait_until_gone("Append event to")
        landed = stored(file, other, len(versions) + 2)
        assert [(each["eventType"], each["version"]) for each in landed] == [
            ("Outside", len(versions) + 2),
            ("FeePaid", len(versions) + 3),
        ]

        # Tail: an event from outside appears, and Enter leads to its actor's stream.
        window.wait_for(MAIN)
        window.keys("ctrl+t")
        window.wait_for(f"Tail permits – permits – permits.aether {MAIN}")
        append_outside(file, "order-77", "OrderPlaced")

        def followed() -> bool:
            window.keys("Down", "Return")
            return bool(window.window("order-77 – permits"))

        until_sync(followed, 10, "the tail shows order-77")

        window.close()
        assert window.exit_code() == 0
        assert window.said() == ""


def test_ctrl_c_ends_it(screen: Screen, file: Path, tmp_path: Path) -> None:
    with opened(screen, tmp_path, file, "--tail", "*", "--actor", ACTOR) as window:
        window.wait_for(MAIN)
        began = monotonic()
        window.interrupt()
        assert window.exit_code() == 0
        assert monotonic() - began < PROMPT
        assert window.said() == ""
    assert [each.name for each in file.parent.glob("permits.aether*")] == [file.name], "no side files stay"


def test_it_starts_with_a_welcome_and_opens_a_file(screen: Screen, file: Path, tmp_path: Path) -> None:
    with opened(screen, tmp_path) as window:
        window.wait_for("Aether Desktop")
        window.keys("ctrl+o")
        window.wait_for("Open")
        window.type(str(file))
        window.keys("Return")
        window.wait_for(f"permits – permits.aether {MAIN}")
        window.keys("ctrl+q")
        assert window.exit_code() == 0
        assert window.said() == ""


def test_what_cannot_be_opened_leaves_a_window_that_says_so(screen: Screen, tmp_path: Path) -> None:
    text = tmp_path / "diary.aether"
    text.write_bytes(b"Dear diary\n" * 100)
    with opened(screen, tmp_path, text) as window:
        window.wait_for("Aether Desktop")
        window.close()
        assert window.exit_code() == 0
    assert text.read_bytes() == b"Dear diary\n" * 100


# -- without a display


def program(folder: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the application as a process without any display."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "aether_desktop", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60, check=False)


def test_a_screenshot_of_the_demo(tmp_path: Path) -> None:
    done = program(tmp_path, "--demo", "--screenshot", "x.png")
    assert done.returncode == 0, done.stderr
    assert b"Screenshot written to x.png" in done.stderr
    width, height, colours = look_at(tmp_path / "x.png")
    assert (width, height) == (1440, 900)
    assert colours > 200, "text, tables, icons"
    assert [each.name for each in tmp_path.iterdir()] == ["x.png"]


def test_a_screenshot_of_what_cannot_be_opened_says_so_and_leaves_with_3(tmp_path: Path) -> None:
    done = program(tmp_path, tmp_path / "missing" / "x.aether", "--read-only", "--screenshot", "x.png")
    assert done.returncode == 3
    assert look_at(tmp_path / "x.png")[:2] == (1440, 900)


def test_a_screenshot_that_cannot_be_written_leaves_with_3(tmp_path: Path) -> None:
    done = program(tmp_path, "--screenshot", tmp_path / "missing" / "x.png")
    assert done.returncode == 3
    assert b"could not be written" in done.stderr


def test_ctrl_c_ends_a_long_opening(tmp_path: Path) -> None:
    lines = tmp_path / "long.ndjson"
    event = '{"id":"e%d","eventType":"T","actorId":"a-%d","version":1,"data":{},"metadata":{}'
    event += ',"timestamp":"2026-01-01T00:00:00Z"}\n'
    with lines.open("w") as out:
        out.writelines(event % (number, number) for number in range(400_000))
    command = [sys.executable, "-m", "aether_desktop", str(lines)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            until_sync(lambda: reads(process.pid, lines), 20, "the import reads the file")
            began = monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(PROMPT) == 0
            assert monotonic() - began < 2
        finally:
            process.kill()


def reads(pid: int, path: Path) -> bool:
    """Whether a process has a file open and has read some of it."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if entry.readlink() == path:
                return "pos:\t0\n" not in Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
        except OSError:
            continue
    return False


def look_at(path: Path) -> tuple[int, int, int]:
    """Width, height and number of colours of a PNG of 8 bits a channel."""
    raw = path.read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, depth, kind = struct.unpack(">IIBB", raw[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8
    packed, at = b"", 8
    while at < len(raw):
        (size,) = struct.unpack(">I", raw[at : at + 4])
        if raw[at + 4 : at + 8] == b"IDAT":
            packed += raw[at + 8 : at + 8 + size]
        at += size + 12
    data = zlib.decompress(packed)
    stride = width * channels
    assert len(data) == height * (stride + 1)
    # Differences to neighbours, as PNG filters them: a surface of one colour has hardly any of them.
    return width, height, len({data[start : start + channels] for start in range(1, len(data), channels)})
