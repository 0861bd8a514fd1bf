"""--filter: the same filters as in the window, for events, tails and exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Aether, damage, event


@pytest.mark.parametrize(
    ("text", "sequences"),
    [
        ("", [1, 2, 3]),
        ("type:OrderPaid", [3]),
        ("-type:OrderPaid", [1, 2]),
        ("actor:order-1", [1, 3]),
        ("data.total:20", [3]),
        ("data.big:9007199254740993 data.huge:>123456789012345678901234567889", [1, 2]),
        ("data.total:19.9 sequence:2..", [2]),
        ("since:2026-03-01T08:00:00.123456789Z before:2026-03-02 corrupted:no", [1, 2, 3]),
        ("nothing-like-this", []),
    ],
)
def test_events(aether: Aether, shop: Path, text: str, sequences: list[int]) -> None:
    ran = aether("events", shop, "--filter", text)
    assert (ran.code, ran.err) == (0, "")
    assert [each["sequence"] for each in ran.objects] == sequences


def test_with_the_other_options(aether: Aether, shop: Path) -> None:
    found = aether("events", shop, "--filter", "data.total:*", "--actor", "order-1", "--from-version", 2)
    assert [each["sequence"] for each in found.objects] == [3]
    found = aether("events", shop, "--filter", "data.total:*", "--from-sequence", 2, "--limit", 1, "--raw")
    assert found.out == event("order-2", 1).to_json() + b"\n"


def test_damaged_events_pass_and_are_told(aether: Aether, shop: Path) -> None:
    damage(shop, 2, lambda raw: raw.replace(b"19.90", b"19.91"))
    ran = aether("events", shop, "--filter", "type:OrderPaid")
    assert ran.code == 1
    assert [each["sequence"] for each in ran.objects] == [3, 2]
    assert "Sequence 2 is damaged: Checksum mismatch" in ran.err
    assert aether("events", shop, "--filter", "corrupted:yes").objects[0]["sequence"] == 2
    # An event that is found by its bytes and then by its damage is there once.
    assert [each["sequence"] for each in aether("events", shop, "--filter", "actor:order-2").objects] == [2]
    assert [each["sequence"] for each in aether("events", shop, "--filter", "-type:Nothing").objects] == [1, 2, 3]
    ran = aether("events", shop, "--filter", "type:OrderPaid corrupted:no")
    assert (ran.code, len(ran.lines), ran.err) == (0, 1, "")


@pytest.mark.parametrize("command", ["events", "tail", "export"])
def test_what_is_not_understood_is_marked(aether: Aether, shop: Path, tmp_path: Path, command: str) -> None:
    target = (tmp_path / "out.ndjson",) if command == "export" else ()
    ran = aether(command, shop, *target, "--filter", "type:A version:x,2 typ:\x1bB")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.splitlines() == [
        "aether: The filter is not understood:",
        "  type:A version:x,2 typ:\\x1bB",
        "                 ^   ^^^",
        "  x: 'x' is no whole number; write 5, >=5 or 3..7.",
        "  typ: There is no key 'typ'. Did you mean type? Text with a colon in it goes into quotes.",
    ]
    assert not (tmp_path / "out.ndjson").exists()


def test_tail(aether: Aether, shop: Path) -> None:
    ran = aether("tail", shop, "--after-sequence", 0, "--limit", 1, "--filter", "data.paid:true")
    assert [(each["namespace"], each["sequence"]) for each in ran.objects] == [("shop", 3)]


def test_export(aether: Aether, shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.ndjson"
    ran = aether("export", shop, target, "--filter", "data.total:19.9 -actor:order-2")
    assert ran.code == 0
    assert json.loads(ran.out)["exported"] == 1
    assert target.read_bytes() == event("order-1", 1).to_json() + b"\n"
    ran = aether("export", shop, "-", "--filter", "type:OrderPaid,OrderPlaced", "--actor", "order-1")
    assert [json.loads(line)["id"] for line in ran.lines] == ["order-1-1", "order-1-3"]


def test_export_leaves_damaged_events_out_whatever_they_were(aether: Aether, shop: Path, tmp_path: Path) -> None:
    damage(shop, 2, lambda raw: raw.replace(b"19.90", b"19.91"))
    ran = aether("export", shop, tmp_path / "out.ndjson", "--filter", "type:OrderPaid")
    assert ran.code == 1
    assert json.loads(ran.out) == {"exported": 1, "leftOut": 1, "file": str(tmp_path / "out.ndjson")}
    assert "Sequence 2 is damaged" in ran.err
    ran = aether("export", shop, tmp_path / "all.ndjson", "--filter", "type:OrderPaid corrupted:no")
    assert ran.code == 0
