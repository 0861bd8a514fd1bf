"""The checksums of a file's rows: of many at once they are what they are of each."""

from __future__ import annotations

import random
from zlib import crc32

import pytest

from aether_engine.store.sqlite.schema import MAX_NAMESPACE, checksum_seed, checksums_of, first_position

_HOUR = 3_600_000_000


@pytest.mark.parametrize("span", [0, 1000, 2 * _HOUR], ids=["at once", "near each other", "over hours"])
@pytest.mark.parametrize("start", [0, -3 * _HOUR, 1_700_000_000_000_000, 2**63 - 1 - 2 * _HOUR])
def test_many_at_once(start: int, span: int) -> None:
    dice = random.Random(start ^ span)
    for namespace in (1, MAX_NAMESPACE):
        raws = [dice.randbytes(dice.randrange(1, 90)) for _ in range(50)]
        first = dice.randrange(1, 1 << 39)
        sequences = range(first, first + len(raws))
        versions = [dice.choice([1, 7, 2**40, 2**63 - 1]) for _ in raws]
        recorded = [start + dice.randint(0, span) for _ in raws]
        assert checksums_of(raws, namespace, sequences, versions, recorded) == tuple(
            crc32(raw, checksum_seed(first_position(namespace) + sequence, version, moment))
            for raw, sequence, version, moment in zip(raws, sequences, versions, recorded, strict=True)
        )
