"""Where an export goes: a file that appears when it is complete, or a stream that is somebody else's."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from aether_engine.errors import TransferError


class Output(Protocol):
    """Where lines go: once all are `complete` they `appear` to others. `discard` is called last in any case."""

    def open(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def complete(self) -> None: ...
    def appear(self) -> None: ...
    def discard(self) -> None: ...


class StreamOutput:
    """A stream that is written to and left open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._name = str(getattr(stream, "name", "the stream"))

    def open(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        with _writable(self._name):
            self._stream.write(data)

    def complete(self) -> None:
        with _writable(self._name):
            self._stream.flush()

    def appear(self) -> None:
        pass

    def discard(self) -> None:
        pass


class FileOutput:
    """A file that is written under another name beside its place and moved there when it is on the disk."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        self._name = str(path)
        self._path = path
        self._temporary = path
        self._overwrite = overwrite
        self._file: IO[bytes] | None = None
        self._text: IO[bytes] | gzip.GzipFile | None = None

    def open(self) -> None:
        with _writable(self._name):
            # A link stays a link; what it points to is replaced.
            self._path = self._path.resolve()
        self._temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
        if self._path.is_dir():
            raise TransferError(self._name, "it is a folder, not a file")
        if self._path.exists() and not self._overwrite:
            raise self._exists()
        with _writable(self._name):
            self._file = self._text = self._temporary.open("xb")
            if self._path.suffix.lower() == ".gz":
                # Neither name nor time in the header: the same events give the same file.
                self._text = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0)

    def write(self, data: bytes) -> None:
        assert self._text is not None
        with _writable(self._name):
            self._text.write(data)

    def complete(self) -> None:
        assert self._text is not None
        assert self._file is not None
        with _writable(self._name):
            if self._text is not self._file:
                self._text.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def appear(self) -> None:
        with _writable(self._name):
            self._move()
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk; what was written is thrown away
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _move(self) -> None:
        if not self._overwrite:
            # A second name fails where a file came to be meanwhile; a rename would replace it.
            try:
                os.link(self._temporary, self._path)
                return
            except FileExistsError:
                raise self._exists() from None
            except OSError:
                if self._path.exists():
                    raise self._exists() from None
        self._temporary.replace(self._path)

    def _exists(self) -> TransferError:
        return TransferError(self._name, "the file exists and was left as it is; choose another name")


def _sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power loss; Windows has no such thing for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransferError(name, f"it cannot be written ({cause(error)})") from error


def cause(error: OSError) -> str:
    """Why the system refused, in its words."""
    return error.strerror or str(error) or type(error).__name__
