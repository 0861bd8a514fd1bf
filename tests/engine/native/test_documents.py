"""Events as they may be written: what the library takes for a plain one is one to Python, and says the same."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.audit.judging import id_digest
from aether_engine.audit.settings import AuditSettings
from aether_engine.batch_decoding import decode_one_plain, duplicate_key, plain_moments
from aether_engine.native.library import library
from aether_engine.store.sqlite.schema import checksum_seed, first_position
from tests.engine.audit.test_ways import _said
from tests.engine.native.log_files import NUMBER, opened_ways, write_log

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_EXAMPLES: Final = 4000 if os.environ.get("AETHER_SOAK") else 25
_EVENTS: Final = 30
_TYPES: Final = {1: "Placed", 2: "Zahlung ä", 7: "€\U0001f600"}
_RECORDED: Final = 1_767_225_600_123_457
#: Clocks may go wrong by these, in seconds.
_AHEAD, _BEHIND = 300.0, 86_400.0


def _spelled(text: str, escaped: bool) -> str:
    """A text in quotes, with what need not be escaped escaped as well."""
    if not escaped:
        return json.dumps(text, ensure_ascii=False)
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)) + '"'


_texts = st.one_of(
    st.sampled_from(["a", "k", "data", "id", "CausationID", "", "x" * 40, "äöü", "\U0001f600", "\x7f", "\x00"]),
    st.text(max_size=12),
    # Lone surrogates become what is no UTF-8.
    st.text(st.characters(categories=["Cs"]), max_size=2),
)
_keys = st.builds(_spelled, _texts, st.sampled_from([False, False, False, True]))
_plain = st.one_of(
    st.builds(_spelled, _texts, st.booleans()),
    st.sampled_from(
        ["null", "true", "false", "nul", "True", "NaN", "-Infinity", "0x1", '"', '"\\x"', '"\\ud800"', '"\t"']
    ),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"\A-?(0|[0-9]{1,20})(\.[0-9]{0,20})?([eE][-+]?[0-9]{0,3})?\Z"),
)
_space = st.sampled_from(["", "", "", " ", "\n", "\t\r ", "\x0b", "\xa0"])


def _object(members: list[tuple[str, str]], space: str) -> str:
    return "{" + ",".join(f"{key}{space}:{space}{value}" for key, value in members) + space + "}"


_values = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.builds(lambda items, space: f"[{space}{f',{space}'.join(items)}]", st.lists(inner, max_size=3), _space),
        st.builds(_object, st.lists(st.tuples(_keys, inner), max_size=4), _space),
        st.builds(lambda deep, value: "[" * deep + value + "]" * deep, st.integers(1, 60), inner),
    ),
    max_leaves=8,
)
_metadata = st.builds(
    _object,
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(['"UserID"', '"CausationID"', '"Causation\\u0049D"']), _keys),
            st.builds(_spelled, _texts, st.sampled_from([False, False, True])),
        ),
        max_size=3,
    ),
    _space,
)


def _time(offset: int, digits: int, spelling: str) -> str:
    """So many microseconds in front of when it is recorded."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=_RECORDED - offset)
    fraction = f"{moment.microsecond:06d}{'789'}"[:digits]
    return spelling.format(moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if digits else ""))


