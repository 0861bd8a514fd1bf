"""Events in files of another form: read byte for byte, and audited as any log is."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import struct
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from aether_engine.audit import Audit, AuditScope, Finding, SourceTarget
from aether_engine.engine import open_engine
from aether_engine.errors import MisplacedEventError, TransferError
from aether_engine.event import ActorSnapshot, Event
from aether_engine.sources import JetStreamBackup, TextSource, is_source, open_source
from aether_engine.sources.s2 import S2Error, decompress_block, decompress_stream
from tests.engine.audit.test_corpus import run
from tests.nats_servers import NatsServer, nats_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_TIME = "2026-03-01T10:00:0{}Z"


def _line(number: int, actor: str, version: int, **more: Any) -> bytes:
    document = {
        "id": f"e-{number}",
        "eventType": "T",
        "actorId": actor,
        "version": version,
        "data": {"n": number},
        "timestamp": _TIME.format(number % 10),
    }
    return json.dumps(document | more).encode()


_LINES = [
    _line(1, "a-1", 1),
    _line(2, "a-1", 2),
    _line(3, "a-2", 1, metadata={"CausationID": "e-1"}),
    b'{"id":"e-4"',
    _line(5, "a-1", 2),
    _line(1, "a-2", 2, metadata={"CausationID": "nowhere"}, timestamp=_TIME.format(6)),
    _line(7, "a-2", 5),
    _line(8, "a-2", 6)[:-1] + b',"version":6}',
]
_EXPECTED = [
    ("undecodable", 4),
    ("version-order", 5),
    ("version-gap", 7),
    ("duplicate-id", 6),
    ("duplicate-key", 8),
    ("cause-missing", 6),
]


def _found(findings: list[Finding]) -> list[tuple[str, int | None]]:
    return sorted((one.check, one.sequence) for one in findings)


async def _audit(path: Path, **columns: str) -> list[Finding]:
    return await run(Audit(SourceTarget(open_source(path, columns), str(path))))


@pytest.mark.parametrize("name", ["events.ndjson", "events.jsonl.gz", "events.ndjson.zst", "events.json"])
async def test_lines_and_arrays_plain_and_compressed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = [*_LINES, b"", b"  "]
    content = b"\n".join(lines) + b"\n"
    if name == "events.json":
        lines = [line if line != b'{"id":"e-4"' else b'["no object"]' for line in _LINES]
        content = b" [\n" + b" ,\n".join(lines) + b"\n]\n"
    compress: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}
    packed = compress.get(path.suffix, bytes)(content)
    path.write_bytes(packed)
    assert is_source(path)
    assert [entry.raw for entry in TextSource(path).entries()] == [line for line in lines if line.strip()]
    findings = await _audit(path)
    assert _found(findings) == sorted(_EXPECTED)
    [broken] = [one for one in findings if one.check == "undecodable"]
    where = dict(broken.evidence)["Place"]
    assert where == (f"{name}, item 4" if name == "events.json" else f"{name}, line 4")
    assert broken.recorded_at is None
    assert path.read_bytes() == packed


async def test_a_folder_is_one_log_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a.ndjson").write_bytes(b"\n".join(_LINES[:3]))
    (tmp_path / "b" / "part.jsonl.gz").write_bytes(gzip.compress(b"\n".join(_LINES[3:])))
    (tmp_path / "readme.txt").write_text("no events")
    assert _found(await _audit(tmp_path)) == sorted(_EXPECTED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TransferError, match="holds no files of events"):
        await _audit(tmp_path / "empty")


async def test_csv_with_columns(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "Event Id,Type,Order,Rev,At,Payload,Amount\n"
        'e-1,T,o-1,1,2026-03-01T10:00:00Z,,"1,50 €"\n'
        "e-2,T,o-1,2,2026-03-01T10:00:01Z,,=2\n"
        "e-3,T,o-1,2,2026-03-01T10:00:02Z,,3\n"
        "e-4,T,o-1,x,2026-03-01T10:00:03Z,,4\n",
        encoding="utf-8",
    )
    columns = {
        "id": "Event Id",
        "eventType": "Type",
        "actorId": "Order",
        "version": "Rev",
        "timestamp": "At",
        "data.amount": "Amount",
    }
    entries = list(TextSource(path, columns).entries())
    assert Event.from_json(entries[0].raw).data == {"amount": "1,50 €"}
    assert [entry.where for entry in entries][:2] == ["events.csv, line 2", "events.csv, line 3"]
    assert _found(await _audit(path, **columns)) == [("undecodable", 4), ("version-order", 3)]
    with pytest.raises(TransferError, match="no column 'Nr' for id; it has: Event Id, Type"):
        await _audit(path, id="Nr")
    path.write_bytes(b"id,actorId\n\xff\xfe,x\n")
    with pytest.raises(TransferError, match="no CSV in UTF-8"):
        await _audit(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.ndjson.gz", gzip.compress(b"x" * 10_000, mtime=0)[:40], "cut off"),
        ("cut.ndjson.zst", zstd.compress(b"x" * 10_000)[:12], "cut off"),
        ("bad.ndjson.gz", b"\x1f\x8b" + b"\0" * 50, "gzip data is damaged"),
    ],
)
async def test_damaged_compression_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TransferError, match=said):
        await _audit(path)


async def test_an_array_that_cannot_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(b"[" + _LINES[0] + b"," + _LINES[1] + b", oops")
    assert _found(await _audit(path)) == [("undecodable", 3)]


async def test_a_run_that_was_cancelled_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(
        b"\n".join(_line(n, f"a-{n % 7}", n // 7 + 1, timestamp=_TIME.format(1)) for n in range(3000))
    )
    audit = Audit(SourceTarget(open_source(path), str(path)))
    rounds = 0
    while not audit.totals.is_complete:
        rounds += 1
        task = asyncio.create_task(_some(audit))
        await asyncio.sleep(0)
        if rounds % 2:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await audit.close()
    assert rounds > 2
    assert audit.totals.events == 3000
    assert audit.totals.findings == 0


async def _some(audit: Audit) -> None:
    async with aclosing(audit.steps()) as steps:
        count = 0
        async for _ in steps:
            count += 1
            if count == 3:
                return


# --- S2 ---------------------------------------------------------------------------------------------------------


def test_blocks_of_s2() -> None:
    # A literal, a copy that overlaps itself, and one that repeats the distance, with and without a longer length.
    assert decompress_block(bytes([4, 3 << 2]) + b"abcd") == b"abcd"
    assert decompress_block(bytes([12, 3 << 2]) + b"abcd" + bytes([4 << 2 | 1, 4])) == b"abcdabcdabcd"
    assert decompress_block(bytes([9, 0 << 2]) + b"x" + bytes([7 << 2 | 2, 1, 0])) == b"x" * 9
    repeated = bytes([12, 3 << 2]) + b"abcd" + bytes([0 << 2 | 1, 4]) + bytes([0 << 2 | 1, 0])
    assert decompress_block(repeated) == b"abcd" * 3
    long = bytes([0x90, 0x01, 3 << 2]) + b"abcd" + bytes([0 << 2 | 1, 4]) + bytes([5 << 2 | 1, 0, 128])
    assert decompress_block(long) == b"abcd" * 36


def test_hostile_s2_ends_in_an_error() -> None:
    dice = random.Random(5)
    good = bytes([12, 3 << 2]) + b"abcd" + bytes([4 << 2 | 1, 4])
    for _ in range(3000):
        block = bytearray(good)
        for _ in range(dice.randrange(1, 4)):
            block[dice.randrange(len(block))] = dice.randrange(256)
        try:
            decompress_block(bytes(block[: dice.randrange(1, len(block) + 1)]))
        except S2Error:
            continue
    with pytest.raises(S2Error, match="bytes"):
        decompress_block(b"\xff\xff\xff\xff\x0f\x00a")
    for stream in (b"", b"abc", b"\x00\x05\x00\x00abcdefgh", b"\xff\x06\x00\x00sNaPpX"):
        with pytest.raises(S2Error):
            list(decompress_stream(io.BytesIO(stream)))


# --- Backups of streams ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


async def _back_up(server: NatsServer, stream: str, folder: Path) -> None:
    """What `nats stream backup` does: ask for a snapshot, take its chunks, keep the answer beside them."""
    import nats

    client = await nats.connect(server.url)
    try:
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        request = {"deliver_subject": inbox, "no_consumers": True, "chunk_size": 65_536}
        reply = await client.request(f"$JS.API.STREAM.SNAPSHOT.{stream}", json.dumps(request).encode(), timeout=20)
        answer = json.loads(reply.data)
        assert "error" not in answer, answer
        chunks: list[bytes] = []
        while True:
            message = await subscription.next_msg(timeout=20)
            if not message.data:
                break
            chunks.append(message.data)
            if message.reply:
                await client.publish(message.reply, b"")
    finally:
        await client.close()
    folder.mkdir()
    (folder / "stream.tar.s2").write_bytes(b"".join(chunks))
    (folder / "backup.json").write_text(json.dumps({"config": answer["config"], "state": answer["state"]}))


async def test_a_backup_of_a_stream(server: NatsServer, tmp_path: Path) -> None:
    import nats

    events = [
        Event(f"e-{n}", "Happened", f"x-{n % 5}", n // 5 + 1, {"n": n, "text": "words " * (n % 50)})
        for n in range(400)
    ]
    async with open_engine(server.url) as engine:
        store = await engine.store("shop.orders")
        await store.save_events(events)
        await store.save_snapshot(ActorSnapshot("x-1", 3, {}))
    client = await nats.connect(server.url)
    try:
        context = client.jetstream()
        await context.publish("shop_orders_events.events.x.x-2", Event("odd", "T", "x-3", 900, {}).to_json())
        await context.publish("shop_orders_events.events.x.x-1", b"no event")
    finally:
        await client.close()
    folder = tmp_path / "backup"
    await _back_up(server, "shop_orders_events", folder)
    assert is_source(folder)
    backup = open_source(folder)
    assert isinstance(backup, JetStreamBackup)
    assert backup.namespace == "shop.orders"
    entries = list(backup.entries())
    async with open_engine(server.url, read_only=True) as engine:
        stored = [one async for batch in (await engine.store("shop.orders")).read() for one in batch]
    assert [(entry.sequence, entry.raw) for entry in entries] == [(one.sequence, one.raw) for one in stored]
    assert all(
        abs((entry.recorded or 0) / 1e6 - one.recorded_at.timestamp()) < 1e-3
        for entry, one in zip(entries, stored, strict=True)
    )
    assert [type(entry.error) for entry in entries if entry.error] == [MisplacedEventError]
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    findings = await _audit(folder)
    assert _found(findings) == [("subject", 402), ("undecodable", 403), ("version-gap", 402)]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert await run(Audit(SourceTarget(open_source(folder), "x"), AuditScope("other"))) == []


async def test_a_backup_of_an_older_server(tmp_path: Path) -> None:
    def message(sequence: int, subject: str, data: bytes, headers: bytes = b"", erased: bool = False) -> bytes:
        rest = (len(headers).to_bytes(4, "little") + headers if headers else b"") + data + bytes(8)
        length = 22 + len(subject) + len(rest) | (1 << 31 if headers else 0)
        place = sequence | (1 << 63 if erased else 0)
        return (
            struct.pack("<IQQH", length, place, 1_700_000_000_123_456_789, len(subject)) + subject.encode() + rest
        )

    events = [Event(f"e-{n}", "T", "x-1", n, {}) for n in range(1, 7)]
    subject = "old_events.events.x.x-1"
    blocks = {
        "msgs/1.blk": message(1, subject, events[0].to_json(), b"NATS/1.0\r\n\r\n")
        + message(2, subject, events[1].to_json(), erased=True)
        + message(3, subject, events[2].to_json()),
        "msgs/2.blk": b"".join(message(n, subject, events[n - 1].to_json()) for n in (4, 6)),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in {"meta.inf": b"{}", **blocks}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    chunk = b"\0\0\0\0" + packed.getvalue()
    stream = b"\xff\x06\0\0S2sTwO" + b"\x01" + len(chunk).to_bytes(3, "little") + chunk
    folder = tmp_path / "backup"
    folder.mkdir()
    (folder / "stream.tar.s2").write_bytes(stream)
    config = {"name": "old_events", "subjects": ["old_events.events.>"], "max_age": 5}
    (folder / "backup.json").write_text(json.dumps({"config": config}))
    entries = list(open_source(folder).entries())
    assert [entry.sequence for entry in entries] == [1, 3, 4, 6]
    assert [entry.raw for entry in entries] == [events[n - 1].to_json() for n in (1, 3, 4, 6)]
    assert entries[0].recorded == 1_700_000_000_123_456
    findings = await _audit(folder)
    missing = [(one.sequence, one.last_sequence) for one in findings if one.check == "missing-sequence"]
    assert missing == [(2, 2), (5, 5)]
    assert "/max_age" in {one.path for one in findings if one.check == "stream-setting"}


async def test_a_damaged_backup_is_named(server: NatsServer, tmp_path: Path) -> None:
    async with open_engine(server.url) as engine:
        store = await engine.store("cut")
        await store.save_events([Event(f"c-{n}", "T", "x-1", n, {}) for n in range(1, 100)])
    folder = tmp_path / "backup"
    await _back_up(server, "cut_events", folder)
    archive = folder / "stream.tar.s2"
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TransferError, match=r"stream\.tar\.s2"):
        await _audit(folder)
    archive.write_bytes(whole)
    (folder / "backup.json").write_text("{}")
    with pytest.raises(TransferError, match="does not describe a stream"):
        await _audit(folder)
