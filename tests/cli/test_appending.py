"""append: what was typed is what is stored, and a version is never chosen or tried again unasked."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from tests.cli.conftest import EXACT, Aether, event

ORDER = ("--namespace", "shop", "--actor", "order-1", "--type", "NoteAdded")


def stored(aether: Aether, path: Path, sequence: int) -> bytes:
    return aether("events", path, "--raw", "--from-sequence", sequence, "--to-sequence", sequence).out


def test_append_makes_the_file(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "new.aether"
    ran = aether("append", path, *ORDER, "--version", 7, "--id", "first")
    assert ran.code == 0
    assert ran.objects == [{"sequence": 1, "version": 7, "id": "first"}]
    found = json.loads(stored(aether, path, 1))
    assert found["data"] == {}
    assert found["eventType"] == "NoteAdded"
    assert "metadata" not in found


def test_next_is_the_current_version_plus_one(aether: Aether, shop: Path) -> None:
    ran = aether("append", shop, *ORDER, "--next")
    assert ran.objects[0]["version"] == 4
    assert uuid.UUID(ran.objects[0]["id"]).version == 4


def test_what_was_typed_is_what_is_stored(aether: Aether, shop: Path) -> None:
    assert aether("append", shop, *ORDER, "--next", "--data", EXACT.decode()).code == 0
    assert b'"data":' + EXACT + b"," in stored(aether, shop, 4)


def test_from_a_file_and_with_line_breaks(aether: Aether, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_bytes(b'{\n  "total": 1.00,\n  "note": "keeps  its  spaces: \\" ok"\n}\n')
    assert aether("append", shop, *ORDER, "--next", "--data", f"@{file}").code == 0
    assert b'"data":{"total":1.00,"note":"keeps  its  spaces: \\" ok"},' in stored(aether, shop, 4)


def test_from_stdin(program: Aether, aether: Aether, shop: Path) -> None:
    assert program("append", shop, *ORDER, "--next", "--data", "-", given=EXACT).code == 0
    assert EXACT in stored(aether, shop, 4)


def test_metadata(aether: Aether, shop: Path) -> None:
    single = (
        "--correlation-id",
        "c",
        "--causation-id",
        "x",
        "--user-id",
        "u",
        "--trace-id",
        "t",
        "--span-id",
        "s",
    )
    ran = aether(
        *("append", shop, *ORDER, "--next", "--metadata", '{"Team":"ops"}', "--command-id", "cmd", *single),
    )
    assert ran.code == 0
    found = json.loads(stored(aether, shop, 4))
    assert found["commandId"] == "cmd"
    assert found["metadata"] == {
        "Team": "ops",
        "CorrelationID": "c",
        "CausationID": "x",
        "UserID": "u",
        "TraceID": "t",
        "SpanID": "s",
    }


def test_a_conflict_shows_both_sides(aether: Aether, shop: Path) -> None:
    before = shop.read_bytes()
    ran = aether("append", shop, *ORDER, "--version", 1, "--id", "mine")
    assert ran.code == 1
    conflict = ran.objects[0]["conflict"]
    assert conflict["stored"]["id"] == "order-1-1"
    assert {key: conflict[key] for key in conflict if key != "stored"} == {
        "actorId": "order-1",
        "attemptedVersion": 1,
        "currentVersion": 3,
        "isDuplicate": False,
    }
    assert event("order-1", 1).to_json() in ran.out
    assert "was not stored: the actor is at version 3" in ran.err
    assert shop.read_bytes() == before


def test_a_conflict_with_a_gap_has_nothing_stored(aether: Aether, shop: Path) -> None:
    conflict = aether("append", shop, *ORDER, "--version", 2).objects[0]["conflict"]
    assert conflict["stored"] is None


def test_the_same_command_twice_is_a_duplicate(aether: Aether, shop: Path) -> None:
    for code in (0, 1):
        ran = aether("append", shop, *ORDER, "--version", 4, "--id", "same")
        assert ran.code == code
    assert ran.objects[0]["conflict"]["isDuplicate"] is True


def test_an_id_is_used_once(aether: Aether, shop: Path) -> None:
    ran = aether("append", shop, *ORDER, "--next", "--id", "order-2-1")
    assert ran.code == 1
    assert ran.objects == [{"duplicate": {"id": "order-2-1", "sequence": 2}}]
    assert "already stored at sequence 2" in ran.err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "--version"),
        (("--version", "0"), "not between 1 and"),
        (("--version", str(2**63)), "not between 1 and"),
        (("--version", "1.0"), "not a whole number"),
        (("--version", "4", "--next"), "not allowed with"),
        (("--next", "--data", "{"), "--data is not JSON"),
        (("--next", "--data", "[]"), "--data must be a JSON object"),
        (("--next", "--data", '{},"version":99'), "--data is not JSON"),
        (("--next", "--data", "@no-such-file"), "no-such-file cannot be read"),
        (("--next", "--metadata", '{"n":1}'), "metadata holds 1"),
        (("--next", "--id", ""), "id is empty"),
        (("--next", "--type", ""), "eventType is empty"),
        (("--next", "--type", "\udcff"), r"--type is not UTF-8: b'\xff'."),
        (("--next", "--command-id", "\udcff"), "--command-id is not UTF-8"),
        (("--next", "--user-id", "a\udcff"), "--user-id is not UTF-8"),
        (("--next", "--namespace", "a b"), "cannot be a namespace"),
    ],
)
def test_what_cannot_be_meant(aether: Aether, shop: Path, options: tuple[str, ...], complaint: str) -> None:
    before = shop.read_bytes()
    ran = aether("append", shop, *ORDER, *options)
    assert (ran.code, ran.out) == (2, b"")
    assert complaint in ran.err
    assert ran.err.startswith("aether: ")
    assert ran.err.count("\n") == 1
    assert shop.read_bytes() == before
