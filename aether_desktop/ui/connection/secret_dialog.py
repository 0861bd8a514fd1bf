"""Asks for the password or token of a connection, when none is kept or the one that is was refused."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialogButtonBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.profiles import LoginKind, Profile
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog, level_labels


class SecretDialog(FittedDialog):
    """Asks for one secret, and for password logins the user as well."""

    entered = Signal(object, str, bool)
    """The `Profile` (perhaps with another user), the secret, and whether the keyring is to keep it."""

    def __init__(self, profile: Profile, why: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("secretDialog")
        self.setWindowTitle("Log in")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._profile = profile
        is_password = profile.login is LoginKind.PASSWORD
        words = "password" if is_password else "token"
        self.words = plain_label(f"{why} Enter the {words} for {profile.name or profile.servers}.".strip())
        self.user = QLineEdit(profile.user)
        self.user.setAccessibleName("User")
        self.user.setObjectName("secretUser")
        self.secret = QLineEdit()
        self.secret.setObjectName("secretInput")
        self.secret.setAccessibleName(words.capitalize())
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.in_keyring = QCheckBox("Keep it in the system's keyring")
        self.in_keyring.setChecked(True)
        self.in_keyring.setObjectName("secretInKeyring")
        self.in_keyring.setAccessibleName(self.in_keyring.text())
        self.in_keyring.setVisible(profile.is_kept)
        self.keeping = plain_label()
        self.keeping.setObjectName("secretKeeping")
        self.keeping.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.connect_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.connect_button.setText("Connect")
        buttons.accepted.connect(self._enter)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        if is_password:
            form.addRow("User", self.user)
        form.addRow(words.capitalize(), self.secret)
        form.addRow("", self.in_keyring)
        form.addRow("", self.keeping)
        level_labels(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(self.words)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(440)
        self.secret.textChanged.connect(self._check)
        self.secret.setFocus()
        self._check()

    def show_keyring(self, problem: str) -> None:
        """Say where the secret will be kept; `problem` is why not in a keyring."""
        if problem:
            self.in_keyring.setChecked(False)
            self.in_keyring.hide()
            self.keeping.setText(f"{problem} It is kept until the window closes.")
            self.keeping.setVisible(self._profile.is_kept)

    def _check(self) -> None:
        self.connect_button.setEnabled(bool(self.secret.text()))

    def _enter(self) -> None:
        profile = self._profile
        if profile.login is LoginKind.PASSWORD:
            profile = profile._replace(user=self.user.text())
        self.entered.emit(profile, self.secret.text(), self.in_keyring.isChecked())
        self.accept()
