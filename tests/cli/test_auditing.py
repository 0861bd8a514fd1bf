"""audit: what is checked, what is found, and how it ends."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from aether_desktop.demo import DRIFTED_ACTOR, DRIFTED_FIELD, TENANT_A, build_demo
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot
from tests.cli.conftest import Aether, Ran, damage, event, write


def save(path: Path, namespace: str, *snapshots: tuple[str, int, dict[str, Any]]) -> None:
    async def go() -> None:
        async with open_engine(str(path)) as engine:
            store = await engine.store(namespace)
            for actor_id, version, state in snapshots:
                await store.save_snapshot(ActorSnapshot(actor_id, version, state))

    asyncio.run(go())


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    """Two namespaces with an order of three events each."""
    path = tmp_path / "checked.aether"
    changes = (b'{"total":19.90}', b'{"paid":true}', b'{"total":20.00}')
    events = [event("order-1", version, data) for version, data in enumerate(changes, 1)]
    write(path, {"one": events, "two": events})
    return path


def findings(ran: Ran) -> list[dict[str, Any]]:
    """What was found, without what was checked."""
    return ran.objects[:-1]


def of(ran: Ran, check: str) -> list[dict[str, Any]]:
    return [one for one in findings(ran) if one["check"] == check]


def test_nothing_to_find(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 1, {"total": 19.9}), ("order-1", 3, {"paid": True, "total": 20}))
    ran = aether("audit", checked, "--snapshots", "--checks", "snapshots,checksum")
    assert (ran.code, ran.err) == (0, "")
    [summary] = ran.objects
    assert summary["checked"] == {"namespaces": 2, "events": 6, "actors": 2, "snapshots": 2}
    assert summary["findings"] == 0
    assert summary["files"][0]["isUnchanged"] is True
    assert len(summary["files"][0]["sha256Before"]) == 64


def test_snapshots(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 2, {"total": 19.9, "paid": False}), ("order-1", 9, {}))
    save(checked, "two", ("order-1", 3, {"paid": True}))
    ran = aether("audit", checked, "--checks", "snapshots")
    assert ran.code == 1
    [ahead] = of(ran, "snapshot-ahead")
    differs, other = of(ran, "snapshot-differs")
    assert ran.objects[-1]["checked"]["snapshots"] == 3
    assert (ahead["namespace"], ahead["actorId"], ahead["version"]) == ("one", "order-1", 9)
    assert ahead["explanation"] == "The snapshot is at v9, the stream ends at v3."
    assert (differs["namespace"], differs["version"], differs["path"]) == ("one", 2, "/state/paid")
    assert differs["evidence"] == [
        {"name": "Replay", "value": "True"},
        {"name": "Snapshot", "value": "False"},
        {"name": "Set by", "value": "v2"},
    ]
    assert (other["namespace"], other["path"]) == ("two", "/state/total")


def test_one_namespace_and_one_actor(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 3, {}))
    only = ("--checks", "snapshots")
    assert aether("audit", checked, *only, "--namespace", "two").code == 0
    assert aether("audit", checked, *only, "--namespace", "one").code == 1
    assert aether("audit", checked, *only, "--pattern", "t*").code == 2
    assert aether("audit", checked, *only, "--pattern", "*").code == 1
    assert aether("audit", checked, *only, "--actor", "order-1").code == 1
    assert aether("audit", checked, *only, "--actor", "order-*").code == 1
    assert aether("audit", checked, *only, "--actor", "order-2").code == 0
    unknown = aether("audit", checked, "--namespace", "three")
    assert (unknown.code, unknown.out) == (1, b"")
    assert "There is no namespace 'three'" in unknown.err


def test_damaged_events(aether: Aether, checked: Path) -> None:
    damage(checked, 2, lambda raw: raw.replace(b"true", b"nule"))
    damage(checked, 3, lambda raw: raw.replace(b"20.00", b"21.00"))
    ran = aether("audit", checked, "--namespace", "one")
    assert ran.code == 1
    first, second = of(ran, "checksum")
    assert (first["sequence"], first["actorId"], first["version"]) == (2, "order-1", 2)
    assert "As an event they are not JSON" in first["explanation"]
    assert "hint" not in first
    assert (second["sequence"], second["recordedAt"][:2]) == (3, "20")
    assert "Flipping one bit, bit 0 at offset" in second["hint"]
    assert ran.objects[-1]["bySeverity"]["error"] == 2
    assert "Checksum mismatch: 2." in ran.err


def test_with_another_reducer(aether: Aether, checked: Path, tmp_path: Path) -> None:
    save(checked, "one", ("order-1", 3, {"total": 20}))
    only = ("--checks", "snapshots")
    assert aether("audit", checked, *only).code == 1
    assert aether("audit", checked, *only, "--reducer", "last-event").code == 0
    path = tmp_path / "last.py"
    path.write_text("def apply(state, event): return event.data")
    assert aether("audit", checked, *only, "--reducer-file", path).code == 2
    assert aether("audit", checked, *only, "--reducer-file", path, "--trust").code == 0
    path.write_text("def apply(state, event): return event.data['paid']")
    ran = aether("audit", checked, *only, "--reducer-file", path, "--trust")
    assert ran.code == 1
    [finding] = findings(ran)
    assert "cannot be checked: The reducer failed at version 1 (sequence 1)" in finding["explanation"]


def test_checks_are_chosen_by_name(aether: Aether, checked: Path) -> None:
    damage(checked, 2, lambda raw: raw.replace(b"true", b"null"))
    assert aether("audit", checked, "--checks", "duplicate-id").code == 0
    unknown = aether("audit", checked, "--checks", "spelling")
    assert (unknown.code, unknown.out) == (2, b"")
    assert "There is no check 'spelling'; there are: undecodable" in unknown.err
    assert aether("audit", checked, "--checks", "").code == 2


def test_what_cannot_be_read(aether: Aether, tmp_path: Path) -> None:
    assert aether("audit", tmp_path / "gone.aether").code == 3
    other = tmp_path / "other.aether"
    other.write_bytes(b"not an event file at all" * 100)
    ran = aether("audit", other)
    assert ran.code == 3
    assert "not an event file" in ran.err
    assert "'aether recover' may find its events" in ran.err


def test_nothing_is_changed(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 3, {}))
    before = {path.name: path.read_bytes() for path in checked.parent.iterdir()}
    assert aether("audit", checked, "--snapshots").code == 1
    assert {path.name: path.read_bytes() for path in checked.parent.iterdir()} == before


def test_reports(aether: Aether, checked: Path, tmp_path: Path) -> None:
    hostile = "=HYPERLINK(1)<script>\u202e"
    write(checked, {"one": [event(hostile, 1, b'{"k":1,"k":2}')]})
    damage(checked, 2, lambda raw: raw.replace(b"true", b"null"))
    names = [tmp_path / f"report.{form}" for form in ("html", "csv", "json")]
    ran = aether("audit", checked, *(part for name in names for part in ("--report", name)))
    assert ran.code == 1
    page, table, document = [name.read_bytes().decode("utf-8-sig") for name in names]
    assert "<script" not in page
    assert "&lt;script&gt;⟨U+202E⟩" in page
    assert page.count("<svg") == 2
    assert "Checksum mismatch" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    rows = list(csv.reader(io.StringIO(table)))
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert any("'=HYPERLINK(1)<script>⟨U+202E⟩" in row for row in rows)
    report = json.loads(document)
    assert report["totals"]["findings"] == len(findings(ran))
    assert report["files"][0]["sha256Before"] == ran.objects[-1]["files"][0]["sha256Before"]
    assert {one["actorId"] for one in report["findings"] if one["check"] == "duplicate-key"} >= {hostile}
    again = aether("audit", checked, "--report", names[0])
    assert again.code == 2
    assert "exists and was left as it is" in again.err
    assert aether("audit", checked, "--report", names[0], "--overwrite").code == 1
    assert aether("audit", checked, "--report", tmp_path / "report.pdf").code == 2
    printed = aether("audit", checked, "--json")
    assert printed.objects[0]["totals"]["findings"] == report["totals"]["findings"]


def test_reports_are_compared(aether: Aether, checked: Path, tmp_path: Path) -> None:
    whole = checked.read_bytes()
    damage(checked, 2, lambda raw: raw.replace(b"true", b"null"))
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    aether("audit", checked, "--report", before)
    checked.write_bytes(whole)
    damage(checked, 3, lambda raw: raw.replace(b"20.00", b"21.00"))
    ran = aether("audit", checked, "--report", after, "--compare", before)
    same = ran.objects[-1]["compared"]["same"]
    assert ran.objects[-1]["compared"] == {"new": 1, "gone": 1, "same": same}
    compared = aether("compare-reports", before, after, "--report", tmp_path / "both.html")
    assert compared.code == 1
    [result] = compared.objects
    assert [(one["check"], one["sequence"]) for one in result["new"]] == [("checksum", 3)]
    assert [(one["check"], one["sequence"]) for one in result["gone"]] == [("checksum", 2)]
    assert result["same"] == same
    assert "Gone since then" in (tmp_path / "both.html").read_text()
    assert aether("compare-reports", after, after).code == 0
    broken = tmp_path / "broken.json"
    broken.write_text('{"format":"aether-audit-report","formatVersion":9}')
    assert aether("compare-reports", broken, after).code == 3
    assert aether("compare-reports", tmp_path / "gone.json", after).code == 3


def test_the_demo(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "demo.aether"
    asyncio.run(build_demo(path))
    ran = aether("audit", path, "--snapshots")
    [differs] = of(ran, "snapshot-differs")
    assert (differs["namespace"], differs["actorId"], differs["path"]) == (
        TENANT_A,
        DRIFTED_ACTOR,
        f"/state/{DRIFTED_FIELD}",
    )
    assert [len(of(ran, check)) for check in ("checksum", "undecodable", "version-column")] == [1, 2, 1]
    assert {one["check"] for one in findings(ran)} == {
        *("snapshot-differs", "checksum", "undecodable", "version-column", "version-gap", "duplicate-key"),
    }


def test_other_sources(aether: Aether, checked: Path, tmp_path: Path) -> None:
    lines = tmp_path / "events.ndjson"
    assert aether("export", checked, lines, "--namespace", "one").code == 0
    assert aether("audit", lines, "--checks", "version-order,duplicate-id").code == 0
    lines.write_bytes(lines.read_bytes() * 2)
    ran = aether("audit", lines, "--report", tmp_path / "lines.html")
    assert ran.code == 1
    assert [one["sequence"] for one in of(ran, "version-order")] == [4, 5, 6]
    assert [one["sequence"] for one in of(ran, "duplicate-id")] == [4, 5, 6]
    assert ran.objects[-1]["files"][0]["isUnchanged"] is True
    assert "clock-ahead" in ran.objects[-1]["leftOut"]
    table = tmp_path / "events.csv"
    table.write_text("Id,Type,Order,Rev,At\n1,T,o,1,2026-01-01T00:00:00Z\n1,T,o,2,2026-01-01T00:00:01Z\n")
    columns = "id=Id,eventType=Type,actorId=Order,version=Rev,timestamp=At"
    assert len(of(aether("audit", table, "--columns", columns), "duplicate-id")) == 1
    assert aether("audit", table, "--columns", "id").code == 2
    assert aether("audit", tmp_path / "gone.ndjson").code == 3
