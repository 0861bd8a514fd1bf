"""What is known about a stored event besides its document: its place, its size, its metadata."""

from __future__ import annotations

import json

from PySide6.QtCore import QObject
from PySide6.QtGui import QStandardItem, QStandardItemModel

from aether_desktop.models.events.claims import claims_of
from aether_desktop.models.filter.filter_terms import value_term
from aether_desktop.models.inspector.damage import damage_of
from aether_desktop.models.inspector.tree_roles import TreeRole, ValueKind
from aether_engine.event import StoredEvent

#: Metadata entries that are listed; all of them are in the tree of the event.
_LISTED = 1000


class EventFacts(QStandardItemModel):
    """Two columns, Field and Value: where an event is stored and what its metadata say."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(0, 2, parent)
        self.setHorizontalHeaderLabels(["Field", "Value"])

    def show_event(self, stored: StoredEvent | None, namespace: str) -> None:
        """Show what is known about `stored`; None shows nothing."""
        self.removeRows(0, self.rowCount())
        if stored is None:
            return
        self._add("Namespace", namespace, ValueKind.STRING)
        self._add("Sequence", str(stored.sequence), ValueKind.NUMBER)
        self._add("Recorded at", stored.recorded_at.isoformat(sep=" "), ValueKind.PLAIN)
        self._add("Size", f"{len(stored.raw):,} bytes", ValueKind.PLAIN)
        event = stored.event
        if event is None:
            self._add_damage(stored)
            return
        if event.command_id:
            self._add("Command", event.command_id, ValueKind.STRING, ("commandId",))
        for count, (key, value) in enumerate(event.metadata.items()):
            if count == _LISTED:
                self._add(
                    f"{_LISTED:,} of {len(event.metadata):,} shown", "All are in the tab Event", ValueKind.NOTE
                )
                break
            self._add(key, value, ValueKind.STRING, ("metadata", key))

    def _add_damage(self, stored: StoredEvent) -> None:
        """Why the event is not trusted, and what its bytes still say."""
        damage = damage_of(stored)
        if damage is None:
            return
        self._add("Damage", f"{damage.reason}. {damage.explanation}".strip(), ValueKind.PLAIN)
        if damage.place:
            self._add("First fault", damage.place, ValueKind.PLAIN)
        claims = claims_of(stored.raw).fields
        if claims:
            self._add("Not trusted", "what the bytes still say:", ValueKind.NOTE)
        for name, value in claims.items():
            self._add(name, value, ValueKind.NUMBER if name == "version" else ValueKind.STRING)

    def _add(self, field: str, value: str, kind: ValueKind, keys: tuple[str, ...] = ()) -> None:
        shown = json.dumps(value, ensure_ascii=False) if kind is ValueKind.STRING else value
        if len(shown) > 512:
            shown = f"{shown[:512]}… ({len(value):,} characters)"
        exact = value if kind is ValueKind.NUMBER else json.dumps(value, ensure_ascii=False)
        items = [QStandardItem(field), QStandardItem(shown)]
        for item in items:
            item.setEditable(False)
            item.setData(exact.encode("utf-8", "surrogatepass"), int(TreeRole.EXACT))
            item.setData(value, int(TreeRole.PLAIN))
            item.setData(field, int(TreeRole.PATH))
            item.setData(value_term(keys, value, is_text=True), int(TreeRole.FILTER))
            item.setToolTip(f"{field}\n{shown}")
        items[1].setData(kind, int(TreeRole.KIND))
        self.appendRow(items)
