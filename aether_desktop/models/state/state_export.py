"""States and differences as others read them: JSON, JSON Patch (RFC 6902) and plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QIODevice, QSaveFile

from aether_desktop.models.inspector.typed_json import pretty
from aether_desktop.models.state.state_view import StateView
from aether_engine.codec import dumps
from aether_engine.errors import TransferError
from aether_engine.replay import Change, diff_lines, patch_of, pointer

#: Largest text that is put on the clipboard, in bytes; more is a matter for a file.
CLIPBOARD_LIMIT: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One way of writing what is shown. `render` takes a while for large states: it is for a thread."""

    key: str
    name: str
    suffix: str
    render: Callable[[StateView], str]


def _state_json(view: StateView) -> str:
    return f"{pretty(dumps(view.state).decode())}\n"


def _state_text(view: StateView) -> str:
    return _lines(f"{pointer(path) or '(all)'}: {dumps(value).decode()}" for path, value in _leaves(view.state))


def _diff_patch(view: StateView) -> str:
    return f"{pretty(dumps(patch_of(view.changes)).decode())}\n"


def _diff_json(view: StateView) -> str:
    document = {
        "actorId": view.actor_id,
        "fromVersion": view.previous_version,
        "toVersion": view.version,
        "changes": [_change(change) for change in view.changes],
    }
    return f"{pretty(dumps(document).decode())}\n"


def _diff_text(view: StateView) -> str:
    return _lines(diff_lines(view.changes))


STATE_FORMATS: Final = (
    ExportFormat("json", "JSON", ".json", _state_json),
    ExportFormat("text", "text", ".txt", _state_text),
)
DIFF_FORMATS: Final = (
    ExportFormat("patch", "JSON Patch", ".json", _diff_patch),
    ExportFormat("json", "JSON", ".json", _diff_json),
    ExportFormat("text", "text", ".txt", _diff_text),
)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or as it was. Raises `TransferError`."""
    # Qt writes to a temporary file beside it, syncs and renames.
    file = QSaveFile(str(path))
    if file.open(QIODevice.OpenModeFlag.WriteOnly):
        file.write(text.encode())
        if file.commit():
            return
    raise TransferError(str(path), f"it could not be written: {file.errorString()}")


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _leaves(state: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), state)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict) and value:
            pending.extend(((*path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, (list, tuple)) and value:
            pending.extend(((*path, place), value[place]) for place in range(len(value) - 1, -1, -1))
        else:
            yield path, value


def _change(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {"path": pointer(change.path), "kind": change.kind}
    if change.kind != "added":
        document["old"] = change.old
    if change.kind != "removed":
        document["new"] = change.new
    return document
