"""What can be copied from the text or the bytes of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtWidgets import QMenu, QWidget

from aether_desktop.models.inspector.damage import not_utf8_at
from aether_desktop.models.inspector.tree_roles import written
from aether_desktop.ui.widgets.icons import icon

#: Bytes from which on text stays bytes on its way to the clipboard.
_LONG: Final = 1 << 20
#: Bytes up to which they are copied as hexadecimal values, which take three times as much.
_HEX_LIMIT: Final = 16 << 20


def bytes_menu(
    raw: bytes, span: tuple[int, int] | None, copy: Callable[[str | bytes], object], parent: QWidget
) -> QMenu:
    """Return the menu for `raw`, of which `span` is selected or marked; `copy` gets what is chosen, whole."""
    chosen = raw[span[0] : span[1]] if span is not None and span[1] > span[0] else None
    menu = QMenu(parent)
    if chosen is not None:
        count = f"{len(chosen):,} {'byte' if len(chosen) == 1 else 'bytes'}"
        _add(menu, f"Copy selection as text ({count})", lambda: copy(as_text(chosen)))
        _add_hex(menu, f"Copy selection as hexadecimal ({count})", chosen, copy)
    _add(menu, "Copy exact JSON", lambda: copy(as_text(raw)))
    if chosen is None:
        _add_hex(menu, "Copy all as hexadecimal", raw, copy)
    return menu


def as_text(raw: bytes) -> str | bytes:
    """Bytes as they are copied as text: many of them as they are, those that are no text as signs."""
    return raw if len(raw) > _LONG and not_utf8_at(raw) is None else written(raw)


def _add(menu: QMenu, text: str, work: Callable[[], object]) -> None:
    menu.addAction(icon("copy"), text).triggered.connect(lambda _checked=False: work())


def _add_hex(menu: QMenu, text: str, raw: bytes, copy: Callable[[str | bytes], object]) -> None:
    if len(raw) <= _HEX_LIMIT:
        _add(menu, text, lambda: copy(raw.hex(" ").upper()))
        return
    action = menu.addAction(icon("copy"), f"{text}: {_HEX_LIMIT:,} bytes are the most")
    action.setEnabled(False)
