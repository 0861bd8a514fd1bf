"""Every command is in the palette, its keys are in its tooltip and in the cheat sheet, and mean one thing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QTreeView

from aether_desktop.ui.widgets.theme import apply_theme, theme_notifier
from aether_desktop.ui.window.cheat_sheet import CheatSheet
from aether_desktop.ui.window.command_palette import CommandPalette
from tests.desktop.driven_window import DrivenWindow, driven
from tests.desktop.state_stories import story_on
from tests.waiting import until


def in_menus(seen: DrivenWindow) -> list[QAction]:
    found: list[QAction] = []

    def take(actions: list[QAction]) -> None:
        for action in actions:
            menu = action.menu()
            if isinstance(menu, QMenu):
                take(menu.actions())
            elif not action.isSeparator():
                found.append(action)

    take(seen.window.menuBar().actions())
    return found


def texts(view: QTreeView) -> list[str]:
    """Everything a tree shows, both columns of a row together."""
    model = view.model()
    rows = []
    for top in range(model.rowCount()):
        parent = model.index(top, 0)
        rows.append(str(parent.data()))
        rows += [
            f"{model.index(row, 0, parent).data()} | {model.index(row, 1, parent).data()}"
            for row in range(model.rowCount(parent))
        ]
    return rows


async def test_commands(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        actions = seen.window.actions()
        menus = in_menus(seen)
        assert len(menus) > 80
        assert [each.text() for each in menus if each not in actions] == [], "not in the palette"

        keys: Counter[str] = Counter()
        for action in actions:
            for each in action.shortcuts():
                assert each.toString() in action.toolTip(), action.text()
                if action.shortcutContext() is not Qt.ShortcutContext.WidgetShortcut:
                    keys[each.toString()] += 1
        assert [key for key, count in keys.items() if count > 1] == []

        seen.run("command_palette")
        palette = await seen.dialog(CommandPalette)
        model = palette.list.model()
        assert model.rowCount() == len(actions)
        nothing = seen.child(QLabel, "noMatch", palette)
        assert not nothing.isVisible()
        palette.input.setText("zork")
        assert (model.rowCount(), nothing.isVisible(), nothing.text()) == (0, True, "No command is called so.")
        palette.close()

        await seen.active()
        seen.key(Qt.Key.Key_F1)
        sheet = await seen.dialog(CheatSheet)
        shown = texts(sheet.list)
        for action in menus:
            if action.shortcuts():
                named = ", ".join(each.toString() for each in action.shortcuts())
                assert f"{action.text().replace('&', '').removesuffix('…')} | {named}" in shown
        assert "One version back or forward | Left, Right" in shown
        sheet.input.setText("mark")
        narrowed = texts(sheet.list)
        assert "Next mark | Ctrl+Shift+N" in narrowed
        assert len(narrowed) < 12
        sheet.input.setText("zork")
        assert seen.child(QLabel, "noMatch", sheet).isVisible()
        sheet.close()


async def test_the_theme_in_force_is_marked(tmp_path: Path) -> None:
    def marked(seen: DrivenWindow) -> list[str]:
        names = ("theme_system", "theme_light", "theme_dark")
        return [name for name in names if seen.window.actions_by_name[name].isChecked()]

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = theme_notifier().scheme
    try:
        apply_theme(app, "dark")
        async with driven(tmp_path / "settings.json") as seen:
            assert marked(seen) == ["theme_dark"], "from the settings or the command line"
            seen.run("theme_light")
            assert marked(seen) == ["theme_light"]
            assert seen.workspace.settings.get("theme") == "light"
            seen.run("theme_light")
            assert marked(seen) == ["theme_light"], "chosen twice it stays"

            seen.run("command_palette")
            palette = await seen.dialog(CommandPalette)
            palette.input.setText("theme")
            model = palette.list.model()
            spoken = [model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(3)]
            assert spoken.count("Light theme, in force") == 1
            palette.input.setText("theme system")
            seen.key(Qt.Key.Key_Return, target=palette.input)
            await until(lambda: marked(seen) == ["theme_system"], what="the palette's choice is marked")
            assert seen.workspace.settings.get("theme") == "system"
            apply_theme(app, "dark")
            assert marked(seen) == ["theme_dark"], "wherever it was changed"
    finally:
        apply_theme(app, before)


async def test_a_recent_file_that_is_gone_is_said_and_can_be_taken_from_the_list(tmp_path: Path) -> None:
    path = tmp_path / "gone.aether"
    async with driven(tmp_path / "settings.json") as seen:
        for command in ("export_filtered", "add_column", "actors_by_events", "next_mark", "append", "go_to"):
            assert not seen.can(command), "nothing is open"
        url = f"sqlite:///{path}"
        seen.workspace.settings.add_recent(url)
        seen.window.show_recent()
        welcome = seen.window.welcome
        assert welcome.recent is not None
        welcome.recent.url_chosen.emit(url)
        await until(lambda: "is not there any more" in seen.banner, what="it is said")
        assert not path.exists()
        welcome.recent.setCurrentRow(0)
        seen.key(Qt.Key.Key_Delete, target=welcome.recent)
        await until(lambda: seen.workspace.settings.recent == [], what="it is taken from the list")
        actions = [each for each in seen.window.banner._buttons if each.text() == "Undo"]
        actions[0].click()
        assert seen.workspace.settings.recent == [url]
        assert welcome.recent.count() == 1
