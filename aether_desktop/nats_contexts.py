"""Profiles from the contexts of the `nats` command line: JSON files in its folder of settings.

What the fields mean: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-21.md
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from aether_desktop.profiles import LoginKind, Profile
from aether_desktop.server_login import is_local

#: Longest file that is taken for a context, in bytes.
MAX_SIZE = 1_000_000
#: Fields that say how to connect and that cannot be taken over, with the reason.
_NOT_TAKEN = {
    "nsc": "the credentials come from the program nsc: export them to a file with nsc generate creds",
    "user_jwt": "the login is written into the context: put it into a credentials file",
    "user_seed": "the seed is written into the context: put it into a credentials file",
    "jetstream_domain": "another JetStream domain is not supported",
    "jetstream_api_prefix": "another prefix of the JetStream API is not supported",
    "jetstream_event_prefix": "another prefix of JetStream's advisories is not supported",
    "inbox_prefix": "another prefix of inboxes is not supported",
    "socks_proxy": "proxies are not supported",
    "tls_first": "encryption before the server's greeting is not supported",
    "windows_cert_store": "certificates of the Windows store are not supported: export them to files",
    "windows_cert_match": "certificates of the Windows store are not supported: export them to files",
    "windows_ca_certs_match": "certificates of the Windows store are not supported: export them to files",
}


_NONE = Profile()


@dataclass(frozen=True, slots=True)
class NatsContext:
    """One context: its profile (without an id), its secret, and what could not be taken over, in sentences."""

    name: str
    description: str = ""
    profile: Profile = _NONE
    secret: str = field(default="", repr=False)
    not_taken: tuple[str, ...] = ()
    #: Why it cannot be used at all, "" if it can.
    problem: str = ""
    #: Whether it is the one that the command line uses at present.
    is_selected: bool = False


def contexts_folder() -> Path:
    """Where the command line keeps its settings."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "nats"


def read_contexts(folder: Path) -> list[NatsContext]:
    """The contexts in a folder of settings (or in its `context`), by name; raises `OSError` if there is none."""
    inner = folder / "context"
    files = inner if inner.is_dir() else folder
    try:
        selected = (folder / "context.txt").read_text("utf-8").strip()
    except (OSError, ValueError):
        selected = ""
    names = sorted(path for path in files.iterdir() if path.suffix == ".json" and path.is_file())
    return [_read(path, selected) for path in names]


def _read(path: Path, selected: str) -> NatsContext:
    name = path.stem
    try:
        if path.stat().st_size > MAX_SIZE:
            return NatsContext(name, problem=f"The file is larger than {MAX_SIZE:,} bytes.")
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        return NatsContext(name, problem=f"The file cannot be read ({error.strerror}).")
    except (ValueError, RecursionError):
        # Not the parser's words, which may quote a secret.
        return NatsContext(name, problem="The file is not JSON.")
    if not isinstance(values, dict):
        return NatsContext(name, problem="The file is no context: it is not a JSON object.")
    texts = {key: value.strip() for key, value in values.items() if isinstance(value, str) and value.strip()}
    return _context(name, texts, {key for key, value in values.items() if value}, name == selected)


def _context(name: str, texts: dict[str, str], given: set[str], is_selected: bool) -> NatsContext:
    not_taken = [f"{key}: {why}." for key, why in _NOT_TAKEN.items() if key in given]
    servers, user, password, odd = _servers(texts.get("url", "nats://localhost:4222"))
    not_taken += odd
    user = texts.get("user") or texts.get("username") or user
    password = texts.get("password") or password
    token = texts.get("token", "")
    if (
        user
        and not password
        and not texts.get("password")
        and "url" in texts
        and "@" in texts["url"]
        and not token
    ):
        # A lone name in a URL is a token.
        user, token = ("", user) if not (texts.get("user") or texts.get("username")) else (user, token)
    login, secret = LoginKind.NONE, ""
    # In the order in which the command line prefers them.
    if user:
        login, secret = LoginKind.PASSWORD, password
    elif texts.get("creds"):
        login = LoginKind.CREDENTIALS
    elif texts.get("nkey"):
        login = LoginKind.NKEY
    elif token:
        login, secret = LoginKind.TOKEN, token
    profile = Profile(
        name=name,
        servers=servers,
        read_only=not is_local(servers),
        login=login,
        user=user if login is LoginKind.PASSWORD else "",
        credentials=_path(texts, "creds") if login is LoginKind.CREDENTIALS else "",
        nkey_seed_file=_path(texts, "nkey") if login is LoginKind.NKEY else "",
        tls_ca=_path(texts, "ca"),
        tls_cert=_path(texts, "cert"),
        tls_key=_path(texts, "key"),
    )
    problem = "" if servers else "It names no server that can be reached with nats:// or tls://."
    description = texts.get("description", "")
    return NatsContext(name, description, profile, secret, tuple(not_taken), problem, is_selected)


def _path(texts: dict[str, str], key: str) -> str:
    value = texts.get(key, "")
    return os.path.expandvars(str(Path(value).expanduser())) if value else ""


def _servers(url: str) -> tuple[str, str, str, list[str]]:
    """Hosts with one scheme, the login that stands before the first of them, and what is left out."""
    hosts: list[str] = []
    odd: list[str] = []
    user = password = ""
    scheme = ""
    for part in url.split(","):
        kind, separator, address = part.strip().partition("://")
        if not separator:
            kind, address = "nats", part.strip()
        login, _, host = address.rstrip("/").rpartition("@")
        if kind not in ("nats", "tls"):
            odd.append(f"url: {kind}:// is not supported, {host or 'one server'} was left out.")
            continue
        if not host:
            continue
        # One encrypted server asks for encryption of them all.
        scheme = "tls" if kind == "tls" or scheme == "tls" else "nats"
        hosts.append(host)
        if login and not user:
            name, _, secret = login.partition(":")
            user, password = unquote(name), unquote(secret)
    return (f"{scheme}://{','.join(hosts)}" if hosts else ""), user, password, odd
