"""Where in its log a bus has lost something: it only says that it did, and perhaps not even in which namespace."""

from __future__ import annotations

from collections.abc import Sequence

from aether_engine.event import Gap, Published, Tailed


class BusPlaces:
    """Remembers what came last of each namespace, and gives gaps that have no place the one behind that.

    A lost connection is a gap of all namespaces that match a pattern: it stays as it is, and where the next event
    of a namespace does not follow on the one before, a gap with a place stands in front of it.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        # Namespaces of which something may be missing, and why.
        self._unsure: dict[str, str] = {}

    def placed(self, items: Sequence[Tailed | Published | Gap]) -> Sequence[Tailed | Published | Gap]:
        """`items` with the places that are known; from there the log has what is missing."""
        found: list[Tailed | Published | Gap] = []
        last, unsure = self._last, self._unsure
        for item in items:
            if isinstance(item, Published):
                sequence, namespace = item.sequence, item.namespace
                if sequence is not None:
                    if unsure and namespace in unsure:
                        reason = unsure.pop(namespace)
                        if sequence > last[namespace] + 1:
                            found.append(Gap(namespace, last[namespace], None, reason))
                    last[namespace] = sequence
                found.append(item)
            elif isinstance(item, Gap) and item.after_sequence is None and item.missed is None:
                known = last.get(item.namespace)
                if known is not None:
                    found.append(Gap(item.namespace, known, None, item.reason))
                else:
                    unsure.update(dict.fromkeys(last, item.reason))
                    found.append(item)
            else:
                found.append(item)
        return found
