"""Listening for other processes of the same user on a socket in the file system: everywhere but on Windows.

Qt's notifiers wake it in the event loop; Qt's own local sockets would bring the whole of its network module.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QSocketNotifier

#: How many may wait to be let in, and longest wait for whoever may listen already, in seconds.
_WAITING: Final = 8
_PATIENCE: Final = 1.0
_LOCK_MILLISECONDS: Final = 2000


class SocketListener:
    """Takes one line from whoever comes and gives back what `answer` makes of it; nothing if that is empty.

    Of what is longer than `longest` bytes the first ones are given to `answer`, without an end of line.
    """

    def __init__(self, address: str, longest: int, answer: Callable[[bytes], bytes]) -> None:
        self._address = Path(address)
        self._longest = longest
        self._answer = answer
        self._server: socket.socket | None = None
        self._notifier: QSocketNotifier | None = None
        self._guests: dict[socket.socket, tuple[QSocketNotifier, bytearray]] = {}

    def listen(self) -> bool:
        """Begin; False if another process listens there, True also if nobody can be heard there."""
        # Of several that find the socket of a process that died only one may take it away.
        lock = QLockFile(f"{self._address}.lock")
        if not lock.tryLock(_LOCK_MILLISECONDS):
            return False
        try:
            if self._is_taken():
                return False
            self._address.unlink(missing_ok=True)
            self._server = self._bound()
        except OSError:
            # The window works without.
            return True
        finally:
            lock.unlock()
        self._notifier = QSocketNotifier(self._server.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._let_in)
        return True

    def close(self) -> None:
        """Listen no longer; the socket is gone."""
        for guest in list(self._guests):
            self._let_go(guest)
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._notifier = None
        if self._server is not None:
            self._server.close()
            self._server = None
            self._address.unlink(missing_ok=True)

    def _is_taken(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_PATIENCE)
            try:
                probe.connect(str(self._address))
            except TimeoutError:
                # Somebody holds it, however busy.
                return True
            except OSError:
                return False
        return True

    def _bound(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        # For this user alone from its first moment on.
        before = os.umask(0o177)
        try:
            server.bind(str(self._address))
            server.listen(_WAITING)
        except OSError:
            server.close()
            raise
        finally:
            os.umask(before)
        server.setblocking(False)
        return server

    def _let_in(self) -> None:
        while self._server is not None:
            try:
                guest, _address = self._server.accept()
            except OSError:
                return
            guest.setblocking(False)
            notifier = QSocketNotifier(guest.fileno(), QSocketNotifier.Type.Read)
            self._guests[guest] = (notifier, bytearray())
            notifier.activated.connect(lambda *_, guest=guest: self._hear(guest))

    def _hear(self, guest: socket.socket) -> None:
        if guest not in self._guests:
            return
        message = self._guests[guest][1]
        try:
            heard = guest.recv(self._longest + 1)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        message += heard
        if heard and b"\n" not in message and len(message) <= self._longest:
            return
        if b"\n" in message or len(message) > self._longest:
            answer = self._answer(bytes(message[: self._longest + 1]).partition(b"\n")[0])
            # Whoever asked may not have waited.
            with suppress(OSError):
                guest.sendall(answer)
        self._let_go(guest)

    def _let_go(self, guest: socket.socket) -> None:
        notifier, _message = self._guests.pop(guest)
        notifier.setEnabled(False)
        notifier.deleteLater()
        guest.close()
