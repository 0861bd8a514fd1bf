"""Appending through the window on every kind of store: conflicts, duplicates, batches and races."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QTableView

from aether_desktop.connection import Connection
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.race_table import RaceTable
from aether_desktop.profiles import Profile
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.appending_dialog import AppendingDialog
from aether_desktop.ui.append.batch_dialog import BatchDialog
from aether_desktop.ui.append.race_dialog import RaceDialog
from aether_desktop.ui.connection.confirm_write_dialog import ConfirmWriteDialog
from aether_desktop.workspace import Place
from aether_engine.event import Event
from aether_engine.store.protocols import Store
from tests.desktop.driven_window import DrivenWindow, driven, replace_text
from tests.nats_proxy import Proxy
from tests.nats_servers import NatsServer, nats_server
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "shop.orders"
ACTOR = "order-1"
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


class Shop:
    """A window on a store with two events of one actor, of which the first is selected."""

    def __init__(self, seen: DrivenWindow, connection: Connection, store: Store) -> None:
        self.seen = seen
        self.connection = connection
        self.store = store

    async def append(self) -> AppendDialog:
        """The dialog with an event typed, and the next version known."""
        self.seen.run("append")
        dialog = await self.seen.dialog(AppendDialog)
        await until(lambda: dialog.controller.current_version is not None, timeout=10)
        dialog.form.event_type.setEditText("OrderPaid")
        replace_text(dialog.form.data, '{"amount": 39.90}')
        return dialog

    async def closed(self) -> None:
        await until(
            lambda: not self.seen.window.findChildren(AppendingDialog), timeout=10, what="the dialog is gone"
        )
        await self.seen.settle()

    async def versions(self) -> list[int]:
        return [event.version for event in await self.store.get_events(ACTOR)]


def placed(version: int, **fields: str) -> Event:
    return Event(f"elsewhere-{version}", "OrderPlaced", ACTOR, version, dict(fields), {"CorrelationID": "c-1"})


def press(seen: DrivenWindow, dialog: AppendingDialog, name: str) -> None:
    button = seen.child(QAbstractButton, name, dialog)
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def press_link(dialog: AppendingDialog, text: str) -> None:
    links = [each for each in dialog.findChildren(QAbstractButton) if each.text() == text and each.isVisible()]
    assert len(links) == 1, text
    QTest.mouseClick(links[0], Qt.MouseButton.LeftButton)


async def opened(seen: DrivenWindow, url: str, namespace: str, **options: str) -> Shop:
    connection = await seen.workspace.open(url, options=options)
    assert connection is not None, seen.banner
    store = await connection.engine.store(namespace)
    await store.save_events([placed(1), placed(2)])
    await connection.refresh()
    seen.panels.show_place(Place(connection, namespace))
    await seen.settle()
    await seen.click_row(0)
    return Shop(seen, connection, store)


@pytest.fixture(params=["memory", "sqlite", "jetstream"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    url, namespace = "memory://", NAMESPACE
    if request.param == "sqlite":
        url = str(tmp_path / "shop.aether")
    elif request.param == "jetstream":
        url = request.getfixturevalue("server").url
        namespace = f"shop.n{next(_numbers)}"
    async with driven(tmp_path / "settings.json") as seen:
        yield await opened(seen, url, namespace)


async def test_conflict_rebase_duplicate_and_batch(shop: Shop) -> None:
    seen = shop.seen
    # Somebody else is faster: what landed is beside one's own, and a rebase stores it behind.
    dialog = await shop.append()
    assert '"CorrelationID": "c-1",\n  "CausationID": "elsewhere-1"' in dialog.form.metadata.text()
    await shop.store.save_events([placed(3, by="somebody"), placed(4)])
    press(seen, dialog, "appendSubmit")
    await until(dialog.panel.isVisible, timeout=10, what="the conflict panel")
    panel = dialog.panel
    assert (panel.attempted.text(), panel.current.text(), panel.next_free.text()) == ("3", "4", "5")
    assert panel.verdict.startswith("Somebody else’s event, not a duplicate:")
    titles = [panel.table.model().headerData(column, Qt.Orientation.Horizontal) for column in range(4)]
    assert [title.partition(",")[0] for title in titles] == ["Field", "Yours", "Stored v3", "Stored v4"]
    press(seen, dialog, "conflictRebase")
    await shop.closed()
    assert await shop.versions() == [1, 2, 3, 4, 5]

    # The very same event is there already: a duplicate, and done.
    dialog = await shop.append()
    stamped = dialog.controller.draft.stamped()
    dialog.controller._draft = stamped
    await shop.store.save_event(stamped.event())
    press(seen, dialog, "appendSubmit")
    await until(dialog.panel.isVisible, timeout=10, what="the conflict panel")
    assert dialog.panel.verdict.startswith("Yours is already stored, it is a duplicate:")
    assert not dialog.panel.rebase_button.isEnabled()
    press(seen, dialog, "conflictDuplicate")
    await shop.closed()
    assert await shop.versions() == [1, 2, 3, 4, 5, 6]

    # A batch meets an event in its way: none of it is stored, then all of it.
    seen.run("append_batch")
    batch = await seen.dialog(BatchDialog)
    await until(lambda: batch.controller.current_version == 6, timeout=10)
    replace_text(batch.form.events, '{"eventType": "A"}\n{"eventType": "B"}\n{"eventType": "C"}')
    await shop.store.save_event(placed(7))
    press(seen, batch, "appendSubmit")
    await until(batch.panel.isVisible, timeout=10, what="the conflict panel")
    assert batch.panel.fact.startswith("None of 3 appended, for event 1: version 7")
    assert await shop.versions() == [1, 2, 3, 4, 5, 6, 7]
    press(seen, batch, "conflictRebase")
    await shop.closed()
    events = await shop.store.get_events(ACTOR, 8)
    assert [(event.event_type, event.version) for event in events] == [("A", 8), ("B", 9), ("C", 10)]


async def test_race_it(shop: Shop) -> None:
    seen = shop.seen
    seen.run("race")
    dialog = await seen.dialog(RaceDialog)
    actor = dialog.actor.text()
    assert actor.startswith("race-")
    dialog.writers.setValue(4)
    dialog.versions.setValue(5)
    QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
    assert dialog.start_button.text() == "Cancel"
    await until(lambda: bool(dialog.summary.text()), timeout=20, what="the end of the race")
    table = seen.child(QTableView, "raceTable", dialog)
    model = table.model()
    assert isinstance(model, RaceTable)
    assert (model.rowCount(), model.columnCount()) == (5, 8)
    assert dialog.summary.text() == (
        "5 versions, 5 winners, 15 conflicts told. Read back: every version holds its winner’s event, once."
    )
    stored = await shop.store.get_events(actor)
    assert [event.version for event in stored] == [1, 2, 3, 4, 5]
    for row, event in enumerate(stored):
        winner = event.data["writer"]
        texts = [model.index(row, column).data() for column in range(8)]
        assert texts[:4] == [str(row + 1), f"Writer {winner}", "3", f"Writer {winner}"]
        told = texts[4:]
        assert told.pop(winner - 1).startswith("won, #")
        assert told == [f"conflict, at v{row + 1}"] * 3
    QTest.mouseClick(dialog.stream_button, Qt.MouseButton.LeftButton)
    await until(lambda: actor in seen.tabs, what="its stream")
    dialog.reject()
    await seen.settle()


async def test_a_race_is_cancelled_and_what_was_stored_is_said(tmp_path: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        shop = await opened(seen, str(tmp_path / "shop.aether"), NAMESPACE)
        seen.run("race")
        dialog = await seen.dialog(RaceDialog)
        dialog.actor.setText(ACTOR)
        dialog.versions.setValue(1000)
        QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.model.rowCount() > 0, what="the first rounds")
        QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.failure.isVisible(), what="the end")
        count = dialog.model.rowCount()
        assert f"cancelled after {count:,} of 1,000 versions" in dialog.failure.plain_text()
        assert await shop.versions() == list(range(1, count + 3))
        assert "every version holds its winner’s event" in dialog.summary.text()
        assert seen.workspace.jobs.running == []
        # Closing it in the middle ends it too.
        QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
        dialog.reject()
        await until(lambda: not seen.workspace.jobs.running, what="the end of the job")
        await seen.settle()


async def test_production_is_asked_for_once_and_nothing_is_stored_without(tmp_path: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        url = str(tmp_path / "shop.aether")
        connection = await seen.workspace.open(url)
        assert connection is not None
        await (await connection.engine.store(NAMESPACE)).save_event(placed(1))
        await seen.workspace.close_connection(connection)
        profile = Profile("p1", "Shop", "file", production=True, read_only=False)
        connection = await seen.workspace.open(url, title="Shop", profile=profile)
        assert connection is not None
        store = await connection.engine.store(NAMESPACE)
        await seen.settle()

        seen.run("race")
        dialog = await seen.dialog(RaceDialog)
        dialog.versions.setValue(3)
        QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
        question = await seen.dialog(ConfirmWriteDialog) if dialog.isHidden() else await asked(dialog)
        assert "Race 2 writers for 3 versions" in question.words.text()
        question.reject()
        await until(lambda: dialog.failure.isVisible(), what="the refusal")
        assert "Nothing was written to shop.orders" in dialog.failure.plain_text()
        assert await store.last_sequence() == 1
        QTest.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
        question = await asked(dialog)
        question.input.setText(NAMESPACE)
        QTest.mouseClick(question.write_button, Qt.MouseButton.LeftButton)
        await until(lambda: bool(dialog.summary.text()), what="the race, asked for once")
        assert await store.last_sequence() == 4
        dialog.reject()

        seen.run("append_batch")
        batch = await seen.dialog(BatchDialog)
        batch.form.place.actor.setText(ACTOR)
        replace_text(batch.form.events, '[{"eventType": "A"}, {"eventType": "B"}]')
        await until(lambda: batch.controller.current_version == 1)
        press(seen, batch, "appendSubmit")
        question = await asked(batch)
        question.reject()
        await until(batch.failure.isVisible)
        assert "the namespace’s name was not typed" in batch.failure.plain_text()
        press(seen, batch, "appendSubmit")
        question = await asked(batch)
        question.input.setText(NAMESPACE)
        QTest.mouseClick(question.write_button, Qt.MouseButton.LeftButton)
        await until(lambda: not seen.window.findChildren(BatchDialog), what="the dialog is gone")
        await seen.settle()
        assert [event.version for event in await store.get_events(ACTOR)] == [1, 2, 3]
    async with driven(tmp_path / "settings.json") as seen:
        await seen.workspace.open(url, read_only=True)
        await seen.settle()
        assert not any(seen.can(command) for command in ("append", "append_batch", "race"))


async def asked(dialog: RaceDialog | BatchDialog) -> ConfirmWriteDialog:
    """The question for the namespace's name, above the dialog that wants to write."""
    window = dialog.parentWidget()
    assert window is not None

    def found() -> ConfirmWriteDialog | None:
        return next((each for each in window.findChildren(ConfirmWriteDialog) if each.isVisible()), None)

    await until(lambda: found() is not None, what="the question")
    question = found()
    assert question is not None
    return question


