"""How to reach a server and log in, as typed. Secrets live here and nowhere else: not in URLs or messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address

DEFAULT_SERVER = "nats://localhost:4222"


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """One cluster and one way to log in. `servers` are hosts or URLs, several separated by commas."""

    servers: str
    read_only: bool = True
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    credentials: str = ""
    nkey_seed_file: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def url(self) -> str:
        """The URL without a login; a missing scheme is `nats://`."""
        servers = self.servers.strip().replace(" ", "")
        return servers if "://" in servers else f"nats://{servers}"

    @property
    def problem(self) -> str:
        """Why this cannot be tried, "" if it can."""
        if not self.servers.strip():
            return "Type a server, for example nats://localhost:4222."
        scheme, _, address = self.url.partition("://")
        if scheme not in ("nats", "tls"):
            return f"{scheme}:// is no server: use nats:// or tls://."
        if "@" in address:
            return "Put the login into its own fields: what stands in a server's name is shown."
        if self.tls_key and not self.tls_cert:
            return "A key needs its certificate."
        return ""

    def options(self) -> dict[str, str]:
        """What `open_engine` wants beside the URL."""
        names = ("user", "password", "token", "credentials", "nkey_seed_file", "tls_ca", "tls_cert", "tls_key")
        return {name: value for name in names if (value := getattr(self, name))}


def is_local(servers: str) -> bool:
    """Whether all of the servers are on this machine."""
    hosts = [part.partition("://")[2] or part for part in servers.split(",")]
    return bool(servers.strip()) and all(_is_local_host(host.strip()) for host in hosts)


def _is_local_host(address: str) -> bool:
    host = address.rpartition("@")[2]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
