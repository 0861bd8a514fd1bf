"""namespaces, actors, events and state: what is stored, exactly, and nothing changed by looking."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.cli.conftest import EXACT, Aether, damage, event, write


def test_namespaces(aether: Aether, two: Path) -> None:
    ran = aether("namespaces", two)
    assert ran.code == 0
    assert [(each["name"], each["events"]) for each in ran.objects] == [("prod.a", 1), ("staging", 2)]
    assert ran.objects[0]["bytes"] == len(event("order-1", 1).to_json())
    assert ran.objects[0]["firstRecordedAt"].endswith("Z")
    assert ran.objects[0].keys() == {"name", "events", "bytes", "firstRecordedAt", "lastRecordedAt"}
    assert ran.err == ""


def test_actors(aether: Aether, shop: Path) -> None:
    ran = aether("actors", shop)
    assert ran.code == 0
    assert [(each["actorId"], each["events"], each["latestVersion"]) for each in ran.objects] == [
        ("order-1", 2, 3),
        ("order-2", 1, 1),
    ]
    assert ran.objects[0]["lastEventType"] == "OrderPaid"


def test_actors_page_by_page(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "many.aether"
    ids = [f"order-{number:04}" for number in range(1001)]
    write(path, {"shop": [event(each, 1, b"{}") for each in ids[:1000]]})
    write(path, {"shop": [event(ids[1000], 1, b"{}"), event("cart-1", 1, b"{}")]})
    assert [each["actorId"] for each in aether("actors", path, "--prefix", "order-").objects] == ids
    page = aether("actors", path, "--prefix", "order-", "--after", ids[0], "--limit", 2).objects
    assert [each["actorId"] for each in page] == ids[1:3]


def test_actors_with_their_counts_alone(aether: Aether, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "many.aether"
    ids = [f"order-{number}" for number in range(9)]
    write(path, {"shop": [event(each, version, b"{}") for each in (*ids, "cart-1") for version in (1, 2)]})
    # Several steps through the file, as a million actors take.
    monkeypatch.setattr("aether_engine.store.sqlite.directory._COUNTS_AT_ONCE", 4)
    expected = [{"actorId": each, "events": 2} for each in ("cart-1", *ids)]
    assert aether("actors", path, "--counts").objects == expected
    page = aether("actors", path, "--counts", "--prefix", "order-", "--after", ids[1], "--limit", 6)
    assert page.objects == expected[3:9]


def test_events_have_their_very_bytes(aether: Aether, shop: Path) -> None:
    ran = aether("events", shop)
    assert ran.code == 0
    assert [each["sequence"] for each in ran.objects] == [1, 2, 3]
    assert b'"event":' + event("order-1", 1).to_json() + b"}" in ran.lines[0]
    assert EXACT in ran.lines[0]
    assert ran.objects[0].keys() == {"sequence", "recordedAt", "event"}


def test_events_raw_are_the_bytes_and_nothing_else(aether: Aether, shop: Path) -> None:
    ran = aether("events", shop, "--raw", "--limit", 2)
    assert ran.out == event("order-1", 1).to_json() + b"\n" + event("order-2", 1).to_json() + b"\n"


@pytest.mark.parametrize(
    ("options", "sequences"),
    [
        (("--actor", "order-1"), [1, 3]),
        (("--actor", "order-1", "--from-version", "2"), [3]),
        (("--actor", "order-1", "--from-version", "4"), []),
        (("--actor", "order-1", "--to-sequence", "2"), [1]),
        (("--from-sequence", "2"), [2, 3]),
        (("--from-sequence", "2", "--to-sequence", "2"), [2]),
        (("--limit", "1"), [1]),
    ],
)
def test_events_chosen(aether: Aether, shop: Path, options: tuple[str, ...], sequences: list[int]) -> None:
    ran = aether("events", shop, *options)
    assert ran.code == 0
    assert [each["sequence"] for each in ran.objects] == sequences


def test_an_event_stored_with_line_breaks_stays_one_line(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "breaks.aether"
    broken = event("order-1", 1, b'{\n  "note": "two\\nlines"\r\n}')
    write(path, {"shop": [broken]})
    (line,) = aether("events", path).objects
    assert line["event"]["data"] == {"note": "two\nlines"}
    assert base64.b64decode(line["rawBase64"]) == broken.to_json()
    raw = aether("events", path, "--raw")
    assert raw.out == broken.to_json() + b"\n"
    assert "Sequence 1 was stored with line breaks" in raw.err


def test_a_damaged_event_is_shown_in_its_place(aether: Aether, shop: Path) -> None:
    # A flipped bit that still parses: only the checksum knows.
    raw = damage(shop, 2, lambda raw: raw.replace(b"19.90", b"19.91"))
    ran = aether("events", shop)
    assert ran.code == 1
    assert [each["sequence"] for each in ran.objects] == [1, 2, 3]
    damaged = ran.objects[1]
    assert damaged["error"]["kind"] == "ChecksumMismatchError"
    assert base64.b64decode(damaged["rawBase64"]) == raw
    assert "event" not in damaged
    assert ran.err.startswith("aether: Sequence 2 is damaged: Checksum mismatch")
    assert aether("events", shop, "--raw").lines[1] == raw
    assert aether("events", shop, "--to-sequence", 1).code == 0
    assert aether("events", shop, "--actor", "order-2").code == 1


def test_state_with_numbers_as_written(aether: Aether, shop: Path) -> None:
    ran = aether("state", shop, "--actor", "order-1")
    assert ran.code == 0
    assert ran.objects[0]["actorId"] == "order-1"
    assert ran.objects[0]["version"] == 3
    for text in (
        b'"total":20.00',
        b'"big":9007199254740993',
        b'"huge":123456789012345678901234567890',
        b'"paid":true',
    ):
        assert text in ran.out
    before = aether("state", shop, "--actor", "order-1", "--version", 2)
    assert before.code == 0
    assert before.objects[0]["version"] == 1
    assert b'"total":19.90' in before.out


def test_state_without_the_damaged_events(aether: Aether, shop: Path) -> None:
    damage(shop, 3, lambda raw: raw.replace(b"20.00", b"28.00"))
    ran = aether("state", shop, "--actor", "order-1")
    assert ran.code == 1
    assert "aether: Sequence 3 is damaged: Checksum mismatch" in ran.err
    assert b'"total":19.90' in ran.out


@pytest.mark.parametrize("command", ["state", "events"])
def test_an_unknown_actor_is_a_finding(aether: Aether, shop: Path, command: str) -> None:
    ran = aether(command, shop, "--actor", "order-9")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == "aether: Actor 'order-9' has no events in namespace 'shop'.\n"


def test_a_version_before_the_first_is_a_finding(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "late.aether"
    write(path, {"shop": [event("order-1", 5)]})
    ran = aether("state", path, "--actor", "order-1", "--version", 4)
    assert ran.code == 1
    assert "order-1" in ran.err
    assert "version 4" in ran.err


def test_an_unknown_namespace_is_a_finding(aether: Aether, two: Path) -> None:
    ran = aether("events", two, "--namespace", "prod.b")
    assert ran.code == 1
    assert "There is no namespace 'prod.b'" in ran.err
    assert "prod.a, staging" in ran.err


def test_a_namespace_has_to_be_said_when_there_are_several(aether: Aether, two: Path) -> None:
    for command in (("actors",), ("events",), ("state", "--actor", "order-1")):
        ran = aether(command[0], two, *command[1:])
        assert ran.code == 2
        assert "prod.a, staging" in ran.err
    assert aether("events", two, "--namespace", "staging").code == 0


def test_looking_changes_nothing(aether: Aether, two: Path) -> None:
    before = two.read_bytes()
    files = sorted(two.parent.iterdir())
    for arguments in (
        ("namespaces", two),
        ("actors", two, "--namespace", "staging"),
        ("events", two, "--namespace", "staging"),
        ("state", two, "--namespace", "staging", "--actor", "order-1"),
        ("state", two, "--namespace", "staging", "--actor", "order-1", "--blame"),
        ("tail", two, "--after-sequence", 0, "--limit", 3),
        ("export", two, "-", "--namespace", "staging"),
    ):
        assert aether(*arguments).code == 0
        assert two.read_bytes() == before
        assert sorted(two.parent.iterdir()) == files


def test_a_url_names_the_same_file(aether: Aether, shop: Path) -> None:
    assert aether("events", f"sqlite:///{shop}").out == aether("events", shop).out


def test_control_characters_do_not_reach_the_terminal(aether: Aether, shop: Path) -> None:
    ran = aether("events", shop, "--actor", "order\x1b[2J\u202e")
    assert ran.code == 1
    assert "\x1b" not in ran.err
    assert "\u202e" not in ran.err


def test_the_real_program(program: Aether, shop: Path) -> None:
    ran = program("state", shop, "--actor", "order-1")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["version"] == 3
