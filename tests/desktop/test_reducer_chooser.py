"""Choosing a reducer: remembered for each namespace, asked before a file runs, and again when it has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.connection import Connection
from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.replay_options import FILE, ReplayMemory, ReplayOptions
from aether_desktop.models.state.snapshot_states import FROM_BEST, FROM_FIRST
from aether_desktop.settings import Settings
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.replay import ReducerFile, UserReducer
from tests.waiting import until

LAST = "def apply(state, event):\n    return {'last': event.version}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


@pytest.fixture
async def connection(tmp_path: Path, qtbot: QtBot) -> AsyncIterator[Connection]:
    async with open_engine(sqlite_url(tmp_path / "x.aether")) as engine:
        yield Connection(engine)


@asynccontextmanager
async def chooser_of(settings: Settings) -> AsyncIterator[ReducerChooser]:
    one = ReducerChooser(ReplayMemory(settings))
    try:
        yield one
    finally:
        await one.close()
        # Here, and not in whatever thread its garbage is collected: it watches files in one of its own.
        one.deleteLater()


@pytest.fixture
async def chooser(settings: Settings, qtbot: QtBot) -> AsyncIterator[ReducerChooser]:
    async with chooser_of(settings) as one:
        yield one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "last.py"
    path.write_text(LAST)
    return path


class Asked:
    """What a chooser has asked and told."""

    def __init__(self, chooser: ReducerChooser) -> None:
        self.files: list[ReducerFile] = []
        self.told: list[str] = []
        chooser.trust_asked.connect(self.files.append)
        chooser.told.connect(lambda fact, text: self.told.append(f"{fact} {text}".strip()))


async def test_a_reducer_is_remembered_for_its_namespace(
    chooser: ReducerChooser, connection: Connection, settings: Settings
) -> None:
    one, other = Place(connection, "one"), Place(connection, "other")
    chooser.show_place(one)
    assert chooser.current == ("json-merge", "")
    chooser.choose("last-event")
    assert chooser.current_name == "Last event"
    chooser.show_place(other)
    assert chooser.current == ("json-merge", "")
    chooser.show_place(one)
    assert chooser.current == ("last-event", "")
    assert ReplayMemory(settings).options(one) == ReplayOptions("last-event")
    assert ReplayMemory(settings).options(other) == ReplayOptions()


async def test_where_replay_begins_is_remembered_too(
    chooser: ReducerChooser, connection: Connection, settings: Settings
) -> None:
    place = Place(connection, "one")
    chooser.show_place(place)
    assert chooser.options.start == FROM_BEST
    chooser.begin_with(FROM_FIRST)
    assert ReplayMemory(settings).options(place).start == FROM_FIRST
    chooser.choose("shallow-merge")
    assert chooser.options.start == FROM_FIRST, "snapshots rarely hold what another reducer makes"
    chooser.begin_with(FROM_BEST)
    assert ReplayMemory(settings).options(place) == ReplayOptions("shallow-merge", from_snapshot=True)


async def test_nothing_of_a_file_runs_before_it_is_trusted(
    chooser: ReducerChooser, connection: Connection, file: Path, settings: Settings
) -> None:
    asked = Asked(chooser)
    chooser.show_place(Place(connection, "one"))
    chooser.choose_file(str(file))
    await until(lambda: bool(asked.files))
    [question] = asked.files
    assert (question.path, question.source) == (str(file), LAST.encode())
    assert chooser.current == ("json-merge", "")
    chooser.trust(question)
    await until(lambda: chooser.current == (FILE, str(file)))
    assert isinstance(chooser.reducer, UserReducer)
    assert chooser.reducer.process_id is None, "its process starts when there is something to fold"
    memory = ReplayMemory(settings)
    assert memory.is_trusted(str(file), question.sha256)
    assert memory.options(Place(connection, "one")) == ReplayOptions(FILE, str(file))
    assert [item.name for item in chooser.items] == [
        "JSON merge",
        "Shallow merge",
        "Last event",
        "Per event type",
        "last.py",
    ]


async def test_who_declines_keeps_what_was_used(
    chooser: ReducerChooser, connection: Connection, file: Path
) -> None:
    asked = Asked(chooser)
    chooser.show_place(Place(connection, "one"))
    chooser.choose("last-event")
    chooser.choose_file(str(file))
    await until(lambda: bool(asked.files))
    chooser.decline()
    assert chooser.current == ("last-event", "")
    assert chooser.awaited is None


async def test_a_file_that_cannot_be_read_is_named(
    chooser: ReducerChooser, connection: Connection, tmp_path: Path
) -> None:
    asked = Asked(chooser)
    chooser.show_place(Place(connection, "one"))
    chooser.choose_file(str(tmp_path / "missing.py"))
    await until(lambda: any("missing.py" in words for words in asked.told))
    assert chooser.current == ("json-merge", "")


async def test_a_changed_file_is_asked_about_and_the_old_content_stays(
    chooser: ReducerChooser, connection: Connection, file: Path
) -> None:
    asked = Asked(chooser)
    chooser.show_place(Place(connection, "one"))
    chooser.choose_file(str(file))
    await until(lambda: bool(asked.files))
    chooser.trust(asked.files[0])
    await until(lambda: chooser.current[0] == FILE)
    old = chooser.reducer
    file.write_text(LAST.replace("last", "latest"))
    await until(lambda: chooser.awaited is not None)
    assert "last.py has changed." in asked.told[-1]
    assert chooser.reducer is old
    assert len(asked.files) == 1, "nobody is interrupted"
    chooser.ask_again()
    assert len(asked.files) == 2
    chooser.trust(asked.files[1], later=True)
    await until(lambda: chooser.reducer is not old)
    assert chooser.awaited is None
    # From now on whatever is in it is taken, also when an editor replaces the file.
    known = chooser.reducer
    fresh = file.with_name("fresh")
    fresh.write_text(LAST.replace("last", "newest"))
    fresh.replace(file)
    await until(lambda: chooser.reducer is not known)
    assert isinstance(chooser.reducer, UserReducer)
    assert b"newest" in ReducerFile.read(file).source
    assert chooser.reducer.sha256 == ReducerFile.read(file).sha256


async def test_a_remembered_file_runs_again_only_if_it_is_the_same(
    connection: Connection, settings: Settings, file: Path
) -> None:
    place = Place(connection, "one")
    memory = ReplayMemory(settings)
    content = ReducerFile.read(file)
    memory.trust(content.path, content.sha256)
    memory.set_options(place, ReplayOptions(FILE, str(file)))
    async with chooser_of(settings) as chooser:
        chooser.show_place(place)
        await until(lambda: chooser.current == (FILE, str(file)))
    file.write_text("import os\n" + LAST)
    async with chooser_of(settings) as other:
        asked = Asked(other)
        other.show_place(place)
        await until(lambda: other.awaited is not None)
        assert other.current == ("json-merge", "")
        assert "not the content that was trusted" in asked.told[-1]
        assert asked.files == [], "going to a namespace opens no dialog"
        assert other.options.reducer == FILE, "what was chosen is not forgotten"


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        [3, {}, {"url": 1, "namespace": "n", "reducer": "json-merge"}],
        [{"url": "u", "namespace": "n", "reducer": "evil"}, {"url": "u", "namespace": "n", "reducer": "file"}],
    ],
)
def test_settings_that_somebody_edited_do_no_harm(settings: Settings, value: object) -> None:
    settings.set("replay", value)
    settings.set("trusted_reducers", value)
    memory = ReplayMemory(settings)
    assert memory.recent_files == []
    assert not memory.is_trusted("evil", "")
