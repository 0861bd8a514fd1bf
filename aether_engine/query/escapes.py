"""JSON's escapes: text that holds them and the same text without."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(
    r"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|(u[0-9a-fA-F]{4})|(.))", re.DOTALL
)
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def without_escapes(text: str) -> str:
    """JSON text with each escape replaced by the character it stands for.

    Backslashes stand in strings only, so that nothing else is touched.
    """
    return _ESCAPES.sub(_resolved, text)


def _resolved(match: re.Match[str]) -> str:
    pair, unit, short = match.groups()
    if pair is not None:
        high, low = int(pair[1:5], 16), int(pair[7:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    if unit is not None:
        return chr(int(unit[1:], 16))
    return _SHORT.get(short, short)
