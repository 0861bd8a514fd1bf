"""The fields of a connection: name, servers, login, certificates, and what may be done."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.profiles import COLORS, LoginKind, Profile
from aether_desktop.server_login import DEFAULT_SERVER, ServerLogin, is_local
from aether_desktop.ui.connection.profile_colors import color_icon
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import level_labels
from aether_desktop.ui.widgets.links import icon_button

LOGINS = {
    LoginKind.NONE: "No login",
    LoginKind.PASSWORD: "User and password",
    LoginKind.TOKEN: "Token",
    LoginKind.CREDENTIALS: "Credentials file",
    LoginKind.NKEY: "NKey seed file",
}
_KINDS = list(LOGINS)
_KEPT_SECRET = "kept; type to replace it"


class ProfileForm(QWidget):
    """Shows a profile and gives what is typed. Secrets are never shown: an empty field leaves what is kept."""

    edited = Signal()
    """Something was typed or chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = Profile()
        self._showing = False
        self._keyring_problem = ""
        self.name = _line("connectName", "Name", "needed to keep the connection")
        self.color = QComboBox()
        self.color.setObjectName("connectColor")
        self.color.setAccessibleName("Colour")
        for color in ("", *COLORS):
            self.color.addItem(color_icon(color), color.capitalize() or "None", color)
        self.servers = _line("connectServers", "Servers", DEFAULT_SERVER)
        self.servers.setToolTip("One server, or several of one cluster separated by commas")
        self.login = QComboBox()
        self.login.setObjectName("connectLogin")
        self.login.setAccessibleName("Login")
        self.login.addItems(list(LOGINS.values()))
        self.user = _line("connectUser", "User")
        self.password = _line("connectPassword", "Password", secret=True)
        self.token = _line("connectToken", "Token", secret=True)
        self.credentials = _line("connectCredentials", "Credentials file")
        self.nkey_seed_file = _line("connectNKey", "NKey seed file")
        self.in_keyring = _check("connectInKeyring", "Keep it in the system's keyring")
        self.in_keyring.setChecked(True)
        self.keeping = plain_label()
        self.keeping.setObjectName("connectKeeping")
        self.tls_ca = _line("connectCA", "CA certificates", "those of the system")
        self.tls_cert = _line("connectCertificate", "Client certificate", "none")
        self.tls_key = _line("connectKey", "Client key", "none")
        self.read_only = _check("connectReadOnly", "Read-only: nothing can be written")
        self.production = _check("connectProduction", "PRODUCTION: a write asks for the namespace's name first")
        self._lay_out()
        self.servers.textChanged.connect(self._servers_changed)
        self.login.currentIndexChanged.connect(self._login_changed)
        for line in self.findChildren(QLineEdit):
            line.textChanged.connect(self._changed)
        for combo in (self.color, self.login):
            combo.currentIndexChanged.connect(self._changed)
        for box in (self.read_only, self.production, self.in_keyring):
            box.toggled.connect(self._changed)
        self.show_profile(Profile(servers=DEFAULT_SERVER, read_only=False))

    # -- what is typed

    @property
    def kind(self) -> LoginKind:
        """The way to log in that is chosen."""
        return _KINDS[self.login.currentIndex()]

    @property
    def profile(self) -> Profile:
        """What is typed now, without a secret; of the ways to log in only the chosen one."""
        kind = self.kind
        return self._shown._replace(
            name=self.name.text().strip(),
            servers=self.servers.text().strip(),
            color=str(self.color.currentData()),
            production=self.production.isChecked(),
            read_only=self.read_only.isChecked(),
            login=kind,
            user=self.user.text() if kind is LoginKind.PASSWORD else "",
            credentials=self.credentials.text() if kind is LoginKind.CREDENTIALS else "",
            nkey_seed_file=self.nkey_seed_file.text() if kind is LoginKind.NKEY else "",
            tls_ca=self.tls_ca.text(),
            tls_cert=self.tls_cert.text(),
            tls_key=self.tls_key.text(),
        )

    @property
    def secret(self) -> str | None:
        """The password or token that is typed; None where nothing is typed and one may be kept."""
        kind = self.kind
        typed = {LoginKind.PASSWORD: self.password, LoginKind.TOKEN: self.token}.get(kind)
        text = typed.text() if typed is not None else ""
        if text or not kind.needs_secret or not self._shown.is_kept:
            return text
        return None

    @property
    def typed(self) -> ServerLogin:
        """What connects, with what is typed of the secret."""
        return self.profile.with_secret(self.secret or "")

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the profile that was shown."""
        return self.profile != self._shown or bool(self.secret)

    # -- what is shown

    def show_profile(self, profile: Profile) -> None:
        """Show a profile; nothing that was typed for another one stays."""
        self._shown = profile
        self._fill(profile)
        self.show_secret_kept(False)
        self.edited.emit()

    def type_over(self, typed: Profile, secret: str | None) -> None:
        """Bring back what was typed over the profile that is shown."""
        self._fill(typed)
        line = {LoginKind.PASSWORD: self.password, LoginKind.TOKEN: self.token}.get(typed.login)
        if line is not None:
            line.setText(secret or "")
        self.edited.emit()

    def _fill(self, profile: Profile) -> None:
        self._showing = True
        self.name.setText(profile.name)
        self.color.setCurrentIndex(max(self.color.findData(profile.color), 0))
        self.servers.setText(profile.servers)
        self.login.setCurrentIndex(_KINDS.index(profile.login))
        self._fields.setCurrentIndex(self.login.currentIndex())
        self.user.setText(profile.user)
        for secret in (self.password, self.token):
            secret.clear()
        self.credentials.setText(profile.credentials)
        self.nkey_seed_file.setText(profile.nkey_seed_file)
        self.tls_ca.setText(profile.tls_ca)
        self.tls_cert.setText(profile.tls_cert)
        self.tls_key.setText(profile.tls_key)
        self.read_only.setChecked(profile.read_only)
        self.production.setChecked(profile.production)
        self._show_keeping()
        self._showing = False

    def show_secret_kept(self, kept: bool) -> None:
        """Say in the empty fields whether there is a secret already."""
        for line in (self.password, self.token):
            line.setPlaceholderText(f"{line.accessibleName()} ({_KEPT_SECRET})" if kept else line.accessibleName())

    def show_keyring(self, problem: str) -> None:
        """Say where secrets will be kept; `problem` is why not in a keyring."""
        self._keyring_problem = problem
        self._show_keeping()

    def _show_keeping(self) -> None:
        problem = self._keyring_problem
        if problem:
            self.in_keyring.setChecked(False)
            self.keeping.setText(f"{problem} The {self.kind} is kept until the window closes.")
        self.in_keyring.setVisible(self.kind.needs_secret and not problem)
        self.keeping.setVisible(self.kind.needs_secret and bool(problem))

    # -- inside

    def _lay_out(self) -> None:
        self._fields = QStackedWidget()
        for lines in (
            (),
            (self.user, self.password),
            (self.token,),
            (self.credentials,),
            (self.nkey_seed_file,),
        ):
            page = QWidget()
            row = QHBoxLayout(page)
            row.setContentsMargins(0, 0, 0, 0)
            for line in lines:
                line.setPlaceholderText(line.accessibleName())
                row.addWidget(line)
                if "file" in line.accessibleName():
                    row.addWidget(self._browse(line))
            self._fields.addWidget(page)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        names = QHBoxLayout()
        names.addWidget(self.name, 1)
        names.addWidget(self.color)
        form.addRow("Name, colour", names)
        form.addRow("Servers", self.servers)
        form.addRow("Login", self.login)
        login = QVBoxLayout()
        login.setSpacing(4)
        login.addWidget(self._fields)
        login.addWidget(self.in_keyring)
        login.addWidget(self.keeping)
        form.addRow("", login)
        for line in (self.tls_ca, self.tls_cert, self.tls_key):
            row = QHBoxLayout()
            row.addWidget(line)
            row.addWidget(self._browse(line))
            form.addRow(line.accessibleName(), row)
        form.addRow("", self.read_only)
        form.addRow("", self.production)
        level_labels(form)

    def _browse(self, line: QLineEdit) -> QWidget:
        button = icon_button("folder-open", f"Choose the file: {line.accessibleName()}", self)
        button.clicked.connect(lambda: self._choose_file(line))
        return button

    def _choose_file(self, line: QLineEdit) -> None:
        dialog = QFileDialog(self, line.accessibleName())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(line.setText)
        dialog.open()

    def _servers_changed(self) -> None:
        if self._showing:
            return
        remote = not is_local(self.servers.text())
        # Somebody else's server is looked at first; one's own is there to try things on. What was kept stays as
        # the user wanted it, unless it becomes somebody else's.
        if not self._shown.is_kept or (remote and is_local(self._shown.servers)):
            self.read_only.setChecked(remote)

    def _login_changed(self, index: int) -> None:
        self._fields.setCurrentIndex(index)
        self._show_keeping()

    def _changed(self) -> None:
        if not self._showing:
            self.edited.emit()


def _line(name: str, accessible: str, placeholder: str = "", *, secret: bool = False) -> QLineEdit:
    line = QLineEdit()
    line.setObjectName(name)
    line.setAccessibleName(accessible)
    line.setPlaceholderText(placeholder)
    if secret:
        line.setEchoMode(QLineEdit.EchoMode.Password)
    return line


def _check(name: str, text: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setAccessibleName(text)
    return box
