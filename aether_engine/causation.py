"""Events as a tree of causes: under each the events that name it as theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from aether_engine.event import Event

T = TypeVar("T")


class CausationLink(Enum):
    """How an event hangs together with its cause."""

    #: It names no cause, or a command: its own, or that of another event that is here.
    ROOT = "root"
    #: Its cause is the node above it.
    EFFECT = "effect"
    #: It names a cause that is not here.
    ORPHAN = "orphan"
    #: Its causes lead back to it. Of such a circle, the first event that was given stands on top.
    CYCLE = "cycle"


@dataclass(frozen=True, slots=True, eq=False)
class CausationNode(Generic[T]):
    """An event with its effects, in the order they were given.

    `cause` is the id it names, "" without one. `in_cycle` says that its causes lead back to itself; only the
    topmost node of a circle has the link `CYCLE`, and its own cause is somewhere below it.
    """

    item: T
    link: CausationLink
    cause: str
    in_cycle: bool
    children: tuple[CausationNode[T], ...]

    def walk(self) -> Iterator[tuple[int, CausationNode[T]]]:
        """This node and all below it, each with its depth, a node before its effects."""
        pending: list[tuple[int, CausationNode[T]]] = [(0, self)]
        while pending:
            depth, node = pending.pop()
            yield depth, node
            pending.extend((depth + 1, child) for child in reversed(node.children))


def _itself(item: Any) -> Event:
    event: Event = item
    return event


def causation_tree(items: Iterable[T], event_of: Callable[[T], Event] = _itself) -> list[CausationNode[T]]:
    """The nodes that have no cause among `items`, in the order given; every item is in one place of the forest.

    `event_of` tells the event of an item, for items that are more than events. Of several items with one event id
    (an event that was copied, say) the first one has the effects.
    """
    given = list(items)
    events = [event_of(item) for item in given]
    places: dict[str, int] = {}
    for place, event in enumerate(events):
        places.setdefault(event.id, place)
    commands = {event.command_id for event in events if event.command_id}
    parents = [places.get(event.causation_id) if event.causation_id else None for event in events]
    circles = _circles(parents)
    # A circle is opened above the first of its events.
    tops = {min(circle) for circle in circles}
    in_cycle = {place for circle in circles for place in circle}
    children: list[list[int]] = [[] for _ in given]
    roots: list[int] = []
    for place, parent in enumerate(parents):
        if parent is None or place in tops:
            roots.append(place)
        else:
            children[parent].append(place)

    def link(place: int) -> CausationLink:
        if place in tops:
            return CausationLink.CYCLE
        if parents[place] is not None:
            return CausationLink.EFFECT
        cause = events[place].causation_id
        return CausationLink.ORPHAN if cause and cause not in commands else CausationLink.ROOT

    nodes: dict[int, CausationNode[T]] = {}
    for place in _effects_first(roots, children):
        nodes[place] = CausationNode(
            given[place],
            link(place),
            events[place].causation_id,
            place in in_cycle,
            tuple([nodes.pop(child) for child in children[place]]),
        )
    return [nodes[place] for place in roots]


def _circles(parents: Sequence[int | None]) -> list[list[int]]:
    """The places from which following the parents leads back to themselves, circle by circle."""
    seen: dict[int, int] = {}
    circles: list[list[int]] = []
    for start in range(len(parents)):
        path: list[int] = []
        place: int | None = start
        while place is not None and place not in seen:
            seen[place] = start
            path.append(place)
            place = parents[place]
        if place is not None and seen[place] == start:
            circles.append(path[path.index(place) :])
    return circles


def _effects_first(roots: Sequence[int], children: Sequence[Sequence[int]]) -> Iterator[int]:
    order: list[int] = []
    pending = list(roots)
    while pending:
        place = pending.pop()
        order.append(place)
        pending.extend(children[place])
    return reversed(order)
