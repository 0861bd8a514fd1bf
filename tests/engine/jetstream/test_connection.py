"""Getting to a server, or a clear sentence why not: logins, certificates, permissions, absent servers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from aether_engine.engine import open_engine
from aether_engine.errors import ReadOnlyError, StoreUnavailableError
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.testing import collect, make_event
from tests.certificates import certificates
from tests.nats_accounts import Accounts, make_key
from tests.nats_servers import NatsServer, nats_server
from tests.nats_users import CREATOR, LOOKER, READER, WRITER
from tests.waiting import until

SECRET = "s3cr3t-Pa55"


async def refusal(url: str, **options: Any) -> str:
    """The sentence that opening fails with; it comes in time and holds no secret."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        await open_engine(url, **({"connect_timeout": 3.0} | options))
    assert time.monotonic() - begun < 8
    sentence = str(caught.value)
    assert SECRET not in sentence
    assert SECRET not in caught.value.url
    assert "Traceback" not in sentence
    return sentence


async def check_works(url: str, **options: Any) -> None:
    async with open_engine(url, **options) as engine:
        assert engine.link is not None
        assert engine.link.state == "up"
        assert SECRET not in engine.url
        store = await engine.store("a")
        await store.save_event(make_event(await store.get_latest_version("order-1") + 1))
        assert len(await collect(store.read())) >= 1


# --- Addresses and waiting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "servers", "login"),
    [
        ("nats://one", ("nats://one:4222",), (None, None, None)),
        ("nats://one:1,two", ("nats://one:1", "nats://two:4222"), (None, None, None)),
        ("nats://one:1,nats://two:2/", ("nats://one:1", "nats://two:2"), (None, None, None)),
        ("tls://[::1]:7", ("tls://[::1]:7",), (None, None, None)),
        ("nats://me:p%40ss@one,two", ("nats://one:4222", "nats://two:4222"), ("me", "p@ss", None)),
        ("nats://me:pw9@one,me:pw9@two", ("nats://one:4222", "nats://two:4222"), ("me", "pw9", None)),
        ("nats://a-token@one", ("nats://one:4222",), (None, None, "a-token")),
    ],
)
def test_addresses(url: str, servers: tuple[str, ...], login: tuple[str | None, ...]) -> None:
    options = LinkOptions.from_url(url, {})
    assert options.servers == servers
    assert (options.user, options.password, options.token) == login
    assert "@" not in options.url
    for secret in login[1:]:
        assert secret is None or secret not in repr(options)


@pytest.mark.parametrize(
    "url",
    [
        "nats://",
        "nats://one:port",
        "nats://one/path",
        f"nats://me:{SECRET},x@one",
        f"nats://me:{SECRET}@",
    ],
)
async def test_addresses_that_are_none(url: str) -> None:
    assert "hosts with ports" in await refusal(url)


async def test_nothing_listens() -> None:
    assert "nothing listens there" in await refusal("nats://127.0.0.1:1", connect_timeout=0.5)


async def test_a_server_that_is_not_there_yet(tmp_path: Path) -> None:
    server = NatsServer(tmp_path)
    tried = asyncio.Event()

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        tried.set()

    # What answers there at first is no server yet: so it is known that a try has failed.
    async with await asyncio.start_server(hang_up, "127.0.0.1", server.port):
        opening = asyncio.ensure_future(_open(server.url))
        await tried.wait()
        assert not opening.done()
    try:
        await asyncio.to_thread(server.start)
        engine = await opening
        await (await engine.store("a")).save_event(make_event(1))
        await engine.close()
    finally:
        server.kill()


async def _open(url: str) -> Any:
    return await open_engine(url, connect_timeout=15.0)


async def test_a_server_that_goes_away_and_comes_back() -> None:
    with nats_server() as server:
        async with open_engine(server.url, request_timeout=0.5) as engine:
            store = await engine.store("a")
            await store.save_event(make_event(1))
            heard: list[tuple[str, str]] = []
            assert engine.link is not None
            leave = engine.link.on_change(lambda link: heard.append((link.state, link.reason)))
            server.kill()
            await until(lambda: bool(heard))
            with pytest.raises(StoreUnavailableError):
                await store.save_event(make_event(2))
            with pytest.raises(StoreUnavailableError):
                await store.get_events("order-1")
            with pytest.raises(StoreUnavailableError):
                await engine.namespaces()
            await asyncio.to_thread(server.start)
            await until(lambda: heard[-1] == ("up", ""), 10)
            await store.save_event(make_event(2))
            assert [event.version for event in await store.get_events("order-1")] == [1, 2]
            assert heard[0][0] == "down"
            assert all(reason for state, reason in heard if state != "up")
            leave()


