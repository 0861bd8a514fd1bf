"""import and export: byte for byte, all or nothing, and never over somebody's file."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import BIG, Aether, damage, event, is_full, start, waiting, write
from tests.waiting import until_sync


@pytest.fixture
def lines(permits_extract: Path) -> bytes:
    return permits_extract.read_bytes()


@pytest.mark.parametrize("name", ["events.ndjson", "events.ndjson.gz"])
def test_round_trip(aether: Aether, tmp_path: Path, permits_extract: Path, lines: bytes, name: str) -> None:
    store, file, again = tmp_path / "permits.aether", tmp_path / name, tmp_path / "again.aether"
    ran = aether("import", store, permits_extract, "--namespace", "permits")
    assert ran.code == 0
    assert ran.objects == [{"imported": lines.count(b"\n"), "namespace": "permits"}]
    assert ran.err == ""
    ran = aether("export", store, file)
    assert ran.code == 0
    assert ran.objects == [{"exported": lines.count(b"\n"), "leftOut": 0, "file": str(file)}]
    exported = file.read_bytes()
    assert (gzip.decompress(exported) if name.endswith(".gz") else exported) == lines
    assert aether("import", again, file, "--namespace", "copy").code == 0
    assert aether("events", again, "--raw").out == lines


def test_round_trip_through_pipes(program: Aether, tmp_path: Path, lines: bytes) -> None:
    store, again = tmp_path / "permits.aether", tmp_path / "again.aether"
    ran = program("import", store, "-", "--namespace", "permits", given=lines)
    assert (ran.code, ran.err) == (0, "")
    ran = program("export", store, "-")
    assert (ran.code, ran.out) == (0, lines)
    assert json.loads(ran.err)["exported"] == lines.count(b"\n")
    assert program("import", again, "-", "--namespace", "permits", given=gzip.compress(lines)).code == 0
    assert program("export", again, "-").out == lines


def test_export_of_one_actor_and_of_a_range(aether: Aether, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.ndjson"
    assert aether("export", shop, file, "--actor", "order-1").code == 0
    assert [json.loads(line)["version"] for line in file.read_bytes().splitlines()] == [1, 3]
    assert aether("export", shop, file, "--from-sequence", 2, "--to-sequence", 2, "--overwrite").code == 0
    assert file.read_bytes() == event("order-2", 1).to_json() + b"\n"


def test_export_does_not_overwrite_unasked(aether: Aether, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "precious.txt"
    file.write_bytes(b"precious")
    ran = aether("export", shop, file)
    assert (ran.code, ran.out) == (2, b"")
    assert "precious.txt" in ran.err
    assert "--overwrite" in ran.err
    assert file.read_bytes() == b"precious"


def test_export_leaves_damaged_events_out_and_says_so(aether: Aether, shop: Path, tmp_path: Path) -> None:
    damage(shop, 2, lambda raw: raw.replace(b"19.90", b"19.91"))
    file = tmp_path / "out.ndjson"
    ran = aether("export", shop, file)
    assert ran.code == 1
    assert ran.objects == [{"exported": 2, "leftOut": 1, "file": str(file)}]
    assert "Sequence 2 is damaged" in ran.err
    assert file.read_bytes().count(b"\n") == 2


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode there")
def test_export_into_a_file_whose_name_is_not_utf8(aether: Aether, shop: Path, tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ndjson")
    ran = aether("export", shop, file)
    assert (ran.code, ran.err) == (0, "")
    assert ran.objects[0]["file"] == f"{tmp_path}/\ufffd.ndjson"
    assert Path(file).exists()


def test_export_into_a_folder_that_is_not_there(aether: Aether, shop: Path, tmp_path: Path) -> None:
    ran = aether("export", shop, tmp_path / "none" / "out.ndjson")
    assert (ran.code, ran.out) == (3, b"")
    assert "out.ndjson" in ran.err


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"id":"x"', "not JSON"),
        (event("order-1", 2).to_json().replace(b'"version":2', b'"version":0'), "version"),
        (event("order-1", 1).to_json(), "order-1"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(
    aether: Aether, shop: Path, tmp_path: Path, bad: bytes, reason: str
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join([event("order-9", 1).to_json(), event("order-9", 2).to_json(), bad, b""]))
    before = aether("events", shop).out
    ran = aether("import", shop, file, "--namespace", "shop")
    assert (ran.code, ran.out) == (1, b"")
    assert "line 3" in ran.err
    assert reason in ran.err
    assert aether("events", shop).out == before
    assert aether("import", tmp_path / "new.aether", file, "--namespace", "new").code == (
        0 if bad == event("order-1", 1).to_json() else 1
    )


def test_a_bad_line_of_stdin_is_named(program: Aether, tmp_path: Path) -> None:
    ran = program("import", tmp_path / "new.aether", "-", "--namespace", "new", given=b"{}\n")
    assert ran.code == 1
    assert "stdin, line 1" in ran.err
    assert not (tmp_path / "new.aether").exists()


def test_a_file_that_is_not_there(aether: Aether, shop: Path, tmp_path: Path) -> None:
    ran = aether("import", shop, tmp_path / "none.ndjson", "--namespace", "shop")
    assert (ran.code, ran.out) == (3, b"")
    assert "none.ndjson" in ran.err


def test_a_broken_gzip(aether: Aether, shop: Path, tmp_path: Path, lines: bytes) -> None:
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(gzip.compress(lines)[:-2000])
    before = aether("events", shop).out
    ran = aether("import", shop, file, "--namespace", "shop")
    assert ran.code in (1, 3)
    assert "events.ndjson.gz" in ran.err
    assert aether("events", shop).out == before


# --- Being stopped while the other side of a pipe does nothing --------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")
@pytest.mark.parametrize(
    "command", [("import", "-"), ("append", "--actor", "a-1", "--type", "T", "--next", "--data", "-")]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_stdin_is_silent(tmp_path: Path, command: tuple[str, ...], number: signal.Signals) -> None:
    store = tmp_path / "new.aether"
    arguments = (command[0], store, *command[1:], "--namespace", "new")
    with start(*arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"a":')
        process.stdin.flush()
        # It has read what there is once the pipe is empty.
        until_sync(lambda: waiting(process.stdin) == 0, what="aether to read its stdin")
        process.send_signal(number)
        assert process.wait(timeout=30) == (130 if number == signal.SIGINT else 143)
        assert process.stderr is not None
        assert process.stderr.read() == b"aether: Stopped before it was done.\n"
    assert not store.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX")
@pytest.mark.parametrize("command", [("export", "-"), ("events",)])
def test_a_signal_while_nobody_reads(tmp_path: Path, command: tuple[str, ...]) -> None:
    store = tmp_path / "much.aether"
    write(store, {"shop": [event("order-1", version, BIG) for version in range(1, 200)]})
    with start(command[0], store, *command[1:]) as process:
        until_sync(lambda: is_full(process.stdout), what="aether to fill the pipe")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"aether: Stopped before it was done.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_export_into_a_pipe_whose_reader_goes_away(tmp_path: Path) -> None:
    store = tmp_path / "much.aether"
    write(store, {"shop": [event("order-1", version, BIG) for version in range(1, 200)]})
    with start("export", store, "-") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["version"] == 1
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_progress_on_a_terminal(tmp_path: Path, permits_extract: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    try:
        with start(
            "import", tmp_path / "new.aether", permits_extract, "--namespace", "new", stderr=theirs
        ) as process:
            out, _ = process.communicate(timeout=30)
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 0
    assert json.loads(out)["namespace"] == "new"
    assert "Imported" in shown
    assert "%" in shown
    # What was shown is gone when the result is printed.
    assert shown.endswith("\r")


# --- CSV, and copies between stores ---


def test_a_spreadsheet(aether: Aether, shop: Path, tmp_path: Path) -> None:
    ran = aether("export", shop, tmp_path / "out.csv", "--actor", "order-1")
    assert (ran.code, ran.objects[0]["exported"]) == (0, 2)
    rows = (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()
    assert rows[0].startswith("sequence,recordedAt,actorId,version,")
    assert len(rows) == 3
    ran = aether("export", shop, "-", "--csv", "--actor", "order-1")
    assert ran.out == (tmp_path / "out.csv").read_bytes()


def test_a_copy(aether: Aether, shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.aether"
    ran = aether("copy", shop, target, "--actor", "order-1", "--into", "trial")
    assert (ran.code, ran.err) == (0, "")
    assert ran.objects == [{"copied": 2, "snapshots": 0, "leftOut": 0, "namespace": "trial"}]
    assert aether("events", target, "--raw").out == aether("events", shop, "--actor", "order-1", "--raw").out
    before = target.read_bytes()
    ran = aether("copy", shop, target, "--actor", "order-1", "--into", "trial")
    assert ran.code == 1
    assert "order-1" in ran.err
    assert aether("events", target, "--raw").lines == aether("events", shop, "--actor", "order-1", "--raw").lines
    assert target.read_bytes() == before


def test_a_copy_of_what_is_not_there(aether: Aether, shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.aether"
    assert aether("copy", shop, target, "--actor", "nobody").code == 1
    assert aether("copy", tmp_path / "none.aether", target, "--namespace", "a").code == 3
    assert not target.exists()
