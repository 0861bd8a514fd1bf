"""The composition root: arguments, event loop, workspace, window, and the order in which they end."""

from __future__ import annotations

import argparse
import gc
import linecache
import logging
import os
import sys
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aether_desktop import __version__
from aether_desktop.folders import socket_address
from aether_desktop.frozen import serve_as_child_if_asked
from aether_desktop.server_options import add_server_options, check_server_options, server_options
from aether_desktop.single_instance import hand_over

if TYPE_CHECKING:
    import asyncio

    from PySide6.QtWidgets import QApplication

    from aether_desktop.connection import Connection
    from aether_desktop.start_marker import LastRun, StartMarker
    from aether_desktop.ui.window.main_window import MainWindow

log = logging.getLogger("aether_desktop")

#: Longest wait for connections to close at the end, in seconds; a server may never answer.
CLOSE_TIMEOUT = 5.0
#: Longest wait for the first paint, in seconds; a window that starts minimised is never painted.
PAINT_TIMEOUT = 0.5
#: Seconds for which a thread keeps Python's interpreter while others wait for it.
SWITCH_INTERVAL = 0.001
#: What `parse_arguments` returns for an empty command line; making the parser takes as long as making the bars.
NOTHING_ASKED: dict[str, object] = {
    "url": None,
    "namespace": None,
    "actor": None,
    "version": None,
    "tail": None,
    "read_only": False,
    "profile": None,
    "demo": False,
    "screenshot": None,
    "screenshots": None,
    "theme": None,
    "safe": False,
    "new_window": False,
}


def build_parser() -> argparse.ArgumentParser:
    """The grammar of `aether-desktop`."""
    parser = argparse.ArgumentParser(
        prog="aether-desktop", description="See into event-sourced systems: browse, replay, append and tail."
    )
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="a file, sqlite:///file.aether, memory://, nats://host:4222 or an aether:// link",
    )
    parser.add_argument("--namespace", metavar="NS", help="the namespace to show first")
    parser.add_argument("--actor", metavar="ID", help="the actor whose stream to open")
    parser.add_argument("--version", metavar="N", type=int, help="with --actor: the version to select")
    parser.add_argument("--tail", metavar="PATTERN", help="open a live tail, for example 'prod.>'")
    parser.add_argument("--read-only", action="store_true", help="open so that nothing can be written")
    parser.add_argument("--profile", metavar="NAME", help="connect to one of the connections that are kept")
    parser.add_argument("--demo", action="store_true", help="open a demo shop that goes on writing")
    parser.add_argument("--screenshot", metavar="FILE", type=Path, help="write a picture of the window and end")
    parser.add_argument(
        "--screenshots",
        metavar="FOLDER",
        type=Path,
        help="write pictures of every panel and dialog over the demo, in both themes, and end",
    )
    parser.add_argument("--theme", choices=("system", "light", "dark"), help="instead of the one in the settings")
    parser.add_argument(
        "--safe", action="store_true", help="start with the usual layout and without what was open before"
    )
    parser.add_argument(
        "--new-window", action="store_true", help="a window of its own, also where one is open already"
    )
    parser.add_argument("--about", action="version", version=f"%(prog)s {__version__}", help="print the version")
    add_server_options(parser)
    return parser


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line of `aether-desktop`; leaves with a message if it is not understood."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if problem := check_server_options(arguments.url, arguments):
        parser.error(problem)
    if arguments.version is not None and arguments.actor is None:
        parser.error("--version needs --actor")
    if arguments.demo and arguments.url is not None:
        parser.error("--demo opens its own store, leave the URL out")
    if arguments.screenshots is not None and (arguments.demo or arguments.url or arguments.profile):
        parser.error("--screenshots opens the demo, leave everything else out")
    if arguments.profile is not None and (arguments.demo or arguments.url is not None):
        parser.error("--profile names the connection, leave the URL and --demo out")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; returns the exit status: 0 done, 3 when what was asked for could not be shown."""
    serve_as_child_if_asked()
    # Start-up makes much that stays; looking through it for garbage again and again only takes time.
    gc.disable()
    asked = sys.argv[1:] if argv is None else argv
    arguments = parse_arguments(asked) if asked else argparse.Namespace(**NOTHING_ASKED)
    is_usual = arguments.screenshot is None and arguments.screenshots is None
    if (
        is_usual
        and not arguments.new_window
        and not arguments.safe
        and hand_over(socket_address(), vars(arguments))
    ):
        return 0
    _import_unread()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    _check_display()
    app = _make_application()
    marker = _start_marker(is_usual and not arguments.new_window)
    window = _make_window(app, arguments, marker.last_run)
    if arguments.screenshot is None and app.platformName() != "offscreen":
        window.fit_to_screen()
    window.show()
    _paint_first(app, window)
    # Also if nothing could be painted yet: the loop begins with the keys that were pressed meanwhile.
    window.complete()
    favour_the_loop()
    spare_what_stays(window)
    os.environ["QT_API"] = "pyside6"
    import asyncio

    from qasync import QEventLoop

    with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
        return runner.run(_run(window, arguments, marker))


def _import_unread() -> None:
    """Keep PySide from reading the source of every module that is imported from now on.

    It looks for users of `__feature__`, of which there is none here, and keeps what it has read: a tenth of the
    time until a file is shown, and the sources in memory. Without this all works the same.
    """
    import PySide6.QtCore  # noqa: F401 (brings the module that looks)

    feature = sys.modules.get("shibokensupport.feature")
    if hasattr(feature, "_mod_uses_pyside"):
        vars(feature)["_mod_uses_pyside"] = lambda _module: False


def _make_application() -> QApplication:
    from PySide6.QtCore import qInstallMessageHandler

    from aether_desktop.ui.widgets.theme import make_application

    qInstallMessageHandler(_log_qt_message)
    app = make_application(sys.argv[0])
    app.setApplicationName("aether-desktop")
    app.setApplicationDisplayName("Aether Desktop")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("aether-desktop")
    # The main coroutine ends the application, after everything is closed.
    app.setQuitOnLastWindowClosed(False)
    sys.excepthook = _report_exception
    return app


def _paint_first(app: QApplication, window: MainWindow) -> None:
    """Have the window painted before the event loop and the engine are even loaded.

    Keys and clicks wait until there are shortcuts and a loop for what they ask for.
    """
    from PySide6.QtCore import QEventLoop

    deadline = monotonic() + PAINT_TIMEOUT
    while not window.painted and monotonic() < deadline:
        app.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)


def _start_marker(is_kept: bool) -> StartMarker:
    from aether_desktop.settings import default_path
    from aether_desktop.start_marker import StartMarker

    marker = StartMarker(default_path().with_name("running"))
    if is_kept:
        marker.start()
    return marker


def favour_the_loop() -> None:
    """Set up the interpreter so that the window is not kept waiting by others.

    Threads that compute hand it over soon: painting asks for it again and again, and each time costs the window
    up to this interval; of five milliseconds, Python's own, ten are a frame too late. Full collections are rare:
    each one stops the window for as long as looking at every object takes.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()
    gc.set_threshold(5_000, 20, 100)
    gc.enable()