async def test_several_hosts_of_which_one_is_dead() -> None:
    with nats_server() as server:
        await check_works(f"nats://127.0.0.1:1,127.0.0.1:{server.port}")


async def test_jetstream_is_disabled() -> None:
    with nats_server(jetstream=False) as server:
        assert "JetStream is not enabled" in await refusal(server.url)


async def test_jetstream_is_disabled_for_the_account() -> None:
    config = (
        "accounts { A { users: [{ user: a, password: a }], jetstream: enabled }, "
        "B { users: [{ user: b, password: b }] } }"
    )
    with nats_server(config=config) as server:
        assert "JetStream is not enabled" in await refusal(server.url, user="b", password="b")
        await check_works(server.url, user="a", password="a")


# --- Logins -----------------------------------------------------------------------------------------------


async def test_user_and_password() -> None:
    config = f"authorization {{ user: me, password: {SECRET!r} }}".replace("'", '"')
    with nats_server(config=config) as server:
        await check_works(server.url, user="me", password=SECRET)
        await check_works(server.url.replace("//", f"//me:{SECRET}@"))
        for wrong in (
            await refusal(server.url),
            await refusal(server.url, user="me", password="wrong"),
            await refusal(server.url.replace("//", f"//you:{SECRET}@")),
        ):
            assert "refused the login" in wrong


async def test_token() -> None:
    with nats_server(config=f'authorization {{ token: "{SECRET}" }}') as server:
        await check_works(server.url, token=SECRET)
        await check_works(server.url.replace("//", f"//{SECRET}@"))
        assert "refused the login" in await refusal(server.url, token=SECRET[:-1])


async def test_a_login_that_is_taken_back_and_given_again() -> None:
    """The state says so, nothing is lost, and it goes on by itself once the login is good again."""
    good = 'authorization { user: me, password: "one" }'
    with nats_server(config=good) as server:
        async with open_engine(server.url, user="me", password="one", request_timeout=0.5) as engine:
            store = await engine.store("a")
            await store.save_event(make_event(1))
            link = engine.link
            assert link is not None
            server.configure('authorization { user: me, password: "two" }')
            server.reload()
            await until(lambda: link.state == "refused", 10)
            assert "login" in link.reason
            with pytest.raises(StoreUnavailableError, match="login"):
                await store.save_event(make_event(2))
            server.configure(good)
            server.reload()
            await until(lambda: link.state == "up", 15)
            await store.save_event(make_event(2))


async def test_nkey(tmp_path: Path) -> None:
    user = make_key("user")
    seed = tmp_path / "user.nk"
    seed.write_bytes(user.seed)
    other = tmp_path / "other.nk"
    other.write_bytes(make_key("user").seed)
    config = f"authorization {{ users: [{{ nkey: {user.public_key.decode()} }}] }}"
    with nats_server(config=config) as server:
        await check_works(server.url, nkey_seed_file=seed)
        assert "refused the login" in await refusal(server.url, nkey_seed_file=other)
        assert "cannot be read" in await refusal(server.url, nkey_seed_file=tmp_path / "none.nk")


async def test_credentials_file(tmp_path: Path) -> None:
    accounts = Accounts()

    def credentials(name: str, expires: int | None) -> Path:
        return accounts.credentials(tmp_path / name, expires)

    with nats_server(config=accounts.config) as server:
        await check_works(server.url, credentials=credentials("good.creds", None))
        assert "login" in await refusal(server.url, credentials=credentials("old.creds", int(time.time()) - 60))
        assert "cannot be read" in await refusal(server.url, credentials=tmp_path / "none.creds")
        (tmp_path / "empty.creds").write_text("nothing")
        await refusal(server.url, credentials=tmp_path / "empty.creds")
        # One that expires while it is used: the driver gives up for good, the link does not.
        path = credentials("brief.creds", int(time.time()) + 2)
        async with open_engine(server.url, credentials=path) as engine:
            link = engine.link
            assert link is not None
            store = await engine.store("a")
            await until(lambda: link.state == "refused", 15)
            assert "expired" in link.reason or "login" in link.reason
            path.write_text(credentials("fresh.creds", None).read_text())
            await until(lambda: link.state == "up", 15)
            await store.save_event(make_event(await store.get_latest_version("order-1") + 1))


