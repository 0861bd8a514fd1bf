"""The parts an audit is made of: bits, batches, hashes and clocks."""

from __future__ import annotations

import json
import random
from array import array
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_engine.audit import streams, text_hashes
from aether_engine.audit.bit_repair import find_flip, flipped
from aether_engine.audit.examining import Examined
from aether_engine.audit.identities import Identities
from aether_engine.audit.streams import Clock, HashNumbers
from aether_engine.audit.text_hashes import HashKey, keyed_hashes, own_hashes
from aether_engine.batch_decoding import KeyCount, columns_of, decode_plain, duplicate_key, plain_moments
from aether_engine.codec import decode_event, parse_timestamp
from aether_engine.errors import InvalidEventError
from aether_engine.native.library import library


@given(raw=st.binary(min_size=8, max_size=400), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_flipped_bit_is_found_by_its_checksum(raw: bytes, seed: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 8 * len(raw) - 1))
    damaged = bytearray(raw)
    damaged[place // 8] ^= 1 << place % 8
    flip = find_flip(bytes(damaged), crc32(raw, seed), crc32(bytes(damaged), seed))
    assert flip is not None
    assert (flip.offset, flip.bit) == (place // 8, place % 8)
    assert flipped(bytes(damaged), flip) == raw


@given(raw=st.binary(min_size=8, max_size=60), bit=st.integers(0, 31))
def test_a_flipped_bit_of_the_checksum_is_told_from_one_of_the_event(raw: bytes, bit: int) -> None:
    computed = crc32(raw)
    flip = find_flip(raw, computed ^ 1 << bit, computed)
    assert flip is not None
    assert flip.offset is None
    assert flip.bit == bit


def test_two_flipped_bits_are_no_single_one() -> None:
    dice = random.Random(3)
    for _ in range(200):
        raw = dice.randbytes(100)
        damaged = bytearray(raw)
        for place in dice.sample(range(800), 2):
            damaged[place // 8] ^= 1 << place % 8
        assert find_flip(bytes(damaged), crc32(raw), crc32(bytes(damaged))) is None


def _event(**more: Any) -> dict[str, Any]:
    return {
        "id": "e",
        "eventType": "T",
        "actorId": "a",
        "version": 1,
        "data": {"x": {"y": [{"z": 1}]}},
        "timestamp": "2026-01-01T00:00:00.5Z",
        **more,
    }


_RAWS = st.one_of(
    st.builds(lambda: json.dumps(_event(), separators=(",", ":")).encode()),
    st.builds(lambda: json.dumps(_event()).encode()),
    st.builds(lambda: json.dumps(_event(metadata={"a": "b"}, commandId="c")).encode()),
    st.sampled_from(
        [b"{}", b"[", b"{}{}", b'{"a":\n1}', b'"', b"", b'{"id":1}', b"\xff", b'{"a":{', b"}", b"{", b"}{"]
    ),
)


@given(raws=st.lists(_RAWS, min_size=1, max_size=6))
def test_a_batch_is_taken_as_a_whole_only_if_each_of_it_is_an_event(raws: list[bytes]) -> None:
    if not all(raws):
        return
    events = decode_plain(raws, b"\n".join(raws))
    if events is not None:
        assert [event.id for event in events] == [decode_event(raw).id for raw in raws]


@given(
    texts=st.lists(
        st.sampled_from(
            [
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:00.1Z",
                "2026-01-01T00:00:00.123456789Z",
                "2026-01-01T00:00:00.1234567890Z",
                "2026-01-01 00:00:00Z",
                "2026-13-01T00:00:00Z",
                "20260101T000000Z",
                "2026-01-01T00:00:00+02:00",
                "2026-01-01T00:00:00.Z",
                "2026-01-01T00:00Z",
                "0001-01-01T00:00:00Z",
                "2026-W01-1T00:00:00Z",
                "2026-01-01T00:00:00,5Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:00:00",
                "x",
                "",
            ]
        ),
        min_size=1,
        max_size=4,
    )
)
def test_times_are_taken_as_a_whole_only_as_the_codec_reads_them(texts: list[str]) -> None:
    moments = plain_moments(texts)
    if moments is not None:
        assert moments == [parse_timestamp(text).timestamp() for text in texts]


class _Pairs(list[tuple[str, Any]]):
    """An object with the members as they come, also twice."""


_KEYS = st.sampled_from(["a", "b", 'q"', "x:y", "\\", "", "ä"])
_VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.sampled_from(['"a":', '\\"b":1', "{", "}", ":", "\t", " :"])),
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(_KEYS, inner), max_size=4).map(_Pairs),
    max_leaves=12,
)


def _write(value: Any, style: int) -> str:
    colon = (":", ": ", " :", "\t:")[style % 4]
    if isinstance(value, _Pairs):
        members = [f"{_text(key, style)}{colon}{_write(item, style)}" for key, item in value]
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(_write(item, style) for item in value)}]"
    return _text(value, style) if isinstance(value, str) else json.dumps(value)


