"""A JSON document of which containers are opened one by one, and what is said of each member: as written."""

from __future__ import annotations

from typing import Final

from aether_desktop.models.filter.filter_terms import value_term
from aether_desktop.models.inspector.json_container import OpenContainer, slice_end
from aether_desktop.models.inspector.json_scan import Members, scan_container, scan_document
from aether_desktop.models.inspector.tree_roles import (
    PREVIEW_LENGTH,
    Note,
    child_path,
    count_text,
    key_text,
    preview,
)
from aether_engine.lossless import Kind, ScanError, Span, string_value

#: The number of what holds the document's one value.
ROOT: Final = 0
#: Bytes of a closed container up to which its members are counted for its summary.
_COUNTED: Final = 1 << 14


class JsonDocument:
    """The bytes, and the containers that were opened by their numbers.

    A member is named by the number of its container and its place there. `problem` says why the bytes are no JSON.
    """

    def __init__(self, raw: bytes = b"", problem: str = "") -> None:
        self.raw = raw
        members = Members()
        root = OpenContainer(-1, 0, Span(Kind.OBJECT, 0, len(raw)), members, None)
        if problem:
            root.problem = problem
            root.note = Note.PROBLEM
        elif raw:
            root.steps = scan_document(raw, members)
            root.read(slice_end(len(raw)))
            root.shown, root.note = root.wanted()
        self.containers = [root]
        self._opened: dict[tuple[int, int], int] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def open(self, number: int, member: int) -> int:
        """Open the container that a member is, and read what can be read at once; the number it has now."""
        parent = self.containers[number]
        span = parent.members.value(member)
        members = Members()
        steps = scan_container(self.raw, span.kind, span.start, members)
        container = OpenContainer(number, member, span, members, steps, span.start, depth=parent.depth + 1)
        container.read(slice_end(span.end - span.start))
        opened = self._opened[number, member] = len(self.containers)
        self.containers.append(container)
        return opened

    def opened(self, number: int, member: int) -> int | None:
        """The number of the container that a member is, None while nobody has opened it."""
        return self._opened.get((number, member))

    def field(self, container: OpenContainer, member: int) -> str:
        """The key of a member as written, or its place in an array."""
        start, end = container.members.key(member)
        if end > start:
            return key_text(preview(self.raw[start + 1 : end - 1]))
        return "(value)" if self._is_scalar(container) else key_text(member)

    def value_text(self, number: int, member: int) -> str:
        """A value as written, or how many members a container has; of a large one its size."""
        span = self.containers[number].members.value(member)
        if not is_container(span):
            return preview(self.raw[span.start : span.end])
        is_object = span.kind is Kind.OBJECT
        count = self._count(number, member, span)
        if count is not None:
            return count_text(count, is_object)
        size = f"{span.end - span.start:,} bytes"
        return f"{{ {size} }}" if is_object else f"[ {size} ]"

    def filter_term(self, number: int, member: int) -> str:
        """What a filter takes for this value; nothing for containers and long values."""
        span = self.containers[number].members.value(member)
        if is_container(span) or span.end - span.start > PREVIEW_LENGTH:
            return ""
        text = self.raw[span.start : span.end]
        is_text = span.kind is Kind.STRING
        value = string_value(text) if is_text else text.decode("ascii")
        return value_term(self._keys(number, member), value, is_text=is_text)

    def path(self, number: int, member: int) -> str:
        """The keys that lead to a member, in one text."""
        path = ""
        for key in self._keys(number, member):
            path = child_path(path, key)
        return path

    def about(self, number: int, member: int) -> str:
        """A value with its path and its bytes, for a tooltip."""
        span = self.containers[number].members.value(member)
        size = span.end - span.start
        place = f"{self.path(number, member)}\nBytes {span.start:,} to {span.end - 1:,} ({size:,})"
        return place if is_container(span) else f"{preview(self.raw[span.start : span.end])}\n{place}"

    def _count(self, number: int, member: int, span: Span) -> int | None:
        place = self.opened(number, member)
        if place is not None:
            opened = self.containers[place]
            return len(opened.members) if opened.steps is None and not opened.problem else None
        key = (number, member)
        if key not in self._counts:
            if span.end - span.start > _COUNTED:
                return None
            members = Members()
            try:
                for _ in scan_container(self.raw, span.kind, span.start, members):
                    pass
            except ScanError:
                return None
            self._counts[key] = len(members)
        return self._counts[key]

    def _keys(self, number: int, member: int) -> list[str | int]:
        """The names and places that lead to a member, from the outside in."""
        keys: list[str | int] = []
        while number >= 0:
            container = self.containers[number]
            if not (number == ROOT and self._is_scalar(container)):
                start, end = container.members.key(member)
                keys.append(string_value(self.raw[start:end]) if end > start else member)
            number, member = container.parent, container.member
        keys.reverse()
        return keys

    def _is_scalar(self, container: OpenContainer) -> bool:
        return container.parent < 0 and self.raw.lstrip(b" \t\r\n")[:1] not in (b"{", b"[")


def is_container(span: Span) -> bool:
    """Whether a value is an object or an array."""
    return span.kind is Kind.OBJECT or span.kind is Kind.ARRAY
