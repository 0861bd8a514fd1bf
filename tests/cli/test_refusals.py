"""What cannot be opened is refused with one sentence and the right exit code, and left as it is."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

import aether_desktop
from aether_desktop.cli import main
from aether_desktop.commands.outcome import Exit, exit_code, sentence
from aether_engine import errors
from tests.cli.conftest import Aether, event, start, write


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE somebody(elses)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")


def truncated(path: Path) -> None:
    os.truncate(path, 1500)


def text(path: Path) -> None:
    path.write_bytes(b"Not an event file at all. " * 400)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def missing(path: Path) -> None:
    path.unlink()


MAKE = {"foreign": foreign_database, "newer": newer, "truncated": truncated, "text": text, "folder": folder}
READ_ONLY_MAKE = {**MAKE, "empty": empty, "missing": missing}


def contents(path: Path) -> object:
    if path.is_dir():
        return sorted(path.iterdir())
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize("kind", READ_ONLY_MAKE)
def test_reading_refuses(aether: Aether, shop: Path, kind: str) -> None:
    if kind == "foreign":
        shop.unlink()
    READ_ONLY_MAKE[kind](shop)
    before = contents(shop)
    files = sorted(shop.parent.iterdir())
    for command in (("namespaces",), ("events",), ("tail", "--after-sequence", 0, "--limit", 1)):
        ran = aether(command[0], shop, *command[1:])
        assert (ran.code, ran.out) == (3, b""), command
        assert ran.err.startswith("aether: ")
        assert "shop.aether" in ran.err
        assert ran.err.count("\n") == 1
        assert contents(shop) == before
        assert sorted(shop.parent.iterdir()) == files


def test_half_a_file_is_read_as_far_as_it_goes(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "half.aether"
    write(path, {"shop": [event(f"order-{number}", 1, b'{"text":"%b"}' % (b"x" * 900)) for number in range(200)]})
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    before = path.read_bytes()
    ran = aether("events", path)
    assert ran.code in (1, 3)
    assert ran.err.startswith("aether: ")
    assert "Traceback" not in ran.err
    # Neither may what is left of a list pass for all of it.
    for command in ("namespaces", "actors"):
        ran = aether(command, path)
        assert ran.code in (1, 3)
        assert "half.aether" in ran.err
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["half.aether"]


@pytest.mark.parametrize("kind", MAKE)
def test_writing_refuses(aether: Aether, shop: Path, kind: str) -> None:
    if kind == "foreign":
        shop.unlink()
    MAKE[kind](shop)
    before = contents(shop)
    ran = aether("append", shop, "--namespace", "shop", "--actor", "a-1", "--type", "T", "--next")
    assert (ran.code, ran.out) == (3, b"")
    assert "shop.aether" in ran.err
    assert contents(shop) == before


def test_a_newer_format_is_named(aether: Aether, shop: Path) -> None:
    newer(shop)
    ran = aether("namespaces", shop)
    assert "format 99" in ran.err
    assert "format 1" in ran.err


def test_an_unknown_kind_of_storage(aether: Aether) -> None:
    ran = aether("namespaces", "redis://me:secret@localhost")
    assert ran.code == 3
    assert "redis" in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "a command is missing"),
        (("everything",), "invalid choice: 'everything'"),
        (("events",), "URL"),
        (("events", "x.aether", "--limit", "0"), "not between 1 and"),
        (("events", "x.aether", "--from-version", "2"), "--from-version needs --actor"),
        (("events", "x.aether", "--name", "a"), "unrecognized arguments"),
        (("state", "x.aether"), "--actor"),
        (("append", "x.aether", "--next"), "--namespace, --actor, --type"),
        (("import", "x.aether", "-"), "--namespace"),
    ],
)
def test_usage(aether: Aether, arguments: tuple[str, ...], complaint: str) -> None:
    ran = aether(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert complaint in ran.err
    assert ran.err.startswith("aether: ")
    assert ran.err.count("\n") == 1


def test_version_and_help(aether: Aether) -> None:
    ran = aether("--version")
    assert (ran.code, ran.out) == (0, f"aether {aether_desktop.__version__}\n".encode())
    ran = aether("--help")
    assert ran.code == 0
    for word in (
        b"namespaces",
        b"actors",
        b"events",
        b"state",
        b"append",
        b"tail",
        b"import",
        b"export",
        b"exit codes",
    ):
        assert word in ran.out
    for command in ("namespaces", "actors", "events", "state", "append", "tail", "import", "export"):
        ran = aether(command, "--help")
        assert ran.code == 0
        assert f"aether {command} ".encode() in ran.out
        assert b"examples:" in ran.out


def test_help_needs_neither_engine_nor_qt() -> None:
    probe = (
        "import sys; from aether_desktop.cli import main; code = main(['--help']); "
        "heavy = {'aether_engine', 'asyncio', 'PySide6'}; "
        "sys.exit(code or any(name.partition('.')[0] in heavy for name in sys.modules))"
    )
    import subprocess

    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", probe], cwd=root, capture_output=True, timeout=30)
    assert ran.returncode == 0, ran.stderr


def test_debug_shows_where(aether: Aether, tmp_path: Path) -> None:
    for arguments in (("--debug", "namespaces", "none.aether"), ("namespaces", "none.aether", "--debug")):
        ran = aether(*arguments)
        assert ran.code == 3
        assert "Traceback" in ran.err
        assert "StoreUnavailableError" in ran.err


def test_a_mistake_of_ours_has_no_traceback(aether: Aether, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("of a bug")

    monkeypatch.setattr("aether_desktop.commands.running.open_engine", broken)
    ran = aether("namespaces", shop)
    assert ran.code == 3
    assert "mistake of the program" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.VersionConflictError("a", 1, 2), Exit.FINDINGS),
        (errors.DuplicateEventError("a", 1), Exit.FINDINGS),
        (errors.ImportLineError("f", 1, "r"), Exit.FINDINGS),
        (errors.NamespaceCollisionError("a", "b", "c"), Exit.FINDINGS),
        (errors.ReducerError(1, "r"), Exit.FINDINGS),
        (errors.ReducerTimeoutError(1, 2.0), Exit.FINDINGS),
        (errors.BeforeSnapshotError(1, 2), Exit.FINDINGS),
        (errors.ReducerFileError("f", "r"), Exit.USAGE),
        (errors.ReducerTrustError("f", "0" * 64), Exit.USAGE),
        (errors.ExpressionError("e", 0, "p"), Exit.USAGE),
        (errors.InvalidEventError("id", "is empty"), Exit.USAGE),
        (errors.NamespaceNameError("a", "p"), Exit.USAGE),
        (errors.StoreUnavailableError("u", "r"), Exit.UNAVAILABLE),
        (errors.CorruptStoreError("u", "r"), Exit.UNAVAILABLE),
        (errors.UnsupportedFormatError("u", "f", "s"), Exit.UNAVAILABLE),
        (errors.ReadOnlyError("u"), Exit.UNAVAILABLE),
        (errors.TransferError("f", "r"), Exit.UNAVAILABLE),
        (errors.OutcomeUnknownError(event("a-1", 1), "r"), Exit.UNAVAILABLE),
        (FileNotFoundError(2, "No such file or directory", "x"), Exit.UNAVAILABLE),
    ],
)
def test_exit_codes(error: Exception, code: Exit) -> None:
    assert exit_code(error) is code
    assert type(error).__name__ not in sentence(error)


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/full")
def test_a_full_disk_behind_stdout(shop: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("wb") as stdout, start("events", shop, stdout=stdout) as process:
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert b"No space left" in err
    assert b"Traceback" not in err


def test_without_stdout(shop: Path) -> None:
    with start("events", shop, stdout=None, preexec_fn=lambda: os.close(1)) as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")


def test_main_returns_and_leaves_signals_alone(shop: Path) -> None:
    import signal

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["namespaces", str(shop)]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
