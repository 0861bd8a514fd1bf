"""Decoding just a part of an event: for searches, which look at millions and need a value or two of each.

What is not asked for is skipped while reading and costs next to nothing; it is not checked either. Whoever needs
an event he can trust decodes it with `codec.decode_event`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import defstruct

#: What a projection holds where the event has no such value.
ABSENT: Final = msgspec.UNSET
Getter = Callable[[Any], Any]

_WIRE_NAMES: Final = {"event_type": "eventType", "actor_id": "actorId", "command_id": "commandId"}
_REQUIRED: Final[dict[str, Any]] = {
    "id": str,
    "event_type": str,
    "actor_id": str,
    "version": int,
    "timestamp": str,
}
_OPTIONAL: Final[dict[str, Any]] = {"command_id": str | None, "metadata": dict[str, str] | None}
_IMPOSSIBLE_IN_KEYS: Final = frozenset('"\\').union(map(chr, range(32)))


class Projection:
    """Decodes chosen fields of events, by the names of an `Event`'s attributes, and values of their data.

    Each of `paths` leads through objects by their keys, see `can_follow`; an empty one means the data as a whole.
    """

    def __init__(self, fields: Collection[str], paths: Sequence[Sequence[str]] = ()) -> None:
        members: list[Any] = [(name, kind) for name, kind in _REQUIRED.items() if name in fields]
        members += [(name, kind, None) for name, kind in _OPTIONAL.items() if name in fields]
        root = _Node()
        for path in paths:
            root.want(path)
        if paths:
            members.append(("data", (dict[str, Any] if root.is_whole else root.struct()) | None, None))
        kind = defstruct("Projection", members, rename=_WIRE_NAMES, gc=False)
        #: What was asked for of an event; raises `ValueError` where that is not what it should be.
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        #: For each path the function that takes its value out of what `decode` returns. It returns `ABSENT`, or
        #: raises `AttributeError`, if there is none.
        self.getters: list[Getter] = [_getter(root, path) for path in paths]


def can_follow(key: str) -> bool:
    """Whether a path of a projection can have this step."""
    return _IMPOSSIBLE_IN_KEYS.isdisjoint(key)


class _Node:
    """An object of the data of which some members are wanted, or all."""

    def __init__(self) -> None:
        self.is_whole = False
        self.members: dict[str, _Node] = {}

    def want(self, path: Sequence[str]) -> None:
        node = self
        for key in path:
            node = node.members.setdefault(key, _Node())
        node.is_whole = True

    def struct(self) -> Any:
        members = [
            (f"member_{number}", Any if node.is_whole else node.struct() | _ANYTHING_ELSE, ABSENT)
            for number, node in enumerate(self.members.values())
        ]
        names = {f"member_{number}": key for number, key in enumerate(self.members)}
        return defstruct("Members", members, rename=names, gc=False)


_ANYTHING_ELSE: Final[Any] = str | int | float | bool | None | list[Any]


def _getter(root: _Node, path: Sequence[str]) -> Getter:
    """Follows `path` through projected objects, and through decoded ones behind them."""
    attributes = ["data"]
    node = root
    rest = list(path)
    while rest and not node.is_whole:
        key = rest.pop(0)
        attributes.append(f"member_{list(node.members).index(key)}")
        node = node.members[key]
    follow: Getter = attrgetter(".".join(attributes))

    def get(event: Any) -> Any:
        value = follow(event)
        for key in rest:
            if type(value) is not dict or key not in value:
                return ABSENT
            value = value[key]
        return ABSENT if value is None and not path else value

    return follow if path and not rest else get
