"""What the application remembers between starts: one JSON file, written whole or not at all."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths

log = logging.getLogger(__name__)

MAX_RECENT = 20


def default_path() -> Path:
    """Where the system wants settings to be."""
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(folder) / "aether-desktop" / "settings.json"


class Settings:
    """Values by name; `set` writes at once. A damaged file is set aside and said, never overwritten silently."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self.set_aside: Path | None = None
        self._values: dict[str, Any] = self._read()

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Remember `value`, which must be JSON, under `name`."""
        if self._values.get(name) == value:
            return
        self._values[name] = value
        self._write()

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
                return values
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("settings are not readable: %s", error)
        self.set_aside = self.path.with_suffix(".damaged.json")
        try:
            self.path.replace(self.set_aside)
        except OSError:
            self.set_aside = None
        return {}

    def _write(self) -> None:
        import json

        from PySide6.QtCore import QIODevice, QSaveFile

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("settings cannot be written: %s", error)
            return
        # Qt writes to a temporary file beside it, syncs and renames.
        file = QSaveFile(str(self.path))
        if not file.open(QIODevice.OpenModeFlag.WriteOnly):
            log.warning("settings cannot be written: %s", file.errorString())
            return
        file.write(json.dumps(self._values, indent=1, ensure_ascii=False).encode())
        if not file.commit():
            log.warning("settings cannot be written: %s", file.errorString())