async def look(shop: Shop, dialog: AppendDialog) -> None:
    """Ask for a look until there is an answer: right after a cut the link may not be back."""

    def answered() -> bool:
        if (
            not shop.seen.window.findChildren(AppendDialog)
            or dialog.failure.fact == "It is not stored, as of now."
        ):
            return True
        if dialog.controller.state is AppendState.UNKNOWN:
            dialog.controller.look_again()
        return False

    press_link(dialog, "Look again")
    await until(answered, timeout=20, what="an answer")


@pytest.mark.parametrize("is_stored", [True, False])
async def test_an_acknowledgement_that_is_lost_is_explained_and_resolved(
    server: NatsServer, tmp_path: Path, is_stored: bool
) -> None:
    """The store gives up without an answer, the dialog says so, and a look finds out what has happened."""
    proxy = Proxy(server.port)
    async with proxy as url, driven(tmp_path / "settings.json") as seen:
        shop = await opened(seen, url, f"lost.n{next(_numbers)}", request_timeout="2")
        dialog = await shop.append()
        if is_stored:
            # The server has it, and is not heard any more.
            proxy.mute_at = b"Nats-Msg-Id"
        else:
            proxy.lose_at = b"Nats-Msg-Id"
        press(seen, dialog, "appendSubmit")
        await until(lambda: dialog.controller.state is AppendState.UNKNOWN, timeout=20, what="the doubt")
        assert "It is not known whether the event was stored." in dialog.failure.plain_text()
        assert "it is stored at most once" in dialog.failure.plain_text()
        assert dialog.form.data.text() == '{"amount": 39.90}'
        event_id = dialog.controller.draft.id
        await proxy.cut()
        await until(lambda: shop.connection.link_up, timeout=20, what="the link")
        await look(shop, dialog)
        if not is_stored:
            assert "order-1 is at version 2, and nothing with this id is stored." in dialog.failure.plain_text()
            assert await shop.versions() == [1, 2]
            press_link(dialog, "Save the same event again")
        await shop.closed()
        assert ("Found as stored: version 3 of order-1" in seen.banner) is is_stored
        stored = await shop.store.get_events(ACTOR, 3)
        assert [event.id for event in stored] == [event_id], "once"
