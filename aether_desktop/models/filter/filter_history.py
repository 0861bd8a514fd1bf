"""Filters that were used lately, and those that were kept on purpose."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from aether_desktop.settings import Settings

MOST_RECENT = 20
_RECENT = "recent_filters"
_SAVED = "saved_filters"


class FilterHistory(QObject):
    """Texts of filters in the settings, the latest first; they are the user's words and hold no payloads."""

    changed = Signal()
    forgotten = Signal(list)
    """The texts that are recent no longer, for whoever offers to take that back."""

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    @property
    def recent(self) -> list[str]:
        return self._texts(_RECENT)

    @property
    def saved(self) -> list[str]:
        return self._texts(_SAVED)

    def remember(self, text: str) -> None:
        """`text` was used."""
        if text.strip():
            self._set(_RECENT, [text, *(other for other in self.recent if other != text)][:MOST_RECENT])

    def forget_recent(self) -> None:
        """Forget what was used; what was saved stays."""
        before = self.recent
        self._set(_RECENT, [])
        if before:
            self.forgotten.emit(before)

    def recall(self, texts: list[str]) -> None:
        """Take forgetting back; what was used since comes first."""
        since = self.recent
        self._set(_RECENT, [*since, *(text for text in texts if text not in since)][:MOST_RECENT])

    def is_saved(self, text: str) -> bool:
        return text in self.saved

    def save(self, text: str) -> None:
        """Keep `text` for good."""
        if text.strip() and not self.is_saved(text):
            self._set(_SAVED, [text, *self.saved])

    def unsave(self, text: str) -> None:
        """Keep `text` no longer."""
        self._set(_SAVED, [other for other in self.saved if other != text])

    def _texts(self, name: str) -> list[str]:
        values = self._settings.get(name)
        return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

    def _set(self, name: str, texts: list[str]) -> None:
        if texts != self._texts(name):
            self._settings.set(name, texts)
            self.changed.emit()
