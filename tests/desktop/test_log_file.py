"""The log says what went wrong and where, and nothing of what was being looked at."""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtGui import QGuiApplication

from aether_desktop.diagnostics import diagnostics
from aether_desktop.folders import state_folder
from aether_desktop.log_file import KEPT, LOG_NAME, MAX_BYTES, keep_log, last_lines
from tests.desktop.state_stories import story_on

PAYLOAD = "4111-1111-1111-1111"


def _fail() -> None:
    try:
        int(PAYLOAD)
    except ValueError as error:
        raise RuntimeError(f"cannot read {PAYLOAD}") from error


def test_exceptions_are_logged_without_their_messages(tmp_path: Path) -> None:
    handler = keep_log(tmp_path / "state")
    assert handler is not None
    try:
        try:
            _fail()
        except RuntimeError:
            logging.getLogger("aether_desktop.test").exception("a job failed")
            logging.getLogger("nats.client").exception("could not decode %s", PAYLOAD)
        logging.getLogger("aether_engine.test").info("nats://mara:sesame@shop.example: away\nand\nmore")
        # Enough to begin new files more often than are kept.
        noise = logging.getLogger("aether_desktop.noise")
        for _ in range(5):
            said = (tmp_path / "state" / LOG_NAME).read_text()
            noise.info("x" * (MAX_BYTES - 200))
            if "RuntimeError" in said:
                first = said
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert "builtins.RuntimeError" in first
    assert "builtins.ValueError" in first
    assert "test_log_file.py" in first
    assert "_fail" in first
    assert "nats://…@shop.example: away and more" in first
    written = "".join(path.read_text() for path in (tmp_path / "state").iterdir())
    assert PAYLOAD not in written + first
    assert "sesame" not in first
    assert len(list((tmp_path / "state").iterdir())) == KEPT + 1


async def test_diagnostics_say_how_it_is_and_not_what_is_looked_at(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        seen.workspace.settings.set("theme", "dark")
        seen.workspace.settings.set("marks", [{"url": "sqlite:////secret-case.aether"}])
        handler = keep_log(state_folder())
        assert handler is not None
        try:
            logging.getLogger("aether_desktop.test").warning("something odd")
            seen.run("copy_diagnostics")
            said = QGuiApplication.clipboard().text()
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
        assert said == diagnostics(seen.workspace)
        for part in (
            "Aether Desktop ",
            "Qt 6.",
            "Platform offscreen",
            "Compiled library ",
            "theme: dark",
            "something odd",
        ):
            assert part in said
        assert "file, writable, " in said
        for hidden in ("story.aether", "secret-case", str(tmp_path), "order-1", "orders"):
            assert hidden not in said
        assert "No event is in it" in seen.banner


def test_no_log_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert keep_log(tmp_path / "state") is None
    assert last_lines(tmp_path / "state", 5) == []
