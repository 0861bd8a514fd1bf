"""Who set it: for every value of a state, the version that last changed it and the one that last wrote it.

Beside the state grows a tree of the same shape. It is as sparse as can be: what nobody touched since the value
around it came to be is not in it. Like the state, it is changed in place between the results that were handed out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aether_engine.event import Event
from aether_engine.replay.differences import Change, Path, diff, is_same_scalar
from aether_engine.replay.exact import exact_data
from aether_engine.replay.folding import Fold, MergeFold, ShallowFold, TypeFold, memory_of, start_fold
from aether_engine.replay.reducers import (
    Reducer,
    by_event_type,
    json_merge,
    last_event,
    merge_patch,
    shallow_merge,
)

_NOTHING: Final = object()
# What a node and each of its entries take in memory, in bytes, about.
_NODE: Final = 500
_ENTRY: Final = 100
# Levels that are merged by recursion.
_PLAIN_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: the version that last made it another value, and the last that wrote it at all.

    An object or array changes with everything in it. `written` is `changed` where the reducer does not tell what
    it writes, as that of a user's file does not. A snapshot that replay begins with is the origin of all in it.
    """

    changed: int
    written: int


class Blame:
    """A state, and the origin of each value in it. Never changed."""

    __slots__ = ("_root", "state")

    def __init__(self, state: Any, root: _Node) -> None:
        self.state = state
        self._root = root

    def origin(self, path: Path) -> Origin:
        """Where the value at `path` comes from; it must be in the state."""
        node = self._root
        floor = node.whole
        for key in path:
            child = node.nodes.get(key)
            if child is None:
                # It, and all that is in it, came to be at once.
                changed = node.changes.get(key, node.base)
                return Origin(changed, max(changed, node.writes.get(key, 0), floor))
            node = child
            floor = max(floor, node.whole)
        return Origin(node.changed, max(node.changed, node.written, floor))

    def leaves(self) -> Iterator[tuple[Path, Any, Origin]]:
        """Every value that contains no other, in document order, with its path and origin."""
        pending: list[tuple[Path, Any]] = [((), self.state)]
        while pending:
            path, value = pending.pop()
            if isinstance(value, dict) and value:
                pending.extend(((*path, key), item) for key, item in reversed(value.items()))
            elif isinstance(value, (list, tuple)) and value:
                pending.extend(((*path, place), value[place]) for place in range(len(value) - 1, -1, -1))
            else:
                yield path, value, self.origin(path)


def no_blame(state: Any, version: int) -> Blame:
    """The blame to begin with: everything in `state` was there at `version`."""
    return Blame(state, _Node(version, None))


class _Node:
    """What is known of an object or array whose values do not all have one origin."""

    __slots__ = ("base", "changed", "changes", "nodes", "run", "whole", "writes", "written")

    def __init__(self, version: int, run: object, written: int = 0) -> None:
        #: The last versions that changed anything in it, and that wrote it or anything in it.
        self.changed = version
        self.written = written
        #: The last version that wrote it with all that is in it.
        self.whole = written
        #: The version that made the values there is no entry for.
        self.base = version
        #: For a value in it: the last version that changed it, and the last that wrote it whole.
        self.changes: dict[str | int, int] = {}
        self.writes: dict[str | int, int] = {}
        #: Nodes of values in it; entries beside one mean nothing.
        self.nodes: dict[str | int, _Node] = {}
        #: Between which two results this node belongs to the fold alone.
        self.run = run

    def copy(self, run: object) -> _Node:
        node = _Node(self.base, run)
        node.changed, node.written, node.whole = self.changed, self.written, self.whole
        node.changes, node.writes, node.nodes = self.changes.copy(), self.writes.copy(), self.nodes.copy()
        return node

    def set(self, key: str | int, version: int) -> None:
        """A value is another one now, and new with all that is in it."""
        self.changes[key] = self.writes[key] = version
        self.nodes.pop(key, None)

    def forget(self, key: str | int) -> None:
        """A value is gone."""
        self.changes.pop(key, None)
        self.writes.pop(key, None)
        self.nodes.pop(key, None)


