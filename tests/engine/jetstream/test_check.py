"""Finding out what stands in the way of a connection: each obstacle by its step, and nothing is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether_engine import Event, open_engine
from aether_engine.store.jetstream.check import CheckStep, Outcome, check_connection
from tests.certificates import certificates
from tests.nats_accounts import Accounts, make_key
from tests.nats_servers import NatsServer, nats_server
from tests.nats_users import WRITER


async def steps(url: str, *, read_only: bool = False, **options: str) -> dict[str, CheckStep]:
    """The steps by their names, less the address in them."""
    found = [step async for step in check_connection(url, options, read_only=read_only)]
    return {step.name.partition(" to ")[0].partition(" of ")[0]: step for step in found}


def failed(found: dict[str, CheckStep]) -> CheckStep:
    """The one that failed, which is the last one."""
    last = list(found.values())[-1]
    assert last.outcome is Outcome.FAILED, last
    assert [step for step in found.values() if step.outcome is Outcome.FAILED] == [last]
    return last


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


async def test_all_is_well_and_nothing_is_changed(server: NatsServer) -> None:
    async with open_engine(server.url) as engine:
        store = await engine.store("city.permits")
        await store.save_event(Event("e-1", "PermitFiled", "permit-1", 1, {}))
        found = await steps(server.url)
        assert await store.last_sequence() == 1
        assert [info.name for info in await engine.namespaces()] == ["city.permits"]
        assert await engine.foreign_streams() == []
    assert {step.outcome for step in found.values()} == {Outcome.OK}
    assert list(found) == [
        *("Connection", "Version", "Login", "JetStream", "Listing"),
        *("Reading", "Clock", "Creating", "Writing"),
    ]
    assert "batches that are stored whole or not at all" in found["Version"].found
    assert found["Writing"].found == "Permitted in city.permits."


async def test_a_read_only_connection_is_not_asked_about_writing(server: NatsServer) -> None:
    found = await steps(server.url, read_only=True)
    assert found["Writing"].outcome is Outcome.SKIPPED
    assert "Creating" not in found


async def test_addresses_and_names() -> None:
    assert failed(await steps("nats://a b")).name == "Address"
    unknown = failed(await steps("nats://no-such-host.invalid:4222"))
    assert unknown.name == "Name of no-such-host.invalid"
    assert "spelling" in unknown.remedy


async def test_nothing_listens_there() -> None:
    nothing = failed(await steps("nats://127.0.0.1:1"))
    assert nothing.name == "Connection to 127.0.0.1:1"
    assert nothing.found == "Nothing listens there (connection refused)."
    assert "runs" in nothing.remedy


async def test_one_of_several_servers_is_enough(server: NatsServer) -> None:
    found = [
        step async for step in check_connection(f"nats://127.0.0.1:1,127.0.0.1:{server.port}", {}, read_only=True)
    ]
    assert [step.name for step in found if step.outcome is Outcome.FAILED] == ["Connection to 127.0.0.1:1"]
    assert found[-1].outcome is Outcome.SKIPPED


async def test_what_is_no_nats_server_is_told() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with other:
        port = other.sockets[0].getsockname()[1]
        step = failed(await steps(f"nats://127.0.0.1:{port}"))
    assert step.found == "What listens there is no NATS server."


async def test_files_that_are_missing(server: NatsServer, tmp_path: Path) -> None:
    missing = failed(await steps(server.url, credentials=str(tmp_path / "none.creds")))
    assert missing.name == "Files"
    assert "none.creds cannot be read" in missing.found


async def test_logins_that_are_refused_are_named_by_their_kind() -> None:
    with nats_server(config='authorization { user: mara, password: "open-sesame" }') as server:
        assert failed(await steps(server.url)).found == "The server wants a login, and none is given."
        wrong = failed(await steps(server.url, user="mara", password="hush-hush"))
        assert (wrong.name, wrong.found) == ("Login", "The server refused this user and password.")
        assert failed(await steps(server.url, token="hush-hush")).found == "The server refused this token."
        right = await steps(server.url, user="mara", password="open-sesame")
        assert right["Login"].outcome is Outcome.OK
        assert not any("hush" in str(step) or "sesame" in str(step) for step in (wrong, *right.values()))


async def test_nkeys_and_credentials(tmp_path: Path) -> None:
    seed = tmp_path / "user.nk"
    seed.write_bytes(make_key("user").seed)
    with nats_server(
        config=f"authorization {{ users: [{{ nkey: {make_key('user').public_key.decode()} }}] }}"
    ) as server:
        step = failed(await steps(server.url, nkey_seed_file=str(seed)))
        assert step.found == "The server refused this NKey."
    accounts = Accounts()
    with nats_server(config=accounts.config) as server:
        old = accounts.credentials(tmp_path / "old.creds", int(time.time()) - 60)
        step = failed(await steps(server.url, credentials=str(old)))
        assert step.found == "The server refused the credentials file."
        assert step.remedy.startswith("They expired on ")
        good = accounts.credentials(tmp_path / "good.creds")
        assert (await steps(server.url, credentials=str(good)))["Login"].outcome is Outcome.OK


async def test_encryption_is_told_apart(tmp_path: Path, server: NatsServer) -> None:
    plain = failed(await steps(server.url.replace("nats:", "tls:")))
    assert plain.found == "The server does not encrypt, which tls:// demands."
    certificates(tmp_path)
    config = (
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key", '
        f'ca_file: "{tmp_path}/ca.pem", verify: true }}'
    )
    with nats_server(config=config) as secure:
        url = secure.url.replace("nats:", "tls:")
        ca, cert, key = (str(tmp_path / name) for name in ("ca.pem", "client.pem", "client.key"))
        untrusted = failed(await steps(url))
        assert "not trusted" in untrusted.found
        assert "SHA-256 of what it shows: " in untrusted.found
        assert "choose the CA file" in untrusted.remedy
        other_name = failed(await steps(url.replace("127.0.0.1", "localhost"), tls_ca=ca))
        assert "for other names than localhost" in other_name.remedy
        without = failed(await steps(url, tls_ca=ca))
        assert without.found == "The server asks for a client certificate, and none is given."
        all_well = await steps(url, tls_ca=ca, tls_cert=cert, tls_key=key)
        assert all_well["Encryption"].outcome is Outcome.OK
        assert "valid until" in all_well["Encryption"].found
        assert all_well["Writing"].outcome is Outcome.OK


async def test_no_jetstream() -> None:
    with nats_server(jetstream=False) as server:
        assert failed(await steps(server.url)).name == "JetStream"


async def test_permissions_are_found_out() -> None:
    only_a = '{ publish: ["$JS.API.>", "a_events.events.>"], subscribe: [">"] }'
    users = (
        "{ user: admin, password: a }, "
        f"{{ user: writer, password: w, permissions: {{ {WRITER} }} }}, "
        f"{{ user: narrow, password: n, permissions: {only_a} }}, "
        '{ user: nobody, password: n, permissions: { publish: ["x"], subscribe: [">"] } }'
    )
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        async with open_engine(server.url, user="admin", password="a") as engine:
            for name in ("a", "b"):
                await (await engine.store(name)).save_event(Event(f"{name}-1", "T", "actor-1", 1, {}))
            writer = await steps(server.url, user="writer", password="w")
            assert writer["Creating"].outcome is Outcome.WARNING
            assert writer["Writing"].found == "Permitted in a, b."
            narrow = await steps(server.url, user="narrow", password="n")
            assert narrow["Writing"].found == "Not permitted in b; permitted in a."
            nobody = await steps(server.url, user="nobody", password="n")
            assert nobody["JetStream"].outcome is Outcome.SKIPPED
            assert failed(nobody).name == "Listing"
            assert [info.event_count for info in await engine.namespaces()] == [1, 1]


async def test_a_check_can_be_cancelled(server: NatsServer) -> None:
    server.freeze()
    try:
        check = asyncio.create_task(steps(server.url))
        await asyncio.sleep(0)
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
    finally:
        server.thaw()
