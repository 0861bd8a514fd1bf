"""Connect to a NATS server: to one of the connections that are kept, or to one that is typed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.connection.connection_check import ConnectionCheck
from aether_desktop.models.connection.connection_profiles import ConnectionProfiles
from aether_desktop.profiles import Profile
from aether_desktop.server_login import DEFAULT_SERVER, ServerLogin
from aether_desktop.ui.connection.check_list import CheckList
from aether_desktop.ui.connection.profile_form import ProfileForm
from aether_desktop.ui.connection.profile_list import ProfileDelegate, fill_item
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import LinkButton, icon_button
from aether_desktop.ui.widgets.theme import ui_font

_NEW = Profile(servers=DEFAULT_SERVER, read_only=False)


class ConnectDialog(QDialog):
    """The connections that are kept at the left, the fields of the chosen one at the right.

    What is typed for one of them waits while another is looked at, and is kept by Save or Connect.
    """

    chosen = Signal(object, object)
    """Connect: the `Profile` and the secret typed, None for the one that is kept."""
    import_asked = Signal()

    def __init__(
        self,
        profiles: ConnectionProfiles,
        check: ConnectionCheck,
        parent: QWidget,
        *,
        first: Profile | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("connectDialog")
        self.setWindowTitle("Connect to a server")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._profiles = profiles
        self._check = check
        self._drafts: dict[str, tuple[Profile, str | None]] = {}
        self._shown_id = ""
        self._filling = False
        self.form = ProfileForm()
        form = self.form
        self.servers, self.login, self.user, self.password = form.servers, form.login, form.user, form.password
        self.token, self.credentials, self.nkey_seed_file = form.token, form.credentials, form.nkey_seed_file
        self.tls_ca, self.tls_cert, self.tls_key = form.tls_ca, form.tls_cert, form.tls_key
        self.read_only, self.production = form.read_only, form.production
        self.list = QListWidget()
        self.list.setObjectName("connectProfiles")
        self.list.setAccessibleName("Connections that are kept")
        self.list.setItemDelegate(ProfileDelegate(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tools = self._build_tools()
        self._problem = plain_label()
        self._problem.setObjectName("connectProblem")
        self.steps = CheckList()
        self.steps.hide()
        self.steps.setMinimumHeight(190)
        self.outcome = plain_label()
        self.outcome.setObjectName("connectOutcome")
        self.outcome.hide()
        self._copy = LinkButton("Copy")
        self._copy.setAccessibleName("Copy the steps of the test")
        self._copy.hide()
        self._build_buttons()
        self._lay_out()
        self._connect()
        self._fill()
        if first is not None and not first.is_kept:
            form.show_profile(first)
        self.choose(first.id if first is not None else "")
        self._show_state()
        profiles.look_for_secret(form.profile)
        self.servers.setFocus()

    # -- what can be done

    def choose(self, profile_id: str) -> None:
        """Make a kept profile the shown one, "" for a new connection."""
        for row in range(self.list.count()):
            if self._id_at(row) == profile_id:
                self.list.setCurrentRow(row)

    def login_typed(self) -> ServerLogin:
        """What is typed now; of the ways to log in only the chosen one."""
        return self.form.typed

    def reject(self) -> None:
        self._check.cancel()
        super().reject()

    # -- building

    def _build_tools(self) -> dict[str, QAbstractButton]:
        tools: dict[str, QAbstractButton] = {}
        for name, icon_name, tip, run in (
            ("duplicate", "copy", "Duplicate the connection", self._duplicate),
            ("delete", "trash", "Delete the connection…", self._ask_delete),
            ("up", "chevron-up", "Move the connection up", lambda: self._move(-1)),
            ("down", "chevron-down", "Move the connection down", lambda: self._move(1)),
        ):
            button = icon_button(icon_name, tip, self)
            button.setObjectName(f"connect{name.capitalize()}")
            button.clicked.connect(lambda _checked=False, run=run: run())
            tools[name] = button
        take = LinkButton("Import from nats…")
        take.setObjectName("connectImport")
        take.clicked.connect(self.import_asked)
        tools["import"] = take
        return tools

    def _build_buttons(self) -> None:
        self.test_button = QPushButton("Test")
        self.test_button.setObjectName("connectTest")
        self.save_button = QPushButton("Save")
        self.save_button.setObjectName("connectSave")
        self.connect_button = QPushButton("Connect")
        self.connect_button.setObjectName("connectSubmit")
        self.connect_button.setDefault(True)
        self._close = QPushButton("Cancel")
        for button in (self.test_button, self.save_button, self._close):
            button.setAutoDefault(False)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(4)
        title = QLabel("Connections")
        title.setFont(ui_font(semibold=True))
        left.addWidget(title)
        left.addWidget(self.list, 1)
        tools = QHBoxLayout()
        tools.setSpacing(0)
        for name in ("duplicate", "delete", "up", "down"):
            tools.addWidget(self.tools[name])
        tools.addStretch()
        tools.addWidget(self.tools["import"])
        left.addLayout(tools)
        self.list.setFixedWidth(250)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.form)
        right.addWidget(self._problem)
        right.addWidget(self.steps, 1)
        outcome = QHBoxLayout()
        outcome.addWidget(self.outcome, 1)
        outcome.addWidget(self._copy)
        right.addLayout(outcome)
        right.addStretch()
        columns = QHBoxLayout()
        columns.setSpacing(16)
        columns.addLayout(left)
        columns.addLayout(right, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.test_button)
        buttons.addStretch()
        for button in (self.save_button, self._close, self.connect_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(columns, 1)
        layout.addLayout(buttons)
        self.setMinimumWidth(820)

    def _connect(self) -> None:
        self.form.edited.connect(self._show_state)
        self.list.currentRowChanged.connect(self._row_changed)
        self.list.itemActivated.connect(lambda _item: self.connect_button.click())
        self.test_button.clicked.connect(self._test)
        self.save_button.clicked.connect(self._save)
        self.connect_button.clicked.connect(self._submit)
        self._close.clicked.connect(self.reject)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.steps.text))
        profiles, check = self._profiles, self._check
        profiles.changed.connect(self._fill)
        profiles.secret_known.connect(self._secret_known)
        profiles.keyring_known.connect(self.form.show_keyring)
        profiles.told.connect(self._tell)
        check.found.connect(self.steps.add)
        check.ended.connect(self._test_ended)

    # -- the list

    def _fill(self) -> None:
        """Show the kept profiles, with the one in front where it was."""
        self._filling = True
        self.list.clear()
        self.list.addItem(QListWidgetItem(icon("plus"), "New connection"))
        for profile in self._profiles.profiles:
            item = QListWidgetItem()
            fill_item(item, profile)
            self.list.addItem(item)
        rows = [row for row in range(self.list.count()) if self._id_at(row) == self._shown_id]
        self.list.setCurrentRow(rows[0] if rows else 0)
        self._filling = False
        if not rows:
            self._row_changed(0)
        self._show_state()

    def _id_at(self, row: int) -> str:
        item = self.list.item(row)
        return str(item.data(Qt.ItemDataRole.UserRole) or "") if item is not None else ""

    def _row_changed(self, row: int) -> None:
        if self._filling or row < 0:
            return
        profile_id = self._id_at(row)
        if profile_id != self._shown_id:
            self._remember_draft()
            self._show_profile(profile_id)
            self._profiles.look_for_secret(self.form.profile)

    def _remember_draft(self) -> None:
        if self.form.is_changed:
            self._drafts[self._shown_id] = (self.form.profile, self.form.secret)

    def _show_profile(self, profile_id: str) -> None:
        self._shown_id = profile_id
        kept = self._profiles.profiles.by_id(profile_id) if profile_id else None
        self.form.show_profile(kept or _NEW)
        draft = self._drafts.pop(profile_id, None)
        if draft is not None:
            self.form.type_over(*draft)
        self._hide_test()
        self._show_state()

    def _duplicate(self) -> None:
        kept = self._profiles.profiles.by_id(self._shown_id)
        if kept is not None:
            self.choose(self._profiles.duplicate(kept).id)

    def _ask_delete(self) -> None:
        kept = self._profiles.profiles.by_id(self._shown_id)
        if kept is None:
            return
        box = QMessageBox(self)
        box.setObjectName("connectDeleteQuestion")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle("Delete the connection")
        box.setText(f"Delete {kept.name}, and its secret in the keyring?")
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        delete.clicked.connect(lambda: self._delete(kept))
        box.open()

    def _delete(self, kept: Profile) -> None:
        self._drafts.pop(kept.id, None)
        self.form.show_profile(kept)
        self._profiles.delete(kept)

    def _move(self, by: int) -> None:
        kept = self._profiles.profiles.by_id(self._shown_id)
        if kept is not None:
            self._profiles.move(kept, by)

    # -- the form

    def _show_state(self) -> None:
        form, kept = self.form, bool(self._shown_id)
        problem, blocked = form.typed.problem, self._profiles.profiles.problem
        self._problem.setText(problem or blocked)
        self._problem.setVisible(bool(problem or blocked))
        self.connect_button.setEnabled(not problem)
        self.test_button.setEnabled(not problem)
        self.save_button.setEnabled(not problem and not blocked and bool(form.profile.name) and form.is_changed)
        self.save_button.setToolTip("" if form.profile.name else "Give the connection a name first")
        self.connect_button.setText("Save and connect" if kept and form.is_changed and not blocked else "Connect")
        row = self.list.currentRow()
        for name, possible in (
            ("duplicate", kept),
            ("delete", kept),
            ("up", kept and row > 1),
            ("down", kept and row < self.list.count() - 1),
        ):
            self.tools[name].setEnabled(possible and not blocked)
        self.tools["import"].setEnabled(not blocked)

    def _secret_known(self, profile_id: str, there: bool) -> None:
        if profile_id == self._shown_id:
            self.form.show_secret_kept(there)

    def _save(self) -> Profile:
        secret, in_keyring = self.form.secret, self.form.in_keyring.isChecked()
        # An empty field of a new connection is nothing to keep: it is asked for when it is needed.
        kept = self._profiles.save(self.form.profile, secret or None, in_keyring=in_keyring)
        self._shown_id = kept.id
        self.form.show_profile(kept)
        self._fill()
        self._profiles.look_for_secret(kept)
        return kept

    def _submit(self) -> None:
        self._check.cancel()
        profile, secret = self.form.profile, self.form.secret
        if profile.is_kept and self.form.is_changed and not self._profiles.profiles.problem:
            profile = self._save()
        self.chosen.emit(profile, secret)
        self.accept()

    # -- the test

    def _test(self) -> None:
        if self._check.is_running:
            self._check.cancel()
            return
        self.steps.clear()
        self.steps.show()
        self._tell("Looking…")
        self._copy.hide()
        self.test_button.setText("Cancel test")
        self._profiles.check_with(self._check, self.form.profile, self.form.secret)

    def _test_ended(self, words: str) -> None:
        self._tell(words)
        self._copy.show()
        self.test_button.setText("Test")

    def _tell(self, words: str) -> None:
        self.outcome.setText(words)
        self.outcome.show()

    def _hide_test(self) -> None:
        self._check.cancel()
        self.steps.hide()
        self.outcome.hide()
        self._copy.hide()
