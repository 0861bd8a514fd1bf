"""bundle: what is chosen, what is redacted, and how it ends."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Aether, damage


def test_chosen_events(aether: Aether, shop: Path, tmp_path: Path) -> None:
    before = shop.read_bytes()
    target, lines = tmp_path / "repro.aether", tmp_path / "repro.ndjson"
    ran = aether("bundle", shop, target, "--sequences", "1,3-9", "--ndjson", lines)
    assert ran.code == 0
    assert ran.objects[0]["events"] == 2
    assert "2 events and 0 causes were written" in ran.err
    whole = aether("events", shop, "--raw").lines
    assert lines.read_bytes().splitlines() == [whole[0], whole[2]]
    assert aether("events", target, "--raw").lines == [whole[0], whole[2]]
    assert shop.read_bytes() == before
    assert aether("bundle", shop, target, "--actor", "order-1").code == 3
    other = tmp_path / "actor.aether"
    assert aether("bundle", shop, other, "--actor", "order-2").objects[0]["events"] == 1
    assert aether("bundle", shop, tmp_path / "none.aether", "--actor", "nobody").code == 1
    assert aether("bundle", shop, tmp_path / "none.aether", "--sequences", "x").code == 2
    assert aether("bundle", shop, tmp_path / "none.aether").code == 2


def test_the_events_of_a_report(aether: Aether, shop: Path, tmp_path: Path) -> None:
    damage(shop, 2, lambda raw: raw.replace(b"OrderPlaced", b"OrderPlacet"))
    report = tmp_path / "report.json"
    aether("audit", shop, "--checks", "checksum", "--report", report)
    target = tmp_path / "repro.aether"
    assert aether("bundle", shop, target, "--findings", report).objects[0]["places"] == [
        {"namespace": "shop", "sequence": 2, "inBundle": 1}
    ]
    ran = aether("audit", target, "--checks", "checksum")
    assert [one["sequence"] for one in ran.objects[:-1]] == [1]


def test_redaction(aether: Aether, shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "repro.aether"
    ran = aether(
        "bundle", shop, target, "--sequences", "1-3", "--redact", "mask:/data/total", "--redact", "drop:/data/a"
    )
    assert ran.code == 0
    assert ran.objects[0]["redacted"] == {"mask:/data/total": 3, "drop:/data/a": 4}
    assert b"19.90" not in aether("events", target, "--raw").out
    assert "drop:/data/a took away 4 values" in ran.err
    refused = aether("bundle", shop, tmp_path / "other.aether", "--sequences", "1", "--redact", "burn:/data")
    assert (refused.code, refused.out) == (2, b"")
