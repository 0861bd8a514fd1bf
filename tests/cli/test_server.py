"""The command line on a real NATS server: every command, logins, and servers that are not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import certificates
from tests.nats_servers import NatsServer, nats_server
from tests.nats_users import WRITER

LOGIN = 'authorization { user: mara, password: "hush-hush" }\n'


def aether(*arguments: str, code: int = 0) -> tuple[list[Any], str]:
    """Run `aether`; returns its JSON lines and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "aether_desktop.cli", *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


def test_a_server_does_what_a_file_does(server: NatsServer, permits_extract: Path, tmp_path: Path) -> None:
    count = len(permits_extract.read_bytes().splitlines())
    imported, _ = aether("import", server.url, str(permits_extract), "--namespace", "city.permits")
    assert imported == [{"imported": count, "namespace": "city.permits"}]
    namespaces, _ = aether("namespaces", server.url)
    assert [(each["name"], each["events"]) for each in namespaces] == [("city.permits", count)]
    actors, _ = aether("actors", server.url, "--prefix", "permit-8")
    assert all(actor["actorId"].startswith("permit-8") for actor in actors)
    events, _ = aether("events", server.url, "--actor", "permit-891")
    assert [each["event"]["version"] for each in events] == list(range(1, 18))
    state, _ = aether("state", server.url, "--actor", "permit-891", "--version", "2")
    assert state[0]["version"] == 2
    out = tmp_path / "out.ndjson"
    aether("export", server.url, str(out))
    assert out.read_bytes() == permits_extract.read_bytes()


def test_a_conflict_is_told(server: NatsServer) -> None:
    common = ("append", server.url, "--namespace", "shop", "--actor", "order-1", "--type", "OrderPlaced")
    aether(*common, "--version", "1", "--data", "{}")
    conflict, said = aether(*common, "--version", "1", "--data", "{}", code=1)
    assert conflict[0]["conflict"]["currentVersion"] == 1
    assert "order-1" in said


def test_a_tail_sees_what_is_there_and_ends(server: NatsServer) -> None:
    aether(
        "append",
        server.url,
        "--namespace",
        "tailed",
        "--actor",
        "a-1",
        "--type",
        "T",
        "--version",
        "1",
        "--data",
        "{}",
    )
    lines, _ = aether("tail", server.url, "--namespace", "tailed", "--after-sequence", "0", "--limit", "1")
    assert lines[0]["event"]["actorId"] == "a-1"


def test_logins(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush-hush\n")
    with nats_server(config=LOGIN) as server:
        lines, _ = aether("namespaces", server.url, "--user", "mara", "--password-file", str(secret))
        assert lines == []
        secret.write_text("wrong\n")
        _, said = aether("namespaces", server.url, "--user", "mara", "--password-file", str(secret), code=3)
        assert "refuse" in said or "login" in said
        assert "wrong" not in said.replace("wrong login", "")


def test_no_server_and_no_jetstream_are_told() -> None:
    _, said = aether("namespaces", "nats://127.0.0.1:1", code=3)
    assert "127.0.0.1:1" in said
    with nats_server(jetstream=False) as server:
        _, said = aether("namespaces", server.url, code=3)
        assert "JetStream" in said


def test_a_private_ca_is_trusted_by_its_flag(tmp_path: Path) -> None:
    certificates(tmp_path)
    config = f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key" }}'
    with nats_server(config=config) as server:
        url = server.url.replace("nats://", "tls://")
        _, said = aether("namespaces", url, code=3)
        assert "not trusted" in said
        lines, _ = aether("namespaces", url, "--tls-ca", str(tmp_path / "ca.pem"))
        assert lines == []


def test_a_user_who_may_not_create_streams(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("w")
    users = f"{{ user: mara, password: w, permissions: {{ {WRITER} }} }}"
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        event = ("--namespace", "shop", "--actor", "order-1", "--type", "T", "--version", "1", "--data", "{}")
        login = ("--user", "mara", "--password-file", str(secret))
        _, said = aether("append", server.url, *event, *login, code=3)
        assert "may not create stream shop_events" in said
        assert aether("namespaces", server.url, *login)[0] == []


def test_login_flags_need_a_server(tmp_path: Path) -> None:
    _, said = aether("namespaces", str(tmp_path / "x.aether"), "--user", "mara", code=2)
    assert "URL of a server" in said
