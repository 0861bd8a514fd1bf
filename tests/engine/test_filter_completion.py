"""How a filter could go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.query import (
    KnownValues,
    complete,
    known_values,
    parse_filter,
    typed_type,
    types_beginning,
    types_holding,
)
from aether_engine.query.completion import MOST_FOUND
from aether_engine.store.offers import TypeIndex

KNOWN = KnownValues(
    ("OrderPaid", "OrderPlaced", "Order, odd", "*"), ("data.amount", 'data."a.b"'), ("meta.UserID", 'meta."x y"')
)


def completed(text: str, limit: int = 20) -> list[str]:
    """`text` with a bar for the cursor, as it is with each completion."""
    cursor = text.index("|")
    plain = text.replace("|", "")
    return [
        plain[: each.start] + each.text + plain[each.end :] for each in complete(plain, cursor, KNOWN, limit=limit)
    ]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("|", "type:"),
        ("typ|", "type:"),
        ("-typ|", "-type:"),
        ("a b typ|", "a b type:"),
        ("typ|:X", "type:X"),
        ("type:A |", "type:A type:"),
        ("data.am|", "data.amount:"),
        ("amount|", "data.amount:"),
        ("meta.|", "meta."),
        ("user|", "meta.UserID:"),
        ("type:|", "type:OrderPaid"),
        ("type:pl|", "type:OrderPlaced"),
        ("type:Note,OrderPl|", "type:Note,OrderPlaced"),
        ("type:OrderP|,Note", "type:OrderPaid,Note"),
        ("type:odd|", 'type:"Order, odd"'),
        ('type:"Order, o|', 'type:"Order, odd"'),
        ("corrupted:|", "corrupted:yes"),
        ("since:|", "since:15m"),
    ],
)
def test_completions(text: str, first: str) -> None:
    found = completed(text)
    assert found[0] == first
    assert completed(text, limit=1) == [first]


def test_nothing_fits() -> None:
    assert completed("type:zzz|") == []
    assert completed("version:|") == []
    assert completed("zzz|") == []


def test_what_is_completed_is_understood() -> None:
    for text in completed("type:|"):
        (term,) = parse_filter(text).terms
        assert term.key == "type"
    assert parse_filter(completed('data."a|')[0] + "1").is_valid
    assert parse_filter(completed("x y|")[0].removeprefix("x ") + "1").is_valid


@pytest.mark.parametrize("place", ["memory", "file"])
async def test_what_a_store_is_known_to_have(tmp_path: Path, place: str) -> None:
    async with open_engine("memory://" if place == "memory" else str(tmp_path / "log.aether")) as engine:
        store = await engine.store("shop")
        assert await known_values(store) == KnownValues()
        await store.save_event(Event("e-0", "Rare", "order-1", 1, {"seldom": 1}))
        await store.save_events(
            [
                Event(f"e-{n}", "Often", "order-1", n + 1, {"total": n, "at": {"x.y": 1}}, {"UserID": "u"})
                for n in range(1, 701)
            ]
        )
        known = await known_values(store)
        assert known.event_types == (("Often", "Rare") if place == "file" else ("Often",))
        assert set(known.data_paths) == {"data.total", 'data.at."x.y"'}
        assert known.metadata_keys == ("meta.UserID",)
        await store.save_event(Event("big", "Big", "order-2", 1, {"a" * n: n for n in range(1, 400)}))
        assert "data.a" not in (await known_values(store)).data_paths


async def test_of_very_many_types_the_first_are_known(tmp_path: Path) -> None:
    async with open_engine(str(tmp_path / "log.aether"), synchronous="OFF") as engine:
        store = await engine.store("shop")
        names = [f"T{number:05d}" for number in reversed(range(6_000))]
        for start in range(0, len(names), 1000):
            part = names[start : start + 1000]
            await store.save_events([Event(name, name, "order-1", 6_000 - int(name[1:]), {}) for name in part])
        known = (await known_values(store)).event_types
        # The newest 500 are known from the log.
        assert set(known) == {*names[-5_000:]}
        assert isinstance(store, TypeIndex)
        assert await store.event_types(limit=3) == ["T00000", "T00001", "T00002"]
        assert set(await store.event_types()) == set(names)
        assert (await known_values(store)).more_types
        assert await types_beginning(store, "T0012") == [f"T{number:05d}" for number in range(120, 130)]
        assert await types_holding(store, "T0012") == await types_beginning(store, "T0012")
        assert await types_beginning(store, "t00129") == []
        assert await types_holding(store, "t00129") == ["T00129"], "capitals or not"
        assert await types_holding(store, "5999") == ["T05999"], "also in the middle"
        assert len(await types_holding(store, "T")) == MOST_FOUND
        assert await types_holding(store, "T_0129") == [], "no pattern of SQLite's"
        assert await types_holding(store, "T*129") == await types_holding(store, "T[0]0129") == []
        await store.save_event(Event("odd", "Größe [a*b] ÄNDERN?", "order-2", 1, {}))
        for typed in ("GRÖssE".replace("ss", "ß"), "[A*B]", "ändern?", "^"):
            assert await types_holding(store, typed) == ([] if typed == "^" else ["Größe [a*b] ÄNDERN?"]), typed
        assert await types_holding(store, "\ud800") == await types_holding(store, "x" * 100_000) == []


@pytest.mark.parametrize(
    ("marked", "typed"),
    [
        ("type:|", ""),
        ("type:Ord|", "Ord"),
        ("type:Ord|er", "Ord"),
        ("x:1 -type:A,Be|", "Be"),
        ('type:"Or d|', "Or d"),
        ("type:Ord*|", ""),
        ("ty|pe:Ord", ""),
        ("actor:Ord|", ""),
        ("Ord|", ""),
        ("|", ""),
    ],
)
def test_the_type_that_is_typed(marked: str, typed: str) -> None:
    assert typed_type(marked.replace("|", ""), marked.index("|")) == typed


async def test_names_that_nobody_types_are_not_offered() -> None:
    async with open_engine("memory://") as engine:
        store = await engine.store("shop")
        long = "x" * 5_000
        await store.save_event(Event("1", long, "order-1", 1, {long: 1, "total": 2}, {long: "y", "UserID": "u"}))
        await store.save_event(Event("2", "Paid", "order-1", 2, {}))
        known = await known_values(store)
    assert known.event_types == ("Paid",)
    assert known.data_paths == ("data.total",)
    assert known.metadata_keys == ("meta.UserID",)
