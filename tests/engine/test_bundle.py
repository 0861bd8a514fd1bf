"""Bundles: chosen events with their causes, byte for byte or redacted, and damage that stays damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_engine.audit import Audit, FileTarget
from aether_engine.bundle import BundleReport, Place, write_bundle
from aether_engine.engine import open_engine
from aether_engine.errors import TransferError
from aether_engine.event import Event
from aether_engine.redaction import RedactionRule, RedactionRuleError, Redactor
from tests.engine.audit.corpus import build
from tests.engine.audit.test_corpus import run


def _rules(*texts: str) -> list[RedactionRule]:
    return [RedactionRule.parse(text) for text in texts]


async def _bundle(url: str, chosen: list[Place], target: Path, **more: Any) -> BundleReport:
    async with open_engine(url, read_only=True) as engine:
        stores = {info.name: await engine.store(info.name) for info in await engine.namespaces()}
        return await write_bundle(stores, chosen, target, **more)


async def _raws(path: Path) -> dict[str, list[bytes]]:
    async with open_engine(str(path), read_only=True) as engine:
        return {
            info.name: [stored.raw async for batch in (await engine.store(info.name)).read() for stored in batch]
            for info in await engine.namespaces()
        }


async def _shop(path: Path) -> dict[str, list[bytes]]:
    async with open_engine(str(path)) as engine:
        orders, stock = await engine.store("orders"), await engine.store("stock")
        await orders.save_events([Event(f"o-{n}", "Placed", f"order-{n}", 1, {"n": n}) for n in range(1, 20)])
        await stock.save_event(Event("s-1", "Reserved", "stock-1", 1, {}, {"CausationID": "o-7"}))
        await orders.save_event(Event("p-1", "Packed", "order-7", 2, {}, {"CausationID": "s-1"}))
        await orders.save_event(Event("p-2", "Sent", "order-8", 2, {}, {"CausationID": "nobody"}))
    return await _raws(path)


async def test_causes_come_along_across_namespaces(tmp_path: Path) -> None:
    source, target, lines = tmp_path / "shop.aether", tmp_path / "bundle.aether", tmp_path / "bundle.ndjson"
    whole = await _shop(source)
    before = source.read_bytes()
    report = await _bundle(str(source), [("orders", 20), ("orders", 21)], target, ndjson=lines)
    assert (report.events, report.causes, report.missing_causes) == (2, 2, ["nobody"])
    assert report.places == [
        {"namespace": "orders", "sequence": 7, "inBundle": 1},
        {"namespace": "orders", "sequence": 20, "inBundle": 2},
        {"namespace": "orders", "sequence": 21, "inBundle": 3},
        {"namespace": "stock", "sequence": 1, "inBundle": 1},
    ]
    expected = {"orders": [whole["orders"][n - 1] for n in (7, 20, 21)], "stock": whole["stock"]}
    assert await _raws(target) == expected
    assert lines.read_bytes().splitlines() == [*expected["orders"], *expected["stock"]]
    assert {one.check for one in await run(Audit(FileTarget(target, "x")))} == {"cause-missing", "version-gap"}
    assert source.read_bytes() == before
    with pytest.raises(TransferError, match="exists and was left"):
        await _bundle(str(source), [("orders", 1)], target)
    with pytest.raises(TransferError, match="exists and was left"):
        await _bundle(str(source), [("orders", 1)], tmp_path / "new.aether", ndjson=lines)
    assert not (tmp_path / "new.aether").exists()
    alone = await _bundle(str(source), [("orders", 20)], tmp_path / "alone.aether", with_causes=False)
    assert (alone.events, alone.causes) == (1, 0)


async def test_a_store_without_an_index_is_read(tmp_path: Path) -> None:
    async with open_engine("memory://") as engine:
        store = await engine.store("n")
        await store.save_events(
            [Event("1", "T", "a", 1, {}), Event("2", "T", "a", 2, {}, {"CausationID": "1"})],
        )

        class Log:
            """A store that can do no more than be read."""

            namespace = "n"
            read = staticmethod(store.read)

        report = await write_bundle({"n": Log()}, [("n", 2)], tmp_path / "b.aether")
    assert (report.events, report.causes) == (1, 1)


async def test_damage_stays_damage(tmp_path: Path) -> None:
    corpus = build(tmp_path / "corpus.aether", 2)
    kinds = ("checksum", "undecodable", "invalid-field", "duplicate-key")
    chosen = [(name, sequence) for check, name, sequence in sorted(corpus.planted) if check in kinds]
    target = tmp_path / "bundle.aether"
    report = await _bundle(str(corpus.path), chosen, target)
    assert report.left_out == []
    places = {(one["namespace"], one["inBundle"]): one["sequence"] for one in report.places}
    found = {
        (one.check, one.namespace, places[one.namespace, one.sequence or 0])
        for one in await run(Audit(FileTarget(target, "x")))
        if one.check in kinds
    }
    assert found == {place for place in corpus.planted if place[0] in kinds}
    redacted = await _bundle(
        str(corpus.path), chosen, tmp_path / "redacted.aether", rules=_rules("hash:/metadata/UserID")
    )
    assert {one["reason"] for one in redacted.left_out} == {"it cannot be read, and so it cannot be redacted"}


async def test_redaction_is_consistent_and_leaves_no_trace(tmp_path: Path) -> None:
    source = tmp_path / "secret.aether"
    async with open_engine(str(source)) as engine:
        store = await engine.store("n")
        data = {"customer": "Ada Lovelace", "mail": "ada@example.org", "card": "no. 4711", "keep": 1.10}
        await store.save_events(
            [
                Event("1", "T", "ada", 1, data, {"UserID": "Ada Lovelace"}),
                Event(
                    "2", "T", "ada", 2, {"customer": "Ada Lovelace", "list": [{"name": "Bob"}, {"name": "Cyrus"}]}
                ),
                Event("3", "T", "bob", 1, {"customer": "Bob"}, {"CausationID": "1"}),
            ]
        )
    target, lines = tmp_path / "bundle.aether", tmp_path / "bundle.ndjson"
    rules = _rules(
        *("hash:/data/customer", "hash:/metadata/UserID", "mask:/data/mail", "drop:/data/card"),
        *("hash:/data/list/*/name", "hash:/id", "hash:/metadata/CausationID", "hash:/actorId"),
    )
    report = await _bundle(str(source), [("n", 1), ("n", 2), ("n", 3)], target, rules=rules, ndjson=lines)
    content = target.read_bytes() + lines.read_bytes()
    for secret in (b"Ada", b"Lovelace", b"example", b"no. 4711", b"Bob", b"Cyrus", b'"ada"'):
        assert secret not in content
    first, second, third = [Event.from_json(line) for line in lines.read_bytes().splitlines()]
    assert first.data["customer"] == second.data["customer"] == first.metadata["UserID"] != third.data["customer"]
    assert third.data["customer"] == second.data["list"][0]["name"]
    assert first.data == {"customer": first.data["customer"], "mail": "xxx@xxxxxxx.xxx", "keep": 1.10}
    assert first.actor_id == second.actor_id != third.actor_id
    assert third.causation_id == first.id
    assert report.redacted["hash:/data/customer"] == 3
    assert report.redacted["hash:/data/list/*/name"] == 2
    assert [one.check for one in await run(Audit(FileTarget(target, "x")))] == []
    again = tmp_path / "again.ndjson"
    await _bundle(str(source), [("n", 1)], tmp_path / "again.aether", rules=rules, ndjson=again)
    assert Event.from_json(again.read_bytes().strip()).data["customer"] != first.data["customer"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("/data/x", "begins with hash:"),
        ("burn:/data/x", "begins with hash:"),
        ("hash:data", "a path such as"),
        ("hash:/version", "an event is none"),
        ("drop:/id", "hash it"),
        ("mask:/data", "name what is in it"),
    ],
)
def test_rules_that_cannot_be_meant(rule: str, said: str) -> None:
    with pytest.raises(RedactionRuleError, match=said):
        RedactionRule.parse(rule)
    assert str(RedactionRule.parse("drop:/data/a~1b/*")) == "drop:/data/a~1b/*"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "x", ']"', "ä,"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(
    document=st.dictionaries(st.sampled_from("abc"), _JSON, max_size=3),
    path=st.lists(st.sampled_from(["a", "b", "0", "1", "*"]), min_size=1, max_size=3),
    indent=st.sampled_from([None, 1]),
)
def test_dropping_leaves_the_rest_as_it_was(document: dict[str, Any], path: list[str], indent: int | None) -> None:
    raw = json.dumps({"data": document}, indent=indent).encode()
    left = json.loads(Redactor(_rules(f"drop:/data/{'/'.join(path)}")).redact(raw))
    expected = {"data": document}
    _drop(expected["data"], path)
    assert left == expected
    hashed = json.loads(Redactor(_rules(f"hash:/data/{'/'.join(path)}")).redact(raw))
    assert hashed.keys() == {"data"}


def _drop(value: Any, path: list[str]) -> None:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in reversed(keys):
        if path[0] not in ("*", str(key)):
            continue
        if len(path) > 1:
            _drop(value[key], path[1:])
        else:
            del value[key]
