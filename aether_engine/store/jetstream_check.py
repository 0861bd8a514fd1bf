"""Finding out, one step after the other, what stands in the way of a connection, without changing anything.

Each step is told as soon as it is known, with what was found and what can be done about it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from aether_engine.codec import parse_timestamp
from aether_engine.errors import AetherError, NotPermittedError, StoreUnavailableError
from aether_engine.store.jetstream_api import Api, StreamInfo
from aether_engine.store.jetstream_link import Link
from aether_engine.store.jetstream_options import LinkOptions
from aether_engine.store.jetstream_reasons import NobodyThereError, describe

_TIMEOUT: Final = 5.0
#: Longest greeting of a server that is read, in bytes.
_GREETING: Final = 1 << 20
#: Namespaces whose writing is asked about.
_ASKED: Final = 8
#: A clock that differs by more is worth a word, in seconds.
_CLOCK: Final = 2.0
#: No stream is called so: what is sent to be refused names it as the one it expects.
_NOWHERE: Final = "aether-check-that-nothing-is-stored"
_ATOMIC_SINCE: Final = (2, 12)
_DIRECT_SINCE: Final = (2, 9)
_BATCHED_SINCE: Final = (2, 11)


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing that was looked at: its name, what was found, and what to do where that is not well."""

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.name}: {self.outcome}. {self.found}", self.remedy) if part)


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What a server says of itself to whoever connects."""

    host: str
    values: dict[str, Any]

    @property
    def version(self) -> str:
        return str(self.values.get("version", "unknown"))

    @property
    def number(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2])


async def check_connection(
    url: str, options: Mapping[str, object], *, read_only: bool
) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps of connecting to `url` as `open_engine` would; ends with the first that makes others moot.

    Nothing is stored or created: whether that would be permitted is asked, unless `read_only`, with requests that
    a server refuses in any case.
    """
    try:
        wanted = LinkOptions.from_url(url, options)
    except StoreUnavailableError as error:
        yield CheckStep("Address", Outcome.FAILED, _sentence(error.reason))
        return
    try:
        wanted.connect_arguments()
    except StoreUnavailableError as error:
        yield CheckStep(
            "Files", Outcome.FAILED, _sentence(error.reason), "Choose the right file, or fix its permissions."
        )
        return
    greeting: _Greeting | None = None
    for server in wanted.servers:
        async for step in _reach(wanted, server):
            if isinstance(step, _Greeting):
                greeting = greeting or step
            else:
                yield step
    if greeting is None:
        return
    yield _version(greeting)
    link = Link(wanted)
    try:
        try:
            started = asyncio.get_running_loop().time()
            await link.open()
        except AetherError as error:
            yield _refused(wanted, greeting, error)
            return
        words = _login_words(wanted)
        said = "The server asks for none" if words == "no login" else f"{words[0].upper()}{words[1:]} accepted"
        yield CheckStep("Login", Outcome.OK, f"{said}; it took {_milliseconds(started)}.")
        async for step in _look_around(Api(link), read_only=read_only):
            yield step
    finally:
        await link.close()


# --- Reaching a server ------------------------------------------------------------------------------------------


async def _reach(options: LinkOptions, server: str) -> AsyncGenerator[CheckStep | _Greeting, None]:
    """The steps from a host's name to its greeting and its certificate; the greeting if all is well."""
    address = server.partition("://")[2]
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_TIMEOUT):
            found = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except TimeoutError:
        yield CheckStep(f"Name of {host}", Outcome.FAILED, "Its address was not found in time.", _DNS)
        return
    except OSError as error:
        said = error.strerror or type(error).__name__
        yield CheckStep(f"Name of {host}", Outcome.FAILED, f"Its address is not known ({said}).", _DNS)
        return
    addresses = sorted({str(each[4][0]) for each in found})
    if addresses != [host]:
        yield CheckStep(f"Name of {host}", Outcome.OK, f"It is {', '.join(addresses)}.")
    started = loop.time()
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, int(port), limit=_GREETING)
    except TimeoutError:
        yield CheckStep(
            f"Connection to {address}",
            Outcome.FAILED,
            f"Nothing answered within {_TIMEOUT:g} s.",
            "Check the port, and whether a firewall or a missing VPN is in between.",
        )
        return
    except OSError as error:
        yield CheckStep(
            f"Connection to {address}",
            Outcome.FAILED,
            _sentence(describe(error)),
            "Check the port, and whether the server runs and listens on this address.",
        )
        return
    try:
        yield CheckStep(f"Connection to {address}", Outcome.OK, f"Made in {_milliseconds(started)}.")
        greeting = await _greeting(reader, address)
        if isinstance(greeting, CheckStep):
            yield greeting
            return
        step = await _encryption(options, host, address, greeting, writer)
        if step is not None:
            yield step
        if step is None or step.outcome is not Outcome.FAILED:
            yield greeting
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError, TimeoutError):  # what it was opened for is known
            async with asyncio.timeout(1.0):
                await writer.wait_closed()


