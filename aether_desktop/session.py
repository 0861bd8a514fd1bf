"""What was open when the window closed: connections, tabs with their filters and places, and which was in front.

The file is written beside the settings, as a whole. It holds no event, no password and no token; whatever is not
as expected in it is left out, and a file that is no session at all is set aside.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aether_desktop.settings import set_aside, write_whole

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

VERSION: Final = 1
FILE_NAME: Final = "session.json"
#: Tabs that are kept, and the length of their texts, in characters.
MOST_TABS: Final = 100
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """How a connection is opened again: by a URL without a login, a kept profile's id, or a file of events."""

    url: str = ""
    profile: str = ""
    events_file: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class SavedTab:
    """A document: its kind, where it is from and how it is called, its filter, and what its kind keeps besides.

    `connection` is a number in the session's list, -1 for what is of no connection. Where `state` has places of
    namespaces they are written as `{"$place": [connection, namespace]}`.
    """

    kind: str
    connection: int
    namespace: str
    name: str = ""
    title: str = ""
    filter: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Session:
    """All that was open. `front` is the number of the tab in front, -1 without one."""

    connections: tuple[Address, ...] = ()
    tabs: tuple[SavedTab, ...] = ()
    front: int = -1
    panels: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        )


def session_from(values: object) -> Session:
    """The session that a file holds, without what is not as it should be; raises `ValueError` if it is none."""
    if not isinstance(values, dict) or values.get("version") != VERSION:
        raise ValueError("it is no session of this version")
    addresses = [_made(Address, each) for each in _list(values.get("connections"))]
    tabs: list[SavedTab] = []
    wanted, front = values.get("front"), -1
    for number, each in enumerate(_list(values.get("tabs"))[:MOST_TABS]):
        tab = _made(SavedTab, each)
        if tab is None or not -1 <= tab.connection < len(addresses):
            continue
        if tab.connection >= 0 and addresses[tab.connection] is None:
            continue
        if number == wanted:
            front = len(tabs)
        tabs.append(tab)
    panels = values.get("panels")
    return Session(
        tuple(each or Address() for each in addresses),
        tuple(tabs),
        front if front >= 0 or not tabs else 0,
        panels if isinstance(panels, dict) else {},
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _made(kind: type[T], value: object) -> T | None:
    """A value of a class whose fields are texts, numbers, flags and objects; None for anything else."""
    if not isinstance(value, dict):
        return None
    kinds = {"str": str, "int": int, "bool": bool, "Mapping[str, Any]": dict}
    types = {each.name: str(each.type) for each in fields(kind)}
    for name, content in value.items():
        if type(content) is not kinds.get(types.get(name, "")):
            return None
        if isinstance(content, str) and len(content) > _LONGEST:
            return None
    try:
        return kind(**value)
    except TypeError:
        return None


class SessionFile:
    """Where the session is between two starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What was wrong with the file, for the window to tell.
        self.problem = ""
        self._written = b""

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def read(self) -> Session:
        """What was open; nothing where there is no file, or none that can be read."""
        try:
            return session_from(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return Session()
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the session is not readable: %s", type(error).__name__)
            aside = set_aside(self.path)
            where = f" It is kept in {aside}." if aside is not None else ""
            self.problem = f"What was open the last time could not be read.{where}"
            return Session()

    def write(self, session: Session) -> None:
        """Keep `session`; may be called in any thread, one call at a time."""
        content = session.to_json()
        if content == self._written:
            return
        if problem := write_whole(self.path, content):
            log.warning("the session cannot be written: %s", problem)
        else:
            self._written = content
