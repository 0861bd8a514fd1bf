"""Secrets of every kind are given to the window, and searched for in all that it shows, says, writes and logs."""

from __future__ import annotations

import base64
import logging
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QAbstractTableModel,
    QModelIndex,
    QObject,
    Qt,
    qInstallMessageHandler,
)
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from aether_desktop.app import (
    _log_qt_message,
    _report_exception,
    _report_loop_exception,
    open_asked,
    parse_arguments,
)
from aether_desktop.ui.connection.connect_dialog import ConnectDialog
from aether_desktop.workspace import Failure
from aether_engine.engine import open_engine
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, driven
from tests.desktop.keyrings import usable_keyring
from tests.nats_accounts import Accounts, make_key
from tests.nats_servers import NatsServer, nats_server
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

# With characters that URLs, JSON and HTML write in another way.
PASSWORD = 'open@ses:ame/&"7%'
WRONG = "Tr0ub4dor<&3>"
_ROLES = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.EditRole,
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.StatusTipRole,
    Qt.ItemDataRole.WhatsThisRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.AccessibleDescriptionRole,
)
_MOST_ROWS = 200


@dataclass
class Kind:
    """A way to log in: the server that knows it, what is typed for it, and what must not be seen anywhere."""

    name: str
    server: Callable[[], AbstractContextManager[NatsServer]]
    options: dict[str, Any]
    wrong: dict[str, str]
    secrets: tuple[str, ...]
    #: Files that hold secrets by their nature, and are the user's.
    files: tuple[Path, ...] = ()


def kind_called(name: str, folder: Path) -> Kind:
    quoted = PASSWORD.replace('"', '\\"')
    if name in ("password", "url"):
        config = f'authorization {{ user: mara, password: "{quoted}" }}'
        return Kind(
            name,
            lambda: nats_server(config=config),
            {"user": "mara", "password": PASSWORD},
            {"user": "mara", "password": WRONG},
            (PASSWORD, WRONG),
        )
    if name == "token":
        config = f'authorization {{ token: "{quoted}" }}'
        return Kind(
            name, lambda: nats_server(config=config), {"token": PASSWORD}, {"token": WRONG}, (PASSWORD, WRONG)
        )
    if name == "nkey":
        right, wrong = make_key("user"), make_key("user")
        files = (folder / "right.nk", folder / "wrong.nk")
        for path, key in zip(files, (right, wrong), strict=True):
            path.write_bytes(key.seed)
        return Kind(
            name,
            lambda: nats_server(config=f"authorization {{ users: [{{ nkey: {right.public_key.decode()} }}] }}"),
            {"nkey_seed_file": str(files[0])},
            {"nkey_seed_file": str(files[1])},
            (right.seed.decode(), wrong.seed.decode()),
            files,
        )
    accounts = Accounts()
    good = accounts.credentials(folder / "good.creds")
    old = accounts.credentials(folder / "old.creds", int(time.time()) - 60)
    lines = [line for path in (good, old) for line in path.read_text().splitlines() if line and "---" not in line]
    return Kind(
        name,
        lambda: nats_server(config=accounts.config),
        {"credentials": str(good)},
        {"credentials": str(old)},
        tuple(lines),
        (good, old),
    )


# --- Looking everywhere ---------------------------------------------------------------------------------------


def forms_of(secret: str) -> set[str]:
    """A secret as it is, and as URLs, JSON, HTML and base64 write it."""
    html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, quote(secret), quote(secret, safe=""), secret.replace('"', '\\"'), html, encoded}


def texts_of(widget: QObject) -> Iterator[tuple[str, str]]:
    """What a widget or action shows or tells to accessibility tools, and where."""
    place = f"{type(widget).__name__} {widget.objectName()}"
    for name in (
        *("windowTitle", "toolTip", "statusTip", "whatsThis", "accessibleName", "accessibleDescription"),
        *("windowFilePath", "placeholderText", "objectName"),
    ):
        read = getattr(widget, name, None)
        if read is not None:
            yield f"{place}.{name}", str(read())
    if isinstance(widget, QLineEdit):
        # The field itself knows what is typed; what it shows is dots.
        yield f"{place}.displayText", widget.displayText()
    elif isinstance(widget, (QLabel, QAbstractButton, QAction)):
        yield f"{place}.text", widget.text()
    elif isinstance(widget, QGroupBox):
        yield f"{place}.title", widget.title()
    elif isinstance(widget, QPlainTextEdit):
        yield f"{place}.text", widget.toPlainText()
    if isinstance(widget, QComboBox):
        yield from model_texts(widget.model(), place)
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from model_texts(widget.model(), place)


def model_texts(
    model: QAbstractItemModel, place: str, parent: QModelIndex | None = None
) -> Iterator[tuple[str, str]]:
    """All texts of a model, those of very long ones up to a limit."""
    parent = parent or QModelIndex()
    # Theirs are private.
    is_list = isinstance(model, QAbstractListModel)
    flat = is_list or isinstance(model, QAbstractTableModel)
    for row in range(min(model.rowCount(parent), _MOST_ROWS)):
        for column in range(1 if is_list else model.columnCount(parent)):
            index = model.index(row, column, parent)
            for role in _ROLES:
                value = index.data(role)
                if isinstance(value, str):
                    yield f"{place} row {row} {role.name}", value
        first = model.index(row, 0, parent)
        if not flat and model.hasChildren(first):
            yield from model_texts(model, place, first)