def spare_what_stays(window: MainWindow) -> None:
    """Once a window has what it needs until its end: let go of the rest, and spare collections looking at it.

    A collection would take thirty milliseconds each time, which is a frame that is late. And PySide looks for its
    name in the source of each module that is imported after it, of which Python keeps every line: some 8 MB.
    """
    window.prepared.connect(_spare_what_is_there)


def _spare_what_is_there() -> None:
    linecache.clearcache()
    gc.freeze()


def _make_window(app: QApplication, arguments: argparse.Namespace, last_run: LastRun) -> MainWindow:
    from aether_desktop.settings import LEFT_OUT_WHEN_SAFE, Settings
    from aether_desktop.start_marker import LastRun
    from aether_desktop.ui.widgets.theme import Scheme, begin_theme, finish_theme
    from aether_desktop.ui.window.main_window import MainWindow
    from aether_desktop.workspace import Workspace

    is_safe = arguments.safe or last_run is LastRun.DIED_STARTING
    # Pictures are of the program, not of what its user has made of it; nothing is kept of them.
    path = arguments.screenshots / "settings.json" if arguments.screenshots is not None else None
    settings = Settings(path, without=LEFT_OUT_WHEN_SAFE if is_safe else ())
    schemes: dict[object, Scheme] = {"light": "light", "dark": "dark"}
    begin_theme(app, schemes.get(arguments.theme or settings.get("theme"), "system"))
    is_restoring = not is_safe and not arguments.demo and settings.path.with_name("session.json").exists()
    window = MainWindow(Workspace(settings), hold_welcome=is_restoring)
    finish_theme(app)
    return window


async def _run(window: MainWindow, arguments: argparse.Namespace, marker: StartMarker) -> int:
    import asyncio
    import signal

    from aether_desktop.ui.window.window_run import Run

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report_loop_exception)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        if threading.current_thread() is threading.main_thread() and sys.platform != "win32":
            loop.add_signal_handler(number, ended.set)
    workspace = window.workspace
    window.close_asked.connect(ended.set)
    failures: list[object] = []
    workspace.failed.connect(failures.append)
    takes_pictures = arguments.screenshot is not None or arguments.screenshots is not None
    run = None if takes_pictures else Run(window, arguments, marker, open_asked, NOTHING_ASKED)
    try:
        if window.close_was_asked or (run is not None and not run.begin()):
            return 0
        if arguments.screenshots is not None:
            return await _take_screenshots(window, arguments.screenshots)
        if not await _before(ended, run.open() if run is not None else open_asked(window, arguments)):
            return 0
        if arguments.screenshot is not None:
            return await _take_screenshot(window, arguments.screenshot, failures)
        await ended.wait()
        return 0
    finally:
        window.hide()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if run is not None:
                    await run.stop()
                await window.close_documents()
                await workspace.close()
                window.remove_leftovers()
        except TimeoutError:
            log.warning("closing took longer than %s seconds and was given up", CLOSE_TIMEOUT)
        window.deleteLater()
        if run is not None:
            run.end()
        if arguments.screenshots is not None:
            workspace.settings.path.unlink(missing_ok=True)


