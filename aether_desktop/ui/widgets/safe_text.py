"""Text from stores is hostile: what it hides is made visible and it never becomes markup.

Direction overrides can make a line read as something else (Unicode TR 36, "Trojan Source"), zero-width characters
make two ids look equal, NUL ends a string in half of the tools. All of them are shown as what they are.
"""

import re
from functools import cache

# Format characters (Cf) of Unicode 16 without the Arabic and Syriac number signs, which are visible; the line and
# paragraph separators; letters that are drawn as nothing; lone surrogates; noncharacters.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufdd0-\ufdef\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff"
)
_CONTROLS = "\x00-\x1f\x7f-\x9f"

# `html.escape` does the same and loads the tables of every entity.
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})

_DELETE = 0x7F
_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"

LABEL_LIMIT = 500
"""Characters of a text in one line; more would not fit on any screen."""

TOOLTIP_LIMIT = 2000
"""Characters of a text that a tooltip shows before it says how many there are."""


@cache
def _hostile(keep_lines: bool) -> re.Pattern[str]:
    # Compiled on first need: the window's first texts are all harmless.
    controls = "\x00-\x08\x0b-\x1f\x7f-\x9f" if keep_lines else _CONTROLS
    return re.compile(f"[{controls}{_INVISIBLE}]")


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return _DELETE_PICTURE
    return f"⟨U+{code:04X}⟩"


def visible(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` with every control, invisible and direction-changing character replaced by a visible sign.

    C0 controls become control pictures (NUL is `␀`), the others their code (`⟨U+202E⟩`). With `keep_lines` line
    feeds and tabs stay, for text that is shown in several lines. What is already visible is returned unchanged.
    """
    if text.isascii() and text.isprintable():
        return text
    return _hostile(keep_lines).sub(_show, text)


def short(text: str, limit: int = 60) -> str:
    """`text` with its middle left out if it is longer than `limit` characters, as a name among other words.

    An id may have a million: to measure them takes a second, and to give them room takes the window.
    """
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end - 1]}…{text[-end:]}"


def plain_tooltip(text: str, limit: int = TOOLTIP_LIMIT) -> str:
    """Return markup that a tooltip or message box shows as exactly `text`, made visible and capped at `limit`.

    Qt guesses whether a tooltip is rich text and believes the text itself. So it always gets rich text, in which
    everything of `text` is escaped. A capped text ends with "X of Y characters".
    """
    if not text:
        return ""
    body = visible(text[:limit], keep_lines=True).translate(_MARKUP)
    if len(text) > limit:
        body += f"…\n\n{limit:,} of {len(text):,} characters"
    return f'<qt><div style="white-space: pre-wrap">{body}</div></qt>'
