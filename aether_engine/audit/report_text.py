"""Text from stores in reports: hostile until proved otherwise, and so shown as what it is."""

from __future__ import annotations

import html
from typing import Final

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """`text` with every control, invisible and direction-changing character as its code."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"⟨U+{ord(one):04X}⟩" for one in text)


def escaped(text: str) -> str:
    """`text` as it can stand in HTML, in texts and in attributes."""
    return html.escape(visible(text))


def defused(text: str) -> str:
    """`text` as a cell of a spreadsheet that is never a formula."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip(" ").startswith(_FORMULA) else shown
