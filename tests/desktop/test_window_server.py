"""The window on a real NATS server: browse, replay, append, conflict, tail, and a server that goes away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import nats
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QTableView

from aether_desktop.links import parse_link
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.connection.connect_dialog import ConnectDialog
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.badge import BadgeKind
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot, Event
from aether_engine.transfer import import_ndjson
from tests.certificates import certificates
from tests.desktop.driven_window import DrivenWindow, driven, replace_text
from tests.nats_accounts import Accounts
from tests.nats_servers import NatsServer, create_stream, nats_server
from tests.nats_users import WRITER
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "city.permits"
ACTOR = "permit-891"
LATEST = 17


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture
async def seen(server: NatsServer, tmp_path: Path, permits_extract: Path) -> AsyncIterator[DrivenWindow]:
    """The window on a server that holds the permits, as after File > Connect to a server."""
    async with open_engine(server.url) as engine:
        await import_ndjson(await engine.store(NAMESPACE), permits_extract)
    async with driven(tmp_path / "settings.json") as window:
        window.run("connect")
        dialog = await window.dialog(ConnectDialog)
        dialog.servers.setText(server.url)
        assert not dialog.read_only.isChecked()
        dialog.connect_button.click()
        await until(lambda: bool(window.tabs), what="the log of the server's namespace")
        await window.settle()
        await window.active()
        yield window


async def save_elsewhere(server: NatsServer, *events: Event) -> None:
    async with open_engine(server.url) as engine:
        await (await engine.store(NAMESPACE)).save_events(list(events))


def event_of(version: int, **data: str) -> Event:
    return Event(f"elsewhere-{version}", "T02CheckConfirmationOfReceipt", ACTOR, version, dict(data))


async def test_a_server_is_browsed_and_replayed(seen: DrivenWindow, permits_extract: Path) -> None:
    lines = permits_extract.read_bytes().splitlines()
    assert seen.tabs == [f"Log {NAMESPACE}"]
    assert seen.view.model.rowCount() == len(lines)
    assert seen.window.status.link.kind is BadgeKind.LINK_UP
    await seen.click_row(0)
    await seen.settle()
    assert seen.panels.inspector.stored is not None
    assert seen.panels.inspector.stored.raw == lines[0]
    seen.run("open_stream")
    await until(lambda: ACTOR in seen.tabs, what="the stream")
    await seen.settle()
    seen.run("next_event")
    await until(lambda: seen.shown_version == 2, what="the state at version 2")


async def test_a_conflict_on_a_server_is_rebased(seen: DrivenWindow, server: NatsServer) -> None:
    await seen.click_row(0)
    await seen.settle()
    seen.run("append")
    dialog = await seen.dialog(AppendDialog)
    await until(lambda: dialog.controller.draft.version == LATEST + 1, what="the next version")
    dialog.findChildren(QComboBox, "appendEventType")[0].setEditText("T02CheckConfirmationOfReceipt")
    replace_text(dialog.findChildren(QPlainTextEdit, "appendData")[0], '{"resource": "Resource26"}')
    await save_elsewhere(server, event_of(LATEST + 1, resource="Resource21"))
    dialog.submit_button.click()
    await until(lambda: dialog.controller.state is AppendState.CONFLICT, what="the conflict")
    report = dialog.controller.report
    assert report is not None
    assert (report.attempted, report.current, report.next_free) == (LATEST + 1, LATEST + 1, LATEST + 2)
    panel = dialog.findChild(ConflictPanel)
    assert panel is not None
    assert panel.isVisible()
    dialog.controller.rebase()
    await until(lambda: "Appended version" in seen.banner, what="the rebased event")
    async with open_engine(server.url, read_only=True) as engine:
        stored = await (await engine.store(NAMESPACE)).get_events(ACTOR, LATEST + 1)
    assert [event.version for event in stored] == [LATEST + 1, LATEST + 2]
    await seen.settle()


async def test_a_tail_goes_on_through_a_restart(seen: DrivenWindow, server: NatsServer) -> None:
    seen.panels.commands.new_tail("city.>")
    view = seen.window.documents.currentWidget()
    assert isinstance(view, TailView)
    await until(lambda: view.controller.running, what="the tail runs")
    await save_elsewhere(server, event_of(LATEST + 1))
    await until(lambda: view.controller.counters.shown == 1, what="the first event")
    server.kill()
    await until(lambda: seen.window.status.link.kind is BadgeKind.NO_LINK, what="the lost link")
    assert "No link to" in seen.banner
    server.restart()
    await until(lambda: seen.window.status.link.kind is BadgeKind.LINK_UP, what="the link")
    assert "No link" not in seen.banner
    await save_elsewhere(server, event_of(LATEST + 2))
    await until(lambda: view.controller.counters.shown == 2, what="the event after the restart")
    table = seen.child(QTableView, "tailTable")
    assert table.model().rowCount() >= 2
    await seen.settle()


async def test_places_of_snapshots_are_no_events(seen: DrivenWindow, server: NatsServer) -> None:
    rows = seen.view.model.rowCount()
    async with open_engine(server.url) as engine:
        store = await engine.store(NAMESPACE)
        await store.save_snapshot(ActorSnapshot(ACTOR, 3, {"resource": "Resource26"}))
        await store.save_event(event_of(LATEST + 1))
    await until(lambda: seen.view.model.rowCount() == rows + 2, what="the new places")
    await until(lambda: seen.view.model.entry(rows + 1) is not None, what="their page")
    assert seen.view.model.stored_at(rows) is None
    assert seen.view.model.stored_at(rows + 1) is not None
    assert "No event at sequence" in str(seen.view.model.index(rows, 1).data())


async def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with driven(tmp_path / "settings.json") as window:
        opened = await window.workspace.open(
            "nats://127.0.0.1:1", options={"connect_timeout": "0.5", "user": "mara", "password": "hush-hush"}
        )
        assert opened is None
        assert "127.0.0.1:1 could not be opened" in window.banner
        assert "hush" not in window.banner


async def test_another_programs_stream_is_shown_as_such(seen: DrivenWindow, server: NatsServer) -> None:
    connection = await nats.connect(server.url)
    await create_stream(connection, "TELEMETRY", subjects=["telemetry.>"])
    await connection.close()
    shown = seen.workspace.connections[0]
    await until(lambda: shown.foreign_streams == ["TELEMETRY"], what="the other stream")
    tree = seen.panels.navigator.tree
    model = tree.model()
    parent = model.index(0, 0)
    last = model.index(model.rowCount(parent) - 1, 0, parent)
    assert last.data() == "TELEMETRY"
    assert not last.flags() & Qt.ItemFlag.ItemIsEnabled
    assert last.siblingAtColumn(1).data() == "not ours"


# --- Servers that refuse, and are found out in the dialog -----------------------------------------------------


async def connect(window: DrivenWindow, url: str, **typed: str) -> None:
    """Choose File > Connect to a server, type what is given into its fields (`login` is chosen), and connect."""
    window.run("connect")
    dialog = await window.dialog(ConnectDialog)
    replace_line(dialog.servers, url)
    if "login" in typed:
        dialog.login.setCurrentText(typed.pop("login"))
    for name, text in typed.items():
        replace_line(getattr(dialog, name), text)
    assert dialog.connect_button.isEnabled()
    dialog.connect_button.click()


def replace_line(line: QLineEdit, text: str) -> None:
    line.clear()
    line.insert(text)


@asynccontextmanager
async def refused(tmp_path: Path, url: str, **typed: str) -> AsyncIterator[DrivenWindow]:
    """A window whose connection came to nothing, and that says so."""
    async with driven(tmp_path / "settings.json") as window:
        await connect(window, url, **typed)
        await until(lambda: "could not be opened" in window.banner, what="the refusal")
        assert window.tabs == []
        assert window.workspace.connections == []
        yield window


async def test_a_wrong_password_is_said_and_another_try_works(tmp_path: Path) -> None:
    with nats_server(config='authorization { user: mara, password: "open-sesame" }') as server:
        login = {"login": "User and password", "user": "mara"}
        async with refused(tmp_path, server.url, **login, password="hush-hush") as window:
            assert "refused the login" in window.banner
            assert "hush" not in window.banner
            await connect(window, server.url, **login, password="open-sesame")
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            assert "could not be opened" not in window.banner


def _longer(one: list[object], count: int) -> bool:
    return len(one) > count


async def test_another_login_is_another_connection(tmp_path: Path) -> None:
    """Two users of one server are told apart; the same login again shows the connection that is there."""
    users = "{ user: mara, password: open-sesame }, { user: piet, password: other-secret }"
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        host = server.url.removeprefix("nats://")
        async with driven(tmp_path / "settings.json") as window:
            connections = window.workspace.connections
            shown: list[object] = []
            window.workspace.connection_opened.connect(shown.append)
            for user, password in (("mara", "open-sesame"), ("piet", "other-secret"), ("mara", "open-sesame")):
                count = len(shown)
                await connect(window, server.url, login="User and password", user=user, password=password)
                await until(partial(_longer, shown, count), what="the connection")
                await window.settle()
            assert shown == [connections[0], connections[1], connections[0]]
            assert [connection.title for connection in connections] == [host, f"{host} as piet"]
            for connection in connections:
                for secret in ("open-sesame", "other-secret"):
                    assert secret.encode() not in connection.opening
                    assert secret not in repr(vars(connection))
            # A wrong password is not let in by the connection that is there.
            await connect(window, server.url, login="User and password", user="mara", password="wrong")
            await until(lambda: "could not be opened" in window.banner, what="the refusal")
            assert len(connections) == 2


async def test_disabled_jetstream_is_said(tmp_path: Path) -> None:
    with nats_server(jetstream=False) as server:
        async with refused(tmp_path, server.url) as window:
            assert "JetStream is not enabled on this server" in window.banner


async def test_a_server_that_appears_later_can_be_opened_then(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "server")
    try:
        async with refused(tmp_path, server.url) as window:
            assert "nothing listens there" in window.banner
            server.start()
            await connect(window, server.url)
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            assert window.window.status.link.kind is BadgeKind.LINK_UP
            assert "could not be opened" not in window.banner
    finally:
        server.kill()


async def test_a_private_ca_is_trusted_by_its_field(tmp_path: Path) -> None:
    certificates(tmp_path)
    config = f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key" }}'
    with nats_server(config=config) as server:
        url = server.url.replace("nats://", "tls://")
        async with refused(tmp_path, url) as window:
            assert "not trusted" in window.banner
            await connect(window, url, tls_ca=str(tmp_path / "ca.pem"))
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            assert window.window.status.link.kind is BadgeKind.LINK_UP


async def test_mutual_tls(tmp_path: Path) -> None:
    """Without a client certificate, with a key that is not its own, and as it should be."""
    certificates(tmp_path)
    config = (
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key", '
        f'ca_file: "{tmp_path}/ca.pem", verify: true }}'
    )
    with nats_server(config=config) as server:
        url = server.url.replace("nats://", "tls://")
        ca, cert = str(tmp_path / "ca.pem"), str(tmp_path / "client.pem")
        async with refused(tmp_path, url, tls_ca=ca) as window:
            assert "the server ended the connection" in window.banner or "refused" in window.banner
            await connect(window, url, tls_ca=ca, tls_cert=cert, tls_key=str(tmp_path / "server.key"))
            said = f"the client certificate {cert} cannot be used"
            await until(lambda: said in window.banner, what="what is wrong with the files")
            await connect(window, url, tls_ca=ca, tls_cert=cert, tls_key=str(tmp_path / "client.key"))
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            assert window.window.status.link.kind is BadgeKind.LINK_UP
            assert "could not be opened" not in window.banner


async def test_credentials_files(tmp_path: Path) -> None:
    """A file that is missing, one that has expired, and one that is good."""
    accounts = Accounts()
    with nats_server(config=accounts.config) as server:
        missing = str(tmp_path / "none.creds")
        login = {"login": "Credentials file"}
        async with refused(tmp_path, server.url, **login, credentials=missing) as window:
            assert f"the credentials file {missing} cannot be read" in window.banner
            old = accounts.credentials(tmp_path / "old.creds", int(time.time()) - 60)
            await connect(window, server.url, **login, credentials=str(old))
            await until(lambda: "refused the login" in window.banner, what="the refusal")
            good = accounts.credentials(tmp_path / "good.creds")
            await connect(window, server.url, **login, credentials=str(good))
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            assert window.window.status.link.kind is BadgeKind.LINK_UP


async def test_credentials_that_expire_while_they_are_used(tmp_path: Path, permits_extract: Path) -> None:
    """The window says that the login is refused, shows what it has shown, and is up again with fresh ones."""
    accounts = Accounts()
    with nats_server(config=accounts.config) as server:
        good = accounts.credentials(tmp_path / "good.creds")
        async with open_engine(server.url, credentials=good) as engine:
            await import_ndjson(await engine.store(NAMESPACE), permits_extract)
        async with driven(tmp_path / "settings.json") as window:
            brief = accounts.credentials(tmp_path / "brief.creds", int(time.time()) + 6)
            await connect(window, server.url, login="Credentials file", credentials=str(brief))
            await until(lambda: bool(window.tabs), what="the log")
            await window.settle()
            badge = window.window.status.link
            told: list[object] = []
            window.workspace.failed.connect(told.append)
            await until(lambda: badge.kind is BadgeKind.NO_LINK, what="the refusal")
            await until(lambda: "The login is tried again" in window.banner, what="the banner")
            assert "the server refused the login" in window.banner
            assert window.view.model.rowCount() == len(permits_extract.read_bytes().splitlines())
            brief.write_text(good.read_text())
            await until(lambda: badge.kind is BadgeKind.LINK_UP, what="the link")
            await until(lambda: "No link to" not in window.banner, what="the banner to go")
            await window.settle()
            # What was read in vain meanwhile said nothing more.
            assert told == []


async def test_a_user_who_may_not_create_streams(tmp_path: Path, permits_extract: Path) -> None:
    """The first append is refused in words, with the draft kept; what exists is read, and can be appended to."""
    users = f"{{ user: admin, password: a }}, {{ user: mara, password: w, permissions: {{ {WRITER} }} }}"
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        async with driven(tmp_path / "settings.json") as window:
            await connect(window, server.url, login="User and password", user="mara", password="w")
            await until(lambda: bool(window.tabs), what="the empty log")
            await window.settle()
            window.run("append")
            dialog = await window.dialog(AppendDialog)
            window.child(QLineEdit, "appendActor", dialog).insert("permit-1")
            window.child(QComboBox, "appendEventType", dialog).setEditText("FeePaid")
            replace_text(window.child(QPlainTextEdit, "appendData", dialog), '{"fee": 12.50}')
            dialog.submit_button.click()
            await until(lambda: dialog.controller.state is AppendState.FAILED, what="the refusal")
            said = dialog.failure.plain_text()
            assert dialog.failure.isVisible()
            assert said.startswith("Not appended: this user may not store it.")
            assert "may not create stream default_events" in said
            async with open_engine(server.url, user="admin", password="a") as engine:
                await import_ndjson(await engine.store("default"), permits_extract)
            dialog.submit_button.click()
            await until(lambda: "Appended version 1 of permit-1" in window.banner, what="the event after all")
            await window.settle()
            log = window.tabs.index("Log default")
            window.window.documents.setCurrentIndex(log)
            lines = len(permits_extract.read_bytes().splitlines())
            await until(lambda: window.view.model.rowCount() == lines + 1, what="the log with all events")
            await window.settle()


async def test_a_read_only_connection_offers_no_append(server: NatsServer, tmp_path: Path) -> None:
    await save_elsewhere(server, event_of(1))
    async with driven(tmp_path / "settings.json") as window:
        window.run("connect")
        dialog = await window.dialog(ConnectDialog)
        replace_line(dialog.servers, server.url)
        dialog.read_only.setChecked(True)
        dialog.connect_button.click()
        await until(lambda: window.tabs == [f"Log {NAMESPACE}"], what="the log")
        await window.settle()
        await window.active()
        await window.click_row(0)
        await window.settle()
        for command in ("append", "append_like", "import_events"):
            assert not window.can(command), command
        assert window.can("open_stream")
        assert window.can("new_tail")


async def test_drifted_settings_are_warned_of(server: NatsServer, tmp_path: Path) -> None:
    """Those of the namespace that is shown, when it is shown; a change meanwhile, and each of them once."""
    await save_elsewhere(server, event_of(1))
    connection = await nats.connect(server.url)
    context = connection.jetstream()
    subjects = ["tidy_events.events.>", "tidy_events.snapshots.>"]
    await create_stream(connection, "tidy_events", subjects=subjects, max_age=86_400 * 10**9, allow_direct=True)
    try:
        async with driven(tmp_path / "settings.json") as window:
            await connect(window, server.url)
            await until(lambda: window.tabs == [f"Log {NAMESPACE}"], what="the sound namespace")
            await window.settle()
            assert window.banner == ""
            window.panels.show_place(Place(window.workspace.connections[0], "tidy"))
            await until(lambda: "max_age deletes events older than 86,400 s" in window.banner, what="the warning")
            await window.settle()
            for setting in ("deny_delete", "deny_purge"):
                assert f"tidy_events: {setting} is off" in window.banner
            window.window.banner.hide()
            changed = (await context.stream_info("tidy_events")).config.evolve(max_msgs=1000)
            await context.update_stream(changed)
            await until(lambda: "max_msgs" in window.banner, what="the warning of the change")
            assert "max_age" not in window.banner
            await window.settle()
    finally:
        await connection.close()


async def test_links_and_relatives_work_as_on_a_file(
    seen: DrivenWindow, server: NatsServer, tmp_path: Path
) -> None:
    cause = Event("cause-1", "Asked", "command-1", 1, {}, {"CorrelationID": "c-1"})
    effect = Event("effect-1", "Answered", "answer-1", 1, {}, {"CorrelationID": "c-1", "CausationID": "cause-1"})
    async with open_engine(server.url) as engine:
        await (await engine.store("city.letters")).save_event(cause)
        await (await engine.store(NAMESPACE)).save_event(effect)
    connection = seen.workspace.connections[0]
    await until(lambda: any(info.name == "city.letters" for info in connection.namespaces))
    place = Place(connection, NAMESPACE)
    assert await seen.workspace.select_at(place, await (await seen.workspace.store(place)).last_sequence())
    related = seen.panels.inspection.related
    await until(lambda: related.shown is not None and not related.shown.is_searching, what="the search ends")
    assert related.shown is not None
    assert related.shown.related is not None
    found = related.shown.related.cause
    assert found is not None
    assert (found.namespace, found.event_type, related.shown.related.correlated_count) == (
        "city.letters",
        "Asked",
        2,
    )
    seen.run("copy_link")
    text = QApplication.clipboard().text()
    assert parse_link(text).url == server.url
    async with driven(tmp_path / "other.json") as other:
        assert await other.panels.commands.links.follow_text(text)
        selection = other.workspace.selection
        assert selection is not None
        assert selection.event is not None
        assert selection.event.id == "effect-1"
        assert other.workspace.connections[0].engine.read_only
        await other.settle()