async def _before(ended: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do `work` to its end unless the application is to end before; returns whether it was done."""
    import asyncio

    working, ending = asyncio.create_task(work), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
        if done:
            await working
        return done
    finally:
        working.cancel()
        ending.cancel()
        await asyncio.gather(working, ending, return_exceptions=True)


async def open_asked(window: MainWindow, arguments: argparse.Namespace) -> None:
    """Open what the command line asks for; what fails is shown in the window."""
    from aether_desktop.workspace import Place

    workspace = window.workspace
    connection: Connection | None = None
    if arguments.demo:
        connection = await window.panels.commands.start_demo(simulate=arguments.screenshot is None)
    elif arguments.profile is not None:
        connection = await window.panels.commands.connecting.connect_by_name(
            arguments.profile, read_only=arguments.read_only or None
        )
    elif arguments.url is not None and arguments.url.lower().startswith("aether:"):
        await window.panels.commands.links.follow_text(arguments.url, server_options(arguments))
        return
    elif arguments.url is not None:
        if arguments.url.lower().startswith("file:"):
            # So do file managers name what they want opened.
            from PySide6.QtCore import QUrl

            path = Path(QUrl(arguments.url).toLocalFile())
            connection = await workspace.open_path(path, read_only=arguments.read_only)
        elif "://" in arguments.url:
            connection = await workspace.open(
                arguments.url, read_only=arguments.read_only, options=server_options(arguments)
            )
        else:
            path = Path(arguments.url)
            if window.panels.commands.audit_evidence(path):
                return
            connection = await workspace.open_path(path, read_only=arguments.read_only)
    if connection is None:
        return
    namespace = arguments.namespace or (connection.namespaces[0].name if connection.namespaces else "default")
    place = Place(connection, namespace)
    if arguments.namespace:
        window.panels.show_place(place)
    # Opening a connection opens its log; what was asked for comes to the front after it.
    await workspace.idle()
    if arguments.actor:
        await window.panels.desk.open_stream(place, arguments.actor, arguments.version)
    if arguments.tail:
        window.panels.commands.new_tail(arguments.tail)


async def _take_screenshots(window: MainWindow, folder: Path) -> int:
    from aether_desktop.ui.window.pictures import take_pictures

    try:
        count = await take_pictures(window, folder)
    except OSError as error:
        print(f"aether-desktop: {error}", file=sys.stderr)  # noqa: T201 (said to whoever started it)
        return 3
    print(f"{count} pictures written to {folder}", file=sys.stderr)  # noqa: T201 (said to whoever started it)
    return 0


async def _take_screenshot(window: MainWindow, path: Path, failures: list[object]) -> int:
    await window.settle()
    pixmap = window.grab()
    if not pixmap.save(str(path)):
        print(f"aether-desktop: {path} could not be written", file=sys.stderr)  # noqa: T201 (said to whoever started it)
        return 3
    print(f"Screenshot written to {path}", file=sys.stderr)  # noqa: T201 (said to whoever started it)
    return 3 if failures else 0


def _check_display() -> None:
    """Qt aborts the process when there is no display; a sentence is kinder."""
    if (
        sys.platform.startswith("linux")
        and not os.environ.get("DISPLAY")
        and not os.environ.get("WAYLAND_DISPLAY")
        and not os.environ.get("QT_QPA_PLATFORM")
    ):
        raise SystemExit(
            "aether-desktop: there is no display. Set DISPLAY, or use --screenshot with QT_QPA_PLATFORM=offscreen."
        )


def _log_qt_message(kind: Any, context: Any, message: str) -> None:
    # The offscreen platform says this for every window it shows, or brings to the front.
    if "propagateSizeHints" not in message and "does not support raise" not in message:
        log.warning("Qt: %s", message)


def _report_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    # Exceptions in slots arrive here; the window goes on living, and the trace must not be lost.
    log.error("unexpected error", exc_info=(kind, error, trace))


def _report_loop_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.error("unexpected error in a task: %s", context.get("message"), exc_info=context.get("exception"))


if __name__ == "__main__":
    raise SystemExit(main())