# --- Encryption -------------------------------------------------------------------------------------------


async def test_tls_with_a_private_ca(tmp_path: Path) -> None:
    certificates(tmp_path)
    config = f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key" }}'
    with nats_server(config=config) as server:
        encrypted = server.url.replace("nats://", "tls://")
        await check_works(encrypted, tls_ca=tmp_path / "ca.pem")
        await check_works(server.url, tls_ca=tmp_path / "ca.pem")
        assert "not trusted" in await refusal(encrypted)
        assert "CA certificates" in await refusal(encrypted, tls_ca=tmp_path / "none.pem")
    with nats_server() as server:
        assert "does not encrypt" in await refusal(server.url.replace("nats://", "tls://"))


async def test_mutual_tls(tmp_path: Path) -> None:
    certificates(tmp_path)
    config = (
        f'tls {{ cert_file: "{tmp_path}/server.pem", key_file: "{tmp_path}/server.key", '
        f'ca_file: "{tmp_path}/ca.pem", verify: true }}'
    )
    with nats_server(config=config) as server:
        url = server.url.replace("nats://", "tls://")
        files = {"tls_cert": tmp_path / "client.pem", "tls_key": tmp_path / "client.key"}
        await check_works(url, tls_ca=tmp_path / "ca.pem", **files)
        await refusal(url, tls_ca=tmp_path / "ca.pem")
        wrong = {"tls_cert": tmp_path / "client.pem", "tls_key": tmp_path / "server.key"}
        assert "client certificate" in await refusal(url, tls_ca=tmp_path / "ca.pem", **wrong)


# --- Permissions: the users of docs/jetstream.md ------------------------------------------------------------


async def test_permissions() -> None:
    users = ", ".join(
        f"{{ user: {name}, password: {name}, permissions: {{ {permissions} }} }}"
        for name, permissions in (
            ("creator", CREATOR),
            ("writer", WRITER),
            ("reader", READER),
            ("looker", LOOKER),
        )
    )
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        timeouts: dict[str, Any] = {"request_timeout": 1.0}
        async with open_engine(server.url, user="writer", password="writer", **timeouts) as engine:
            store = await engine.store("a")
            with pytest.raises(StoreUnavailableError, match="may not create stream a_events"):
                await store.save_event(make_event(1))
        async with open_engine(server.url, user="creator", password="creator", **timeouts) as engine:
            await (await engine.store("a")).save_event(make_event(1))
        async with open_engine(server.url, user="writer", password="writer", **timeouts) as engine:
            store = await engine.store("a")
            await store.save_event(make_event(2))
            await store.save_events([make_event(version) for version in range(3, 3003)][:900])
            await store.save_events([make_event(version) for version in range(3003, 4003)])
            await store.save_events([make_event(version) for version in range(4003, 5003)])
        for user in ("reader", "looker"):
            async with open_engine(server.url, read_only=True, user=user, password=user, **timeouts) as engine:
                assert [info.name for info in await engine.namespaces()] == ["a"]
                store = await engine.store("a")
                assert len(await store.get_events("order-1")) == 2902
                assert len(await collect(store.read())) == 2902
                assert [info.event_count for info in await store.actors()] == [2902]
                tail = store.tail(after_sequence=2900)
                assert len(await asyncio.wait_for(anext(tail), 20)) == 2
                with pytest.raises(ReadOnlyError):
                    await store.save_event(make_event(9000))
        # One who may not write and tries is told what is not allowed, at once and not by silence.
        timeouts = {"request_timeout": 30.0}
        async with open_engine(server.url, user="reader", password="reader", **timeouts) as engine:
            begun = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="may not publish to a_events"):
                await (await engine.store("a")).save_event(make_event(9000))
            assert time.monotonic() - begun < 15
