"""A log in which each event has a type of its own, more than are counted one by one; a million in `tests/soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView

from aether_desktop.models.timeline.log_timeline import LogTimelineController
from aether_desktop.models.timeline.timeline_words import other_types_text
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.events.filter_edit import FilterEdit
from tests.desktop.driven_window import driven, driven_file
from tests.soak.test_types_soak import fill
from tests.soak.types_driver import Steps, name_of
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

TYPES = 12_000


async def test_more_types_than_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "types.aether"
    await fill(path, TYPES)
    async with driven(tmp_path / "settings.json") as seen:
        await Steps(seen.window, TYPES).take(path)
        await until(lambda: not seen.panels.desk.busy)
        [timeline] = seen.window.findChildren(LogTimelineController)
        bars = timeline.bars(50)
        assert bars.total == TYPES
        assert "more than" in other_types_text(bars), "how many there are is not known"
    assert len(capsys.readouterr().out.splitlines()) == 11


async def test_what_is_typed_narrows_types_that_nobody_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first by name and the newest are known; those between them are asked of the store."""
    monkeypatch.setattr("aether_desktop.models.append.append_suggestions.KEPT", 1000)
    path = tmp_path / "types.aether"
    await fill(path, TYPES)

    def offered(popup: QAbstractItemView) -> list[str]:
        model = popup.model()
        return [str(model.index(row, 0).data()) for row in range(model.rowCount())] if popup.isVisible() else []

    async with driven_file(path) as seen:
        seen.run("filter")
        edit, bar = seen.child(FilterEdit, "filterBar"), seen.panels.filter_bar
        await until(edit.hasFocus, what="the field has the keyboard")
        shown = bar.filter
        assert shown is not None
        await until(lambda: shown.known is not None, what="what the log is known to have")
        assert shown.known is not None
        assert name_of(7123) not in shown.known.event_types
        QTest.keyClicks(edit, "type:type000712")
        wanted = [name_of(number) for number in range(7120, 7130)]
        await until(lambda: offered(edit._popup) == wanted, what="the types that begin so")
        QTest.keyClicks(edit, "3")
        assert offered(edit._popup) == [name_of(7123)], "of those that are known nothing is asked"
        QTest.keyClick(edit._popup, Qt.Key.Key_Down)
        QTest.keyClick(edit._popup, Qt.Key.Key_Return)
        assert edit.toPlainText() == f"type:{name_of(7123)}"
        await until(lambda: seen.view.model.event_count == 1, what="its event")
        seen.run("clear_filter")
        await seen.settle()

        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        suggestions = dialog.controller.suggestions
        await until(lambda: len(suggestions.types) >= 1000, what="the first types")
        assert len(suggestions.types) < TYPES
        line, completer = dialog.form.event_type.lineEdit(), dialog.form.event_type.completer()
        assert line is not None
        assert completer is not None
        popup = completer.popup()
        assert popup is not None
        line.setFocus()
        line.clear()
        QTest.keyClicks(line, "type000712")
        await until(lambda: offered(popup) == wanted, what="the types that begin so")
        QTest.keyClicks(line, "3")
        assert offered(popup) == [name_of(7123)]
        QTest.keyClick(popup, Qt.Key.Key_Down)
        QTest.keyClick(popup, Qt.Key.Key_Return)
        assert dialog.controller.draft.event_type == name_of(7123)
        dialog.done(0)
