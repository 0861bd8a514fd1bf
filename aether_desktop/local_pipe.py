"""Listening for other processes of the same user on a named pipe: on Windows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtNetwork import QLocalServer, QLocalSocket


def ask(address: str, message: bytes, patience: float) -> bytes:
    """What whoever listens at `address` answers within `patience` seconds; b"" if nobody does."""
    link = QLocalSocket()
    link.connectToServer(address)
    wait = int(patience * 1000)
    if not link.waitForConnected(wait):
        return b""
    link.write(message)
    return bytes(link.readAll().data()) if link.waitForReadyRead(wait) else b""


class PipeListener:
    """Takes one line from whoever comes and gives back what `answer` makes of it; nothing if that is empty.

    Of what is longer than `longest` bytes the first ones are given to `answer`, without an end of line.
    """

    def __init__(self, address: str, longest: int, answer: Callable[[bytes], bytes]) -> None:
        self._address = address
        self._longest = longest
        self._answer = answer
        self._server: QLocalServer | None = None

    def listen(self) -> bool:
        """Begin; False if another process listens there, True also if nobody can be heard there."""
        probe = QLocalSocket()
        probe.connectToServer(self._address)
        if probe.waitForConnected(1000):
            return False
        server = QLocalServer()
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        if server.listen(self._address):
            server.newConnection.connect(self._receive)
            self._server = server
        return True

    def close(self) -> None:
        """Listen no longer; the pipe is gone."""
        if self._server is not None:
            self._server.close()
            self._server.deleteLater()
            self._server = None

    def _receive(self) -> None:
        assert self._server is not None
        while (link := self._server.nextPendingConnection()) is not None:
            link.readyRead.connect(lambda link=link: self._read(link))
            link.disconnected.connect(link.deleteLater)
            self._read(link)

    def _read(self, link: QLocalSocket) -> None:
        if not link.canReadLine() and link.bytesAvailable() <= self._longest:
            return
        answer = self._answer(bytes(link.readLine(self._longest + 2).data()).removesuffix(b"\n"))
        if not answer:
            link.abort()
            return
        link.write(answer)
        link.flush()
        link.disconnectFromServer()