class _Tree:
    """The nodes of one fold, which are its own since the last result."""

    def __init__(self, root: _Node) -> None:
        self._run = object()
        self._root = root
        self.kept_bytes = 0

    def root(self) -> _Node:
        """The root, to be changed."""
        if self._root.run is not self._run:
            self._root = self._copy(self._root)
        return self._root

    def child(self, node: _Node, key: str | int) -> _Node:
        """The node of a value in `node`, to be changed; made if there is none yet."""
        known = node.nodes.get(key)
        if known is None:
            changed = node.changes.get(key, node.base)
            known = node.nodes[key] = _Node(changed, self._run, node.writes.get(key, changed))
            self.kept_bytes += _NODE
        elif known.run is not self._run:
            known = node.nodes[key] = self._copy(known)
        return known

    def wrote(self, node: _Node, key: str | int, version: int) -> None:
        """A value was written again as a whole, and stayed the same or changed in parts."""
        if key in node.nodes:
            child = self.child(node, key)
            child.written = child.whole = version
        else:
            node.writes[key] = version

    def change(self, node: _Node, changes: Iterable[Change], version: int) -> bool:
        """Note what was found to differ in a value; whether anything did."""
        found = False
        for change in changes:
            found = True
            place = node
            place.changed = version
            for key in change.path[:-1]:
                place = self.child(place, key)
                place.changed = version
            if not change.path:
                self._renew(node, version)
            elif change.kind == "removed":
                place.forget(change.path[-1])
            else:
                place.set(change.path[-1], version)
        return found

    def assign(self, node: _Node, key: str | int, old: Any, new: Any, version: int) -> bool:
        """Note that `new` stands where `old` stood (`_NOTHING`: nothing did); whether it is another value."""
        if old is new:
            self.wrote(node, key, version)
            return False
        if (isinstance(old, dict) and isinstance(new, dict)) or (isinstance(old, list) and isinstance(new, list)):
            changes = diff(old, new)
            if changes:
                self.change(self.child(node, key), changes, version)
            self.wrote(node, key, version)
            return bool(changes)
        if is_same_scalar(old, new):
            self.wrote(node, key, version)
            return False
        node.set(key, version)
        return True

    def keep(self) -> _Node:
        self._run = object()
        self.kept_bytes = 0
        return self._root

    def _renew(self, node: _Node, version: int) -> None:
        node.base = node.changed = node.written = node.whole = version
        for entries in (node.changes, node.writes, node.nodes):
            entries.clear()

    def _copy(self, node: _Node) -> _Node:
        self.kept_bytes += _NODE + _ENTRY * (len(node.changes) + len(node.writes) + len(node.nodes))
        return node.copy(self._run)