def _text(text: str, style: int) -> str:
    written = json.dumps(text, ensure_ascii=style % 3 == 0)
    return written.replace('\\"', "\\u0022") if style % 5 == 0 else written


def _has_twice(value: Any) -> bool:
    if isinstance(value, _Pairs):
        return len(dict(value)) < len(value) or any(_has_twice(item) for _, item in value)
    return isinstance(value, list) and any(map(_has_twice, value))


@given(data=st.lists(st.tuples(_KEYS, _VALUES), max_size=4).map(_Pairs), style=st.integers(0, 59))
def test_duplicate_keys_are_never_overlooked(data: _Pairs, style: int) -> None:
    written = _write(data, style)
    raw = (
        f'{{"id":"e","eventType":"T","actorId":"a","version":1,"data":{written},"timestamp":"2026-01-01T00:00:00Z"}}'
    ).encode()
    try:
        decode_event(raw)
    except InvalidEventError:
        return
    events = decode_plain([raw], raw)
    assert events is not None
    twice = _has_twice(data)
    assert (duplicate_key(raw) is not None) is twice
    counts = KeyCount()
    # First by colons, then without.
    assert counts.may_have_twice(columns_of(events), raw) or not twice
    assert counts.may_have_twice(columns_of(events), raw) or not twice


def test_the_place_of_a_duplicate_key() -> None:
    raw = b'{"a":[{"x/y":1,"z":2,"x/y":3}]}'
    assert duplicate_key(raw) == ("/a/0/x~1y", raw.rindex(b'"x/y"'), [b"1", b"3"])


def test_numbers_of_hashes_stay_the_same_through_the_sorted_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_LATEST", 2000)
    numbers = HashNumbers()
    dice = random.Random(1)
    hashes = [dice.randrange(-(2**63), 2**63) for _ in range(9000)]
    first = numbers.of(hashes)
    assert first == list(range(9000))
    assert numbers.of(hashes[::10]) == first[::10]


def test_identities_find_what_is_twice_and_what_is_missing() -> None:
    identities = Identities()
    try:
        one = Examined(1, 4, ids=array("q", [5, 6, 7, 5]), id_sequences=array("q", [1, 2, 4, 9]))
        one.causes.extend((2, 5, 4, 77, 9, 88))
        one.commands.append(88)
        identities.take("a", one)
        identities.take("b", Examined(1, 1, ids=array("q", [6]), id_sequences=array("q", [1])))
        twice, missing = identities.compare(duplicates=True, causes=True)
        assert twice == {"a": {5}, "b": set()}
        assert missing == {77}
        assert list(identities.places_of("a", {5})) == [(5, 1), (5, 9)]
        assert list(identities.effects_of("a", missing)) == [4]
    finally:
        identities.close()


@pytest.mark.parametrize(
    ("late", "strange"),
    [([], []), ([3], [3]), ([1, 2], [1, 2]), (list(range(1, 301)), []), (list(range(150, 300)), [])],
)
def test_late_events_are_strange_among_prompt_ones_only(late: list[int], strange: list[int]) -> None:
    clock = Clock()
    found: list[int] = []
    for start in range(0, 300, 50):
        sequences = array("q", range(start + 1, start + 51))
        lates = array("q", [one for one in late if one in sequences])
        found += clock.take(Examined(start + 1, start + 50, sequences=sequences, late=lates))
    # At the very beginning nothing says whether the log is prompt.
    assert found == [one for one in strange if one > 2]


# --- Hashes of ids ----------------------------------------------------------------------------------------------


def test_hashes_by_a_key_are_those_of_the_key_and_of_the_text() -> None:
    texts = ["", "order-1", "order-2", "é", "\ud800", "x" * 10_000]
    one, other = keyed_hashes(b"k" * 32), keyed_hashes(b"l" * 32)
    assert one(texts) == one(iter(texts)) == keyed_hashes(b"k" * 32)(texts)
    assert len({*one(texts), *other(texts)}) == 2 * len(texts)
    assert one([]) == []
    assert array("q", one(texts)).tolist() == one(texts)
    assert own_hashes(texts) == [hash(text) for text in texts]


def test_who_has_the_library_hashes_with_a_key_of_its_own() -> None:
    if library() is None:
        pytest.skip("nothing was compiled here")
    one, other = HashKey.new(), HashKey.new()
    assert one.native is not None
    texts = ["", "a", "ä", "\ud800", "e-" * 100]
    assert one.hashes()(texts) == one.hashes()(iter(texts))
    assert len({*one.hashes()(texts), *other.hashes()(texts)}) == 2 * len(texts)
    assert one.hashes()([]) == []


def test_without_it_a_packaged_program_is_given_a_key_and_any_other_a_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_hashes, "library", lambda: None)
    plain = HashKey.new()
    assert plain.key is None
    assert plain.seed
    assert plain.hashes() is own_hashes
    monkeypatch.setattr("sys.frozen", True, raising=False)
    packaged, another = HashKey.new(), HashKey.new()
    assert packaged.seed is None
    assert packaged.hashes()(["a"]) == packaged.hashes()(["a"]) != another.hashes()(["a"])