_DNS: Final = "Check its spelling, and whether this machine's network (or VPN) knows it."


async def _greeting(reader: asyncio.StreamReader, address: str) -> _Greeting | CheckStep:
    name = f"Greeting of {address}"
    try:
        async with asyncio.timeout(_TIMEOUT):
            line = await reader.readline()
        if not line.startswith(b"INFO "):
            return CheckStep(
                name,
                Outcome.FAILED,
                "What listens there is no NATS server.",
                "Check the port; 4222 is the usual one.",
            )
        return _Greeting(address, json.loads(line[5:]))
    except TimeoutError:
        return CheckStep(
            name,
            Outcome.FAILED,
            "No greeting came.",
            "It is no NATS server, or one that encrypts before it greets (handshake_first), which is unsupported.",
        )
    except (OSError, ValueError) as error:
        return CheckStep(
            name, Outcome.FAILED, f"It cannot be understood ({type(error).__name__}).", "Check the port."
        )


async def _encryption(
    options: LinkOptions, host: str, address: str, greeting: _Greeting, writer: asyncio.StreamWriter
) -> CheckStep | None:
    """What becomes of encrypting; None where nobody wants to."""
    name = f"Encryption to {address}"
    offered = bool(greeting.values.get("tls_required") or greeting.values.get("tls_available"))
    wanted = options.requires_tls or bool(options.tls_ca or options.tls_cert)
    if not offered:
        if options.requires_tls:
            return CheckStep(
                name,
                Outcome.FAILED,
                "The server does not encrypt, which tls:// demands.",
                "Write nats:// if this network can be trusted, or set up TLS on the server.",
            )
        if wanted:
            return CheckStep(
                name,
                Outcome.WARNING,
                "The server does not encrypt; the certificates given are not used.",
                "Write tls:// to insist on encryption.",
            )
        return None
    if not greeting.values.get("tls_required") and not wanted:
        return CheckStep(name, Outcome.SKIPPED, "The server offers it; tls:// would use it.")
    context = options.connect_arguments().get("tls") or ssl.create_default_context()
    try:
        async with asyncio.timeout(_TIMEOUT):
            await writer.start_tls(context, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        shown = await _fingerprint(host, int(address.rpartition(":")[2]))
        return _untrusted(options, name, host, error, shown)
    except (OSError, ssl.SSLError, TimeoutError) as error:
        return CheckStep(
            name, Outcome.FAILED, _sentence(describe(error)), "Check the server's log for the reason."
        )
    if greeting.values.get("tls_verify") and options.tls_cert is None:
        return CheckStep(
            name,
            Outcome.FAILED,
            "The server asks for a client certificate, and none is given.",
            "Choose the client certificate and its key (mutual TLS).",
        )
    return CheckStep(name, Outcome.OK, _certificate(writer))


def _untrusted(
    options: LinkOptions, name: str, host: str, error: ssl.SSLCertVerificationError, shown: str
) -> CheckStep:
    said = f"The server's certificate is not trusted: {error.verify_message.rstrip('.')}."
    if shown:
        said += f" SHA-256 of what it shows: {shown}."
    match error.verify_code:
        case 10:
            remedy = "It has expired: have the server's operator renew it."
        case 9:
            remedy = "It is not valid yet: compare the clocks of both machines."
        case 62 | 64:
            remedy = f"It is for other names than {host}: write the server as the certificate names it."
        case _ if options.tls_ca:
            remedy = f"{options.tls_ca} does not hold the authority that signed it: choose the right CA file."
        case _:
            remedy = "Its authority is not one of the system's: choose the CA file of the server's operator."
    return CheckStep(name, Outcome.FAILED, said, remedy)


async def _fingerprint(host: str, port: int) -> str:
    """The SHA-256 of a certificate that is not trusted, for whoever compares it; nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port, limit=_GREETING)
            try:
                await reader.readline()
                await writer.start_tls(context, server_hostname=host)
                shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                return hashlib.sha256(shown).hexdigest() if shown else ""
            finally:
                writer.close()
    except (OSError, ssl.SSLError, TimeoutError):
        return ""


def _certificate(writer: asyncio.StreamWriter) -> str:
    channel = writer.get_extra_info("ssl_object")
    found = channel.getpeercert() or {}
    ends = found.get("notAfter")
    said = f"{channel.version()}, the certificate is trusted"
    if ends:
        until = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)
        said += f", and valid until {until:%Y-%m-%d} ({(until - datetime.now(UTC)).days:,} days)"
    return f"{said}."


def _version(greeting: _Greeting) -> CheckStep:
    number = greeting.number
    features = [
        ("batches that are stored whole or not at all", number >= _ATOMIC_SINCE),
        ("direct reading", number >= _DIRECT_SINCE),
        ("direct reading in batches", number >= _BATCHED_SINCE),
    ]
    has = ", ".join(name for name, there in features if there) or "none of what is asked for here"
    lacks = [name for name, there in features if not there]
    name = str(greeting.values.get("server_name", ""))
    said = f"{name or greeting.host} is nats-server {greeting.version}: {has}."
    if lacks:
        return CheckStep(
            "Version",
            Outcome.WARNING,
            f"{said} It lacks {', '.join(lacks)}.",
            "2.12 or newer has them all; older ones refuse several events at once, or are read more slowly.",
        )
    return CheckStep("Version", Outcome.OK, said)


# --- Logging in -------------------------------------------------------------------------------------------------


def _login_words(options: LinkOptions) -> str:
    if options.credentials is not None:
        return "credentials file"
    if options.nkey_seed_file is not None:
        return "NKey"
    if options.user is not None:
        return "user and password"
    if options.token is not None:
        return "token"
    return "client certificate" if options.tls_cert is not None else "no login"


def _refused(options: LinkOptions, greeting: _Greeting, error: AetherError) -> CheckStep:
    said = _sentence(getattr(error, "reason", "") or str(error))
    if not isinstance(error, NotPermittedError):
        if "ended the connection" in said and options.tls_cert is not None:
            return CheckStep(
                "Login", Outcome.FAILED, said, "It may not accept the client certificate: see its log."
            )
        return CheckStep("Login", Outcome.FAILED, said)
    words = _login_words(options)
    match words:
        case "no login":
            said, remedy = "The server wants a login, and none is given.", "Choose how to log in."
        case "user and password":
            said, remedy = "The server refused this user and password.", "Enter both again."
        case "token":
            said, remedy = "The server refused this token.", "Enter it again."
        case "NKey":
            said = "The server refused this NKey."
            remedy = "Its public key must be one of the server's users."
        case "credentials file":
            said = "The server refused the credentials file."
            remedy = (
                _expiry(options.credentials or "") or "Ask the server's operator for credentials of its account."
            )
        case _:
            said, remedy = f"The server refused the {words}.", "See the server's log."
    if words in ("user and password", "token", "no login") and greeting.values.get("nonce"):
        remedy += " It knows users by NKeys or credentials files."
    return CheckStep("Login", Outcome.FAILED, said, remedy)


def _expiry(path: str) -> str:
    """Whether the credentials are of the past, by their own account; nothing else of them is told."""
    try:
        text = Path(path).read_text("utf-8")
        found = re.search(r"^[\w-]+\.([\w-]+)\.[\w-]+$", text, re.MULTILINE)
        if found is None:
            return "There is no JWT in it: it is not a credentials file."
        claims = json.loads(base64.urlsafe_b64decode(found.group(1) + "=="))
        ends = datetime.fromtimestamp(int(claims["exp"]), UTC) if claims.get("exp") else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
    if ends is None or ends > datetime.now(UTC):
        return ""
    return f"They expired on {ends:%Y-%m-%d %H:%M:%S} UTC: ask the server's operator for new ones."


# --- Looking around ---------------------------------------------------------------------------------------------


async def _look_around(api: Api, *, read_only: bool) -> AsyncGenerator[CheckStep, None]:
    try:
        await api.check_enabled()
        yield CheckStep("JetStream", Outcome.OK, "It is enabled for this user's account.")
    except NotPermittedError:
        yield CheckStep(
            "JetStream", Outcome.SKIPPED, "This user may not ask about the account, which nothing needs."
        )
    except AetherError as error:
        yield CheckStep(
            "JetStream",
            Outcome.FAILED,
            _sentence(getattr(error, "reason", str(error))),
            "Have the server's operator enable it, for this account too.",
        )
        return
    try:
        streams = await api.streams()
    except AetherError as error:
        yield CheckStep(
            "Listing",
            Outcome.FAILED,
            _sentence(getattr(error, "reason", str(error))),
            "The user needs to publish to $JS.API.STREAM.LIST; the manual lists all that reading needs.",
        )
        return
    layout = api.link.options.layout
    named = [(name, info) for info in streams if (name := layout.namespace(info.config)) is not None]
    yield CheckStep(
        "Listing",
        Outcome.OK,
        f"Namespaces: {len(named):,}; streams of other programs: {len(streams) - len(named):,}.",
    )
    if named:
        yield await _reading(api, named[0][0], named[0][1])
        clock = await _clock(api, named[0][1])
        if clock is not None:
            yield clock
    if read_only:
        yield CheckStep("Writing", Outcome.SKIPPED, "Not asked: the connection is read-only.")
        return
    yield await _creating(api)
    yield await _publishing(api, named)


async def _reading(api: Api, namespace: str, info: StreamInfo) -> CheckStep:
    try:
        await api.message_at(info.name, max(info.first_sequence, 1))
    except AetherError as error:
        return CheckStep(
            "Reading",
            Outcome.FAILED,
            f"{namespace}: {_sentence(getattr(error, 'reason', str(error)))}",
            "The user needs to publish to $JS.API.STREAM.MSG.GET.* and $JS.API.DIRECT.GET.>.",
        )
    return CheckStep("Reading", Outcome.OK, f"{namespace} can be read.")


async def _clock(api: Api, info: StreamInfo) -> CheckStep | None:
    """How far the server's clock is from this machine's; servers before 2.10 do not tell."""
    before = datetime.now(UTC)
    try:
        answer = await api.ask(f"STREAM.INFO.{info.name}")
        told = parse_timestamp(answer["ts"])
    except (AetherError, KeyError, ValueError, TypeError):
        return None
    after = datetime.now(UTC)
    differs = (told - (before + (after - before) / 2)).total_seconds()
    uncertain = (after - before).total_seconds() / 2
    if abs(differs) <= max(_CLOCK, uncertain):
        return CheckStep("Clock", Outcome.OK, f"The server's differs by less than {max(_CLOCK, uncertain):g} s.")
    ahead = "ahead of" if differs > 0 else "behind"
    return CheckStep(
        "Clock",
        Outcome.WARNING,
        f"The server's is {abs(differs):,.1f} s {ahead} this machine's.",
        "Times of recording and filters such as since:5m are by the server's clock and by this one's: set both.",
    )


async def _creating(api: Api) -> CheckStep:
    try:
        # Refused by each server: the name of the stream is not that of the subject.
        await api.ask(f"STREAM.CREATE.{_NOWHERE}", {"name": "another"})
    except NotPermittedError:
        return CheckStep(
            "Creating",
            Outcome.WARNING,
            "This user may not create namespaces, only write to those there are.",
            "For more it needs to publish to $JS.API.STREAM.CREATE.*.",
        )
    except StoreUnavailableError as error:
        if not hasattr(error, "err_code"):
            return CheckStep("Creating", Outcome.WARNING, _sentence(error.reason))
    return CheckStep("Creating", Outcome.OK, "Namespaces can be created.")


async def _publishing(api: Api, named: list[tuple[str, StreamInfo]]) -> CheckStep:
    """Whether the user may publish, found out with messages that name a stream they cannot be stored in."""
    layout = api.link.options.layout
    streams = [(name, info.name) for name, info in named[:_ASKED]] or [("a new namespace", _NOWHERE)]
    headers = {"Nats-Expected-Stream": _NOWHERE, "Nats-Expected-Last-Sequence": str(2**62)}
    may, may_not = [], []
    for name, stream in streams:
        try:
            await api.link.request(layout.event_subject(stream, "aether-check"), b"", headers)
            may.append(name)
        except NobodyThereError:
            may.append(name)
        except NotPermittedError:
            may_not.append(name)
        except StoreUnavailableError as error:
            return CheckStep("Writing", Outcome.WARNING, f"{name}: {_sentence(error.reason)}")
    more = f" ({len(named) - _ASKED:,} more were not asked about)" if len(named) > _ASKED else ""
    if not may_not:
        return CheckStep("Writing", Outcome.OK, f"Permitted in {', '.join(may)}{more}.")
    return CheckStep(
        "Writing",
        Outcome.WARNING if may else Outcome.FAILED,
        f"Not permitted in {', '.join(may_not)}"
        + (f"; permitted in {', '.join(may)}" if may else "")
        + f"{more}.",
        "The user needs to publish to *.events.> and *.snapshots.>; or mark the connection read-only.",
    )


def _milliseconds(since: float) -> str:
    return f"{(asyncio.get_running_loop().time() - since) * 1000:,.1f} ms"


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
