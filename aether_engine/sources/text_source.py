"""Events as text: lines of JSON, JSON arrays, CSV; plain or compressed; one file or a folder of them."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import mmap
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from aether_engine import codec, lossless
from aether_engine.errors import TransferError
from aether_engine.event import StoreWarning
from aether_engine.patterns import sanitize_namespace
from aether_engine.sources.entries import Entry

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: What the name of a file of events ends with, without that of its compression.
FORMS: Final = (".ndjson", ".jsonl", ".json", ".csv")
COMPRESSIONS: Final = (".gz", ".zst", ".zstd")
#: Longest line that is taken.
_LONGEST: Final = 64 << 20
#: Of what cannot be followed as JSON, so much is shown.
_SHOWN: Final = 4096
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SPACE: Final = b" \t\r\n"
#: Fields of an event that a column can be taken for.
_FIELDS: Final = ("id", "eventType", "actorId", "commandId", "version", "timestamp", "data", "metadata")


class TextSource:
    """One file, or all files of a folder and what is in it, by name."""

    def __init__(self, path: Path, columns: Mapping[str, str] | None = None) -> None:
        """`columns` maps fields (`id`, `actorId`, `data`, `data.total` …) to columns of CSV files."""
        self._path = path
        self._columns = dict(columns or {})

    @property
    def namespace(self) -> str:
        name = sanitize_namespace(self._path.name.partition(".")[0])
        return (
            "".join(one if one.isascii() and (one.isalnum() or one in "_-") else "_" for one in name) or "events"
        )

    @property
    def files(self) -> Sequence[str]:
        if not self._path.is_dir():
            return [str(self._path)]
        found = [path for path in self._path.rglob("*") if path.is_file() and form_of(path)]
        return [str(path) for path in sorted(found)]

    @property
    def keeps_times(self) -> bool:
        return False

    def entries(self) -> Iterator[Entry]:
        files = self.files
        if not files:
            raise TransferError(str(self._path), f"it holds no files of events ({', '.join(FORMS)})")
        for name in files:
            path = Path(name)
            with _readable(name):
                if form_of(path) == ".csv":
                    yield from _csv_rows(path, self._columns)
                else:
                    yield from _json_texts(path)

    def warnings(self) -> list[StoreWarning]:
        return []

    def missing(self) -> list[tuple[int, int]]:
        return []


def form_of(path: Path) -> str:
    """The form that a file's name tells, empty for none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in FORMS else ""


@contextmanager
def opened_text(path: Path) -> Iterator[IO[bytes]]:
    """The file's text, decompressed by what it begins with."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        head = file.read(4)
        file.seek(0)
        if head.startswith(_GZIP):
            yield stack.enter_context(gzip.GzipFile(fileobj=file, mode="rb"))  # type: ignore[arg-type]  # reads bytes
        elif head == _ZSTD:
            yield stack.enter_context(zstd.ZstdFile(file, "rb"))  # type: ignore[arg-type]  # it reads bytes
        else:
            yield file


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except EOFError as error:
        raise TransferError(name, "the compressed data is cut off before its end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TransferError(name, f"the gzip data is damaged ({error})") from error
    except OSError as error:
        raise TransferError(name, f"it cannot be read ({error.strerror or error})") from error
    except zstd.ZstdError as error:
        raise TransferError(name, f"the zstd data is damaged ({error})") from error


def first_sign(path: Path) -> bytes:
    """The first byte of a file's text that is no space; empty where there is none, or it cannot be unpacked."""
    try:
        with _readable(str(path)), opened_text(path) as text:
            return text.read(_SHOWN).removeprefix(codecs.BOM_UTF8).lstrip(_SPACE)[:1]
    except TransferError:
        return b""


def csv_columns(path: Path) -> list[str]:
    """The names in the first line of a CSV file. Raises `TransferError`."""
    with (
        _readable(str(path)),
        opened_text(path) as binary,
        io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text,
    ):
        try:
            return list(csv.DictReader(text, strict=True).fieldnames or ())
        except (csv.Error, UnicodeDecodeError) as error:
            raise TransferError(str(path), f"line 1 is no CSV in UTF-8 ({error})") from error


