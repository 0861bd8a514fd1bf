"""What goes into the bundle and what stays out, the same for the application and for the bare window beside it.

PyInstaller takes every Qt plugin that it knows, and every library that one of them needs. A window of widgets
needs few of them; what is left out here is left out before the bundle is written, and then every library that
nobody needs any more.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import posixpath
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Final

#: (name in the bundle, place on this machine, kind): a row of PyInstaller's tables.
Row = tuple[str, str, str]

#: The modules of Qt that the application uses, on Windows alone and everywhere; `shiboken6` comes with them.
QT_OF_WINDOWS: Final = ("QtNetwork",)
QT_EVERYWHERE: Final = ("QtCore", "QtGui", "QtSvg", "QtWidgets")
QT_MODULES: Final = QT_EVERYWHERE + (QT_OF_WINDOWS if sys.platform == "win32" else ())

#: Python modules that nothing of ours imports, though something else may offer to.
UNUSED_MODULES: Final = (
    # readline is under the GPL, and nothing here reads lines from a terminal.
    *("readline", "curses", "_curses", "_curses_panel", "pdb", "cmd", "code", "codeop", "rlcompleter"),
    *(
        "tkinter",
        "_tkinter",
        "idlelib",
        "turtle",
        "turtledemo",
        "lib2to3",
        "_pydecimal",
        "_pyio",
        "xmlrpc",
        "ensurepip",
        "venv",
        "distutils",
    ),
    *("setuptools", "pkg_resources", "pip", "wheel", "pydoc", "pydoc_data", "doctest", "unittest", "test"),
    *("aether_engine.testing", "pytest", "hypothesis", "numpy", "PIL", "IPython", "gi", "dbus", "win32com"),
    # No process here is forked or started by it (see aether_desktop/frozen.py).
    *("multiprocessing", "concurrent.futures.process"),
    # The keyring's own command line, and backends that are no keyring of a system.
    *("keyring.cli", "keyring.__main__", "keyring.completion", "keyring.devpi_client"),
    *("keyring.testing", "shtab", "trio", "jeepney.io.trio", "jeepney.io.tests", "jeepney.tests"),
    # Offered by nats-py for WebSocket URLs, which no connection here has.
    *("aiohttp", "fast_mail_parser"),
)

#: What a reducer in a file of the user's may import, also where nothing of ours does.
FOR_REDUCERS: Final = (
    *(
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "cmath",
        "collections",
        "colorsys",
        "copy",
        "csv",
        "dataclasses",
    ),
    *("datetime", "decimal", "difflib", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "hmac"),
    *(
        "html",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "logging",
        "math",
        "numbers",
        "operator",
        "pathlib",
        "pprint",
    ),
    *("random", "re", "statistics", "string", "struct", "textwrap", "time", "types", "typing", "unicodedata"),
    *("urllib.parse", "uuid", "xml.etree.ElementTree", "zlib", "zoneinfo"),
)

#: Qt's plugins that a window of widgets needs, on all systems; all others are left out.
_PLUGINS: Final = (
    "platforms/*xcb*",
    "platforms/*wayland*",
    "platforms/*offscreen*",
    "platforms/*windows*",
    "platforms/*cocoa*",
    "platforminputcontexts/*",
    "platformthemes/*xdgdesktopportal*",
    "wayland-shell-integration/*xdg-shell*",
    "wayland-decoration-client/*",
    "iconengines/*svg*",
    "imageformats/*svg*",
    "styles/*",
)
#: Files that are in no plugin folder and still needed by nothing that a window of widgets does.
_UNUSED_FILES: Final = (
    "*/translations/*",
    "*opengl32sw*",
    "*d3dcompiler*",
    # Files for those who build with Qt or install with pip.
    "*.pyi",
    "*/py.typed",
    "*/typesystems/*",
    "*/direct_url.json",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/top_level.txt",
    "*.dist-info/licenses/*",
    "*.dist-info/LICEN?E*",
)
#: Libraries that a desktop of Linux has of its own, where an older one of ours would come between newer ones:
#: drivers are linked to the C++ library, and fonts and the bus are set up for the system's own.
_SYSTEM_LIBRARIES: Final = (
    *("libstdc++.so.*", "libgcc_s.so.*", "libz.so.*", "libexpat.so.*", "libuuid.so.*", "libX11.so.*"),
    *("libX11-xcb.so.*", "libXau.so.*", "libXdmcp.so.*", "libfontconfig.so.*", "libfreetype.so.*"),
    *("libdbus-1.so.*", "libglib-2.0.so.*", "libgthread-2.0.so.*", "libsystemd.so.*"),
)
_PLUGIN = re.compile(r"(?:^|/)PySide6/(?:Qt/)?plugins/(?P<plugin>.+)$")


def unused_qt_modules() -> list[str]:
    """Every module that PySide6 offers here and the application does not use."""
    spec = importlib.util.find_spec("PySide6")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("PySide6 is not installed beside PyInstaller")
    offered = {
        path.name.partition(".")[0] for path in Path(next(iter(spec.submodule_search_locations))).glob("Qt*.*")
    }
    return sorted(f"PySide6.{name}" for name in offered - set(QT_MODULES))


def is_used(name: str) -> bool:
    """Whether a file belongs into the bundle, by its name there."""
    path = PurePosixPath(name.replace("\\", "/")).as_posix()
    if plugin := _PLUGIN.search(path):
        return any(fnmatch.fnmatchcase(plugin["plugin"], pattern) for pattern in _PLUGINS)
    if any(fnmatch.fnmatchcase(path, pattern) for pattern in _SYSTEM_LIBRARIES):
        return False
    return not any(fnmatch.fnmatchcase(f"/{path}", pattern) for pattern in _UNUSED_FILES)


def without_unused(rows: Iterable[Row]) -> list[Row]:
    """The rows of a table that `is_used` lets pass, by name."""
    return sorted(row for row in rows if is_used(row[0]))


def without_unneeded_libraries(rows: Iterable[Row], imports_of: Callable[[str], Iterable[str]]) -> list[Row]:
    """The rows less those libraries that no extension, plugin and library that stays is linked to.

    `imports_of` gives the names of the libraries that a file is linked to, without folders.
    """
    rows = list(rows)
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(PurePosixPath(row[0].replace("\\", "/")).name, []).append(row)
    needed: set[str] = set()
    waiting = [row for row in rows if not _is_library(row)]
    while waiting:
        _name, place, _kind = waiting.pop()
        for library in set(imports_of(place)) & set(by_name) - needed:
            needed.add(library)
            waiting += by_name[library]
    return [row for row in rows if not _is_library(row) or PurePosixPath(row[0]).name in needed]


def without_dangling_links(rows: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """The rows less the links to what neither they nor `others` have."""
    rows = list(rows)
    names = {name for name, _place, _kind in (*rows, *others)}
    return [row for row in rows if row[2] != "SYMLINK" or posixpath.normpath(_target(row)) in names]


def _target(row: Row) -> str:
    name, target, _kind = row
    return posixpath.join(posixpath.dirname(name), target)


def linked_to(file: str) -> list[str]:
    """The names of the libraries that an ELF file is linked to itself, not through another one."""
    said = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\)[^[]*\[(.+)\]", said)


def _is_library(row: Row) -> bool:
    """Whether it is there only for what is linked to it: no extension of Python, no plugin."""
    name, _place, kind = row
    path = name.replace("\\", "/")
    # The interpreter is loaded by the executable itself, which is no row of this table.
    return kind in ("BINARY", "SYMLINK") and ".so." in path and not re.search("/plugins/|libpython", path)
