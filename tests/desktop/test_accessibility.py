"""What a screen reader and a keyboard get of every panel, document and dialog, through Qt's own interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QToolButton, QWidget

from aether_desktop.ui.widgets.theme import apply_theme
from aether_desktop.ui.window.scenes import scenes
from tests.desktop.driven_window import DrivenWindow, driven
from tests.waiting import until

Role = QAccessible.Role
#: Roles of what somebody does something with, or looks through.
CONTROLS = {
    *(Role.PushButton, Role.CheckBox, Role.RadioButton, Role.ButtonMenu, Role.ButtonDropDown, Role.Link),
    *(Role.EditableText, Role.ComboBox, Role.SpinBox, Role.Slider, Role.Table, Role.Tree, Role.List),
    *(Role.PageTab, Role.MenuItem, Role.Grip),
}
#: Scenes of the window whose keys are walked through; of the dialogs all are.
WALKED = {"welcome", "log-filtered", "stream", "tail", "trace", "compare", "snapshot-check", "audit"}
#: Scenes that are the whole window; the others are parts of it and dialogs.
OF_THE_WINDOW = WALKED | {"log", "log-filter-error", "log-nothing-found", "banner", "production"}

#: Size that every scene fits into, in pixels.
NARROW, LOW = 1024, 700


def interfaces(widget: QWidget) -> Iterator[tuple[QWidget, QAccessibleInterface]]:
    """The widgets that can be seen, each as a screen reader finds it."""
    for each in [widget, *widget.findChildren(QWidget)]:
        if each.isVisible() and each.window() is widget.window():
            interface = QAccessible.queryAccessibleInterface(each)
            if interface is not None and interface.isValid():
                yield each, interface


def is_own(widget: QWidget) -> bool:
    """Whether it is a control of ours, not a part that Qt makes a control of."""
    return not widget.objectName().startswith("qt_") and not (
        isinstance(widget.parent(), QWidget) and type(widget).__name__ == "QScrollBar"
    )


def described(widget: QWidget) -> str:
    parents: list[str] = []
    each: QWidget | None = widget
    while each is not None and len(parents) < 4:
        parents.append(f"{type(each).__name__}#{each.objectName()}")
        each = each.parentWidget()
    return " in ".join(parents)


def nameless(widget: QWidget) -> Iterator[str]:
    for each, interface in interfaces(widget):
        can_focus = bool(each.focusPolicy() & Qt.FocusPolicy.TabFocus) and each.isEnabled()
        if not is_own(each) or not (interface.role() in CONTROLS or can_focus):
            continue
        if each.focusProxy() is None and not interface.text(QAccessible.Text.Name).strip():
            yield f"{described(each)} has no name"
        is_bare = isinstance(each, QAbstractButton) and not each.text() and not each.icon().isNull()
        if is_bare and not each.toolTip():
            yield f"{described(each)} is an icon without a tooltip"
        if isinstance(each, QToolButton) and (action := each.defaultAction()) is not None:
            keys = action.shortcut().toString()
            if keys and keys not in action.toolTip():
                yield f"{described(each)} does not say {keys}"


def reachable(window: QWidget) -> list[QWidget]:
    """What the Tab key should come to."""
    return [
        each
        for each, _interface in interfaces(window)
        if each.isEnabled()
        and bool(each.focusPolicy() & Qt.FocusPolicy.TabFocus)
        and each.focusProxy() is None
        and is_own(each)
        # Of several of which one is chosen the arrow keys reach the others.
        and not (
            isinstance(each, QAbstractButton)
            and (group := each.group()) is not None
            and group.exclusive()
            and not each.isChecked()
        )
        and not each.visibleRegion().isEmpty()
    ]


async def walk(seen: DrivenWindow, window: QWidget) -> Iterator[str]:
    """Go round with the Tab key; returns what is not come to, and what does not show that it has the keyboard."""
    window.activateWindow()
    await until(window.isActiveWindow, what=f"{described(window)} is active")
    wanted = reachable(window)
    met: list[QWidget] = []
    wrong: list[str] = []
    focus = QApplication.focusWidget()
    if wanted and (focus is None or focus.window() is not window):
        wanted[-1].setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(4 * len(wanted) + 8):
        focus = QApplication.focusWidget()
        QTest.keyClick(focus if focus is not None else window, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        if focus is None or focus.window() is not window:
            break
        if focus not in met:
            met.append(focus)
            with_it = focus.grab().toImage()
            focus.clearFocus()
            if focus.grab().toImage() == with_it:
                wrong.append(f"{described(focus)} does not show that it has the keyboard")
            focus.setFocus(Qt.FocusReason.TabFocusReason)
        elif len(met) >= len(wanted) and focus is met[0]:
            break
    missed = [each for each in wanted if each not in met]
    wrong += [f"{described(each)} is not come to with Tab" for each in missed]
    if missed:
        wrong.append("it goes round by " + " > ".join(f"{type(e).__name__}#{e.objectName()}" for e in met))
    # In reading order, panel by panel: nothing that stands above in the same parent comes after.
    # It goes round; where it begins was by chance.
    first = min(
        range(len(met)),
        key=lambda each: wanted.index(met[each]) if met[each] in wanted else len(wanted),
        default=0,
    )
    for one, other in pairwise([*met[first:], *met[:first]]):
        if one.parent() is other.parent() and one in wanted and other in wanted:
            start, end = one.mapTo(window, QPoint(0, 0)), other.mapTo(window, QPoint(0, 0))
            is_above = end.y() + other.height() <= start.y()
            if is_above and end.x() < start.x() + one.width() and start.x() < end.x() + other.width():
                wrong.append(f"{described(other)} comes after {described(one)}, which stands below it")
    return iter(wrong)


async def test_everything_has_a_name_and_is_come_to(tmp_path: Path) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, "light")
    wrong: dict[str, str] = {}
    async with driven(tmp_path / "settings.json") as seen:
        met = 0
        async for name, widget in scenes(seen.window, tmp_path):
            met += 1
            assert widget is not seen.window or name in OF_THE_WINDOW, f"{name} did not come up"
            if (needed := seen.window.minimumSizeHint()).width() > NARROW or needed.height() > LOW:
                wrong.setdefault(f"the window needs {needed.width()} by {needed.height()} pixels", name)
            for problem in nameless(widget.window()):
                wrong.setdefault(problem, name)
            if name in WALKED or (widget.isWindow() and widget is not seen.window):
                for problem in await walk(seen, widget.window()):
                    wrong.setdefault(problem, name)
    assert met > 30
    if wrong:
        pytest.fail("\n".join(f"{scene}: {problem}" for problem, scene in wrong.items()), pytrace=False)
