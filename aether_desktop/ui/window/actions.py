"""Every command of the window by name: text, shortcut, icon and menu. The palette lists the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QWidget

from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.theme import theme_notifier

if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(NamedTuple):
    """One command; `menu` is the menu it stands in, "" for those with a shortcut only.

    The shortcut of a command `for_tables` works only where it was added: elsewhere it means something else.
    Of the commands of one `choice` the one in force is marked.
    """

    name: str
    text: str
    menu: str = ""
    icon: str = ""
    shortcuts: tuple[str, ...] = ()
    tip: str = ""
    for_tables: bool = False
    choice: str = ""


_APPLE: bool = sys.platform == "darwin"
MENUS = ("File", "Edit", "View", "Go", "Stream", "State", "Tail", "Audit", "Window", "Help")
#: What opens a menu together with Alt: its first letter, where that is no other's.
MNEMONICS = {"State": "St&ate", "Audit": "A&udit"}
#: Commands above which a line stands in their menu.
_BEGIN_A_PART = frozenset(
    {
        *("connect", "import_events", "audit_file", "close_tab", "quit"),
        *("filter", "toggle_mark"),
        *("actors_by_name", "theme_system"),
        *("previous_event", "next_mark", "back", "next_pane"),
        *("open_stream", "pause_tail", "save_tail", "copy_diagnostics"),
    }
)
COMMANDS = (
    Command(
        "open_file", "Open file…", "File", "folder-open", ("Ctrl+O",), "Open an .aether store or NDJSON events"
    ),
    Command("open_file_read_only", "Open file read-only…", "File", "padlock"),
    Command("open_link", "Open link…", "File", "link", (), "Go where an aether:// link leads"),
    Command("new_file", "New file…", "File", "file"),
    Command("open_demo", "Explore the demo", "File", "bag"),
    Command("connect", "Connect to a server…", "File", "server", ("Ctrl+Shift+O",), "Connect to a NATS server"),
    Command(
        "import_contexts", "Import nats contexts…", "File", "", (), "Keep the contexts of the nats command line"
    ),
    Command(
        "reconnect_writable", "Reconnect as writable", "File", "pencil", (), "Open the connection to be written"
    ),
    Command(
        "reconnect_read_only",
        "Reconnect read-only",
        "File",
        "padlock",
        (),
        "Open it so that nothing can be written",
    ),
    Command("import_events", "Import NDJSON…", "File", "import"),
    Command("export_namespace", "Export namespace…", "File", "export", (), "Write its events as NDJSON or CSV"),
    Command("export_actor", "Export actor…", "File", "export", (), "Write its events as NDJSON or CSV"),
    Command("export_filtered", "Export filtered…", "File", "export", (), "Export what the filter passes"),
    Command("copy_namespace", "Copy namespace to…", "File", "copy", (), "Copy its events into another store"),
    Command("copy_actor", "Copy actor to…", "File", "copy", (), "Copy its events into another store"),
    Command("audit_file", "Audit a file…", "File", "audit", (), "Audit a file as evidence: read-only and hashed"),
    Command("audit_folder", "Audit a folder…", "File", "", (), "Audit a folder of files, or a stream's backup"),
    Command("close_tab", "Close tab", "File", "close", ("Ctrl+W",)),
    Command(
        "reopen_tab", "Reopen closed tab", "File", "", ("Ctrl+Shift+T",), "Open the tab closed last, as it was"
    ),
    Command("quit", "Quit", "File", "", ("Ctrl+Q",)),
    Command("copy_event", "Copy event JSON", "Edit", "copy", ("Ctrl+C",), "Copy it exactly as stored", True),
    Command(
        "copy_link", "Copy link to the event", "Edit", "link", ("Ctrl+Shift+C",), "Copy an aether:// link to it"
    ),
    Command("filter", "Filter…", "Edit", "filter", ("Ctrl+F",), "Filter the document in front"),
    Command("clear_filter", "Clear filter", "Edit", "", ("Ctrl+Shift+F",), "Show everything again"),
    Command("toggle_mark", "Mark or unmark", "Edit", "mark", ("Ctrl+M",), "Mark the selected events"),
    Command("clear_marks", "Clear marks", "Edit", "", (), "Take away every mark of this namespace"),
    Command(
        "toggle_timeline", "Show or hide timelines", "View", "", (), "Show or hide the timelines under tables"
    ),
    Command("add_column", "Add column…", "View", "plus", (), "Show a value of the data in logs and streams"),
    Command("actors_by_name", "Sort actors by name", "View", "", (), "Sort the actors by name; again: backwards"),
    Command("actors_by_events", "Sort actors by events", "View", "", (), "Those with the most events first"),
    Command(
        "actors_by_activity", "Sort actors by last activity", "View", "", (), "Those of the latest events first"
    ),
    Command("theme_system", "Theme of the system", "View", choice="theme"),
    Command("theme_light", "Light theme", "View", choice="theme"),
    Command("theme_dark", "Dark theme", "View", choice="theme"),
    Command("go_to", "Go to…", "Go", "go-to", ("Ctrl+G",), "Go to a version, sequence or time"),
    Command("quick_open", "Open actor by name", "Go", "search", ("Ctrl+P",)),
    Command("previous_event", "Previous event", "Go", "chevron-up", ("F7", "Ctrl+Up")),
    Command("next_event", "Next event", "Go", "chevron-down", ("F8", "Ctrl+Down")),
    Command("previous_of_type", "Previous event of the same type", "Go", "", ("Shift+F7",)),
    Command("next_of_type", "Next event of the same type", "Go", "", ("Shift+F8",)),
    Command("previous_of_actor", "Previous event of the same actor", "Go", "", ("Ctrl+F7",)),
    Command("next_of_actor", "Next event of the same actor", "Go", "", ("Ctrl+F8",)),
    Command("previous_related", "Previous event of the correlation", "Go", "", ("Ctrl+,",)),
    Command("next_related", "Next event of the correlation", "Go", "", ("Ctrl+.",)),
    Command("next_mark", "Next mark", "Go", "", ("Ctrl+Shift+N",), "Go to the next marked event"),
    Command("previous_mark", "Previous mark", "Go", "", ("Ctrl+Shift+B",), "Go to the marked event before"),
    Command("back", "Back", "Go", "", ("Alt+Left",)),
    Command("forward", "Forward", "Go", "", ("Alt+Right",)),
    Command("next_pane", "Next pane", "Go", "", ("F6",), "Take the keyboard to the next pane"),
    Command("append", "Append event…", "Stream", "plus", ("Ctrl+N",), "Append a test event"),
    Command("append_like", "Append one like this…", "Stream", "plus"),
    Command("append_batch", "Append several…", "Stream", "plus", (), "Append a batch of events, all or none"),
    Command("race", "Race it…", "Stream", "conflict", (), "Let writers race for versions, to see conflicts"),
    Command("open_stream", "Open stream of the actor", "Stream", "stream", ("Ctrl+Return",)),
    Command("new_tail", "New tail", "Tail", "tail", ("Ctrl+T",), "Watch events as they are stored"),
    Command("pause_tail", "Pause or resume", "Tail", "pause", (), "Freeze the tail, or go on (Space)"),
    Command("follow_tail", "Follow again", "Tail", "last", (), "Keep the newest event in sight (End)"),
    Command("stop_tail", "Start or stop", "Tail", "stop", (), "Take no more events, or begin anew"),
    Command("notify_tail", "Notify at matches", "Tail", "bell", (), "Notify at what passes the filter"),
    Command("save_tail", "Save what it shows as NDJSON…", "Tail", "export", (), "Save its events as stored"),
    Command(
        "audit", "Audit…", "Audit", "audit", ("Ctrl+Shift+A",), "Say which events are damaged; changes nothing"
    ),
    Command("reset_layout", "Reset layout", "Window"),
    Command("cheat_sheet", "Keys", "Help", "", ("F1",), "Every key, and what it does"),
    Command("command_palette", "Command palette", "Help", "command", ("Ctrl+Shift+P",), "Every command, by name"),
    Command(
        "copy_diagnostics",
        "Copy diagnostics",
        "Help",
        "copy",
        (),
        "Copy versions, platform, settings and the end of the log",
    ),
    Command("about", "About Aether Desktop", "Help"),
)


def keys_text(keys: str) -> str:
    """How a shortcut such as "Ctrl+O" is written on this system."""
    # Qt's translations of "Ctrl" are not loaded; only Apple's systems have signs of their own.
    if not _APPLE:
        return keys
    from PySide6.QtGui import QKeySequence

    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class Actions(QObject):
    """The window's `QAction`s by name; `triggered` says the name of the one that was chosen.

    Texts and icons are there at once; shortcuts and tooltips come with `complete`, after the first paint, which
    shows neither.
    """

    triggered = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._choices: dict[str, QActionGroup] = {}
        self._are_complete = False
        for command in COMMANDS:
            self._make(command)
        # However a theme was chosen: from the menu, the palette, the settings or the command line.
        theme_notifier().changed.connect(self._mark_theme)
        self._mark_theme()

    def add(self, commands: Sequence[Command]) -> None:
        """Add commands that the first paint does not wait for, complete."""
        for command in commands:
            self._make(command)
        self._complete(commands)

    def _make(self, command: Command) -> None:
        action = QAction(command.text, self._window)
        action.setObjectName(command.name)
        if command.icon:
            action.setIcon(icon(command.icon))
        if command.choice:
            if command.choice not in self._choices:
                self._choices[command.choice] = QActionGroup(self)
            action.setCheckable(True)
            self._choices[command.choice].addAction(action)
        action.triggered.connect(lambda _checked=False, name=command.name: self.triggered.emit(name))
        self._window.addAction(action)
        self._actions[command.name] = action

    def _mark_theme(self) -> None:
        self._actions[f"theme_{theme_notifier().scheme}"].setChecked(True)

    def complete(self) -> None:
        """Give the actions their shortcuts and tooltips; does nothing the second time."""
        if self._are_complete:
            return
        self._are_complete = True
        self._complete(COMMANDS)

    def _complete(self, commands: Sequence[Command]) -> None:
        from PySide6.QtGui import QKeySequence

        for command in commands:
            action = self._actions[command.name]
            if command.for_tables:
                set_by_name(action, shortcutContext="WidgetShortcut")
            action.setShortcuts([QKeySequence(keys) for keys in command.shortcuts])
            keys = ", ".join(map(keys_text, command.shortcuts))
            tip = command.tip or command.text.removesuffix("…")
            action.setToolTip(f"{tip} ({keys})" if keys else tip)

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def for_tables(self) -> list[QAction]:
        """The actions whose shortcuts work in the tables they are added to."""
        return [self._actions[command.name] for command in COMMANDS if command.for_tables]

    def in_menu(self, menu: str) -> list[QAction]:
        """The actions of one menu, in order, with the lines between them."""
        found: list[QAction] = []
        for command in COMMANDS:
            if command.menu == menu:
                if command.name in _BEGIN_A_PART:
                    line = QAction(self)
                    line.setSeparator(True)
                    found.append(line)
                found.append(self._actions[command.name])
        return found
