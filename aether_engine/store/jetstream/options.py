"""Where the servers are and how to log in: from a URL and options to what the driver is given.

The login is taken out of the URL here and stands in no other value that could end up in a message.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

from aether_engine.errors import StoreUnavailableError
from aether_engine.store.jetstream.layout import JetStreamLayout

DEFAULT_PORT: Final = 4222
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.%]+\])(?::[0-9]{1,5})?")
_PORT: Final = re.compile(r":[0-9]{1,5}$")


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """One cluster and one login. Times are seconds."""

    #: For messages: without a login.
    url: str
    #: One URL a host, without a login.
    servers: tuple[str, ...]
    requires_tls: bool = False
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials: str | None = None
    nkey_seed_file: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    #: Longest wait for the first connection.
    connect_timeout: float = 5.0
    #: Longest wait for an answer; finding out what became of a save may take as long again.
    request_timeout: float = 5.0
    #: Copies of a stream this program creates; None = three in a cluster, one without.
    replicas: int | None = None
    layout: JetStreamLayout = field(default_factory=JetStreamLayout)

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, object]) -> Self:
        """Read `nats://[user:password@]host[:port],…`; raises `StoreUnavailableError` for what is none."""
        scheme, _, address = url.partition("://")
        scheme = scheme.lower()
        hosts: list[str] = []
        logins: list[str] = []
        for part in address.rstrip("/").split(","):
            # Each host may repeat the scheme and the login.
            login, _, host = (part.partition("://")[2] or part).rpartition("@")
            hosts.append(host)
            logins.append(login)
        # A login behind the first host only would be one whose password holds a comma.
        if not all(map(_HOST.fullmatch, hosts)) or (any(logins) and not logins[0]):
            raise StoreUnavailableError(
                f"{scheme}://{address.rpartition('@')[2]}",
                "the address is not one of hosts with ports, like nats://one:4222,two:4222 "
                "(in a user or password write @ as %40, a comma as %2C and a slash as %2F)",
            )
        clean = f"{scheme}://{','.join(hosts)}"
        ported = (host if _PORT.search(host) else f"{host}:{DEFAULT_PORT}" for host in hosts)
        name, colon, secret = logins[0].partition(":")
        user, password = (unquote(name) or None), (unquote(secret) if colon else None)
        values: dict[str, Any] = {"user": user, "password": password}
        if user is not None and password is None:
            values = {"token": user}
        values |= {name: value for name, value in options.items() if value is not None}
        for name in ("credentials", "nkey_seed_file", "tls_ca", "tls_cert", "tls_key"):
            if name in values:
                values[name] = str(values[name])
        for name in ("connect_timeout", "request_timeout"):
            if name in values:
                values[name] = float(values[name])
        return cls(clean, tuple(f"{scheme}://{host}" for host in ported), scheme == "tls", **values)

    def connect_arguments(self) -> dict[str, Any]:
        """The keyword arguments of the driver's `connect`; raises `StoreUnavailableError` for unusable files."""
        arguments: dict[str, Any] = {"servers": list(self.servers)}
        if self.user is not None:
            arguments |= {"user": self.user, "password": self.password or ""}
        if self.token is not None:
            arguments["token"] = self.token
        if self.credentials is not None:
            arguments["user_credentials"] = self._readable(self.credentials, "credentials file")
        if self.nkey_seed_file is not None:
            arguments["nkeys_seed"] = self._readable(self.nkey_seed_file, "NKey seed file")
        if self.requires_tls or self.tls_ca or self.tls_cert:
            arguments["tls"] = self._tls()
        return arguments

    def _readable(self, path: str, what: str) -> str:
        try:
            with Path(path).open("rb") as file:
                file.read(1)
        except OSError as error:
            raise StoreUnavailableError(
                self.url, f"the {what} {path} cannot be read ({error.strerror or error})"
            ) from error
        return path

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise StoreUnavailableError(
                self.url, f"{self.tls_ca} is no file of CA certificates ({_words(error)})"
            ) from error
        if self.tls_cert is not None:
            try:
                # A password that the key may want is asked of nobody: there may be no terminal.
                context.load_cert_chain(self.tls_cert, self.tls_key, password="")
            except (OSError, ssl.SSLError) as error:
                raise StoreUnavailableError(
                    self.url, f"the client certificate {self.tls_cert} cannot be used ({_words(error)})"
                ) from error
        return context


def _words(error: OSError) -> str:
    return error.strerror or str(error)
