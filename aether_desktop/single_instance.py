"""One window for each user and display: a second start hands what it was asked for to the first, and ends.

The socket stands in a folder that is the user's alone. What comes through it is checked as what stands on a
command line is, and means no more than that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


#: Longest message, in bytes, and longest wait for the window's answer, in seconds.
MAX_MESSAGE: Final = 64 << 10
_PATIENCE: Final = 3.0
#: Longest text in it, in characters.
_LONGEST: Final = 8192
_ANSWER: Final = b"ok\n"
#: What is handed over, and of which kind it is.
_KINDS: Final[Mapping[str, type]] = {
    "url": str,
    "namespace": str,
    "actor": str,
    "version": int,
    "tail": str,
    "read_only": bool,
    "profile": str,
    "demo": bool,
    "server_user": str,
    "server_password": str,
    "server_token": str,
    "server_credentials": str,
    "server_nkey_seed_file": str,
    "server_tls_ca": str,
    "server_tls_cert": str,
    "server_tls_key": str,
    "activation": str,
}
#: Those that name files, which the other process would look for in its own folder.
_FILES: Final = tuple(name for name in _KINDS if name.startswith("server_") and name != "server_user")


class Listener(Protocol):
    """What a `Doorkeeper` listens with on one kind of system."""

    def listen(self) -> bool: ...
    def close(self) -> None: ...


class MessageError(Exception):
    """Something else than this program has written to the socket; `problem` says what is wrong with it."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"What another start has handed over is not followed: {problem}.")


def hand_over(address: str, asked: Mapping[str, Any]) -> bool:
    """Have the window that listens at `address` open what was asked for; False if none listens there.

    Nothing is loaded for this where there is no socket.
    """
    if not address:
        return False
    if sys.platform == "win32":
        from aether_desktop.local_pipe import ask

        return ask(address, encode(asked), _PATIENCE) == _ANSWER
    if not Path(address).exists():
        return False
    import socket

    message = encode(asked)

    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_PATIENCE)
        try:
            link.connect(address)
            link.sendall(message)
            return link.recv(len(_ANSWER)) == _ANSWER
        except OSError:
            # Left behind by a process that died, or of one that does not answer.
            return False


def encode(asked: Mapping[str, Any]) -> bytes:
    """What was asked for as one line; files become absolute."""
    import json

    values: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        value = asked.get(name)
        if value is None or value is False:
            continue
        if name in _FILES or (name == "url" and "://" not in value and not value.lower().startswith("aether:")):
            value = Path(value).absolute()
        values[name] = value if kind is not str else os.fspath(value)
    for name in ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"):
        if os.environ.get(name):
            values.setdefault("activation", os.environ[name])
    return json.dumps(values).encode() + b"\n"


def decode(message: bytes) -> dict[str, Any]:
    """The inverse of `encode`; raises `MessageError` for anything else."""
    import json

    if len(message) > MAX_MESSAGE:
        raise MessageError("it is too long")
    try:
        values = json.loads(message)
    except ValueError:
        raise MessageError("it is no JSON") from None
    if not isinstance(values, dict):
        raise MessageError("it is no object")
    for name, value in values.items():
        kind = _KINDS.get(name)
        if kind is None or type(value) is not kind:
            raise MessageError(f"{name[:40]!r} is not among what can be handed over")
        if isinstance(value, str) and (len(value) > _LONGEST or "\0" in value):
            raise MessageError(f"{name} is too long, or not a text")
        if kind is int and not (isinstance(value, int) and 1 <= value < 1 << 63):
            raise MessageError(f"{name} is not a version")
    return {name: (Path(value) if name in _FILES else value) for name, value in values.items()}


class Doorkeeper:
    """Listens where later starts of this user look; `asked` hears what they were started with."""

    def __init__(
        self, address: str, asked: Callable[[dict[str, Any]], None], refused: Callable[[str], None]
    ) -> None:
        self._address = address
        self._asked = asked
        self._refused = refused
        self._listener: Listener | None = None

    def listen(self) -> bool:
        """Begin; False if another window of this user listens there."""
        if not self._address:
            return True
        if sys.platform == "win32":
            from aether_desktop.local_pipe import PipeListener as LocalListener
        else:
            from aether_desktop.local_socket import SocketListener as LocalListener
        self._listener = LocalListener(self._address, MAX_MESSAGE, self._answer)
        return self._listener.listen()

    def close(self) -> None:
        """Listen no longer; the socket is gone."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _answer(self, message: bytes) -> bytes:
        from PySide6.QtCore import QTimer

        try:
            values = decode(message)
        except MessageError as error:
            self._refused(str(error))
            return b""
        # The other process waits for the answer only, not for what opening takes.
        QTimer.singleShot(0, lambda: self._asked(values))
        return _ANSWER
