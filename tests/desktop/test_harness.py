"""The harness itself: the loop that tests run on, waiting, and what a test hears that leaves things behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import qasync
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from tests.waiting import until, until_sync

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def loop_of_fixture() -> AsyncIterator[asyncio.AbstractEventLoop]:
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)


async def test_coroutine_tests_run_on_qasync(qapp: QApplication) -> None:
    fired: list[bool] = []
    QTimer.singleShot(0, lambda: fired.append(True))

    await until(lambda: fired, what="the Qt timer fires while the coroutine waits")

    assert isinstance(asyncio.get_running_loop(), qasync.QEventLoop)


async def test_async_fixtures_share_the_loop(loop_of_fixture: asyncio.AbstractEventLoop) -> None:
    assert loop_of_fixture is asyncio.get_running_loop()


class TestInAClass:
    async def test_runs_on_qasync_too(self) -> None:
        assert isinstance(asyncio.get_running_loop(), qasync.QEventLoop)


async def test_closing_the_last_window_keeps_the_loop_running(qtbot: QtBot) -> None:
    label = QLabel("last")
    qtbot.addWidget(label)
    label.show()
    label.close()
    await asyncio.sleep(0.01)


async def test_threads_of_the_loop_are_taken_down() -> None:
    names: list[str] = []
    await asyncio.get_running_loop().run_in_executor(None, lambda: names.append("worked"))
    assert names == ["worked"]


async def test_until_names_what_did_not_happen() -> None:
    with pytest.raises(AssertionError, match=r"within 0.01 s: the moon is blue"):
        await until(lambda: False, timeout=0.01, what="the moon is blue")


def test_until_sync() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    thread.start()
    until_sync(done.is_set, what="the thread runs")
    thread.join()
    with pytest.raises(AssertionError, match=r"the moon is blue"):
        until_sync(lambda: False, timeout=0.01, what="the moon is blue")


def test_each_test_has_an_empty_home(home: Path, qtbot: QtBot) -> None:
    assert Path.home() == home
    assert Path(os.environ["XDG_CONFIG_HOME"]).parent == home
    assert [each.name for each in home.iterdir()] == ["run"]


GUILTY = """
import asyncio, subprocess, sys, threading, time
import pytest
from tests.waiting import until

def test_innocent(qtbot): pass

async def test_innocent_coroutine(): await asyncio.create_task(asyncio.sleep(0))

async def test_leaves_task():
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(60), name="the task left")

async def test_leaves_task_on_qasync(qapp):
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(60), name="the qasync task left")

async def test_hears_no_error():
    async def fails(): raise ValueError("the error nobody heard")
    task = asyncio.create_task(fails())
    await asyncio.sleep(0.01)
    del task

def test_leaves_window(qapp):
    from PySide6.QtWidgets import QWidget
    global window
    window = QWidget(objectName="the window left")
    window.show()

def test_innocent_after_window(qapp): pass

def test_leaves_thread():
    threading.Thread(target=time.sleep, args=(2.5,), name="the thread left").start()

def test_leaves_child():
    global child
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)  # the child left"])

@pytest.fixture(scope="module")
def wide():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()

async def test_floods(qapp):
    from PySide6.QtCore import QTimer, qWarning
    timer = QTimer()
    timer.timeout.connect(lambda: [qWarning("flood") for _ in range(600)])
    timer.start(0)
    await until(lambda: False, timeout=60)

def test_uses_wider_child(wide): assert wide.poll() is None

def test_uses_it_again(wide): assert wide.poll() is None

def test_ends_child():
    child.kill()
    child.wait()
"""


def test_leaks_fail_the_test_that_left_them(tmp_path: Path) -> None:
    (tmp_path / "test_guilty.py").write_text(GUILTY)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode=auto\nasyncio_default_fixture_loop_scope=function\nqt_api=pyside6\n"
    )

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rfE", "--tb=short"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    summary = ran.stdout[ran.stdout.index("short test summary") :]
    for test, left in {
        "test_leaves_task": "the task left",
        "test_leaves_task_on_qasync": "the qasync task left",
        "test_hears_no_error": "the error nobody heard",
        "test_leaves_window": "QWidget, visible, objectName 'the window left'",
        "test_leaves_thread": "the thread left",
        "test_leaves_child": "the child left",
    }.items():
        assert f"ERROR test_guilty.py::{test} - " in summary, ran.stdout
        assert left in ran.stdout, ran.stdout
    # Told at once, while it is being waited for, and once more when the test has ended.
    assert "FAILED test_guilty.py::test_floods - AssertionError: Qt wrote " in summary, ran.stdout
    assert "ERROR test_guilty.py::test_floods - AssertionError: Qt wrote " in summary, ran.stdout
    assert ran.stdout.count("QtWarningMsg: flood") == 1_000, ran.stdout
    assert "1 failed, 12 passed, 7 errors" in summary, ran.stdout
