"""Copying events and links in the window, and following links to where they lead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication, QMenu

from aether_desktop.app import open_asked, parse_arguments
from aether_desktop.links import Link, parse_link
from aether_desktop.models.events.event_pages import PAGE_ROWS
from aether_desktop.ui.events.link_dialog import LinkDialog
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, driven, driven_file, import_into
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

COUNT = 5 * PAGE_ROWS


@pytest.fixture
def lines(permits_extract: Path) -> list[bytes]:
    return permits_extract.read_bytes().splitlines()


@pytest.fixture
async def permits(tmp_path: Path, permits_extract: Path) -> Path:
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    return path


@pytest.fixture
async def seen(permits: Path) -> AsyncIterator[DrivenWindow]:
    async with driven_file(permits) as window:
        await window.at(1)
        yield window


def clipboard() -> str:
    return QApplication.clipboard().text()


# -- several events


async def test_rows_that_are_not_loaded_are_copied_too(tmp_path: Path) -> None:
    path = tmp_path / "long.aether"
    events = [Event(f"e{n}", "Seen", f"a-{n % 3}", n, {"n": n}) for n in range(1, COUNT + 1)]
    async with open_engine(sqlite_url(path)) as engine:
        log = await engine.store("log")
        for start in range(0, COUNT, 1000):
            await log.save_events(events[start : start + 1000])
        stored = [each.raw async for batch in log.read() for each in batch]
    async with driven_file(path) as seen:
        await seen.at(1)
        seen.table.setFocus()
        seen.control(Qt.Key.Key_A)
        seen.control(Qt.Key.Key_C)
        whole = b"".join(raw + b"\n" for raw in stored)
        await until(lambda: clipboard().encode() == whole, what="all of them are copied")


async def test_selected_rows_need_not_be_together(seen: DrivenWindow, lines: list[bytes]) -> None:
    seen.table.setFocus()
    selection, flags = seen.table.selectionModel(), QItemSelectionModel.SelectionFlag
    for row in (30, 4, 12):
        selection.select(seen.view.model.index(row, 1), flags.Select | flags.Rows)
    selection.select(seen.view.model.index(0, 1), flags.Deselect | flags.Rows)
    seen.control(Qt.Key.Key_C)
    expected = b"".join(lines[row] + b"\n" for row in (4, 12, 30))
    await until(lambda: clipboard().encode() == expected, what="they are copied in the order of the rows")


async def test_a_menu_acts_on_the_row_under_the_pointer(seen: DrivenWindow, lines: list[bytes]) -> None:
    await seen.click_row(6)
    table = seen.table
    point = table.visualRect(table.currentIndex()).center()
    table.customContextMenuRequested.emit(point)
    menu = table.findChild(QMenu)
    assert menu is not None
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[:3] == ["Copy event JSON", "Copy link to the event", "Mark or unmark"]
    next(action for action in menu.actions() if action.text() == "Copy event JSON").trigger()
    menu.close()
    assert clipboard().encode() == lines[6]


async def test_what_cannot_be_a_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "odd.aether"
    pretty = (
        b'{\n "id":"e2","eventType":"X","actorId":"a","version":2,"data":{},"timestamp":"2026-01-01T00:00:00Z"}'
    )
    async with open_engine(sqlite_url(path)) as engine:
        log = await engine.store("log")
        await log.save_events(
            [Event("e1", "X", "a", 1, {}), Event.from_json(pretty), Event("e3", "X", "a", 3, {})]
        )
        stored = [each.raw async for batch in log.read() for each in batch]
    async with driven_file(path) as seen:
        await seen.at(1)
        seen.table.setFocus()
        seen.control(Qt.Key.Key_A)
        seen.control(Qt.Key.Key_C)
        await until(lambda: "2 of 3 events copied" in seen.banner, what="what is left out is said")
        assert "#2 has line breaks in its bytes" in seen.banner
        assert clipboard().encode() == stored[0] + b"\n" + stored[2] + b"\n"
        await seen.click_row(1)
        seen.control(Qt.Key.Key_C)
        assert clipboard().encode() == pretty, "alone it is copied as it is"


async def test_too_much_is_not_copied_in_part(
    seen: DrivenWindow, lines: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    await seen.click_row(1)
    seen.control(Qt.Key.Key_C)
    before = clipboard()
    assert before.encode() == lines[1]
    seen.control(Qt.Key.Key_A)
    monkeypatch.setattr("aether_desktop.ui.events.copying.BYTES_LIMIT", 1000)
    seen.control(Qt.Key.Key_C)
    await until(lambda: "more than 1,000 bytes" in seen.banner, what="it is refused")
    monkeypatch.setattr("aether_desktop.ui.events.copying.ROWS_LIMIT", 20)
    seen.control(Qt.Key.Key_C)
    assert "and 20 are the most" in seen.banner
    assert clipboard() == before


# -- links


async def test_a_copied_link_leads_back(seen: DrivenWindow, permits: Path) -> None:
    await seen.click_row(20)
    seen.key(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    text = clipboard()
    link = parse_link(text)
    assert (link.url, link.namespace, link.sequence) == (sqlite_url(permits), "permits", 21)
    await seen.click_row(3)
    seen.run("open_link")
    dialog = await seen.dialog(LinkDialog)
    assert dialog.input.text() == text, "what is on the clipboard is there already"
    assert dialog.words.text() == f"Leads to event #21 of permits in {permits}."
    dialog.open_button.click()
    await seen.at(21)
    assert len(seen.workspace.connections) == 1


async def test_the_dialog_says_what_is_wrong(seen: DrivenWindow) -> None:
    QApplication.clipboard().setText("something else")
    seen.run("open_link")
    dialog = await seen.dialog(LinkDialog)
    assert dialog.input.text() == ""
    assert not dialog.open_button.isEnabled()
    dialog.input.setText("aether://open?url=nats://name:hush@host")
    assert "carries a login" in dialog.words.text()
    assert not dialog.open_button.isEnabled()
    dialog.input.setText("aether://open?url=nats://one,two&namespace=shop&actor=a%E2%80%AE&version=3")
    assert dialog.words.text() == "Leads to version 3 of a⟨U+202E⟩ in shop, in one, two."
    dialog.input.setText("aether://open?url=memory://&namespace=shop&actor=a")
    assert dialog.words.text() == "Leads to the stream of a in shop, in In memory."
    dialog.reject()


async def test_a_link_opens_its_file_read_only(tmp_path: Path, permits: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        links = seen.panels.commands.links
        url = sqlite_url(permits)
        assert await links.follow(Link(url, "permits", sequence=5))
        await seen.settle()
        await seen.at(5)
        assert [each.engine.read_only for each in seen.workspace.connections] == [True]
        selection = seen.workspace.selection
        assert selection is not None
        assert selection.event is not None
        actor = selection.event.actor_id
        assert await links.follow(Link(url, "permits", actor_id=actor, version=1))
        await seen.settle()
        assert seen.tabs[-1] == actor
        assert await links.follow(Link(url, "permits", actor_id=actor))
        assert await links.follow(Link(url, "permits"))
        assert await links.follow(Link(url))
        await seen.settle()
        assert len(seen.workspace.connections) == 1
        for link, words in (
            (Link(url, "gone"), "There is no namespace gone in permits.aether."),
            (Link(url, "permits", sequence=10**9), "There is no event at sequence 1,000,000,000 of permits."),
            (Link(url, "permits", sequence=5, event_id="e-17"), "is not the event the link was made for"),
            (Link(url, "permits", actor_id=actor, version=10**6), f"{actor} has no version 1,000,000 in permits."),
            (Link("memory://", "permits", sequence=1), "a store in memory, which is gone"),
        ):
            assert not await links.follow(link)
            assert words in seen.banner
        assert not await links.follow(Link(sqlite_url(tmp_path / "nowhere.aether"), "permits"))
        assert "nowhere.aether could not be opened" in seen.banner
        assert not await links.follow_text("aether://open?url=x")
        assert "The link was not opened" in seen.banner


@pytest.mark.parametrize("target", ["sequence=9", "actor={actor}&version=1", ""])
async def test_the_command_line_takes_a_link(tmp_path: Path, permits: Path, target: str) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        actor = "permit-891"
        fields = f"&namespace=permits&{target.format(actor=actor)}".rstrip("&") if target else ""
        await open_asked(seen.window, parse_arguments([f"aether://open?url={sqlite_url(permits)}{fields}"]))
        await seen.settle()
        if not target:
            assert seen.tabs == ["Log permits"]
        elif target.startswith("sequence"):
            await seen.at(9)
        else:
            assert seen.tabs == [actor]
            assert seen.shown_version == 1


async def test_the_command_line_takes_what_a_file_manager_passes(tmp_path: Path, permits: Path) -> None:
    name = permits.rename(permits.with_name("permits – copy #1.aether"))
    async with driven(tmp_path / "settings.json") as seen:
        await open_asked(seen.window, parse_arguments([name.as_uri()]))
        await seen.settle()
        assert seen.tabs == ["Log permits"]


async def test_a_link_to_a_store_in_memory_works_while_it_is_open(tmp_path: Path, permits_extract: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        for _ in range(2):
            await seen.workspace.open_path(permits_extract)
        await seen.settle()
        namespace = seen.workspace.connections[0].namespaces[0].name
        await seen.click_row(3)
        seen.run("copy_link")
        assert "in memory, so only this window can follow it" in seen.banner
        await seen.click_row(5)
        assert await seen.panels.commands.links.follow_text(clipboard())
        await until(lambda: seen.selected_sequence == 4)
        assert parse_link(clipboard()).namespace == namespace