class _BlameFold:
    """A fold of states that keeps the tree beside them. Made by `start_blame`."""

    def __init__(self, states: Fold[Any], root: _Node) -> None:
        self._states = states
        self._tree = _Tree(root)

    @property
    def kept_bytes(self) -> int:
        return self._states.kept_bytes + self._tree.kept_bytes

    def feed(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    def step(self, event: Event) -> Any:
        self.feed((event,))
        return self.keep()

    def each(self, events: Sequence[Event]) -> Iterator[Any]:
        return map(self.step, events)

    def keep(self) -> Blame:
        return Blame(self._states.keep(), self._tree.keep())


class _MergeBlame(_BlameFold):
    """JSON merge, with the tree filled in the same pass."""

    def __init__(self, states: MergeFold, root: _Node) -> None:
        super().__init__(states, root)
        self._merge = states

    def feed(self, events: Sequence[Event]) -> None:
        if not events:
            return
        state, root = self._merge.own_state(), self._tree.root()
        changes, writes, nodes = root.changes, root.writes, root.nodes
        # Objects below the top level that may be changed, each with its node; nothing is handed out meanwhile.
        owned: dict[str, tuple[dict[str, Any], _Node]] = {}
        for event in events:
            version = event.version
            for key, value in event.data.items():
                kind = type(value)
                # As in MergeFold: nothing is lost in decoding these.
                if kind is str or kind is bool or (kind is int and value):
                    old = state.get(key, _NOTHING)
                    if type(old) is not kind:
                        # Only what was an object or array has a node.
                        nodes.pop(key, None)
                        owned.pop(key, None)
                    elif old == value:
                        continue
                    state[key] = value
                    changes[key] = root.changed = version
                    continue
                pair = owned.get(key)
                if pair is None and kind is dict and type(state.get(key)) is dict:
                    pair = owned[key] = self._merge.own_child(state, key), self._tree.child(root, key)
                is_done = pair is not None and kind is dict and self._merge_plain(*pair, value, version)
                if pair is not None and pair[1].changed == version:
                    root.changed = version
                if not is_done:
                    self._merge_with(root, exact_data(event), version)
                    owned.clear()
                    break
            else:
                writes.update(dict.fromkeys(event.data, version))

    def _merge_plain(
        self, merged: dict[str, Any], node: _Node, patch: dict[str, Any], version: int, depth: int = 0
    ) -> bool:
        """Merge an object into `merged`, up to what may have been decoded inexactly: then False."""
        node.written = version
        for key, value in patch.items():
            kind = type(value)
            if kind is str or kind is bool or (kind is int and value):
                old = merged.get(key, _NOTHING)
                if type(old) is not kind:
                    node.nodes.pop(key, None)
                elif old == value:
                    continue
                merged[key] = value
                node.changes[key] = node.changed = version
            elif kind is not dict or type(merged.get(key)) is not dict or depth >= _PLAIN_DEPTH:
                return False
            else:
                child = self._tree.child(node, key)
                is_done = self._merge_plain(self._merge.own_child(merged, key), child, value, version, depth + 1)
                if child.changed == version:
                    node.changed = version
                if not is_done:
                    return False
        node.writes.update(dict.fromkeys(patch, version))
        return True

    def _merge_with(self, root: _Node, patch: dict[str, Any], version: int) -> None:
        # A place to be merged, what goes there, its node, and which of these places it lies in.
        places: list[tuple[dict[str, Any], dict[str, Any], _Node, int]] = [
            (self._merge.own_state(), patch, root, -1)
        ]
        done = 0
        while done < len(places):
            merged, changes, node, _ = places[done]
            changed = False
            for key, value in changes.items():
                if value is None:
                    if key in merged:
                        del merged[key]
                        node.forget(key)
                        changed = True
                elif not isinstance(value, dict):
                    changed |= self._tree.assign(node, key, merged.get(key, _NOTHING), value, version)
                    merged[key] = value
                elif isinstance(merged.get(key), dict):
                    child = self._tree.child(node, key)
                    child.written = version
                    places.append((self._merge.own_child(merged, key), value, child, done))
                else:
                    merged[key] = merge_patch({}, value)
                    node.set(key, version)
                    changed = True
            place = done
            while changed and place >= 0 and places[place][2].changed != version:
                places[place][2].changed = version
                place = places[place][3]
            done += 1


class _AssignBlame(_BlameFold):
    """Reducers that replace members of the state's top level, as `members` says which."""

    def __init__(self, states: ShallowFold | TypeFold, root: _Node, *, by_type: bool) -> None:
        super().__init__(states, root)
        self._by_type = by_type
        self._members = states

    def feed(self, events: Sequence[Event]) -> None:
        if not events:
            return
        state, root = self._members.own_state(), self._tree.root()
        for event in events:
            data = exact_data(event)
            for key, value in {event.event_type: data}.items() if self._by_type else data.items():
                if self._tree.assign(root, key, state.get(key, _NOTHING), value, event.version):
                    root.changed = event.version
                state[key] = value


class _StateBlame(_BlameFold):
    """Any reducer: what differs from one state to the next is what it changed."""

    def __init__(self, states: Fold[Any], blame: Blame, *, writes_all: bool) -> None:
        super().__init__(states, blame._root)
        self._state = blame.state
        self._writes_all = writes_all

    def feed(self, events: Sequence[Event]) -> None:
        for event, state in zip(events, self._states.each(events), strict=False):
            root = self._tree.root()
            self._tree.change(root, diff(self._state, state), event.version)
            if self._writes_all:
                root.written = root.whole = event.version
            self._state = state


def start_blame(reducer: Reducer, blame: Blame) -> Fold[Blame]:
    """A fold of `reducer` that begins with the state and the origins in `blame`."""
    if reducer is json_merge:
        return _MergeBlame(MergeFold(blame.state), blame._root)
    if reducer is shallow_merge:
        return _AssignBlame(ShallowFold(blame.state), blame._root, by_type=False)
    if reducer is by_event_type:
        return _AssignBlame(TypeFold(blame.state), blame._root, by_type=True)
    return _StateBlame(start_fold(reducer, blame.state), blame, writes_all=reducer is last_event)


def blame_memory(new: Blame, old: Blame) -> int:
    """About the memory that `new` takes, in bytes, where it shares nothing with `old`."""
    total = memory_of(new.state, old.state)
    pending: list[tuple[_Node, _Node | None]] = [(new._root, old._root)]
    while pending:
        node, beside = pending.pop()
        if node is not beside:
            total += _NODE + _ENTRY * (len(node.changes) + len(node.writes) + len(node.nodes))
            pending.extend((child, beside and beside.nodes.get(key)) for key, child in node.nodes.items())
    return total
