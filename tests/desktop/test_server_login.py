"""What is typed to reach a server, and what of it may be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from aether_desktop.models.connection.connection_check import ConnectionCheck
from aether_desktop.models.connection.connection_profiles import ConnectionProfiles
from aether_desktop.server_login import ServerLogin, is_local
from aether_desktop.settings import Settings
from aether_desktop.ui.connection.connect_dialog import ConnectDialog
from aether_desktop.workspace import Workspace


def test_a_scheme_is_added_and_spaces_are_dropped() -> None:
    assert ServerLogin("one:4222, two:4222").url == "nats://one:4222,two:4222"
    assert ServerLogin("tls://one").url == "tls://one"


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        (ServerLogin(" "), "Type a server"),
        (ServerLogin("https://one"), "is no server"),
        (ServerLogin("nats://user:secret@one"), "fields"),
        (ServerLogin("one", tls_key="key.pem"), "certificate"),
        (ServerLogin("one"), ""),
    ],
)
def test_problems_are_said(login: ServerLogin, problem: str) -> None:
    assert (problem in login.problem) if problem else not login.problem


def test_secrets_are_in_no_representation() -> None:
    login = ServerLogin("one", user="mara", password="hush-1", token="hush-2")
    assert "hush" not in repr(login)
    assert "hush" not in login.url
    assert login.options() == {"user": "mara", "password": "hush-1", "token": "hush-2"}


@pytest.mark.parametrize(
    ("servers", "local"),
    [
        ("nats://localhost:4222", True),
        ("127.0.0.1", True),
        ("nats://[::1]:4222,localhost", True),
        ("localhost,db.example", False),
        ("nats://db.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_local(servers: str, local: bool) -> None:
    assert is_local(servers) is local


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    return window


@pytest.fixture
async def dialog(window: QWidget, tmp_path: Path) -> AsyncIterator[ConnectDialog]:
    workspace = Workspace(Settings(tmp_path / "settings.json"), window)
    profiles = ConnectionProfiles(workspace, window)
    yield ConnectDialog(profiles, ConnectionCheck(window), window)
    await profiles.close()


async def test_the_dialog_gives_only_the_chosen_login(dialog: ConnectDialog, window: QWidget) -> None:
    chosen: list[ServerLogin] = []
    dialog.chosen.connect(lambda profile, secret: chosen.append(profile.with_secret(secret)))
    assert not dialog.read_only.isChecked()
    dialog.servers.setText("nats://db.example")
    assert dialog.read_only.isChecked()
    dialog.password.setText("left over")
    dialog.login.setCurrentIndex(2)
    dialog.token.setText("hush")
    dialog.connect_button.click()
    assert chosen == [ServerLogin("nats://db.example", read_only=True, token="hush")]


async def test_the_dialog_says_what_is_missing(dialog: ConnectDialog, window: QWidget) -> None:
    dialog.servers.setText("")
    assert not dialog.connect_button.isEnabled()
    dialog.servers.setText("localhost")
    assert dialog.connect_button.isEnabled()
    dialog.reject()
