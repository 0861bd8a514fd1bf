"""tail: every event, in order, at once; and it ends when nobody wants it any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import BIG, Aether, damage, event, is_full, start, write
from tests.waiting import until_sync


@contextmanager
def following(path: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A tail that has begun to follow."""
    with start("tail", path, *options) as process:
        try:
            assert process.stderr is not None
            assert b"Following" in process.stderr.readline()
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line(process: subprocess.Popen[bytes]) -> dict[str, object]:
    assert process.stdout is not None
    found = json.loads(process.stdout.readline())
    assert isinstance(found, dict)
    return found


def test_from_a_sequence_on(aether: Aether, shop: Path) -> None:
    ran = aether("tail", shop, "--after-sequence", 1, "--limit", 2)
    assert ran.code == 0
    assert [(each["namespace"], each["sequence"]) for each in ran.objects] == [("shop", 2), ("shop", 3)]
    assert b'"event":' + event("order-2", 1).to_json() + b"}" in ran.lines[0]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--namespace", "prod.*"), ["order-1-1"]),
        (("--namespace", "staging"), ["order-1-1", "cart-1-1"]),
        (("--actor", "cart-*"), ["cart-1-1"]),
    ],
)
def test_patterns(aether: Aether, two: Path, options: tuple[str, ...], ids: list[str]) -> None:
    ran = aether("tail", two, "--after-sequence", 0, "--limit", len(ids), *options)
    assert [each["event"]["id"] for each in ran.objects] == ids


def test_types(aether: Aether, shop: Path) -> None:
    ran = aether("tail", shop, "--after-sequence", 0, "--limit", 1, "--type", "OrderPaid", "--type", "Other")
    assert ran.objects[0]["sequence"] == 3


def test_a_damaged_event_is_a_finding(aether: Aether, shop: Path) -> None:
    damage(shop, 2, lambda raw: raw.replace(b"19.90", b"19.91"))
    ran = aether("tail", shop, "--after-sequence", 0, "--limit", 3)
    assert ran.code == 1
    assert ran.objects[1]["error"]["kind"] == "ChecksumMismatchError"
    assert "shop: Sequence 2 is damaged" in ran.err


def test_a_pattern_that_matches_nothing_is_refused(aether: Aether, shop: Path) -> None:
    ran = aether("tail", shop, "--namespace", "a b")
    assert ran.code == 2
    assert "cannot be a namespace" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_another_process_writes_until_a_signal(aether: Aether, shop: Path, number: signal.Signals) -> None:
    with following(shop) as process:
        assert (
            aether("append", shop, "--namespace", "shop", "--actor", "order-3", "--type", "T", "--next").code == 0
        )
        assert line(process)["sequence"] == 4
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_while_nobody_reads(tmp_path: Path) -> None:
    path = tmp_path / "much.aether"
    write(
        path,
        {"shop": [event("order-1", version, BIG) for version in range(1, 200)]},
    )
    with following(path, "--after-sequence", 0) as process:
        until_sync(lambda: is_full(process.stdout), what="tail to fill the pipe")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a lost reader is noticed by the next write")
def test_a_reader_that_goes_away_ends_it(shop: Path) -> None:
    with following(shop, "--after-sequence", 0) as process:
        assert line(process)["sequence"] == 1
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
def test_events_into_head(tmp_path: Path) -> None:
    path = tmp_path / "much.aether"
    write(
        path,
        {"shop": [event("order-1", version, BIG) for version in range(1, 200)]},
    )
    command = f'"{sys.executable}" -m aether_desktop.cli events "{path}" | head -n 1'
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=30,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert json.loads(ran.stdout)["sequence"] == 1
