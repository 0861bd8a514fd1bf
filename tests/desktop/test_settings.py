"""Settings are written whole, and damaged ones are set aside."""

from __future__ import annotations

from pathlib import Path

from aether_desktop.settings import MAX_RECENT, Settings


def test_what_was_set_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "settings.json"
    Settings(path).set("theme", "dark")
    assert Settings(path).get("theme") == "dark"
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.json"]


def test_recent_ones_come_latest_first_and_once(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    for number in range(MAX_RECENT + 5):
        settings.add_recent(f"sqlite:///{number}.aether")
    settings.add_recent("sqlite:///10.aether")
    assert settings.recent[0] == "sqlite:///10.aether"
    assert len(settings.recent) == MAX_RECENT
    assert len(set(settings.recent)) == MAX_RECENT
    settings.remove_recent("sqlite:///10.aether")
    assert "sqlite:///10.aether" not in Settings(tmp_path / "settings.json").recent


def test_damaged_settings_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": ')
    settings = Settings(path)
    assert settings.get("theme", "system") == "system"
    assert settings.set_aside is not None
    assert settings.set_aside.read_text() == '{"theme": '
    settings.set("theme", "light")
    assert Settings(path).get("theme") == "light"


def test_a_place_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    settings = Settings(blocker / "settings.json")
    settings.set("theme", "dark")
    assert settings.get("theme") == "dark"
