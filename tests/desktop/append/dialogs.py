"""The append dialog as a user handles it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QPlainTextEdit,
    QWidget,
)

from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_engine.store.memory.store import InMemoryEventStore
from tests.desktop.append.stories import event
from tests.waiting import until

Open = Callable[..., AppendDialog]


T = TypeVar("T", bound=QWidget)


def child(dialog: QWidget, kind: type[T], name: str) -> T:
    found = dialog.findChild(kind, name)
    assert found is not None, name
    assert isinstance(found, kind)
    return found


async def fill(dialog: AppendDialog) -> None:
    """Type an event as a user would."""
    await until(lambda: dialog.controller.current_version is not None)
    child(dialog, QComboBox, "appendEventType").setEditText("T02Check")
    replace(child(dialog, QPlainTextEdit, "appendData"), '{"resource": "Resource26"}')
    replace(child(dialog, QPlainTextEdit, "appendMetadata"), '{"UserID": "Resource26"}')


def replace(editor: QPlainTextEdit, text: str) -> None:
    editor.selectAll()
    editor.insertPlainText(text)


def press(dialog: AppendDialog, name: str) -> None:
    button = child(dialog, QAbstractButton, name)
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def conflict(dialog: AppendDialog, store: InMemoryEventStore, **fields: Any) -> ConflictPanel:
    """Fill in an event, let somebody else be faster, and submit."""
    await fill(dialog)
    await store.save_event(event(6, **fields))
    press(dialog, "appendSubmit")
    panel = child(dialog, ConflictPanel, "conflictPanel")
    await until(panel.isVisible)
    return panel


async def closed(dialog: AppendDialog) -> int:
    await until(lambda: not dialog.isVisible())
    return dialog.result()
