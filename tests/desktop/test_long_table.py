"""Typing into a table of very many rows costs nothing, whatever kind of table it is."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QStringListModel, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from aether_desktop.ui.audit.findings_view import FindingsView
from aether_desktop.ui.events.actor_view import ActorView
from aether_desktop.ui.events.event_view import EventTableView
from aether_desktop.ui.state.snapshot_check_view import _FindingsTable
from aether_desktop.ui.tail.tail_table_view import TailTableView
from aether_desktop.ui.widgets.long_table import LongTable


class Counting(QStringListModel):
    """Knows how often it was asked for a row."""

    def __init__(self, rows: int) -> None:
        super().__init__([f"event {row}" for row in range(rows)])
        self.asked = 0

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        self.asked += 1
        return super().data(index, role)


@pytest.mark.parametrize("kind", [LongTable, EventTableView, FindingsView, TailTableView, _FindingsTable])
def test_letters_move_nothing_and_look_at_no_row(qtbot: QtBot, kind: type[LongTable]) -> None:
    model = Counting(20_000)
    table = kind()
    qtbot.addWidget(table)
    table.setModel(model)
    table.verticalHeader().setDefaultSectionSize(1)
    table.setCurrentIndex(model.index(3, 0))
    QTest.keyClicks(table, "order-77 x")
    assert table.currentIndex().row() == 3
    assert model.asked < 1_000


def test_the_list_of_actors_is_one_too() -> None:
    # It comes with its own model.
    assert issubclass(ActorView, LongTable)
