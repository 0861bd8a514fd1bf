"""A stream's backup as the nats command line writes it: a folder with `backup.json` and an archive in S2.

From server 2.15 on the archive (`stream.arc.s2`, or by older command lines `stream.tar.s2`) begins with `NATSARC1`
and has an entry for each message: five numbers of variable length (length of the name, nanoseconds since 1970,
sequence, lengths of headers and data), the subject as its name, headers and data. Before that it was a tar of the
server's own files (`stream_files`).
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from aether_engine import codec
from aether_engine.errors import InvalidEventError, MisplacedEventError, TransferError
from aether_engine.event import StoreWarning
from aether_engine.sources.entries import Entry
from aether_engine.sources.s2 import ChunkedStream, S2Error, decompress_stream
from aether_engine.sources.stream_files import messages_of_files
from aether_engine.store.jetstream.api import StreamInfo
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.stream import drift

DESCRIPTION: Final = "backup.json"
ARCHIVES: Final = ("stream.arc.s2", "stream.tar.s2")
_MAGIC: Final = b"NATSARC1"
_LONGEST_NAME: Final = 1 << 20
_LARGEST: Final = 1 << 30

#: Where it stands, sequence, microseconds, subject and data of a message.
Message = tuple[str, int, int, str, bytes]


class JetStreamBackup:
    """One backed up stream. Messages that are no events, such as snapshots, are passed over."""

    def __init__(self, folder: Path, layout: JetStreamLayout | None = None) -> None:
        self._folder = folder
        self._layout = layout or JetStreamLayout()
        self._archive = next(
            (folder / name for name in ARCHIVES if (folder / name).is_file()), folder / ARCHIVES[0]
        )
        self._config = self._read_config()
        self._missing: list[tuple[int, int]] = []

    @property
    def namespace(self) -> str:
        name = self._layout.namespace(self._config)
        return name or str(self._config["name"])

    @property
    def files(self) -> Sequence[str]:
        return [str(self._folder / DESCRIPTION), str(self._archive)]

    @property
    def keeps_times(self) -> bool:
        return True

    def warnings(self) -> list[StoreWarning]:
        info = StreamInfo(str(self._config["name"]), self._config, "", 0, 0, 0, 0, None, None, {})
        return drift(self.namespace, info)

    def missing(self) -> list[tuple[int, int]]:
        return list(self._missing)

    def entries(self) -> Iterator[Entry]:
        name = str(self._archive)
        self._missing = []
        stream = str(self._config["name"])
        events = self._layout.all_events(stream).removesuffix(">")
        before = 0
        try:
            with self._archive.open("rb") as file:
                for where, sequence, recorded, subject, data in self._messages(file):
                    if sequence <= before:
                        continue
                    if sequence > before + 1:
                        self._missing.append((before + 1, sequence - 1))
                    before = sequence
                    if subject.startswith(events):
                        error = self._misplaced(stream, subject, data)
                        yield Entry(data, where, sequence, recorded, error)
        except S2Error as error:
            raise TransferError(name, f"its compression is damaged: {error}") from error
        except tarfile.TarError as error:
            raise TransferError(name, f"it is no archive of a stream ({error})") from error
        except OSError as error:
            raise TransferError(name, f"it cannot be read ({error.strerror or error})") from error

    def _messages(self, file: IO[bytes]) -> Iterator[Message]:
        archive = ChunkedStream(decompress_stream(file))
        head = archive.read(len(_MAGIC))
        if head == _MAGIC:
            yield from self._archived(archive)
        else:
            archive.put_back(head)
            yield from messages_of_files(archive, str(self._archive))

    def _archived(self, archive: ChunkedStream) -> Iterator[Message]:
        while True:
            try:
                name_length, zigzag, sequence, header_size, data_size = [_number(archive) for _ in range(5)]
            except EOFError:
                raise TransferError(str(self._archive), "it is cut off before its end") from None
            if not name_length and not sequence:
                return
            if name_length > _LONGEST_NAME or header_size + data_size > _LARGEST:
                raise TransferError(str(self._archive), "an entry says it is larger than any can be")
            subject = archive.read(name_length).decode("utf-8", "replace")
            body = archive.read(header_size + data_size)
            if len(body) < header_size + data_size:
                raise TransferError(str(self._archive), "it is cut off before its end")
            if sequence:
                nanoseconds = zigzag >> 1 if zigzag & 1 == 0 else -(zigzag >> 1) - 1
                yield f"sequence {sequence:,}", sequence, nanoseconds // 1000, subject, body[header_size:]

    def _misplaced(self, stream: str, subject: str, data: bytes) -> Exception | None:
        try:
            actor_id = codec.decode_event(data).actor_id
            expected = self._layout.event_subject(stream, actor_id)
        except InvalidEventError:
            return None
        return None if subject == expected else MisplacedEventError("subject", subject, actor_id)

    def _read_config(self) -> dict[str, Any]:
        path = self._folder / DESCRIPTION
        try:
            document = codec.loads(path.read_bytes())
        except OSError as error:
            raise TransferError(str(path), f"it cannot be read ({error.strerror or error})") from error
        except ValueError as error:
            raise TransferError(str(path), "it is not JSON") from error
        config = None
        if isinstance(document, dict):
            config = document.get("config") or document.get("configuration")
        if not isinstance(config, dict) or not isinstance(config.get("name"), str):
            raise TransferError(str(path), "it does not describe a stream")
        return config


def is_backup(path: Path) -> bool:
    """Whether a folder is such a backup."""
    return (path / DESCRIPTION).is_file() and any((path / name).is_file() for name in ARCHIVES)


def _number(stream: ChunkedStream) -> int:
    value = shift = 0
    while shift < 70:
        byte = stream.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
    raise EOFError
