"""audit: what is checked, what is found, and how it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aether_desktop.demo import DRIFTED_ACTOR, DRIFTED_FIELD, TENANT_A, build_demo
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot
from tests.cli.conftest import Aether, damage, event, write


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


def test_nothing_to_find(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 1, {"total": 19.9}), ("order-1", 3, {"paid": True, "total": 20}))
    ran = aether("audit", checked, "--snapshots")
    assert (ran.code, ran.err) == (0, "")
    assert ran.objects == [{"checked": {"namespaces": 2, "snapshots": 2}, "findings": 0}]


def test_snapshots(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 2, {"total": 19.9, "paid": False}), ("order-1", 9, {}))
    save(checked, "two", ("order-1", 3, {"paid": True}))
    ran = aether("audit", checked, "--snapshots")
    assert ran.code == 1
    ahead, differs = sorted(ran.objects[:2], key=lambda one: str(one["problem"]))
    other, summary = ran.objects[2:]
    assert summary == {"checked": {"namespaces": 2, "snapshots": 3}, "findings": 3}
    assert {key: differs[key] for key in differs if key != "message"} == {
        "check": "snapshots",
        "problem": "differs",
        "namespace": "one",
        "actorId": "order-1",
        "version": 2,
        "path": "/paid",
        "snapshot": False,
        "replay": True,
        "setBy": 2,
        "damaged": [],
    }
    assert (ahead["problem"], ahead["version"]) == ("ahead", 9)
    assert (other["namespace"], other["path"]) == ("two", "/total")
    assert "snapshot" not in other
    assert b'"replay":20.00' in ran.lines[2]
    for finding in (differs, ahead, other):
        assert f"aether: {finding['message']}\n" in ran.err


def test_one_namespace_and_one_actor(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 3, {}))
    assert aether("audit", checked, "--snapshots", "--namespace", "two").code == 0
    assert aether("audit", checked, "--snapshots", "--namespace", "one").code == 1
    assert aether("audit", checked, "--snapshots", "--actor", "order-1").code == 1
    other = aether("audit", checked, "--snapshots", "--actor", "order-2")
    assert other.objects == [{"checked": {"namespaces": 2, "snapshots": 0}, "findings": 0}]
    unknown = aether("audit", checked, "--snapshots", "--namespace", "three")
    assert (unknown.code, unknown.out) == (1, b"")
    assert "There is no namespace 'three'" in unknown.err


def test_damaged_events_are_named(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 3, {"total": 20, "paid": True}))
    damage(checked, 2, lambda raw: raw.replace(b"true", b"null"))
    ran = aether("audit", checked, "--snapshots", "--namespace", "one")
    assert ran.objects[0]["damaged"] == [2]
    assert ran.objects[0]["setBy"] is None
    assert "cannot be read and may be why" in ran.err


def test_with_another_reducer(aether: Aether, checked: Path, tmp_path: Path) -> None:
    save(checked, "one", ("order-1", 3, {"total": 20}))
    assert aether("audit", checked, "--snapshots").code == 1
    assert aether("audit", checked, "--snapshots", "--reducer", "last-event").code == 0
    path = tmp_path / "last.py"
    path.write_text("def apply(state, event): return event.data")
    assert aether("audit", checked, "--snapshots", "--reducer-file", path).code == 2
    assert aether("audit", checked, "--snapshots", "--reducer-file", path, "--trust").code == 0
    path.write_text("def apply(state, event): return event.data['paid']")
    ran = aether("audit", checked, "--snapshots", "--reducer-file", path, "--trust")
    assert ran.code == 1
    assert ran.objects[0]["problem"] == "no-replay"
    assert "cannot be checked: The reducer failed at version 1 (sequence 1): KeyError: 'paid'." in ran.err


def test_something_has_to_be_checked(aether: Aether, checked: Path) -> None:
    ran = aether("audit", checked)
    assert (ran.code, ran.out) == (2, b"")
    assert "Say what to check: --snapshots." in ran.err


def test_a_file_that_is_not_there(aether: Aether, tmp_path: Path) -> None:
    assert aether("audit", tmp_path / "gone.aether", "--snapshots").code == 3


def test_nothing_is_changed(aether: Aether, checked: Path) -> None:
    save(checked, "one", ("order-1", 3, {}))
    before = {path.name: path.read_bytes() for path in checked.parent.iterdir()}
    assert aether("audit", checked, "--snapshots").code == 1
    assert {path.name: path.read_bytes() for path in checked.parent.iterdir()} == before


def test_the_demos_drifted_snapshot(aether: Aether, tmp_path: Path) -> None:
    path = tmp_path / "demo.aether"
    asyncio.run(build_demo(path))
    ran = aether("audit", path, "--snapshots")
    finding, summary = ran.objects
    assert (finding["namespace"], finding["actorId"], finding["path"]) == (
        TENANT_A,
        DRIFTED_ACTOR,
        f"/{DRIFTED_FIELD}",
    )
    assert finding["snapshot"] == finding["replay"] + 2
    assert (summary["findings"], summary["checked"]["namespaces"]) == (1, 3)