_times = st.one_of(
    st.builds(
        _time,
        st.one_of(
            st.integers(-400_000_000, 100_000_000_000),
            # At the lines between what is early enough, and what is late.
            st.builds(
                lambda line, more: int(line * 1e6) + more, st.sampled_from([-_AHEAD, _BEHIND]), st.integers(-3, 3)
            ),
        ),
        st.sampled_from([0, 1, 3, 6, 6, 6, 9]),
        st.sampled_from(['"{}Z"', '"{}Z"', '"{}Z"', '"{}+00:00"', '"{}z"', '"{}\\u005a"']),
    ),
    st.sampled_from(
        [
            *("1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2000-02-29T00:00:00Z", "2100-02-29T00:00:00Z"),
            *("2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "2026-01-01T23:59:60Z"),
            *(
                "2110-12-31T23:59:59.999999Z",
                "2026-00-01T00:00:00Z",
                "2026-01-01T00:00:00.Z",
                "2026-01-01 00:00:00Z",
            ),
            *("2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00.1234567890Z", "２026-01-01T00:00:00Z", "", "Z" * 25),
        ]
    ).map(json.dumps),
)
_MEMBERS: Final[dict[str, st.SearchStrategy[str]]] = {
    "id": st.one_of(st.uuids().map(lambda one: f'"{one}"'), st.builds(_spelled, _texts, st.booleans()), _values),
    "eventType": st.one_of(st.sampled_from(list(_TYPES.values())).map(json.dumps), _keys),
    "actorId": st.one_of(st.just('"order-1"'), _keys),
    "version": st.one_of(
        st.integers(-1, 2**64).map(str), st.sampled_from(["1", "7", "01", "1.0", "1e2", "-1", "9" * 18, "9" * 19])
    ),
    "timestamp": _times,
    "data": st.one_of(st.builds(_object, st.lists(st.tuples(_keys, _values), max_size=4), _space), _values),
    "metadata": st.one_of(_metadata, _values),
    "commandId": st.one_of(st.just('"c-1"'), _values),
}
_PLAIN: Final = {
    "id": '"e-1"',
    "eventType": '"Placed"',
    "actorId": '"order-1"',
    "version": "7",
    "timestamp": _time(1500, 6, '"{}Z"'),
    "data": '{"n":1}',
}


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    """Mostly a plain event in which one or two members are spelled at will."""
    members = dict(_PLAIN)
    for name in draw(st.lists(st.sampled_from(list(_MEMBERS)), min_size=1, max_size=2)):
        members[name] = draw(_MEMBERS[name])
    listed = [(f'"{name}"', value) for name, value in members.items()]
    match draw(st.integers(0, 9)):
        case 0:
            del listed[draw(st.integers(0, len(listed) - 1))]
        case 1:
            listed.insert(draw(st.integers(0, len(listed))), (draw(_keys), draw(_values)))
        case 2:
            listed.append(draw(st.sampled_from(listed)))
        case 3:
            listed = draw(st.permutations(listed))
        case _:
            pass
    text = (
        draw(_space) * draw(st.booleans())
        + _object(listed, draw(_space))
        + draw(st.sampled_from(["", "", "", " ", "{}"]))
    )
    return text.encode("utf-8", "surrogatepass")


def _row(sequence: int, raw: bytes) -> tuple[Any, ...]:
    """The row of an event as a program would have written it that reads what it can of it."""
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    said = document if isinstance(document, dict) else {}
    event_id, version, kind = said.get("id"), said.get("version"), said.get("eventType")
    event_id = event_id if isinstance(event_id, str) else ""
    version = version if type(version) is int and 0 <= version < 2**63 else 1
    number = next((number for number, name in _TYPES.items() if name == kind), 1)
    recorded = _RECORDED
    checksum = crc32(raw, checksum_seed(first_position(NUMBER) + sequence, version, recorded))
    id_hash = id_digest(NUMBER, event_id.encode("utf-8", "replace").decode())
    return sequence, 1, version, number, id_hash, recorded, checksum, raw


#: What comes near to what is plain, by the member it stands in, and is it or not.
_EDGES: Final[dict[str, tuple[str, ...]]] = {
    "timestamp": (
        *(f'"{one}"' for one in ("1969-12-31T23:59:59Z", "2024-02-30T00:00:00Z", "2026-02-29T00:00:00Z")),
        *(f'"{one}"' for one in ("2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T00:00:00.Z")),
        *(
            _time(line + more, 6, '"{}Z"')
            for line in (int(-_AHEAD * 1e6), int(_BEHIND * 1e6))
            for more in range(-3, 4)
        ),
    ),
    "data": tuple(
        f'{{"k":{value}}}'
        for value in (
            *('"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\ud83d\\ude00"', '"\\ud83d\\ud83d"', '"\\u00g0"'),
            *(
                '"\\x"',
                '"\\/"',
                '"\\',
                '"\t"',
                '"\x7f"',
                '"\ud800"',
                "01",
                "-",
                "-01",
                "1.",
                ".5",
                "1e",
                "1e+",
                "1E-9",
            ),
            *(
                "-0",
                "9" * 18,
                "9" * 19,
                "0." + "9" * 19,
                "1e99",
                "1e999",
                "nul",
                "truefalse",
                "[1,]",
                "[,1]",
                "{,}",
            ),
            *('{"a":1,}', '{"a":1 "b":2}', '{"a" :1}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"":1,"":2}'),
            *(
                '[{"a":1},{"a":2}]',
                '{"a":{"a":1}}',
                "[" * 46 + "]" * 46,
                "[" * 47 + "]" * 47,
                "[" * 900 + "]" * 900,
            ),
            "{" + ",".join(f'"{n}":{n}' for n in range(64)) + "}",
            "{" + ",".join(f'"{n}":{n}' for n in range(65)) + "}",
        )
    ),
    "version": (
        "0",
        "-1",
        "1.0",
        "1e0",
        "01",
        "9" * 18,
        "9" * 19,
        str(2**63 - 1),
        str(2**63),
        "true",
        '"1"',
        "null",
    ),
    "metadata": (
        "null",
        "{}",
        '{"a":null}',
        '{"CausationID":""}',
        '{"CausationID":"x"}',
        '{"CausationID":"\\u0061"}',
    ),
    "commandId": ("null", '""', '"c"', '"\\u0061"', "5"),
    "id": ('""', "null", '"ü"', '"' + "x" * 126 + '"', '"' + "x" * 127 + '"'),
    "eventType": ('""', '"Zahlung ä"', '"Placed "', '"Place"', '"other"'),
    "actorId": ('""', '"ä"', "1"),
}


def _check_each(path: Path, raws: list[bytes]) -> int:
    """How many are plain to the library, which are so to Python, and say the same."""
    write_log(path, [_row(sequence, raw) for sequence, raw in enumerate(raws, 1)], _TYPES, page_size=4096)
    plain = 0
    with opened_ways(path, AuditSettings(ahead_seconds=_AHEAD, behind_seconds=_BEHIND)) as ways:
        for sequence, raw in enumerate(raws, 1):
            by_library, by_python = ways.each(sequence)
            if by_library is not None:
                plain += 1
                event = decode_one_plain(raw)
                assert event is not None, raw
                assert plain_moments([event.timestamp]) == by_library.moments.tolist(), raw
                assert duplicate_key(raw) is None, raw
                assert _said([by_library]) == _said(by_python), raw
    return plain


def test_what_comes_near_to_what_is_plain(tmp_path: Path) -> None:
    raws = [
        _object([(f'"{each}"', value) for each, value in (_PLAIN | {name: edge}).items()], "").encode(
            "utf-8", "surrogatepass"
        )
        for name, edges in _EDGES.items()
        for edge in edges
    ]
    assert len(raws) // 3 < _check_each(tmp_path / "log.aether", raws) < len(raws) * 2 // 3


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(_events(), min_size=_EVENTS, max_size=_EVENTS))
def test_what_is_plain_to_the_library_is_so_to_python(tmp_path: Path, raws: list[bytes]) -> None:
    # The first one is certain to be plain.
    raws = [_object([(f'"{name}"', value) for name, value in _PLAIN.items()], "").encode(), *raws]
    assert _check_each(tmp_path / "log.aether", raws) > 0
