"""`aether://` links: the address of a store, a namespace, an actor or one event, to paste into a message.

    aether://open?url=sqlite:////srv/shop.aether&namespace=shop.orders&sequence=6344&id=e-17
    aether://open?url=nats://eu-1.shop.example:4222&namespace=shop.orders&actor=order-12&version=3

Whoever follows a link does not know who wrote it: it is checked as a whole before anything is opened, it opens
read-only, and there is no way to write a login into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aether_engine.errors import NamespaceNameError, StoreUnavailableError, excerpt
from aether_engine.event import MAX_VERSION
from aether_engine.patterns import check_namespace
from aether_engine.urls import sqlite_path, sqlite_url

SCHEME: Final = "aether"
#: Longest link that is read, in characters.
MAX_LENGTH: Final = 8192
#: Longest event id that a link carries, in characters.
_MAX_ID: Final = 256
_FIELDS: Final = ("url", "namespace", "sequence", "id", "actor", "version")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")
_HIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


class LinkError(Exception):
    """A text that is not a link this program follows; `problem` says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"This link cannot be followed: {problem}.")


@dataclass(frozen=True, slots=True)
class Link:
    """A place: the store at `url` and, as far as given, what to show of it.

    An event is named by `sequence` (and `event_id`, to see whether it still is that event) or by `actor_id` and
    `version`.
    """

    url: str
    namespace: str = ""
    sequence: int | None = None
    event_id: str = ""
    actor_id: str = ""
    version: int | None = None

    def __str__(self) -> str:
        """Return the link as text."""
        values = (
            self.url,
            self.namespace,
            str(self.sequence or ""),
            self.event_id if len(self.event_id) <= _MAX_ID else "",
            self.actor_id,
            str(self.version or ""),
        )
        fields = [(name, value) for name, value in zip(_FIELDS, values, strict=True) if value]
        # What is legal in a query stays readable.
        return f"{SCHEME}://open?{urlencode(fields, quote_via=quote, safe=':/')}"

    @property
    def is_server(self) -> bool:
        """Whether the store is on a server."""
        return self.url.startswith(("nats:", "tls:"))


def portable_url(url: str) -> str:
    """The URL of an open store as a link has it: files absolute, of servers the hosts and nothing else."""
    scheme, _, address = url.partition("://")
    if scheme == "sqlite":
        return sqlite_url(sqlite_path(url).absolute())
    if scheme in ("nats", "tls"):
        hosts = address.partition("/")[0].partition("?")[0]
        return f"{scheme}://{','.join(host.rpartition('@')[2] for host in hosts.split(','))}"
    return url


def is_link(text: str) -> bool:
    """Whether `text` is meant to be a link, right or wrong."""
    return text.strip().lstrip("<")[: len(SCHEME) + 1].lower() == f"{SCHEME}:"


def parse_link(text: str) -> Link:
    """The place that a link names; raises `LinkError` for anything that is not exactly a link."""
    text = text.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip()
    if len(text) > MAX_LENGTH:
        raise LinkError(f"it has {len(text):,} characters, and {MAX_LENGTH:,} are the most")
    if not is_link(text):
        raise LinkError(f"it does not begin with {SCHEME}://open?")
    hidden = _HIDDEN.search(text)
    if hidden is not None:
        raise LinkError(f"it holds the character U+{ord(hidden.group()):04X} at place {hidden.start() + 1:,}")
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(
            parts.query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=len(_FIELDS)
        )
    except UnicodeDecodeError:
        raise LinkError("it holds bytes that are not UTF-8") from None
    except ValueError:
        raise LinkError("what stands behind the question mark is not a list of name=value") from None
    if parts.netloc.lower() != "open" or parts.path not in ("", "/") or parts.fragment:
        raise LinkError(f"it does not begin with {SCHEME}://open?")
    fields = dict(pairs)
    for name, value in pairs:
        if name not in _FIELDS:
            raise LinkError(f"{excerpt(name)} is not known here; known are {', '.join(_FIELDS)}")
        if not value:
            raise LinkError(f"{name} is empty")
    if len(fields) < len(pairs):
        raise LinkError("one of its fields is there twice")
    return _checked(fields)


def _checked(fields: dict[str, str]) -> Link:
    if "url" not in fields:
        raise LinkError("it names no store (url=…)")
    namespace = fields.get("namespace", "")
    if namespace:
        try:
            check_namespace(namespace)
        except NamespaceNameError as error:
            raise LinkError(f"namespace {excerpt(namespace)} is none: {error.problem}") from None
    elif len(fields) > 1:
        raise LinkError("it names no namespace (namespace=…)")
    if "actor" in fields and "sequence" in fields:
        raise LinkError("it names an event twice, by its sequence and by its actor")
    for name, needed in (("version", "actor"), ("id", "sequence")):
        if name in fields and needed not in fields:
            raise LinkError(f"{name} needs {needed}")
    return Link(
        _checked_url(fields["url"]),
        namespace,
        _number(fields, "sequence"),
        fields.get("id", ""),
        fields.get("actor", ""),
        _number(fields, "version"),
    )


def _checked_url(url: str) -> str:
    scheme, separator, address = url.partition("://")
    if not separator or scheme not in ("sqlite", "nats", "tls", "memory"):
        raise LinkError(f"{excerpt(url)} is not the URL of a store")
    if scheme == "memory":
        if address:
            raise LinkError("what is kept in memory has no address")
    elif scheme == "sqlite":
        _check_file(url)
    elif "@" in address:
        raise LinkError("it carries a login; connect to the server first, and follow a link without one")
    elif not all(map(_HOST.fullmatch, address.split(","))):
        raise LinkError(f"{excerpt(url)} does not name hosts like nats://one:4222,two:4222")
    return url


def _check_file(url: str) -> None:
    try:
        path = sqlite_path(url)
    except StoreUnavailableError as error:
        raise LinkError(f"its url is not that of a file: {error.reason}") from None
    if not (path.is_absolute() or PurePosixPath(path.as_posix()).is_absolute()):
        raise LinkError("the path of its file is not absolute")
    # Looking at such a path alone would log in to somebody else's machine.
    if str(path).replace("\\", "/").startswith("//"):
        raise LinkError("its file is on another machine; open that file by hand")
    if any(part == ".." for part in Path(path).parts):
        raise LinkError("the path of its file goes up again (..)")


def _number(fields: dict[str, str], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if _NUMBER.fullmatch(text) is None or int(text) > MAX_VERSION:
        raise LinkError(f"{name} {excerpt(text)} is not a number from 1 to {MAX_VERSION:,}")
    return int(text)