class Search:
    """Collects what is seen, and says where a secret is among it."""

    def __init__(self, window: DrivenWindow, secrets: tuple[str, ...]) -> None:
        self.window = window
        self.forms = {form for secret in secrets for form in forms_of(secret)}
        self.failures: list[Failure] = []
        self.looked = 0
        window.workspace.failed.connect(self.failures.append)

    def look(self) -> None:
        """Look at every window that there is now."""
        for top in QApplication.topLevelWidgets():
            for each in (top, *top.findChildren(QWidget), *top.findChildren(QAction)):
                for place, text in texts_of(each):
                    self.check(place, text)
        for failure in self.failures:
            self.check("failure", f"{failure!r} {failure.what} {failure.why}")
            self.check("failure, in full", "".join(traceback.format_exception(failure.error)))
        for connection in self.window.workspace.connections:
            self.check("connection", f"{connection.title} {connection.engine.url} {vars(connection)!r}")
        self.check("workspace", repr(vars(self.window.workspace)))
        self.check("profiles", repr(vars(self.window.panels.commands.connecting.profiles)))
        self.check("clipboard", QGuiApplication.clipboard().text())

    def check(self, place: str, text: str) -> None:
        self.looked += 1
        for form in self.forms:
            # Never the text itself in the message of the assertion's failure: enough that it is known where.
            assert form not in text, f"a secret is in {place}"

    def check_files(self, folder: Path, besides: tuple[Path, ...]) -> None:
        """Look into everything that was written."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path not in besides:
                content = path.read_bytes()
                for form in self.forms:
                    assert form.encode() not in content, f"a secret is in the file {path.name}"


@asynccontextmanager
async def searched(
    kind: Kind, folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[Search]:
    """A window whose hooks are the application's, and a search that ends in its files and its log."""
    before = sys.excepthook
    with usable_keyring(), caplog.at_level(logging.DEBUG):
        sys.excepthook = _report_exception
        previous = qInstallMessageHandler(_log_qt_message)
        try:
            async with driven(folder / "settings.json") as window:
                search = Search(window, kind.secrets)
                yield search
                search.look()
                for failure in search.failures:
                    _report_exception(type(failure.error), failure.error, failure.error.__traceback__)
                    _report_loop_exception(None, {"message": "a task", "exception": failure.error})  # type: ignore[arg-type]  # not used
        finally:
            sys.excepthook = before
            qInstallMessageHandler(previous)
    search.check_files(folder, kind.files)
    for record in caplog.records:
        search.check(f"the log of {record.name}", record.getMessage())
    search.check("the whole log", caplog.text)
    written = capfd.readouterr()
    search.check("what was printed", written.out + written.err)
    assert search.looked > 500


# --- Driving --------------------------------------------------------------------------------------------------


async def fill(window: DrivenWindow, server: NatsServer, kind: Kind, typed: dict[str, str]) -> ConnectDialog:
    window.run("connect")
    dialog = await window.dialog(ConnectDialog)
    dialog.form.name.setText("Shop")
    dialog.servers.setText(server.url)
    logins = {"password": 1, "token": 2, "credentials": 3, "nkey": 4}
    dialog.login.setCurrentIndex(logins[kind.name])
    for name, text in typed.items():
        getattr(dialog, name).setText(text)
    return dialog


@pytest.mark.parametrize("name", ["password", "token", "credentials", "nkey"])
async def test_a_secret_is_nowhere_to_be_seen(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = kind_called(name, tmp_path)
    with kind.server() as server:
        async with open_engine(server.url, **kind.options) as engine:
            await (await engine.store("city.permits")).save_event(Event("e-1", "T", "permit-1", 1, {"fee": 7}))
        async with searched(kind, tmp_path, caplog, capfd) as search:
            window = search.window
            dialog = await fill(window, server, kind, kind.wrong)
            search.look()
            dialog.test_button.click()
            await until(lambda: dialog.test_button.text() == "Test", what="the test to fail")
            search.look()
            dialog._copy.click()
            dialog.connect_button.click()
            await until(lambda: "could not be opened" in window.banner, what="the refusal")
            search.look()
            await window.active()
            dialog = await fill(window, server, kind, kind.options)
            dialog.read_only.setChecked(False)
            dialog.save_button.click()
            await until(lambda: dialog.list.count() == 2, what="the kept connection")
            search.look()
            dialog.connect_button.click()
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            await window.active()
            await window.click_row(0)
            await window.settle()
            window.run("copy_link")
            search.look()
            window.run("reconnect_read_only")
            mode = window.window.status.mode
            await until(lambda: mode.kind.value == "READ-ONLY", what="the connection anew")
            await window.settle()
            # A server that goes, and a window that says so.
            server.kill()
            await until(lambda: "No link" in window.banner, what="the lost link")
            search.look()
            with pytest.raises(Exception, match=r".") as raised:
                await window.workspace.connections[0].refresh()
            search.check("an error without a link", "".join(traceback.format_exception(raised.value)))


async def test_a_login_in_a_url_is_nowhere_to_be_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = kind_called("url", tmp_path)
    with kind.server() as server:
        host = server.url.removeprefix("nats://")
        async with searched(kind, tmp_path, caplog, capfd) as search:
            window = search.window
            for secret in (WRONG, PASSWORD):
                url = f"nats://mara:{quote(secret, safe='')}@{host}"
                await open_asked(window.window, parse_arguments([url]))
                await window.settle()
                search.look()
            assert [connection.title for connection in window.workspace.connections] == [host]
            assert search.failures
            # Not one that is followed: it is refused, without being repeated.
            link = f"aether://open?url={quote(f'nats://mara:{quote(PASSWORD)}@{host}', safe='')}"
            await window.panels.commands.links.follow_text(link)
            await window.settle()
