"""recover: what is written, what is listed, and how it ends."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.cli.conftest import Aether, damage


def test_a_damaged_file(aether: Aether, shop: Path, tmp_path: Path) -> None:
    raw = damage(shop, 2, lambda raw: raw.replace(b"OrderPlaced", b"OrderPlacet"))
    before = shop.read_bytes()
    target = tmp_path / "recovered.aether"
    ran = aether("recover", shop, target)
    assert ran.code == 1
    item, summary = ran.objects
    assert (item["kind"], item["namespace"], item["sequence"]) == ("damaged", "shop", 2)
    assert base64.b64decode(item["rawBase64"]) == raw
    assert summary["recovered"] == {"namespaces": {"shop": 2}, "events": 2, "actors": 1, "snapshots": 0}
    assert (summary["lost"], summary["damaged"], summary["pages"]) == (0, 1, 0)
    assert "2 events were recovered" in ran.err
    assert shop.read_bytes() == before
    kept = aether("events", target, "--raw")
    assert kept.lines[0] == aether("events", shop, "--raw").lines[0]
    again = aether("recover", shop, target)
    assert again.code == 2
    assert "exists and was left as it is" in again.err


def test_a_whole_file(aether: Aether, two: Path, tmp_path: Path) -> None:
    ran = aether("recover", two, tmp_path / "recovered.aether")
    assert ran.code == 0
    assert ran.objects[0]["recovered"]["namespaces"] == {"prod.a": 1, "staging": 2}


def test_a_file_of_another_program(aether: Aether, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello")
    ran = aether("recover", other, tmp_path / "recovered.aether")
    assert ran.code == 3
    assert "holds no event" in ran.err
    assert aether("recover", tmp_path / "gone", tmp_path / "recovered.aether").code == 3
    assert not (tmp_path / "recovered.aether").exists()
