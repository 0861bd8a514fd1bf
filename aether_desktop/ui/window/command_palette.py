"""The command palette: every command by name, run by Enter."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRegularExpression, QSortFilterProxyModel, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QLineEdit, QTreeView, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.icons import blank_icon, icon
from aether_desktop.ui.widgets.no_match import NoMatch

_ACTION = Qt.ItemDataRole.UserRole + 1


class CommandPalette(QDialog):
    """Lists the commands that can be run now; typing narrows the list, words in any order."""

    def __init__(self, actions: list[QAction], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("commandPalette")
        self.setAccessibleName("Command palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._model = QStandardItemModel(0, 2, self)
        blank = blank_icon()
        for action in sorted(actions, key=lambda action: action.text()):
            # A row without an icon would start further left than the others.
            shown = icon("check") if action.isChecked() else action.icon()
            item = QStandardItem(blank if shown.isNull() else shown, action.text())
            if action.isChecked():
                item.setData(f"{action.text()}, in force", Qt.ItemDataRole.AccessibleTextRole)
            item.setData(action, _ACTION)
            item.setEnabled(action.isEnabled())
            keys = QStandardItem(
                ", ".join(keys.toString(QKeySequence.SequenceFormat.NativeText) for keys in action.shortcuts())
            )
            keys.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            keys.setEnabled(action.isEnabled())
            self._model.appendRow([item, keys])
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.input = QLineEdit()
        self.input.setObjectName("paletteInput")
        self.input.setAccessibleName("Command")
        self.input.setPlaceholderText("Type a command")
        self.list = QTreeView()
        self.list.setAccessibleName("Commands")
        self.list.setModel(self._proxy)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        NoMatch(self.list, lambda: "No command is called so.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.input)
        layout.addWidget(self.list)
        self.resize(520, 360)
        self.list.setColumnWidth(0, 360)
        self.input.installEventFilter(self)
        self.input.textChanged.connect(self._filter)
        self.list.clicked.connect(lambda: self._run())
        self._select_first()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move in the list while typing goes on."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run()
                return True
        return super().eventFilter(watched, event)

    def _filter(self, text: str) -> None:
        words = (QRegularExpression.escape(word) for word in text.split())
        self._proxy.setFilterRegularExpression("".join(f"(?=.*{word})" for word in words))
        self._select_first()

    def _select_first(self) -> None:
        self.list.setCurrentIndex(self._proxy.index(0, 0))

    def _run(self) -> None:
        index = self.list.currentIndex().siblingAtColumn(0)
        action = index.data(_ACTION) if index.isValid() else None
        if isinstance(action, QAction) and action.isEnabled():
            self.close()
            action.trigger()