# --- JSON -------------------------------------------------------------------------------------------------------


def _json_texts(path: Path) -> Iterator[Entry]:
    with opened_text(path) as text:
        first = b""
        while not first.strip(_SPACE):
            first = text.read(1)
            if not first:
                return
        if first == b"[":
            yield from _array(path)
            return
    with opened_text(path) as text:
        number = 0
        while line := text.readline(_LONGEST + 1):
            number += 1
            if len(line) > _LONGEST:
                raise TransferError(str(path), f"line {number:,} is longer than {_LONGEST >> 20} MiB")
            raw = line.removesuffix(b"\n")
            if raw.strip(_SPACE):
                yield Entry(raw, f"{path.name}, line {number:,}")


def _array(path: Path) -> Iterator[Entry]:
    """The items of a JSON array, each byte for byte."""
    with ExitStack() as stack:
        with opened_text(path) as text:
            copy = stack.enter_context(tempfile.TemporaryFile(prefix="aether-array-"))
            shutil.copyfileobj(text, copy)
        copy.flush()
        data = stack.enter_context(mmap.mmap(copy.fileno(), 0, access=mmap.ACCESS_READ))
        content: Any = data
        position, number = _behind_space(content, 0) + 1, 0
        position = _behind_space(content, position)
        while content[position : position + 1] != b"]":
            number += 1
            where = f"{path.name}, item {number:,}"
            try:
                span = lossless.scan_value(content, position)
            except lossless.ScanError:
                yield Entry(
                    bytes(content[position : position + _SHOWN]), f"{where}, from where it cannot be followed"
                )
                return
            yield Entry(bytes(content[span.start : span.end]), where)
            position = _behind_space(content, span.end)
            separator = content[position : position + 1]
            if separator == b",":
                position = _behind_space(content, position + 1)
            elif separator != b"]":
                yield Entry(
                    bytes(content[position : position + _SHOWN]), f"{where}, behind which it cannot be followed"
                )
                return


def _behind_space(content: Any, position: int) -> int:
    while content[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
        position += 1
    return position


# --- CSV --------------------------------------------------------------------------------------------------------


def _csv_rows(path: Path, columns: Mapping[str, str]) -> Iterator[Entry]:
    """Events made of the rows of a CSV file with a line of names."""
    with opened_text(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        try:
            names = list(reader.fieldnames or ())
            mapping: dict[str, str] = {field: field for field in _FIELDS if field in names}
            mapping.update(columns)
            for field, column in mapping.items():
                if column not in names:
                    listed = ", ".join(names) or "none"
                    raise TransferError(str(path), f"it has no column {column!r} for {field}; it has: {listed}")
            for row in reader:
                yield Entry(_event_of(row, mapping), f"{path.name}, line {reader.line_num:,}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise TransferError(str(path), f"line {reader.line_num:,} is no CSV in UTF-8 ({error})") from error


def _event_of(row: Mapping[str, Any], mapping: Mapping[str, str]) -> bytes:
    """The wire form of a row: texts as texts, numbers and JSON as they are written."""
    members: list[bytes] = []
    inner: dict[str, list[bytes]] = {"data": [], "metadata": []}
    for field, column in mapping.items():
        value = row.get(column)
        if not isinstance(value, str) or value == "":
            continue
        if field in ("version", "data", "metadata"):
            members.append(codec.dumps(field) + b":" + value.strip().encode())
            continue
        outer, dot, name = field.partition(".")
        if dot and outer in inner:
            inner[outer].append(codec.dumps(name) + b":" + codec.dumps(value))
        else:
            members.append(codec.dumps(field) + b":" + codec.dumps(value))
    for outer, parts in inner.items():
        if parts:
            members.append(codec.dumps(outer) + b":{" + b",".join(parts) + b"}")
    return b"{" + b",".join(members) + b"}"
