"""Event types to complete what is typed, also where there are a million of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import merge
from typing import Final

from aether_desktop.models.inspector.typed_json import hidden_characters

#: Up to so many types, those that hold the text anywhere are offered too; of more, those that begin with it.
SEARCHED_WITHIN: Final = 20_000
#: Longest type that is offered, in characters.
_LONGEST: Final = 500
#: Types that are sorted without a break.
_AT_ONCE: Final = 5_000


class TypeNames:
    """A sorted list that is never changed, so that it can be made in a thread beside the event loop's."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        known: set[str] = set()
        pairs: list[tuple[str, str]] = []
        for name in names:
            # A type with characters that cannot be seen must not be chosen by mistake for the one it looks like.
            if name and len(name) <= _LONGEST and name not in known and not hidden_characters(name):
                known.add(name)
                pairs.append((name.casefold(), name))
        # Sorted at once, a million of them would hold the interpreter's lock for seconds.
        parts = [sorted(pairs[at : at + _AT_ONCE]) for at in range(0, len(pairs), _AT_ONCE)]
        self._folded: list[str] = []
        self._names: list[str] = []
        for folded, name in parts[0] if len(parts) == 1 else merge(*parts):
            self._folded.append(folded)
            self._names.append(name)

    def __len__(self) -> int:
        return len(self._names)

    def first(self, limit: int) -> list[str]:
        """The first names by alphabet."""
        return self._names[:limit]

    def matching(self, text: str, limit: int) -> list[str]:
        """At most `limit` names that begin with `text`, then such that hold it; upper and lower case are one."""
        folded = text.casefold()
        start = bisect_left(self._folded, folded)
        end = bisect_left(self._folded, folded + "\U0010ffff", start)
        found = self._names[start : min(end, start + limit)]
        if len(found) < limit and len(self._names) <= SEARCHED_WITHIN:
            for place, name in enumerate(self._folded):
                if folded in name and not start <= place < end:
                    found.append(self._names[place])
                    if len(found) == limit:
                        break
        return found
