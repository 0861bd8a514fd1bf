"""Where the program keeps what is not settings: its log, and the socket of the window that runs. Needs no Qt."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from zlib import crc32

_NAME = "aether-desktop"


def state_folder() -> Path:
    """Where the log is; it need not exist yet."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / _NAME
    if sys.platform == "darwin":
        return home / "Library" / "Logs" / _NAME
    return Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state") / _NAME


def socket_address() -> str:
    """The local socket of this user's window on this display; on Windows the name of a pipe.

    Its folder is private to the user; "" where there is no such folder.
    """
    display = ":".join(os.environ.get(name, "") for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"))
    name = f"{_NAME}-{crc32(display.encode('utf-8', 'surrogateescape')):08x}"
    if sys.platform == "win32":
        return f"{name}-{os.environ.get('USERNAME', '')}"
    folder = _runtime_folder()
    return f"{folder}/{name}.sock" if folder else ""


def _runtime_folder() -> str:
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and _is_private(given):
        return given
    folder = Path(
        os.environ.get("TMPDIR") or "/tmp",  # noqa: S108 (whoever made it, it is looked at before it is used)
        f"{_NAME}-{os.getuid()}",
    )
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return ""
    return str(folder) if _is_private(str(folder)) else ""


def _is_private(folder: str) -> bool:
    """Whether it is a folder of this user's in which nobody else can do anything."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000
