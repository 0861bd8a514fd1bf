"""What the application remembers between starts: one JSON file, written whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths

log = logging.getLogger(__name__)

MAX_RECENT = 20
#: Layout of the file. A file without a number is older than numbers.
VERSION = 1
_VERSION = "version"
#: `MIGRATIONS[n]` makes values of layout n into those of layout n + 1.
MIGRATIONS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = (lambda values: values,)
#: Whatever a start could fail at: a safe start does not look at it.
LEFT_OUT_WHEN_SAFE = frozenset({"geometry", "layout", "theme", "timeline", "path_columns", "replay"})


def default_path() -> Path:
    """Where the system wants settings to be."""
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(folder) / "aether-desktop" / "settings.json"


class Settings:
    """Values by name; `set` writes at once.

    A damaged file is set aside under another name, and a file of a later version of the program is read and never
    written. `problem` says either, for the window to tell.
    """

    def __init__(self, path: Path | None = None, *, without: Collection[str] = ()) -> None:
        """Values named in `without` are not there until they are set, and stay in the file."""
        self.path = path or default_path()
        self.set_aside: Path | None = None
        self.problem = ""
        self._is_writable = True
        self._without = set(without)
        self._values: dict[str, Any] = self._read()

    def get(self, name: str, default: Any = None) -> Any:
        return default if name in self._without else self._values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Remember `value`, which must be JSON, under `name`."""
        if self.get(name) == value:
            return
        self._without.discard(name)
        self._values[name] = value
        self._write()

    @property
    def names(self) -> list[str]:
        """The names of all values that are there."""
        return [name for name in self._values if name not in self._without]

    @property
    def recent(self) -> list[str]:
        """URLs opened lately, the latest first; they never hold secrets."""
        values = self._values.get("recent", [])
        return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

    def add_recent(self, url: str) -> None:
        """Put `url` in front of the recent ones."""
        others = [value for value in self.recent if value != url]
        self.set("recent", [url, *others][:MAX_RECENT])

    def remove_recent(self, url: str) -> None:
        self.set("recent", [value for value in self.recent if value != url])

    def _read(self) -> dict[str, Any]:
        try:
            text = self.path.read_text("utf-8")
            # Not loaded for a first start, which has no file.
            import json

            values = json.loads(text)
            if isinstance(values, dict):
                return self._migrated(values)
            reason = "they are no JSON object"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            reason = error.strerror or "" if isinstance(error, OSError) else "they are no JSON"
        log.warning("the settings are not readable: %s", reason)
        self.set_aside = set_aside(self.path)
        where = f"They are kept in {self.set_aside}" if self.set_aside else "They could not be set aside"
        self.problem = f"The settings could not be read: {reason}. {where}, and the usual ones are in force."
        return {}

    def _migrated(self, values: dict[str, Any]) -> dict[str, Any]:
        version = values.get(_VERSION, 0)
        if not isinstance(version, int) or not 0 <= version <= VERSION:
            # What a later version means by its values nobody knows here; it must find them as they were.
            self._is_writable = False
            self.problem = (
                f"The settings are of a later version of Aether Desktop (layout {version}, known is {VERSION}). "
                "They are used as far as they are understood, and nothing is changed in them."
            )
            return values
        for migrate in MIGRATIONS[version:]:
            values = migrate(values)
        return values | {_VERSION: VERSION}

    def _write(self) -> None:
        if not self._is_writable:
            return
        import json

        text = json.dumps({_VERSION: VERSION} | self._values, indent=1, ensure_ascii=False)
        if problem := write_whole(self.path, text.encode("utf-8", "replace")):
            log.warning("the settings cannot be written: %s", problem)


def write_whole(path: Path, content: bytes) -> str:
    """Write a file so that it is there as a whole or as it was; returns why that failed, "" if it did not."""
    from PySide6.QtCore import QIODevice, QSaveFile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or type(error).__name__
    # Qt writes to a temporary file beside it, syncs and renames.
    file = QSaveFile(str(path))
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return file.errorString()
    file.write(content)
    return "" if file.commit() else file.errorString()


def set_aside(path: Path) -> Path | None:
    """Give a damaged file another name, never that of one that was set aside before; None if that failed."""
    for number in range(1, 100):
        beside = path.with_suffix(".damaged.json" if number == 1 else f".damaged-{number}.json")
        if beside.exists():
            continue
        try:
            return path.replace(beside)
        except OSError:
            return None
    return None
