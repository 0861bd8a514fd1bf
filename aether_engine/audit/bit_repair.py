"""Which single flipped bit explains a checksum that does not fit: a hint, never a repair.

CRC-32 is linear: flipping a bit changes it by a value that depends on the bit's distance from the end alone. So
the difference between the checksum stored and the one computed is looked for among those, without touching the
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Longer events are not searched: a bit would take seconds to find.
MOST_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class BitFlip:
    """Bit `bit` (0 is the lowest) of the byte at `offset` was `before` and is `after`.

    Without an offset it is a bit of the stored checksum itself.
    """

    bit: int
    offset: int | None = None
    before: int = 0
    after: int = 0

    @property
    def may_be_place(self) -> bool:
        """Whether a bit of the row's place, version or time explains it as well."""
        return self.offset is not None and self.offset < 4


def _table() -> list[int]:
    table: list[int] = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    return table


_TABLE: Final = _table()
#: What flipping each bit of the last byte does to the checksum.
_LAST: Final = [_TABLE[1 << bit] for bit in range(8)]


def find_flip(raw: bytes, stored: int, computed: int) -> BitFlip | None:
    """The only bit that is flipped, None if there is none or the event is too long."""
    difference = stored ^ computed
    if not difference or not 0 <= stored < 1 << 32:
        return None
    if not difference & difference - 1:
        return BitFlip(difference.bit_length() - 1)
    if len(raw) > MOST_BYTES:
        return None
    # Backwards: the difference as it would have to look after each byte less.
    wanted = {value: bit for bit, value in enumerate(_LAST)}
    for offset in range(len(raw) - 1, -1, -1):
        bit = wanted.get(difference)
        if bit is not None:
            return BitFlip(bit, offset, raw[offset] ^ 1 << bit, raw[offset])
        difference = _back(difference)
    return None


#: The entry of the table whose highest byte is the index.
_BY_TOP: Final = {value >> 24: index for index, value in enumerate(_TABLE)}


def _back(value: int) -> int:
    """What a register held before a byte of zeros went through it."""
    index = _BY_TOP[value >> 24]
    return (value ^ _TABLE[index]) << 8 & 0xFFFFFFFF | index


def flipped(raw: bytes, flip: BitFlip) -> bytes:
    """`raw` as it was before the flip."""
    if flip.offset is None:
        return raw
    return raw[: flip.offset] + bytes([flip.before]) + raw[flip.offset + 1 :]
