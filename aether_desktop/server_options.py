"""How to log in to a server, as flags of both commands. Secrets come from files: a command line is seen."""

from __future__ import annotations

import argparse
from pathlib import Path

_FILES = {
    "--credentials": ("credentials", "credentials file of the server's operator"),
    "--nkey": ("nkey_seed_file", "file with an NKey seed"),
    "--tls-ca": ("tls_ca", "CA certificates to trust instead of the system's"),
    "--tls-cert": ("tls_cert", "certificate to show to the server"),
    "--tls-key": ("tls_key", "key of that certificate"),
}
_SECRET_FILES = {
    "--password-file": ("password", "file that holds the password of --user"),
    "--token-file": ("token", "file that holds a token"),
}


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags, in a group of their own."""
    group = parser.add_argument_group("logging in to a server")
    group.add_argument("--user", metavar="NAME", dest="server_user", help="user name")
    for flag, (name, text) in (_SECRET_FILES | _FILES).items():
        group.add_argument(flag, metavar="FILE", dest=f"server_{name}", type=Path, help=text)


def server_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The options for `open_engine`; raises `OSError` for a secret that is not readable."""
    options: dict[str, str] = {}
    # What another start hands over has only those flags that were given.
    if user := getattr(arguments, "server_user", None):
        options["user"] = user
    for name, _ in _SECRET_FILES.values():
        path = getattr(arguments, f"server_{name}", None)
        if path is not None:
            options[name] = path.read_text("utf-8").rstrip("\r\n")
    for name, _ in _FILES.values():
        path = getattr(arguments, f"server_{name}", None)
        if path is not None:
            options[name] = str(path)
    return options


def check_server_options(url: str | None, arguments: argparse.Namespace) -> str:
    """What is wrong with using these flags for `url`, "" if nothing."""
    given = [
        name for name in vars(arguments) if name.startswith("server_") and getattr(arguments, name) is not None
    ]
    if given and not (is_server(url) or (url is not None and url.lower().startswith("aether://"))):
        return "the flags for logging in go with the URL of a server (nats:// or tls://)"
    return ""


def is_server(url: str | None) -> bool:
    """Whether there is somebody to log in to."""
    return url is not None and url.partition("://")[0].lower() in ("nats", "tls")
