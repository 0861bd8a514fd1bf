"""Contexts of the `nats` command line: what is taken over, what is not, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aether_desktop.nats_contexts import MAX_SIZE, NatsContext, contexts_folder, read_contexts
from aether_desktop.profiles import LoginKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "context").mkdir()
    return tmp_path


def write(folder: Path, name: str, **values: object) -> None:
    # As the command line writes them: every field is there, most of them empty.
    empty: dict[str, object] = dict.fromkeys(
        ("description", "url", "token", "user", "password", "creds", "nkey", "cert", "key", "ca", "nsc"), ""
    )
    empty |= {
        "jetstream_domain": "",
        "jetstream_api_prefix": "",
        "inbox_prefix": "",
        "color_scheme": "",
        "tls_first": False,
    }
    (folder / "context" / f"{name}.json").write_text(json.dumps(empty | values))


def read(folder: Path, **values: object) -> NatsContext:
    write(folder, "one", **values)
    (context,) = read_contexts(folder)
    return context


def test_contexts_are_listed_by_name_and_the_selected_one_is_marked(folder: Path) -> None:
    for name in ("prod", "dev"):
        write(folder, name, url=f"nats://{name}.example", description=f"The {name}")
    (folder / "context" / "notes.txt").write_text("no context")
    (folder / "context.txt").write_text("prod\n")
    contexts = read_contexts(folder)
    assert [(each.name, each.description, each.is_selected) for each in contexts] == [
        ("dev", "The dev", False),
        ("prod", "The prod", True),
    ]
    assert read_contexts(folder / "context")[0].name == "dev"


def test_everything_that_is_known_is_taken_over(folder: Path, home: Path) -> None:
    context = read(
        folder,
        url="tls://one.example:4222,tls://two.example",
        user="mara",
        password="hush",
        ca="~/ca.pem",
        cert="/etc/client.pem",
        key="/etc/client.key",
    )
    profile = context.profile
    assert (profile.servers, profile.login, profile.user) == (
        "tls://one.example:4222,two.example",
        LoginKind.PASSWORD,
        "mara",
    )
    assert (profile.tls_ca, profile.tls_cert, profile.tls_key) == (
        str(home / "ca.pem"),
        "/etc/client.pem",
        "/etc/client.key",
    )
    assert profile.read_only, "somebody else's server"
    assert context.secret == "hush"
    assert context.not_taken == ()
    assert "hush" not in repr(context)
    assert "hush" not in repr(profile)


@pytest.mark.parametrize(
    ("values", "login", "secret"),
    [
        ({"creds": "/keys/ngs.creds"}, LoginKind.CREDENTIALS, ""),
        ({"nkey": "/keys/user.nk"}, LoginKind.NKEY, ""),
        ({"token": "hush"}, LoginKind.TOKEN, "hush"),
        ({"url": "nats://mara:hu%40sh@one.example"}, LoginKind.PASSWORD, "hu@sh"),
        ({"url": "nats://hush@one.example"}, LoginKind.TOKEN, "hush"),
        ({"user": "mara", "password": "hush", "creds": "/keys/ngs.creds"}, LoginKind.PASSWORD, "hush"),
        ({}, LoginKind.NONE, ""),
    ],
)
def test_ways_to_log_in(folder: Path, values: dict[str, str], login: LoginKind, secret: str) -> None:
    context = read(folder, **values)
    assert context.profile.login is login
    assert context.secret == secret
    assert "@" not in context.profile.servers
    if login is LoginKind.CREDENTIALS:
        assert context.profile.credentials == "/keys/ngs.creds"
    if login is LoginKind.NKEY:
        assert context.profile.nkey_seed_file == "/keys/user.nk"


def test_a_local_server_starts_writable(folder: Path) -> None:
    assert not read(folder, url="nats://localhost:4222").profile.read_only
    assert not read(folder, url="").profile.read_only


@pytest.mark.parametrize(
    "field",
    ["nsc", "user_jwt", "user_seed", "jetstream_domain", "jetstream_api_prefix", "inbox_prefix", "socks_proxy"],
)
def test_what_is_left_behind_is_said(folder: Path, field: str) -> None:
    context = read(folder, url="nats://one.example", **{field: "hush"})
    (said,) = context.not_taken
    assert said.startswith(f"{field}: ")
    assert "hush" not in said


def test_other_transports_are_left_out(folder: Path) -> None:
    context = read(folder, url="nats://one.example,wss://two.example", tls_first=True)
    assert context.profile.servers == "nats://one.example"
    assert [said.partition(":")[0] for said in context.not_taken] == ["tls_first", "url"]
    assert "no server" in read(folder, url="wss://two.example").problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"password": "hush"', "not JSON"),
        ("[1]", "no context"),
        ("\ud800".encode("utf-8", "surrogatepass"), "not JSON"),
        ("[" * 200_000, "not JSON"),
        (" " * (MAX_SIZE + 1), "larger than"),
    ],
)
def test_what_is_no_context_is_said(folder: Path, text: str | bytes, problem: str) -> None:
    (folder / "context" / "one.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    (context,) = read_contexts(folder)
    assert problem in context.problem
    assert "hush" not in context.problem


def test_a_context_with_numbers_where_text_should_be(folder: Path) -> None:
    context = read(folder, url=7, user=["x"], password={"y": 1})
    assert context.profile.servers == "nats://localhost:4222"
    assert context.profile.login is LoginKind.NONE


def test_where_the_command_line_keeps_them(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert contexts_folder() == Path("/somewhere/nats")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert contexts_folder() == home / ".config" / "nats"
    with pytest.raises(FileNotFoundError):
        read_contexts(contexts_folder())
