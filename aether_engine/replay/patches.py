"""Differences as others read them: JSON Pointer (RFC 6901), JSON Patch (RFC 6902), and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from aether_engine import codec
from aether_engine.errors import PatchError
from aether_engine.replay.differences import Change, Path, changes_between, diff, is_same_scalar

#: One operation of a JSON Patch: a JSON object with `op`, `path`, and what the operation needs.
Operation = dict[str, Any]

_INDEX: Final = re.compile("0|[1-9][0-9]*", re.ASCII)
_NOWHERE: Final = object()


def pointer(path: Iterable[str | int]) -> str:
    """A path as JSON Pointer: "" is the whole document, `/a~1b/0` the first item of its member `a/b`."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def parse_pointer(text: str) -> tuple[str, ...]:
    """The names and places in a JSON Pointer, as text; raises `ValueError`."""
    if not text:
        return ()
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not begin with '/'")
    if re.search("~(?![01])", text):
        raise ValueError(f"{text!r} has a '~' that is neither '~0' nor '~1'")
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in text[1:].split("/"))


def json_patch(old: Any, new: Any) -> list[Operation]:
    """The JSON Patch that makes `new` of `old`; the other way round it is `json_patch(new, old)`."""
    return patch_of(diff(old, new))


def patch_of(changes: Iterable[Change]) -> list[Operation]:
    """What `diff` found as a JSON Patch that makes the newer document of the older one."""
    operations: list[Operation] = []
    # Items of an array go from its end, so that none moves that is still to go.
    leaving: list[Path] = []
    for change in changes:
        path = change.path
        if leaving and (change.kind != "removed" or path[:-1] != leaving[-1][:-1]):
            operations += _removals(leaving)
            leaving = []
        if change.kind == "removed":
            if isinstance(path[-1], int):
                leaving.append(path)
            else:
                operations += _removals([path])
        else:
            verb = "add" if change.kind == "added" else "replace"
            operations.append({"op": verb, "path": pointer(path), "value": change.new})
    return operations + _removals(leaving)


def _removals(paths: Sequence[Path]) -> list[Operation]:
    return [{"op": "remove", "path": pointer(path)} for path in reversed(paths)]


def apply_patch(document: Any, patch: Sequence[Operation]) -> Any:
    """`document` after all operations of a JSON Patch.

    It stays as it is, and the result shares with it what was not touched. Raises `PatchError` naming the operation
    that cannot be done; the rest of it is then not done either.
    """
    patched = _Patched(document)
    for number, operation in enumerate(patch):
        try:
            patched.do(operation)
        except (ValueError, TypeError, KeyError) as error:
            reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise PatchError(number, reason) from error
    return patched.document


class _Slot(NamedTuple):
    """The place an operation is about: the container it lies in, and the name or index in it."""

    parent: Any
    key: str | int


class _Patched:
    """A document that is being patched: containers are copied before the first change to them."""

    def __init__(self, document: Any) -> None:
        self._holder: list[Any] = [document]
        self._own: dict[int, Any] = {}

    @property
    def document(self) -> Any:
        return self._holder[0]

    def do(self, operation: Operation) -> None:
        path = parse_pointer(operation["path"])
        match operation["op"]:
            case "add":
                self._add(path, operation["value"])
            case "remove":
                self._remove(path)
            case "replace":
                slot = self._find(path)
                slot.parent[slot.key] = operation["value"]
            case "move":
                source = parse_pointer(operation["from"])
                if path[: len(source)] == source and path != source:
                    raise ValueError("a value cannot be moved into itself")
                self._add(path, self._remove(source))
            case "copy":
                slot = self._find(parse_pointer(operation["from"]))
                # From here on it stands in two places, and a change of one must not show in the other.
                self._own.clear()
                self._add(path, slot.parent[slot.key])
            case "test":
                slot = self._find(path)
                if next(changes_between(slot.parent[slot.key], operation["value"], _is_equal), None) is not None:
                    raise ValueError(f"the value at {operation['path']!r} is another one")
            case other:
                raise ValueError(f"there is no operation {other!r}")

    def _find(self, path: Sequence[str]) -> _Slot:
        """The place of a value that exists, in a container of our own."""
        slot = _Slot(self._holder, 0)
        for name in path:
            slot = _Slot(self._own_container(slot), name)
            slot = _Slot(slot.parent, self._existing(slot.parent, name))
        return slot

    def _own_container(self, slot: _Slot) -> Any:
        container = slot.parent[slot.key]
        if not isinstance(container, (dict, list, tuple)) or id(container) in self._own:
            return container
        own: Any = dict(container) if isinstance(container, dict) else list(container)
        self._own[id(own)] = own
        slot.parent[slot.key] = own
        return own

    def _existing(self, container: Any, name: str) -> str | int:
        if isinstance(container, dict):
            if name not in container:
                raise ValueError(f"there is no member {name!r}")
            return name
        if isinstance(container, list):
            index = _index(name)
            if index >= len(container):
                raise ValueError(f"there is no item {index}, the array has {len(container):,}")
            return index
        raise _has_no_members(name)

    def _add(self, path: Sequence[str], value: Any) -> None:
        if not path:
            self._holder[0] = value
            return
        container = self._own_container(self._find(path[:-1]))
        if isinstance(container, dict):
            container[path[-1]] = value
        elif isinstance(container, list):
            index = len(container) if path[-1] == "-" else _index(path[-1])
            if index > len(container):
                raise ValueError(f"there is no place {index}, the array has {len(container):,} items")
            container.insert(index, value)
        else:
            raise _has_no_members(path[-1])

    def _remove(self, path: Sequence[str]) -> Any:
        if not path:
            raise ValueError("the whole document cannot be removed")
        slot = self._find(path)
        return slot.parent.pop(slot.key)


def _has_no_members(name: str) -> ValueError:
    return ValueError(f"{name!r} would be in a value that is neither object nor array")


def _index(name: str) -> int:
    if _INDEX.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no place in an array")
    return int(name)


def _is_equal(one: Any, other: Any) -> bool:
    """Equality of JSON Patch: numbers are equal by value, however they are written."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(one == other)
    return is_same_scalar(one, other)


def diff_lines(changes: Iterable[Change]) -> Iterator[str]:
    """Differences as text, for people and their tools: `- /total: 19.90` and `+ /total: 20.00`.

    The whole document is called `(all)`; values are compact JSON, so that each stays on its line.
    """
    for change in changes:
        place = pointer(change.path) or "(all)"
        if change.kind != "added":
            yield f"- {place}: {codec.dumps(change.old).decode()}"
        if change.kind != "removed":
            yield f"+ {place}: {codec.dumps(change.new).decode()}"
