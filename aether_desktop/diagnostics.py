"""What helps with a problem: versions, platform, settings, the end of the log. No secret, and no event."""

from __future__ import annotations

import locale
import os
import sys
from typing import Any, Final

from PySide6.QtCore import QLibraryInfo
from PySide6.QtGui import QGuiApplication

from aether_desktop.folders import state_folder
from aether_desktop.log_file import last_lines
from aether_desktop.settings import Settings
from aether_desktop.versions import versions
from aether_desktop.workspace import Workspace
from aether_engine.native.library import why_none

_LINES: Final = 60
#: Settings that are told as they are; of the others only how much there is: they name files, servers and actors.
_TOLD: Final = frozenset({"version", "theme", "timeline", "play_speed"})
_ENVIRONMENT: Final = (
    "QT_QPA_PLATFORM",
    "QT_SCALE_FACTOR",
    "QT_STYLE_OVERRIDE",
    "XDG_SESSION_TYPE",
    "XDG_CURRENT_DESKTOP",
)


def diagnostics(workspace: Workspace) -> str:
    """The whole report as text."""
    parts = {
        "Versions": [f"{name} {version}" for name, version in versions().items()] + _distribution(),
        "Display": _display(),
        "Connections": [_connection(each) for each in workspace.connections] or ["none"],
        "Jobs": [str(len(workspace.jobs.running))],
        "Settings": _settings(workspace.settings),
        f"Log, last {_LINES} lines": last_lines(state_folder(), _LINES) or ["none"],
    }
    return (
        "\n\n".join("\n".join([title, *(f"  {line}" for line in lines)]) for title, lines in parts.items()) + "\n"
    )


def _distribution() -> list[str]:
    frozen = "bundled" if getattr(sys, "frozen", False) else "with its own Python"
    missing = why_none()
    compiled = f"not in use, as {missing}" if missing else "in use"
    return [
        f"Program {frozen}",
        f"Compiled library {compiled}",
        f"Qt built {_text(QLibraryInfo.build())}",
        f"Language {locale.getlocale()[0]}",
    ]


def _text(value: str | bytes | bytearray | memoryview) -> str:
    """What PySide says is a text and declares to be bytes."""
    return value if isinstance(value, str) else bytes(value).decode("ascii", "replace")


def _display() -> list[str]:
    lines = [f"Platform {QGuiApplication.platformName()}"]
    for screen in QGuiApplication.screens():
        size = screen.size()
        lines.append(f"Screen {size.width()} × {size.height()}, scale {screen.devicePixelRatio():g}")
    return lines + [f"{name}={os.environ[name]}" for name in _ENVIRONMENT if os.environ.get(name)]


def _connection(connection: Any) -> str:
    kind = "server" if connection.is_server else "file" if connection.is_file else "memory"
    facts = [kind, "read-only" if connection.engine.read_only else "writable"]
    if connection.is_production:
        facts.append("PRODUCTION")
    if connection.is_server:
        facts.append("link up" if connection.link_up else "no link")
    if connection.file_size is not None:
        facts.append(f"{connection.file_size:,} bytes")
    facts.append(f"{len(connection.namespaces):,} namespaces")
    facts.append(f"{sum(info.event_count for info in connection.namespaces):,} events")
    return ", ".join(facts)


def _settings(settings: Settings) -> list[str]:
    lines = [settings.problem] if settings.problem else []
    for name in settings.names:
        value = settings.get(name)
        if name in _TOLD:
            lines.append(f"{name}: {value}")
        else:
            lines.append(f"{name}: {f'{len(value)} entries' if isinstance(value, (list, dict)) else 'set'}")
    return lines or ["as usual"]
