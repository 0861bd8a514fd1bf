"""Profiles and their place in the settings, and the secrets beside them in the keyring."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from aether_desktop.keyring_secrets import SERVICE, Secrets
from aether_desktop.profiles import COLORS, LoginKind, Profile, Profiles, new_id
from aether_desktop.settings import Settings
from tests.desktop.keyrings import usable_keyring

STAGING = Profile(
    "a1", "Staging", "tls://one.example,two.example:4223", "green", False, True, LoginKind.PASSWORD, "mara"
)
EU = Profile(
    "b2", "Permits EU", "tls://eu.example", "orange", True, login=LoginKind.CREDENTIALS, credentials="eu.creds"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


def names(profiles: Profiles) -> list[str]:
    return [profile.name for profile in profiles]


# --- Kept in the settings -------------------------------------------------------------------------------------


def test_profiles_come_back_as_they_were_in_their_order(settings: Settings) -> None:
    profiles = Profiles(settings)
    for profile in (STAGING, EU):
        profiles.put(profile)
    again = Profiles(Settings(settings.path))
    assert list(again) == [STAGING, EU]
    again.move("b2", -1)
    again.move("b2", -1)
    again.put(STAGING._replace(name="Staging 2"))
    assert names(Profiles(Settings(settings.path))) == ["Permits EU", "Staging 2"]
    again.remove("b2")
    assert names(Profiles(Settings(settings.path))) == ["Staging 2"]


def test_a_new_profile_can_be_put_behind_another(settings: Settings) -> None:
    profiles = Profiles(settings)
    profiles.put(STAGING)
    profiles.put(EU)
    profiles.put(STAGING._replace(id="c3", name=profiles.free_name("Staging")), after="a1")
    assert names(profiles) == ["Staging", "Staging (2)", "Permits EU"]
    assert profiles.by_name("permits eu") == EU
    assert profiles.by_id("c3") is not None
    assert profiles.by_id("") is None


def test_what_a_newer_version_wrote_is_left_alone(settings: Settings) -> None:
    written = {"version": 2, "profiles": [{"id": "x", "shape": "unknown"}]}
    settings.set("profiles", written)
    profiles = Profiles(settings)
    assert "layout 2" in profiles.problem
    profiles.put(STAGING)
    assert Settings(settings.path).get("profiles") == written


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {"id": "x"},
        {"id": "x", "name": "X", "servers": "one", "login": "magic"},
        {"id": "x", "name": "X", "servers": "one", "production": "yes"},
        {"id": "x", "name": "X", "servers": "nats://user:hush@one"},
        {"id": "a1", "name": "The same id", "servers": "one"},
    ],
)
def test_what_is_not_understood_stays_and_harms_nobody(settings: Settings, entry: object) -> None:
    settings.set("profiles", {"version": 1, "profiles": [STAGING.to_json(), entry]})
    profiles = Profiles(settings)
    assert list(profiles) == [STAGING]
    profiles.put(EU)
    kept = Settings(settings.path).get("profiles")["profiles"]
    assert entry in kept
    assert len(kept) == 3


def test_an_unknown_colour_is_none(settings: Settings) -> None:
    settings.set("profiles", {"version": 1, "profiles": [STAGING.to_json() | {"color": "mauve"}]})
    assert [profile.color for profile in Profiles(settings)] == [""]
    assert len(set(COLORS)) == len(COLORS)


def test_a_profile_gives_only_the_chosen_login() -> None:
    login = STAGING._replace(credentials="left.creds", tls_ca="ca.pem").with_secret("hush")
    assert login.options() == {"user": "mara", "password": "hush", "tls_ca": "ca.pem"}
    assert login.url == "tls://one.example,two.example:4223"
    token = STAGING._replace(login=LoginKind.TOKEN).with_secret("hush")
    assert token.options() == {"token": "hush"}
    assert EU.with_secret("hush").options() == {"credentials": "eu.creds"}
    assert EU.words == "tls://eu.example, credentials file, PRODUCTION, READ-ONLY"
    assert len({new_id() for _ in range(100)}) == 100


# --- The keyring ----------------------------------------------------------------------------------------------


async def test_a_secret_is_in_the_keyring_and_nowhere_else() -> None:
    with usable_keyring() as ring:
        secrets = Secrets()
        assert await secrets.problem() == ""
        assert await secrets.put("a1", "hush") == ""
        assert ring.kept == {(SERVICE, "a1"): "hush"}
        assert "hush" not in repr(secrets)
        assert "hush" not in repr(vars(secrets))
        assert await Secrets().get("a1") == "hush"
        await secrets.forget("a1")
        await secrets.forget("a1")
        assert ring.kept == {}
        assert await secrets.get("a1") is None


async def test_without_a_keyring_a_secret_lasts_as_long_as_the_window() -> None:
    secrets = Secrets()
    said = await secrets.put("a1", "hush")
    assert said == "This system has no keyring that can be used. It is kept until the window closes."
    assert await secrets.get("a1") == "hush"
    assert "hush" not in repr(secrets)
    assert await Secrets().get("a1") is None
    await secrets.forget("a1")
    assert await secrets.get("a1") is None


async def test_a_keyring_that_refuses_is_said_without_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    with usable_keyring() as ring, caplog.at_level(logging.DEBUG):
        ring.is_locked = True
        secrets = Secrets()
        said = await secrets.put("a1", "hush-hush")
        assert said == "The keyring did not take it (PasswordSetError). It is kept until the window closes."
        assert await secrets.get("a1") == "hush-hush"
    assert "hush" not in caplog.text


async def test_a_secret_need_not_go_into_the_keyring() -> None:
    with usable_keyring() as ring:
        secrets = Secrets()
        await secrets.put("a1", "old")
        await secrets.put("a1", "hush", in_keyring=False)
        assert ring.kept == {}
        assert await secrets.get("a1") == "hush"


def test_the_keyring_is_not_loaded_before_it_is_asked() -> None:
    loads = "import aether_desktop.models.connection.connection_profiles, sys; print('keyring' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", loads], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "False"


def test_no_profile_has_room_for_a_secret() -> None:
    assert not {"password", "token", "secret"} & set(Profile._fields)
    assert json.dumps(STAGING.to_json())
