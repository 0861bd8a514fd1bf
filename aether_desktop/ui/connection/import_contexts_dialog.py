"""Take connections over from the contexts of the `nats` command line."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.nats_contexts import NatsContext, contexts_folder, read_contexts
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.tinted import ToneLabel


class ImportContextsDialog(QDialog):
    """The contexts of a folder to choose from; what of the current one is left behind is said below."""

    chosen = Signal(list)
    """The `NatsContext`s to take over."""

    def __init__(self, parent: QWidget, folder: Path | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("importContextsDialog")
        self.setWindowTitle("Import contexts of the nats command line")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._contexts: list[NatsContext] = []
        self._place = ToneLabel("", elide=Qt.TextElideMode.ElideMiddle)
        other = LinkButton("Other folder…")
        other.clicked.connect(self._choose_folder)
        self.list = QListWidget()
        self.list.setObjectName("importContextsList")
        self.list.setAccessibleName("Contexts")
        self.left_out = plain_label()
        self.left_out.setObjectName("importContextsLeftOut")
        self.left_out.setMinimumHeight(80)
        self.left_out.setAlignment(Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.import_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.import_button.setObjectName("importContextsSubmit")
        buttons.accepted.connect(self._import)
        buttons.rejected.connect(self.reject)
        head = QHBoxLayout()
        head.addWidget(self._place, 1)
        head.addWidget(other)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.left_out)
        layout.addWidget(buttons)
        self.setMinimumSize(560, 420)
        self.list.currentRowChanged.connect(self._describe)
        self.list.itemChanged.connect(lambda _item: self._count())
        self.show_folder(folder or contexts_folder())

    def show_folder(self, folder: Path) -> None:
        """List the contexts of a folder."""
        self.list.clear()
        self._place.set_text(str(folder))
        try:
            self._contexts = read_contexts(folder)
            why = "" if self._contexts else "There are no contexts in this folder. nats context add makes one."
        except FileNotFoundError:
            self._contexts = []
            why = "There is no such folder: nats context add makes it. Other folder… finds contexts elsewhere."
        except OSError as error:
            self._contexts = []
            why = f"This folder cannot be read ({error.strerror}). Other folder… finds contexts elsewhere."
        for context in self._contexts:
            self.list.addItem(_item(context))
        self.left_out.setText(visible(why))
        if self._contexts:
            self.list.setCurrentRow(0)
        self._count()

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, "Folder of contexts")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.show_folder(Path(name)))
        dialog.open()

    def _describe(self, row: int) -> None:
        if not 0 <= row < len(self._contexts):
            return
        context = self._contexts[row]
        lines = [context.problem] if context.problem else []
        if context.not_taken:
            lines.append(f"Of {context.name} is not taken over:")
            lines += [f"• {each}" for each in context.not_taken]
        if not lines:
            lines.append(f"All of {context.name} is taken over.")
        if context.secret:
            lines.append("Its password or token goes into the keyring, or is kept until the window closes.")
        self.left_out.setText(visible("\n".join(lines), keep_lines=True))

    def _checked(self) -> list[NatsContext]:
        rows = range(self.list.count())
        return [self._contexts[row] for row in rows if self.list.item(row).checkState() is Qt.CheckState.Checked]

    def _count(self) -> None:
        count = len(self._checked())
        self.import_button.setText(f"Import {count}" if count else "Import")
        self.import_button.setEnabled(bool(count))

    def _import(self) -> None:
        self.chosen.emit(self._checked())
        self.accept()


def _item(context: NatsContext) -> QListWidgetItem:
    marks = [context.description, "selected" if context.is_selected else ""]
    about = ", ".join(part for part in marks if part)
    second = context.problem or context.profile.words
    item = QListWidgetItem(
        icon("server"), f"{visible(context.name)}{f'  ({visible(about)})' if about else ''}\n{visible(second)}"
    )
    item.setToolTip(plain_tooltip(f"{context.name}\n{context.description}\n{second}"))
    if context.problem:
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
    else:
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Unchecked)
    return item
