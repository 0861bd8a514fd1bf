"""What holds for every test: an own empty home, and nothing left behind.

A test fails that leaves asyncio tasks, non-daemon threads, child processes or (where it uses Qt) windows behind,
and one in which a task's exception was heard by nobody.

Coroutine tests and async fixtures run on asyncio's own loop; under tests/desktop, and wherever a test uses
`qapp` or `qtbot`, on qasync's, so that Qt and asyncio work together as in the application.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import qt_messages
from tests.leaks import Census

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Whoever runs the tests has a keyring of his own, which is none of theirs.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

TESTS = Path(__file__).resolve().parent

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_census = pytest.StashKey[Census]()


# --- Homes --------------------------------------------------------------------------------------------------

_homes = Path(tempfile.mkdtemp(prefix="aether-"))  # short: sockets in it have at most 107 bytes for their path
_home_numbers = count()


def _new_home() -> dict[str, str]:
    """Make an empty home and return the environment that names it. Only HOME and the run-time folder exist."""
    home = _homes / str(next(_home_numbers))
    runtime = home / "run"
    runtime.mkdir(parents=True, mode=0o700)
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(runtime),
    }


# From here on, for whatever fixtures of a wider scope start; each test gets its own besides.
os.environ.update(_new_home())


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own empty home folder; the XDG folders are in it too."""
    environment = _new_home()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Path(environment["HOME"])


def pytest_unconfigure() -> None:
    shutil.rmtree(_homes, ignore_errors=True)


# --- Loops --------------------------------------------------------------------------------------------------


def uses_qt(item: pytest.Item) -> bool:
    if TESTS / "desktop" in item.path.parents:
        return True
    return not {"qapp", "qtbot"}.isdisjoint(getattr(item, "fixturenames", ()))


def _qasync_loop() -> asyncio.AbstractEventLoop:
    from PySide6.QtCore import QEvent, QObject
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance()
    assert isinstance(application, QApplication), "the fixture qapp comes first"
    # Closing the last window would end the loop under the test.
    application.setQuitOnLastWindowClosed(False)
    qasync = importlib.import_module("qasync")

    class Gate(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
            # Between fixtures and test pytest-qt lets Qt work while the loop stands still: tasks have to as well.
            return event.type() == QEvent.Type.Timer and not loop.is_running()

    class Loop(qasync.QEventLoop):  # type: ignore[misc, name-defined]  # has no type information
        def close(self) -> None:
            super().close()
            # It still counts down for what was cancelled, and must not be collected so in some other thread.
            self._timer.deleteLater()

    loop: asyncio.AbstractEventLoop = Loop(application)
    timer: QObject = loop._timer  # type: ignore[attr-defined]  # qasync's
    timer.installEventFilter(Gate(timer))
    return loop


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"qasync": _qasync_loop} if uses_qt(item) else {"asyncio": asyncio.new_event_loop}


@pytest.fixture
async def _task_census() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    unheard: list[str] = []

    def hear(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        unheard.append(f"{context['message']}: {context.get('exception')!r}")

    # A test that provokes such an error on purpose sets its own handler.
    loop.set_exception_handler(hear)
    before = asyncio.all_tasks()
    yield
    own = asyncio.current_task()
    end = loop.time() + 1.0  # for tasks that are cancelled and on their way out
    while (left := asyncio.all_tasks() - before - {own}) and loop.time() < end:
        await asyncio.sleep(0.002)
    named = [f"{task.get_name()}, {task.get_coro()!r}" for task in left]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    if named:
        pytest.fail(f"The test left tasks pending: {'; '.join(named)}", pytrace=False)
    if unheard:
        pytest.fail(f"Errors nobody heard: {'; '.join(unheard)}", pytrace=False)


@pytest.fixture
def _few_qt_messages() -> Iterator[None]:
    with qt_messages.bounded():
        yield


@pytest.fixture(autouse=True)
def _leave_no_tasks(request: pytest.FixtureRequest, home: Path) -> None:
    """Set up first of the test's fixtures, and so taken down after those that end tasks of theirs."""
    item = request.node
    if uses_qt(item):
        request.getfixturevalue("qapp")
        request.getfixturevalue("_few_qt_messages")
    if inspect.iscoroutinefunction(getattr(item, "obj", None)):
        request.getfixturevalue("_task_census")


# --- Threads, child processes and windows -------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.config.stash[_census] = Census()
    yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    if fixturedef.scope == "function":
        return (yield)
    before = Census()
    result = yield
    request.config.stash[_census].adopt(since=before)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    try:
        yield
    finally:
        leaks = item.config.stash[_census].leaks(windows=uses_qt(item))
    if leaks:
        pytest.fail(f"The test left something behind. {' | '.join(leaks)}", pytrace=False)


# --- Data ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def permits_extract() -> Path:
    """Recorded events of building permits, NDJSON: the 51 first actors' events, in the order of the record."""
    return TESTS / "data" / "permits-extract.ndjson"
