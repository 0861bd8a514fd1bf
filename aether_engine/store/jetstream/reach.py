"""Reaching a server, from its name to its certificate, for whoever wants to know where that ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aether_engine.store.jetstream.check_step import CheckStep, Outcome, milliseconds, sentence
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.reasons import describe

_TIMEOUT: Final = 5.0
#: Longest greeting of a server that is read, in bytes.
_GREETING: Final = 1 << 20
_ATOMIC_SINCE: Final = (2, 12)
_DIRECT_SINCE: Final = (2, 9)
_BATCHED_SINCE: Final = (2, 11)
_DNS: Final = "Check its spelling, and whether this machine's network (or VPN) knows it."


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says of itself to whoever connects."""

    host: str
    values: dict[str, Any]

    @property
    def version(self) -> str:
        """The server's version as it writes it."""
        return str(self.values.get("version", "unknown"))

    @property
    def number(self) -> tuple[int, ...]:
        """The version's major and minor number, to compare."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2])


async def reach(options: LinkOptions, server: str) -> AsyncGenerator[CheckStep | Greeting, None]:
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
            sentence(describe(error)),
            "Check the port, and whether the server runs and listens on this address.",
        )
        return
    try:
        yield CheckStep(f"Connection to {address}", Outcome.OK, f"Made in {milliseconds(started)}.")
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


async def _greeting(reader: asyncio.StreamReader, address: str) -> Greeting | CheckStep:
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
        return Greeting(address, json.loads(line[5:]))
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
    options: LinkOptions, host: str, address: str, greeting: Greeting, writer: asyncio.StreamWriter
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
        return CheckStep(name, Outcome.FAILED, sentence(describe(error)), "Check the server's log for the reason.")
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


def version_step(greeting: Greeting) -> CheckStep:
    """What the server's version can do, and what it cannot."""
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
