"""Connect to a NATS server: where it is, how to log in, and whether to write."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.server_login import DEFAULT_SERVER, ServerLogin, is_local
from aether_desktop.ui.empty_state import plain_label
from aether_desktop.ui.links import icon_button

_LOGINS = ("No login", "User and password", "Token", "Credentials file", "NKey seed file")


class ConnectDialog(QDialog):
    """Asks for a server; secrets are used once and not kept. `chosen` carries a `ServerLogin`."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("connectDialog")
        self.setWindowTitle("Connect to a server")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.servers = _line("connectServers", "Servers", DEFAULT_SERVER)
        self.servers.setText(DEFAULT_SERVER)
        self.servers.setToolTip("One server, or several of one cluster separated by commas")
        self.login = QComboBox()
        self.login.setObjectName("connectLogin")
        self.login.setAccessibleName("Login")
        self.login.addItems(_LOGINS)
        self.user = _line("connectUser", "User")
        self.password = _line("connectPassword", "Password", secret=True)
        self.token = _line("connectToken", "Token", secret=True)
        self.credentials = _line("connectCredentials", "Credentials file")
        self.nkey_seed_file = _line("connectNKey", "NKey seed file")
        self.tls_ca = _line("connectCA", "CA certificates", "those of the system")
        self.tls_cert = _line("connectCertificate", "Client certificate", "none")
        self.tls_key = _line("connectKey", "Client key", "none")
        self.read_only = QCheckBox("Read-only: nothing can be written")
        self.read_only.setObjectName("connectReadOnly")
        self._problem = plain_label()
        self._problem.setObjectName("connectProblem")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.connect_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.connect_button.setText("Connect")
        self.connect_button.setObjectName("connectSubmit")
        buttons.accepted.connect(self._submit)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(self._form())
        layout.addWidget(self._problem)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)
        self.servers.textChanged.connect(self._servers_changed)
        self.login.currentIndexChanged.connect(self._fields.setCurrentIndex)
        for line in self.findChildren(QLineEdit):
            line.textChanged.connect(self._check)
        self._servers_changed()
        self._check()

    def login_typed(self) -> ServerLogin:
        """What is typed now; of the ways to log in only the chosen one."""
        kind = self.login.currentIndex()
        return ServerLogin(
            servers=self.servers.text(),
            read_only=self.read_only.isChecked(),
            user=self.user.text() if kind == 1 else "",
            password=self.password.text() if kind == 1 else "",
            token=self.token.text() if kind == 2 else "",
            credentials=self.credentials.text() if kind == 3 else "",
            nkey_seed_file=self.nkey_seed_file.text() if kind == 4 else "",
            tls_ca=self.tls_ca.text(),
            tls_cert=self.tls_cert.text(),
            tls_key=self.tls_key.text(),
        )

    def _form(self) -> QFormLayout:
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
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Servers", self.servers)
        form.addRow("Login", self.login)
        form.addRow("", self._fields)
        for line in (self.tls_ca, self.tls_cert, self.tls_key):
            row = QHBoxLayout()
            row.addWidget(line)
            row.addWidget(self._browse(line))
            form.addRow(line.accessibleName(), row)
        form.addRow("", self.read_only)
        return form

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
        # Somebody else's server is looked at first; one's own is there to try things on.
        self.read_only.setChecked(not is_local(self.servers.text()))

    def _check(self) -> None:
        problem = self.login_typed().problem
        self._problem.setText(problem)
        self.connect_button.setEnabled(not problem)

    def _submit(self) -> None:
        self.chosen.emit(self.login_typed())
        self.accept()


def _line(name: str, accessible: str, placeholder: str = "", *, secret: bool = False) -> QLineEdit:
    line = QLineEdit()
    line.setObjectName(name)
    line.setAccessibleName(accessible)
    line.setPlaceholderText(placeholder)
    if secret:
        line.setEchoMode(QLineEdit.EchoMode.Password)
    return line
