"""A driver of the window, in a process and a home of its own: starting it, and being it.

A driver is a module `tests.benchmarks.NAME_driver` that measures and prints one JSON document as its last line.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtWidgets import QApplication

from aether_desktop.app import favour_the_loop
from aether_desktop.ui.widgets.theme import apply_theme


def measured_by(driver: str, *arguments: object, seconds: float = 900) -> Any:
    """What the driver of that name measures, given these arguments; a home is in its environment and goes with it.

    Raises `subprocess.CalledProcessError`, and `subprocess.TimeoutExpired` after so many seconds.
    """
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        environment = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{driver}_driver", *map(str, arguments)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # A group of its own: what it starts can be told from everything else.
            start_new_session=True,
            timeout=seconds,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def drive(main: Callable[[list[str]], Coroutine[Any, Any, object]]) -> None:
    """Be a driver: give `main` the arguments, on Qt's own event loop, and print what it has measured."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_API"] = "pyside6"
    from qasync import QEventLoop

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    apply_theme(application, "light")
    favour_the_loop()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(application)) as runner:
        print(json.dumps(runner.run(main(sys.argv[1:]))), flush=True)
    # Qt's own end of everything is none of what is measured.
    os._exit(0)
