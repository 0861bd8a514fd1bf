"""The state panel: moving along an actor's versions by every means there is, and what it says about each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QSlider, QTreeView, QWidget
from pytestqt.qtbot import QtBot

from aether_desktop.models.inspector.tree_roles import Mark, TreeRole
from aether_desktop.models.state import folded_stream
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.ui.state.state_panel import StatePanel
from aether_desktop.ui.state.version_marks import MarkKind, SliderMark
from aether_desktop.ui.state.version_slider import VersionSlider
from aether_engine.event import StoredEvent
from tests.desktop.test_state_controller import damaged, loader, stored
from tests.waiting import until

EVENTS = [
    stored(1, {"group": "EMPTY", "case": {"x": 1}}),
    stored(2, {"group": "Group 2"}),
    stored(5, {"group": "Group 15", "task": "t"}, 3),
    damaged(4),
    stored(6, {"task": None}, 5),
]


@pytest.fixture
async def panel(qtbot: QtBot) -> AsyncIterator[StatePanel]:
    controller = StateController()
    widget = StatePanel(controller)
    qtbot.addWidget(widget)
    widget.resize(430, 420)
    widget.show()
    yield widget
    await controller.close()


async def show(panel: StatePanel, version: int) -> None:
    panel._controller.show("k", "a", loader(EVENTS), version)
    await until(lambda: panel.version == version and not panel._controller.busy)


def values(panel: StatePanel) -> list[tuple[str, str, str]]:
    model = panel.tree.model()
    return [
        (model.index(row, 0).data(), model.index(row, 1).data(), model.index(row, 2).data())
        for row in range(model.rowCount())
    ]


async def test_the_names_that_others_rely_on(panel: StatePanel) -> None:
    assert panel.objectName() == "statePanel"
    for kind, name in (
        (QComboBox, "reducerCombo"),
        (QAbstractSpinBox, "versionSpin"),
        (QSlider, "versionSlider"),
        (QTreeView, "stateTree"),
        (QTreeView, "stateDiff"),
    ):
        found = panel.findChild(kind, name)
        assert found is not None, name
        assert found.accessibleName(), name


async def test_without_an_actor_it_says_what_to_do(panel: StatePanel) -> None:
    texts = [each.accessibleName() for each in panel.findChildren(QWidget) if each.isVisible()]
    assert "Select an actor's event to see its state." in texts


async def test_a_version_its_values_and_its_difference(panel: StatePanel) -> None:
    await show(panel, 5)
    assert values(panel) == [
        ("group", '"Group 15"', "v5"),
        ("case", "{ 1 key }", "v1"),
        ("task", '"t"', "v5"),
    ]
    model = panel.tree.model()
    assert model.index(0, 1).data(TreeRole.WAS) == 'was "Group 2"'
    assert [model.index(row, 0).data(TreeRole.MARK) for row in range(3)] == [Mark.CHANGED, None, Mark.ADDED]
    assert panel.tabs.tabText(1) == "Diff v2 to v5 (2)"
    panel.tabs.setCurrentIndex(1)
    diff = panel.diff.model()
    group = diff.index(0, 0)
    assert group.data() == "group"
    assert [(diff.index(row, 1, group).data(), diff.index(row, 2, group).data()) for row in range(2)] == [
        ('"Group 2"', "v2"),
        ('"Group 15"', "v5"),
    ]
    assert panel.detail_text == "a at v5"


async def test_arrows_move_one_stored_version(panel: StatePanel, qtbot: QtBot) -> None:
    await show(panel, 2)
    moved: list[object] = []
    panel.version_changed.connect(moved.append)
    QTest.keyClick(panel, Qt.Key.Key_Right)
    assert panel.version == 5
    QTest.keyClick(panel.tree, Qt.Key.Key_Right)
    assert panel.version == 6
    QTest.keyClick(panel.tree, Qt.Key.Key_Right)
    QTest.keyClick(panel, Qt.Key.Key_Left)
    assert panel.version == 5
    assert moved == [5, 6, 5]
    panel.show_version(1)
    assert panel.version == 1
    assert moved == [5, 6, 5], "only moves of the user's are told"


async def test_buttons_spin_box_and_slider_agree(panel: StatePanel, qtbot: QtBot) -> None:
    await show(panel, 1)
    controls = panel.controls
    assert not controls.previous.isEnabled()
    QTest.mouseClick(controls.next, Qt.MouseButton.LeftButton)
    assert (panel.version, controls.spin.value(), panel.slider.value()) == (2, 2, 1)
    QTest.keyClick(panel.slider, Qt.Key.Key_End)
    assert (panel.version, controls.spin.value(), panel.slider.value()) == (6, 6, 3)
    assert not controls.next.isEnabled()
    controls.spin.stepBy(-1)
    assert (panel.version, controls.spin.value(), panel.slider.value()) == (5, 5, 2)
    panel.slider.setValue(0)
    assert (panel.version, controls.spin.value()) == (1, 1)
    QTest.keyClick(panel.slider, Qt.Key.Key_End)
    assert panel.version == 6


async def test_typing_a_missing_version_shows_the_one_below(panel: StatePanel, qtbot: QtBot) -> None:
    await show(panel, 6)
    spin = panel.controls.spin
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "4")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert panel.version == 2
    assert spin.value() == 2


async def test_playing_goes_to_the_end_and_stops(panel: StatePanel, qtbot: QtBot) -> None:
    await show(panel, 1)
    panel.moves.timer.setInterval(1)
    QTest.mouseClick(panel.controls.play, Qt.MouseButton.LeftButton)
    assert panel.controls.play.accessibleName() == "Pause"
    await until(lambda: panel.version == 6 and not panel.moves.timer.isActive())
    assert panel.controls.play.accessibleName() == "Play the versions"


async def test_the_footer_says_where_the_state_comes_from(panel: StatePanel) -> None:
    await show(panel, 5)
    texts = [each.accessibleName() for each in panel.findChildren(QWidget) if each.isVisible()]
    assert "From the beginning, 3 events." in texts
    assert "Changed in v5: 2 values" in texts
    assert "1 left out" in texts


async def test_half_a_stream_does_not_look_whole(panel: StatePanel) -> None:
    gate = asyncio.Event()
    panel._controller.show("k", "a", loader(EVENTS, 2, gate), 1)
    await until(lambda: panel.version == 1)
    await until(lambda: panel.controls._of.text() == "of 2+")
    assert "may be later versions" in panel.controls._of.toolTip()
    assert panel.footer.origin.text() == "Reading, 2 so far… From the beginning, 1 event."
    gate.set()
    await until(lambda: panel.controls._of.text() == "of 6")
    assert panel.controls._of.toolTip() == ""
    assert panel.footer.origin.text() == "From the beginning, 1 event."


async def test_a_stream_whose_reading_broke_off_does_not_look_whole(panel: StatePanel) -> None:
    async def read(_actor: str, _from_version: int) -> AsyncIterator[list[StoredEvent]]:
        yield EVENTS[:2]
        raise ValueError("the link is broken")

    panel._controller.show("k", "a", read)
    await until(lambda: panel.banner.isVisible())
    assert panel.controls._of.text() == "of 2+"
    assert "Reading" not in panel.footer.origin.text()


async def test_gaps_snapshots_and_damage_on_the_slider(panel: StatePanel) -> None:
    await show(panel, 5)
    slider = panel.slider
    slider.set_marks(
        "snapshots",
        [
            SliderMark(2, "Snapshot v2, equals the replay"),
            SliderMark(6, "Snapshot differs", MarkKind.DRIFTED),
        ],
    )
    assert "Snapshot v2" in slider.words_at(slider.x_of(1))
    assert "v3 to v4 are missing" in slider.words_at(slider.x_of(1.5))
    assert "#4: Checksum mismatch" in slider.words_at(slider.x_of(2.5))
    panel.grab()


def test_the_slider_takes_versions_of_64_bits(qtbot: QtBot) -> None:
    slider = VersionSlider()
    qtbot.addWidget(slider)
    slider.resize(300, 36)
    versions = [1, 2**40, 2**63 - 1]
    slider.set_versions(versions)
    slider.set_version(2**63 - 1)
    assert slider.version() == 2**63 - 1
    slider.set_version(2**41)
    assert slider.version() == 2**40
    assert slider.accessibleDescription() == f"Version {2**40} of {2**63 - 1}"
    QTest.mouseClick(slider, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, slider.rect().center())
    assert slider.version() == 2**40
    slider.grab()


async def test_the_spin_box_takes_versions_of_64_bits(panel: StatePanel) -> None:
    top = 2**63 - 1
    panel._controller.show("big", "a", loader([stored(1, {"a": 1}), stored(top, {"a": 2}, 2)]))
    await until(lambda: panel.version == top)
    assert panel.controls.spin.value() == top
    assert panel.controls.spin.text() == str(top)
    panel.grab()


async def test_errors_are_shown_in_the_panel(panel: StatePanel) -> None:
    async def read(_actor: str, _from_version: int) -> AsyncIterator[list[StoredEvent]]:
        yield []
        raise ValueError("the link is broken")

    panel._controller.show("k", "a", read)
    await until(lambda: panel.banner.isVisible())
    assert "the link is broken" in panel.banner.plain_text()


async def test_every_control_has_a_name_and_a_hint(panel: StatePanel) -> None:
    await show(panel, 5)
    for control in panel.findChildren(QAbstractButton):
        if control.isVisibleTo(panel):
            assert control.accessibleName() or control.text(), control
            assert control.text() or control.toolTip(), control


async def test_a_state_of_megabytes_is_folded_when_asked(
    panel: StatePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded_stream, "HEAVY", 1000)
    events = [stored(1, {"a": 1}), stored(2, {"b": "x" * 2000})]
    panel._controller.show("k", "a", loader(events))
    await until(lambda: panel.banner.isVisible(), what="it is said that nothing is folded")
    size = sum(len(event.raw) for event in events)
    assert "The state at v2 is not folded yet." in panel.banner.plain_text()
    assert f"{size:,} bytes" in panel.banner.plain_text()
    assert panel.version == 2
    assert values(panel) == []
    QTest.keyClick(panel.tree, Qt.Key.Key_Left)
    await until(lambda: values(panel) == [("a", "1", "v1")])
    assert not panel.banner.isVisible()
    QTest.keyClick(panel.tree, Qt.Key.Key_Right)
    await until(lambda: panel.banner.isVisible())
    fold = next(each for each in panel.banner.findChildren(QAbstractButton) if each.text() == "Fold it")
    QTest.mouseClick(fold, Qt.MouseButton.LeftButton)
    await until(lambda: len(values(panel)) == 2)
    assert not panel.banner.isVisible()
