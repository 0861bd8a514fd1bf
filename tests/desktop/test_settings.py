"""Settings are written whole, and damaged ones are set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aether_desktop.settings import LEFT_OUT_WHEN_SAFE, MAX_RECENT, Settings


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
    assert "settings.damaged.json" in settings.problem
    # The next one that is damaged does not take its place.
    path.write_text("[]")
    assert Settings(path).set_aside == tmp_path / "settings.damaged-2.json"
    assert settings.set_aside.read_text() == '{"theme": '


def test_settings_of_an_earlier_layout_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "dark"}')
    assert Settings(path).get("theme") == "dark"
    monkeypatch.setattr("aether_desktop.settings.VERSION", 2)
    monkeypatch.setattr(
        "aether_desktop.settings.MIGRATIONS",
        (lambda values: values, lambda values: {"look": values.pop("theme"), **values}),
    )
    settings = Settings(path)
    assert settings.get("look") == "dark"
    settings.set("timeline", False)
    assert json.loads(path.read_text()) == {"version": 2, "look": "dark", "timeline": False}


def test_settings_of_a_later_version_are_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    written = '{"version": 99, "theme": "dark", "recent": {"new": "kind"}}'
    path.write_text(written)
    settings = Settings(path)
    assert settings.get("theme") == "dark"
    assert settings.recent == []
    assert "layout 99, known is 1" in settings.problem
    settings.set("theme", "light")
    assert settings.get("theme") == "light"
    assert path.read_text() == written


def test_a_safe_start_keeps_what_it_does_not_look_at(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    Settings(path).set("layout", "odd")
    settings = Settings(path, without=LEFT_OUT_WHEN_SAFE)
    assert settings.get("layout") is None
    settings.set("play_speed", 2)
    assert Settings(path).get("layout") == "odd"
    settings.set("layout", "usual")
    assert Settings(path).get("layout") == settings.get("layout") == "usual"


def test_a_place_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    settings = Settings(blocker / "settings.json")
    settings.set("theme", "dark")
    assert settings.get("theme") == "dark"
