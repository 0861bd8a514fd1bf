"""The commands about states, and the menu they stand in: they join the window with the panel that shows states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from aether_desktop.ui.window.actions import Actions, Command

STATE_COMMANDS: Final = (
    Command("state_first", "Restart at the first version", tip="Go to the actor's first version"),
    Command("state_back", "One version back"),
    Command("state_on", "One version forward"),
    Command("state_last", "Go to the last version"),
    Command("play", "Play or pause the versions", tip="Show one version after the other"),
    Command("play_faster", "Play faster"),
    Command("play_slower", "Play slower"),
    Command("show_state", "Show the state"),
    Command("show_difference", "Show the difference"),
    Command("show_blame", "Show who set each value", shortcuts=("Ctrl+Shift+L",), tip="Blame: who set what"),
    Command("show_snapshots", "Show snapshots of the actor"),
    Command(
        "bisect", "When did it become so…", icon="search", shortcuts=("Ctrl+B",), tip="Bisect by an expression"
    ),
    Command("compare_with_this", "Compare versions with this one", tip="Differences to the version shown now"),
    Command("compare_with_previous", "Compare with the version before"),
    Command(
        "leave_out", "Leave the event out of the state", icon="leave-out", tip="Quarantine: as if it had not been"
    ),
    Command("take_back", "Take the event back into the state", tip="Undo leaving it out"),
    Command("take_back_all", "Take all left out events back"),
    Command("begin_with_best", "Replay from the best snapshot"),
    Command("begin_with_first", "Replay from the first event"),
    Command("reducer_json_merge", "Reducer: JSON merge"),
    Command("reducer_shallow_merge", "Reducer: shallow merge"),
    Command("reducer_last_event", "Reducer: last event"),
    Command("reducer_by_event_type", "Reducer: per event type"),
    Command("reducer_file", "Reducer: Python file…", tip="Fold with a function of yours"),
    Command("copy_state_json", "Copy state as JSON", icon="copy"),
    Command("copy_state_text", "Copy state as text", icon="copy"),
    Command("save_state", "Save state…", icon="export", tip="As JSON or text"),
    Command("copy_difference_patch", "Copy difference as JSON Patch", icon="copy"),
    Command("copy_difference_json", "Copy difference as JSON", icon="copy"),
    Command("copy_difference_text", "Copy difference as text", icon="copy"),
    Command("save_difference", "Save difference…", icon="export", tip="As JSON Patch, JSON or text"),
    Command("fork", "Fork the stream…", icon="fork", tip="Copy it into a scratch store, to try things on"),
    Command("compare", "Compare two states…", icon="compare", tip="Side by side: any actors, versions and stores"),
    Command("check_actor", "Check snapshots of the actor", icon="snapshot"),
    Command("check_namespace", "Check snapshots of the namespace", icon="snapshot"),
    Command("check_all", "Check snapshots of all namespaces", icon="snapshot"),
    Command("trace", "Trace the correlation", icon="trace", shortcuts=("Ctrl+Shift+R",), tip="What caused what"),
    Command("save_snapshot", "Save a snapshot at this version…", icon="snapshot"),
)

#: What the menu holds, in order: commands, groups of them below a name, and lines ("").
STATE_MENU: Final[tuple[str | tuple[str, tuple[str, ...]], ...]] = (
    "bisect",
    "show_blame",
    "show_difference",
    "show_state",
    "show_snapshots",
    "",
    (
        "Move",
        ("state_first", "state_back", "state_on", "state_last", "", "play", "play_faster", "play_slower"),
    ),
    (
        "Reducer",
        (
            *("reducer_json_merge", "reducer_shallow_merge", "reducer_last_event", "reducer_by_event_type", ""),
            "reducer_file",
        ),
    ),
    ("Replay from", ("begin_with_best", "begin_with_first")),
    ("Compare with", ("compare_with_previous", "compare_with_this")),
    "",
    "leave_out",
    "take_back",
    "take_back_all",
    "",
    "fork",
    "compare",
    "trace",
    ("Check snapshots", ("check_actor", "check_namespace", "check_all")),
    "",
    (
        "Copy",
        (
            "copy_state_json",
            "copy_state_text",
            "",
            "copy_difference_patch",
            "copy_difference_json",
            "copy_difference_text",
        ),
    ),
    ("Save", ("save_state", "save_difference", "save_snapshot")),
)


def fill_menu(menu: QMenu, actions: Actions, content: Sequence[str | tuple[str, tuple[str, ...]]]) -> None:
    """Put commands, groups and lines into a menu."""
    for entry in content:
        if isinstance(entry, tuple):
            name, names = entry
            fill_menu(menu.addMenu(name), actions, names)
        elif entry:
            menu.addAction(actions[entry])
        else:
            menu.addSeparator()


def state_action(actions: Actions, name: str, *, checked: bool) -> QAction:
    """An action that shows whether it is in force."""
    action = actions[name]
    action.setCheckable(True)
    action.setChecked(checked)
    return action
