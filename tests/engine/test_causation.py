"""The tree of causes: roots, effects, orphans, circles; nothing twice and nothing lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aether_engine.causation import CausationLink, CausationNode, causation_tree
from aether_engine.event import Event
from aether_engine.testing import make_event


def event(name: str, cause: str = "", command: str = "") -> Event:
    metadata = {"CausationID": cause} if cause else {}
    return make_event(id=name, command_id=command, metadata=metadata)


def outline(nodes: list[CausationNode[Event]]) -> list[str]:
    """Each node on a line of its own: its depth, its id, how it is linked, `*` in a circle."""
    return [
        f"{'  ' * depth}{node.item.id} {node.link.value}{'*' if node.in_cycle else ''}"
        for root in nodes
        for depth, node in root.walk()
    ]


def test_a_tree() -> None:
    events = [event("a"), event("b", "a"), event("c", "a"), event("d", "b"), event("e"), event("f", "b")]
    assert outline(causation_tree(events)) == [
        "a root",
        "  b effect",
        "    d effect",
        "    f effect",
        "  c effect",
        "e root",
    ]


def test_effects_may_come_before_their_cause() -> None:
    assert outline(causation_tree([event("b", "a"), event("a")])) == ["a root", "  b effect"]


def test_orphans() -> None:
    nodes = causation_tree([event("b", "gone"), event("c", "b"), event("d", "gone")])
    assert outline(nodes) == ["b orphan", "  c effect", "d orphan"]
    assert [node.cause for node in nodes] == ["gone", "gone"]


def test_a_command_is_a_cause_that_is_no_event() -> None:
    events = [event("a", "c-1", "c-1"), event("b", "c-1", "c-2"), event("d", "c-3", "c-4")]
    assert outline(causation_tree(events)) == ["a root", "b root", "d orphan"]


def test_circles() -> None:
    events = [event("x", "b"), event("b", "c"), event("c", "a"), event("a", "b"), event("self", "self")]
    assert outline(causation_tree(events)) == [
        "b cycle*",
        "  x effect",
        "  a effect*",
        "    c effect*",
        "self cycle*",
    ]


def test_one_id_twice() -> None:
    first, second = event("a"), event("a")
    nodes = causation_tree([first, second, event("b", "a")])
    assert outline(nodes) == ["a root", "  b effect", "a root"]
    assert nodes[0].item is first


def test_items_that_are_more_than_events() -> None:
    items = [("ns", event("a")), ("other", event("b", "a"))]
    [root] = causation_tree(items, lambda item: item[1])
    assert [node.item[0] for _, node in root.walk()] == ["ns", "other"]


def test_a_long_chain() -> None:
    count = 20_000
    events = [event(f"e{number}", f"e{number - 1}" if number else "") for number in range(count)]
    [root] = causation_tree(events)
    assert max(depth for depth, _ in root.walk()) == count - 1
    assert causation_tree([]) == []


_ids = st.sampled_from(["a", "b", "c", "d", "e", "f", ""])


@given(st.lists(st.tuples(_ids.filter(bool), _ids), max_size=12))
def test_every_event_is_in_one_place(pairs: list[tuple[str, str]]) -> None:
    events = [event(name, cause) for name, cause in pairs]
    nodes = causation_tree(events)
    seen = [node for root in nodes for _, node in root.walk()]
    assert sorted(map(id, (node.item for node in seen))) == sorted(map(id, events))
    known = {each.id for each in events}
    first = {each.id: each for each in reversed(events)}
    for root in nodes:
        assert root.link is not CausationLink.EFFECT
    for node in seen:
        assert node.cause == node.item.causation_id
        assert (node.link is CausationLink.ORPHAN) == (bool(node.cause) and node.cause not in known)
        assert (node.link is CausationLink.ROOT) == (not node.cause)
        for child in node.children:
            assert child.link is CausationLink.EFFECT
            assert child.cause == node.item.id
        # Following the causes leads back to it, or it does not.
        at, steps = first.get(node.cause), 0
        while at is not None and at is not node.item and steps <= len(events):
            at, steps = first.get(at.causation_id), steps + 1
        assert node.in_cycle == (at is node.item)
    assert sum(node.link is CausationLink.CYCLE for node in seen) <= sum(node.in_cycle for node in seen)
