"""Bytes that an event must hold to pass a term: they are found many times faster than an event is decoded.

Only runs of characters are taken that JSON writes in one of two ways: as they are, or as a `\\u` escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from aether_engine.query.conditions import Condition, MetadataIs, TextIs, TextOccurs
from aether_engine.query.values import TextPattern

#: What an event that hides a needle holds at least.
ESCAPE: Final = b"\\u"

# The slash, the quote and the backslash have short escapes of their own, control characters several.
_PLAIN: Final = re.compile(r'[^"\\/\x00-\x1f\x7f]+')
#: Shorter needles are in too many events to be worth a look.
_SHORTEST: Final = 2


def needles_of(condition: Condition) -> tuple[bytes, ...]:
    """Of these one or an `ESCAPE` must be in an event that the condition means; empty if nothing is known."""
    if isinstance(condition, TextOccurs):
        return _needles(condition.patterns, anchored=False)
    if isinstance(condition, TextIs | MetadataIs):
        return _needles(condition.patterns, anchored=True)
    return ()


def _needles(patterns: Iterable[TextPattern], *, anchored: bool) -> tuple[bytes, ...]:
    """A needle for each pattern; `anchored`: the whole of a JSON text is meant, so that quotes are around it."""
    needles: list[bytes] = []
    for pattern in patterns:
        needle = _needle(pattern, anchored)
        if len(needle) < _SHORTEST:
            return ()
        needles.append(needle)
    return tuple(needles)


def _needle(pattern: TextPattern, anchored: bool) -> bytes:
    best = ""
    last = len(pattern.parts) - 1
    for number, part in enumerate(pattern.parts):
        for run in _PLAIN.finditer(part):
            text = run[0]
            if anchored and number == 0 and run.start() == 0:
                text = f'"{text}'
            if anchored and number == last and run.end() == len(part):
                text = f'{text}"'
            best = max(best, text, key=len)
    try:
        return best.encode()
    except UnicodeEncodeError:  # A lone surrogate is in an event only as an escape.
        return b""
