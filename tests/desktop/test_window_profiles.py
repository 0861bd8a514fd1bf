"""Connections that are kept, in the window on real servers: tried out, PRODUCTION, and secrets that fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QMessageBox, QPlainTextEdit, QPushButton

from aether_desktop.app import open_asked, parse_arguments
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.profiles import LoginKind, Profile, Profiles
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.connection.confirm_write_dialog import ConfirmWriteDialog
from aether_desktop.ui.connection.connect_dialog import ConnectDialog
from aether_desktop.ui.connection.connection_rows import BADGE, COLOR
from aether_desktop.ui.connection.import_contexts_dialog import ImportContextsDialog
from aether_desktop.ui.connection.profile_colors import profile_color
from aether_desktop.ui.connection.secret_dialog import SecretDialog
from aether_desktop.ui.widgets.badge import BadgeKind, HazardStripe
from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.store.jetstream.check import Outcome
from tests.desktop.driven_window import DrivenWindow, driven, replace_text
from tests.desktop.keyrings import MemoryKeyring, usable_keyring
from tests.nats_servers import NatsServer, nats_server
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "prod.tenant-a"
PASSWORD = "open-sesame"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server(config=f'authorization {{ user: mara, password: "{PASSWORD}" }}') as running:
        yield running


@pytest.fixture
async def seen(tmp_path: Path, server: NatsServer) -> AsyncIterator[DrivenWindow]:
    async with open_engine(server.url, user="mara", password=PASSWORD) as engine:
        store = await engine.store(NAMESPACE)
        if not await store.last_sequence():
            await store.save_event(Event("e-1", "OrderPlaced", "order-1", 1, {"total": 7}))
    async with driven(tmp_path / "settings.json") as window:
        yield window


@pytest.fixture
def keyring() -> Iterator[MemoryKeyring]:
    with usable_keyring() as ring:
        yield ring


def keep(window: DrivenWindow, *profiles: Profile) -> None:
    """Keep profiles as if an earlier start had."""
    kept = window.panels.commands.connecting.profiles.profiles
    for profile in profiles:
        kept.put(profile)


def shop(server: NatsServer, **values: object) -> Profile:
    base = Profile("p1", "Shop", server.url, "orange", False, True, LoginKind.PASSWORD, "mara")
    return base._replace(**values)  # type: ignore[arg-type]  # of the fields' types


async def open_dialog(window: DrivenWindow) -> ConnectDialog:
    await window.active()
    window.run("connect")
    return await window.dialog(ConnectDialog)


def listed(dialog: ConnectDialog) -> list[str]:
    return [dialog.list.item(row).text().split("\n")[0] for row in range(dialog.list.count())]


async def connected(window: DrivenWindow, count: int = 1) -> None:
    await until(lambda: len(window.workspace.connections) == count, what="the connection")
    await until(lambda: bool(window.tabs), what="the log")
    await window.settle()


# --- Keeping --------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_with_its_secret_in_the_keyring(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    dialog = await open_dialog(seen)
    assert not dialog.save_button.isEnabled()
    dialog.form.name.setText("Shop")
    dialog.form.color.setCurrentIndex(dialog.form.color.findData("green"))
    dialog.servers.setText(server.url)
    dialog.login.setCurrentText("User and password")
    dialog.user.setText("mara")
    dialog.password.setText(PASSWORD)
    dialog.read_only.setChecked(True)
    dialog.save_button.click()
    assert listed(dialog) == ["New connection", "Shop"]
    assert dialog.password.text() == ""
    await until(lambda: list(keyring.kept.values()) == [PASSWORD], what="the secret in the keyring")
    await until(lambda: "kept" in dialog.password.placeholderText(), what="that it is said")
    dialog.connect_button.click()
    await connected(seen)
    assert seen.window.status.mode.kind is BadgeKind.READ_ONLY
    assert "Shop" in seen.window.windowTitle()
    assert seen.window.status.facts.color.color == "green"
    assert not seen.can("append")
    (kept,) = json.loads(seen.workspace.settings.path.read_text())["profiles"]["profiles"]
    assert kept["user"] == "mara"
    assert PASSWORD not in seen.workspace.settings.path.read_text()


async def test_connections_are_duplicated_moved_edited_and_deleted(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server), shop(server, id="p2", name="Other"))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    dialog = await open_dialog(seen)
    dialog.choose("p1")
    dialog.tools["duplicate"].click()
    assert listed(dialog) == ["New connection", "Shop", "Shop copy", "Other"]
    await until(lambda: len(keyring.kept) == 2, what="the copied secret")
    dialog.tools["down"].click()
    assert listed(dialog) == ["New connection", "Shop", "Other", "Shop copy"]
    assert not dialog.tools["down"].isEnabled()
    # What is typed waits while another one is looked at.
    dialog.form.name.setText("Copy")
    dialog.choose("p2")
    assert dialog.form.name.text() == "Other"
    dialog.list.setCurrentRow(3)
    assert dialog.form.name.text() == "Copy"
    dialog.save_button.click()
    assert [profile.name for profile in Profiles(seen.workspace.settings)] == ["Shop", "Other", "Copy"]
    dialog.tools["delete"].click()
    question = await seen.dialog(QMessageBox)
    next(each for each in question.buttons() if each.text() == "Delete").click()
    assert listed(dialog) == ["New connection", "Shop", "Other"]
    await until(lambda: list(keyring.kept) == [("aether-desktop", "p1")], what="the secret to be forgotten")
    dialog.reject()


async def test_remote_servers_start_read_only(seen: DrivenWindow) -> None:
    dialog = await open_dialog(seen)
    assert not dialog.read_only.isChecked()
    dialog.servers.setText("tls://eu-1.example,eu-2.example")
    assert dialog.read_only.isChecked()
    dialog.reject()


async def test_without_a_keyring_that_is_said(seen: DrivenWindow, server: NatsServer) -> None:
    dialog = await open_dialog(seen)
    dialog.login.setCurrentText("Token")
    await until(lambda: dialog.form.keeping.isVisible(), what="where the secret is kept")
    assert "no keyring" in dialog.form.keeping.text()
    assert "until the window closes" in dialog.form.keeping.text()
    dialog.reject()


async def test_the_welcome_page_and_the_command_line_connect(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    seen.window._show_centre()
    recent = seen.window.welcome.recent
    assert recent is not None
    assert recent.item(0).text().startswith("Shop\n")
    recent.itemActivated.emit(recent.item(0))
    await connected(seen)
    await seen.workspace.close_connection(seen.workspace.connections[0])
    await open_asked(seen.window, parse_arguments(["--profile", "shop"]))
    await connected(seen)
    await open_asked(seen.window, parse_arguments(["--profile", "none"]))
    assert "There is no connection called none; kept are: Shop." in seen.banner


# --- Trying out -----------------------------------------------------------------------------------------------


async def test_a_connection_is_tried_out_in_steps(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    keyring.set_password("aether-desktop", "p1", "wrong-secret")
    dialog = await open_dialog(seen)
    dialog.choose("p1")
    dialog.test_button.click()
    assert dialog.test_button.text() == "Cancel test"
    await until(lambda: dialog.test_button.text() == "Test", what="the end of the test")
    assert "The server refused this user and password." in dialog.steps.text
    assert dialog.outcome.text() == "This does not work yet."
    assert "wrong-secret" not in dialog.steps.text
    dialog.password.setText(PASSWORD)
    dialog.test_button.click()
    await until(lambda: dialog.test_button.text() == "Test", what="the end of the second test")
    assert dialog.outcome.text() == "All is well."
    assert f"Login: {Outcome.OK}" in dialog.steps.text
    assert seen.workspace.connections == []
    dialog.reject()


async def test_a_test_is_cancelled_and_says_so(seen: DrivenWindow, server: NatsServer) -> None:
    keep(seen, shop(server, login=LoginKind.NONE, user=""))
    dialog = await open_dialog(seen)
    dialog.choose("p1")
    dialog.test_button.click()
    dialog.test_button.click()
    assert dialog.outcome.text().startswith("Cancelled.")
    assert dialog.test_button.text() == "Test"
    dialog.reject()


# --- PRODUCTION -----------------------------------------------------------------------------------------------


async def test_production_asks_for_the_name_before_an_append(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server, production=True))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    seen.panels.commands.connecting.connect_by_id("p1")
    await connected(seen)
    window = seen.window
    assert "PRODUCTION" in window.windowTitle().split(" – ")
    assert window.status.facts.production.isVisible()
    stripe = window.findChild(HazardStripe)
    assert stripe is not None
    assert stripe.isVisible()
    assert (stripe.height(), stripe.width()) == (4, window.width())
    # Read-only by the engine, and writable only when that is asked for.
    assert not seen.can("append")
    seen.run("reconnect_writable")
    await until(lambda: window.status.mode.kind is BadgeKind.WRITABLE, what="the writable connection")
    await seen.settle()
    assert len(seen.workspace.connections) == 1
    assert window.status.facts.production.isVisible()
    seen.run("append")
    dialog = await seen.dialog(AppendDialog)
    await until(lambda: dialog.controller.draft.version == 2, what="the next version")
    seen.child(QComboBox, "appendEventType", dialog).setEditText("OrderPlaced")
    replace_text(seen.child(QPlainTextEdit, "appendData", dialog), '{"total": 8}')
    dialog.submit_button.click()
    question = await seen.dialog(ConfirmWriteDialog)
    assert not question.write_button.isEnabled()
    question.input.setText("prod.tenant-b")
    assert not question.write_button.isEnabled()
    question.reject()
    await until(lambda: dialog.controller.state is AppendState.FAILED, what="the refusal")
    assert "Nothing was written to prod.tenant-a" in dialog.failure.plain_text()
    dialog.submit_button.click()
    question = await seen.dialog(ConfirmWriteDialog)
    question.input.setText(NAMESPACE)
    question.write_button.click()
    await until(lambda: "Appended version 2 of order-1" in seen.banner, what="the event")
    await seen.settle()
    seen.run("reconnect_read_only")
    await until(lambda: window.status.mode.kind is BadgeKind.READ_ONLY, what="read-only again")
    await seen.settle()
    assert not seen.can("append")


async def test_the_stripe_goes_with_its_connection(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring, tmp_path: Path
) -> None:
    keep(seen, shop(server, production=True))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    seen.panels.commands.connecting.connect_by_id("p1")
    await connected(seen)
    stripe = seen.window.findChild(HazardStripe)
    assert stripe is not None
    await seen.workspace.open(str(tmp_path / "other.aether"))
    await until(lambda: not stripe.isVisible(), what="the stripe to go")
    assert "PRODUCTION" not in seen.window.windowTitle()
    await seen.settle()


async def test_a_file_is_reopened_read_only_and_writable(seen: DrivenWindow, tmp_path: Path) -> None:
    async with open_engine(str(tmp_path / "shop.aether")) as engine:
        await (await engine.store("default")).save_event(Event("e-1", "T", "a-1", 1, {}))
    await seen.workspace.open_path(tmp_path / "shop.aether")
    await seen.settle()
    for command, kind in (
        ("reconnect_read_only", BadgeKind.READ_ONLY),
        ("reconnect_writable", BadgeKind.WRITABLE),
    ):
        seen.run(command)
        await until(lambda: seen.window.status.mode.kind is kind, what=command)
        await seen.settle()
        assert len(seen.workspace.connections) == 1
        assert seen.tabs == ["Log default"]


# --- Secrets that are missing or wrong ------------------------------------------------------------------------


async def test_a_missing_secret_is_asked_for_and_kept(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    seen.panels.commands.connecting.connect_by_id("p1")
    dialog = await seen.dialog(SecretDialog)
    assert not dialog.connect_button.isEnabled()
    dialog.secret.setText(PASSWORD)
    dialog.connect_button.click()
    await connected(seen)
    await until(lambda: list(keyring.kept.values()) == [PASSWORD], what="the secret in the keyring")


async def test_a_wrong_secret_is_entered_again(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    keyring.set_password("aether-desktop", "p1", "wrong-secret")
    seen.panels.commands.connecting.connect_by_id("p1")
    await until(lambda: "Shop could not be opened" in seen.banner, what="the refusal")
    assert "refused the login" in seen.banner
    actions = {each.accessibleName(): each for each in seen.window.banner.findChildren(QPushButton)}
    actions["Enter again…"].click()
    dialog = await seen.dialog(SecretDialog)
    assert "The server refused the login." in dialog.words.text()
    assert dialog.secret.text() == ""
    dialog.secret.setText(PASSWORD)
    dialog.connect_button.click()
    await connected(seen)
    assert "could not be opened" not in seen.banner
    await until(lambda: list(keyring.kept.values()) == [PASSWORD], what="the right secret in the keyring")


async def test_a_password_that_changes_meanwhile_is_entered_again(tmp_path: Path, keyring: MemoryKeyring) -> None:
    """The link is refused; the banner offers to enter the secret again, and the same place is shown after it."""
    config = 'authorization {{ user: mara, password: "{}" }}'
    with nats_server(config=config.format("first-secret")) as server:
        async with driven(tmp_path / "settings.json") as window:
            keep(window, shop(server))
            keyring.set_password("aether-desktop", "p1", "first-secret")
            window.panels.commands.connecting.connect_by_id("p1")
            await connected(window)
            server.configure(config.format("second-secret"))
            server.restart()

            def offered() -> QPushButton | None:
                buttons = window.window.banner.findChildren(QPushButton)
                return next((each for each in buttons if each.accessibleName() == "Enter again…"), None)

            await until(
                lambda: "No link to Shop" in window.banner and offered() is not None, timeout=20, what="the offer"
            )
            again = offered()
            assert again is not None
            again.click()
            dialog = await window.dialog(SecretDialog)
            dialog.secret.setText("second-secret")
            dialog.connect_button.click()
            badge = window.window.status.link
            await until(lambda: badge.kind is BadgeKind.LINK_UP, what="the link")
            await window.settle()
            assert len(window.workspace.connections) == 1
            assert "No link" not in window.banner


async def test_what_was_opened_in_another_way_once_is_kept_as_it_was(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    profiles = seen.panels.commands.connecting.profiles
    profiles.retry(shop(server, read_only=False), PASSWORD)
    await connected(seen)
    assert [each.read_only for each in Profiles(seen.workspace.settings)] == [True]
    assert seen.window.status.mode.kind is BadgeKind.WRITABLE


async def test_a_password_is_never_tried_as_a_token(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    dialog = await open_dialog(seen)
    dialog.choose("p1")
    dialog.login.setCurrentText("Token")
    assert dialog.connect_button.text() == "Save and connect"
    dialog.save_button.click()
    await until(lambda: not keyring.kept, what="the password to be forgotten")
    dialog.reject()


async def test_a_link_to_a_kept_server_logs_in_as_it_does(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server, production=True, read_only=False))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    link = f"aether://open?url={server.url}&namespace={NAMESPACE}&sequence=1"
    assert await seen.panels.commands.links.follow_text(link)
    await seen.settle()
    (connection,) = seen.workspace.connections
    assert (connection.title, connection.engine.read_only, connection.is_production) == ("Shop", True, True)
    assert seen.selected_sequence == 1


async def test_the_navigator_shows_colour_and_production(
    seen: DrivenWindow, server: NatsServer, keyring: MemoryKeyring
) -> None:
    keep(seen, shop(server, production=True))
    keyring.set_password("aether-desktop", "p1", PASSWORD)
    seen.panels.commands.connecting.connect_by_id("p1")
    await connected(seen)
    tree = seen.panels.navigator.tree
    first = tree.model().index(0, 0)
    words = f"Shop, {server.url}, PRODUCTION, READ-ONLY, colour orange"
    assert first.data(Qt.ItemDataRole.AccessibleTextRole) == words
    assert first.data(COLOR) == "orange"
    assert first.siblingAtColumn(1).data(BADGE) == "PRODUCTION"
    marks = tree.visualRect(first)
    image = tree.viewport().grab().toImage()
    shown = {image.pixelColor(x, marks.center().y()).name() for x in range(marks.left() - 4, marks.left())}
    color = profile_color("orange")
    assert color is not None
    assert color.name() in shown


# --- Importing ------------------------------------------------------------------------------------------------


async def test_contexts_are_imported_from_a_list(seen: DrivenWindow, home: Path, keyring: MemoryKeyring) -> None:
    folder = home / "config" / "nats" / "context"
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(json.dumps({"url": "nats://dev.example", "token": "hush-hush"}))
    (folder / "prod.json").write_text(json.dumps({"url": "tls://prod.example", "nsc": "nsc://a/b/c"}))
    (folder / "odd.json").write_text("{")
    seen.run("import_contexts")
    dialog = await seen.dialog(ImportContextsDialog)
    texts = [dialog.list.item(row).text() for row in range(dialog.list.count())]
    assert [text.split("\n")[0] for text in texts] == ["dev", "odd", "prod"]
    assert not dialog.import_button.isEnabled()
    dialog.list.setCurrentRow(2)
    assert "nsc: " in dialog.left_out.text()
    for row in (0, 2):
        dialog.list.item(row).setCheckState(Qt.CheckState.Checked)
    assert not dialog.list.item(1).flags() & Qt.ItemFlag.ItemIsUserCheckable
    dialog.import_button.click()
    kept = list(Profiles(seen.workspace.settings))
    assert [(each.name, each.servers, each.read_only) for each in kept] == [
        ("dev", "nats://dev.example", True),
        ("prod", "tls://prod.example", True),
    ]
    await until(lambda: list(keyring.kept.values()) == ["hush-hush"], what="the token in the keyring")
    assert "hush" not in seen.workspace.settings.path.read_text()
    assert "Kept as connections: dev, prod." in seen.banner
