"""JSON as a person types it: checked with a place for every fault, and turned into wire bytes without a loss.

The text itself becomes the bytes: only white space between tokens is taken out, so that the event is one line of
NDJSON. No number, escape or duplicate key goes through a decoder on its way.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from aether_engine import codec, lossless

#: Beyond this size a text is handed on as written instead of being indented, in characters.
PRETTY_LIMIT: Final = 1 << 21

# Possessive (+): a string of megabytes is scanned once and nothing is kept to go back to.
_STRING: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_GAPS: Final = re.compile(rf"({_STRING})|[ \t\r\n]+", re.DOTALL)
_TOKENS: Final = re.compile(rf'{_STRING}|[{{}}\[\],:]|[^\s{{}}\[\],:"]+', re.DOTALL)
_NOT_JSON_NUMBER: Final = re.compile(rf"{_STRING}|(-?Infinity|NaN)", re.DOTALL)
# Letters that are drawn as nothing, beside the categories of controls and format characters.
_EMPTY_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# What Python's decoder says, in the words of somebody who is typing.
_WORDS: Final = (
    ("Expecting value", "a value is expected here"),
    ("Expecting property name", "a key in double quotes is expected here"),
    ("Expecting ':'", "':' is expected here"),
    ("Expecting ','", "',' or the closing bracket is expected here"),
    ("Unterminated string", "this text has no closing quote"),
    ("Invalid control character", "a line break or control character inside a text; write \\n, \\t or \\u…"),
    ("Invalid \\", "this escape does not exist; a backslash itself is written \\\\"),
    ("Illegal trailing comma", "no comma may stand before the closing bracket"),
    ("Extra data", "nothing may follow the closing bracket"),
)


@dataclass(frozen=True, slots=True)
class JsonProblem:
    """What is wrong with a typed text, and where: `offset` in characters from 0, line and column from 1."""

    message: str
    offset: int
    line: int
    column: int

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class CheckedJson:
    """A typed text after its check. Without a problem, `wire` is the object in one line of UTF-8.

    `warnings` are sentences about what is legal and perhaps not meant.
    """

    problem: JsonProblem | None
    warnings: tuple[str, ...] = ()
    wire: bytes = b"{}"


class _BadConstantError(ValueError):
    """NaN or an infinity, which Python's decoder would take."""


# Window and controller ask for the same text at every keystroke.
@lru_cache(maxsize=2)
def check_data(text: str) -> CheckedJson:
    """Check the text of an event's data: a JSON object. Nothing but white space stands for `{}`."""
    return _check(text, texts_only=False)


@lru_cache(maxsize=2)
def check_metadata(text: str) -> CheckedJson:
    """Check the text of an event's metadata: a JSON object whose values are texts."""
    return _check(text, texts_only=True)


def one_line(text: str) -> str:
    """Valid JSON without the white space between its tokens, and otherwise character for character."""
    return _GAPS.sub(lambda match: match.group(1) or "", text)


def pretty(text: str) -> str:
    """Valid JSON indented by two spaces a level; every key, text and number exactly as written."""
    if len(text) > PRETTY_LIMIT:
        return text
    parts: list[str] = []
    depth = 0
    previous = ""
    for match in _TOKENS.finditer(text):
        token = match.group()
        if token in ("}", "]"):
            depth -= 1
            if previous not in ("{", "["):
                parts.append("\n" + "  " * depth)
        elif previous in ("{", "[", ","):
            parts.append("\n" + "  " * depth)
        parts.append(": " if token == ":" else token)
        if token in ("{", "["):
            depth += 1
        previous = token
    return "".join(parts)


def hidden_characters(text: str) -> list[str]:
    """The different control, format and invisible characters of `text`, line feed, return and tab apart."""
    if text.isascii() and text.isprintable():
        return []
    return sorted(
        character
        for character in set(text)
        if character not in "\n\r\t"
        and (unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _EMPTY_LETTERS)
    )


def escape_hidden(text: str) -> str:
    """Valid JSON with its hidden characters as `\\u` escapes: the same value, nothing that deceives."""
    hidden = hidden_characters(text)
    return text.translate({ord(each): _escape(each) for each in hidden}) if hidden else text


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _check(text: str, *, texts_only: bool) -> CheckedJson:
    if not text.strip(" \t\r\n"):
        return CheckedJson(None)
    duplicates: list[str] = []

    def note_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and key not in duplicates:
                    duplicates.append(key)
                seen.add(key)
        return found

    try:
        # Numbers stay text: nothing is reckoned with, and Python refuses to convert very long ones.
        document = json.loads(
            text,
            object_pairs_hook=note_duplicates,
            parse_int=_same,
            parse_float=_same,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        return _refused(text, error.pos, in_words(error.msg))
    except _BadConstantError as error:
        found = next((match for match in _NOT_JSON_NUMBER.finditer(text) if match.group(1)), None)
        return _refused(text, found.start() if found else 0, f"{error} is not a JSON number")
    except RecursionError:
        return _refused(text, 0, "the nesting is too deep")
    if not isinstance(document, dict):
        start = len(text) - len(text.lstrip(" \t\r\n"))
        return _refused(text, start, "a JSON object is expected: it begins with { and ends with }")

    wire_text = one_line(text)
    try:
        wire = wire_text.encode()
    except UnicodeEncodeError as error:
        return _refused(text, text.find(wire_text[error.start]), "half of a surrogate pair, which is no character")
    try:
        codec.loads(wire)
    except ValueError as error:
        # What the grammar allows and no reader can hold: half of a surrogate pair, 1e999, thousands of levels.
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return _refused(text, _offset_in_typed(text, position), message)
    if texts_only:
        fault = _first_value_that_is_no_text(text)
        if fault is not None:
            return fault
    return CheckedJson(None, _warnings(text, duplicates), wire)


def _same(text: str) -> str:
    return text


def _refuse_constant(text: str) -> None:
    raise _BadConstantError(text)


def in_words(message: str) -> str:
    """What Python's decoder says, in the words of somebody who is typing."""
    return next((words for start, words in _WORDS if message.startswith(start)), message)


def problem_at(text: str, offset: int, message: str) -> JsonProblem:
    """A problem with its line and column."""
    offset = max(0, min(offset, len(text)))
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return JsonProblem(message, offset, line, column)


def _refused(text: str, offset: int, message: str) -> CheckedJson:
    return CheckedJson(problem_at(text, offset, message))


def _offset_in_typed(text: str, offset: int) -> int:
    """The place in the typed text of an offset in its `one_line` form."""
    removed = 0
    for match in _GAPS.finditer(text):
        if match.start() - removed > offset:
            break
        if match.group(1) is None:
            removed += len(match.group())
    return offset + removed


def _first_value_that_is_no_text(text: str) -> CheckedJson | None:
    raw = text.encode()
    for member in lossless.scan_members(raw, lossless.scan_value(raw)):
        if member.value.kind is not lossless.Kind.STRING:
            offset = len(raw[: member.value.start].decode())
            return _refused(text, offset, "metadata holds texts only; put the value in double quotes")
    return None


def _warnings(text: str, duplicates: list[str]) -> tuple[str, ...]:
    sentences: list[str] = []
    if duplicates:
        names = ", ".join(json.dumps(key, ensure_ascii=False) for key in duplicates[:3])
        more = f" and {len(duplicates) - 3:,} more" if len(duplicates) > 3 else ""
        sentences.append(f"Key {names}{more} stands twice: both are stored, the last one counts")
    hidden = hidden_characters(text)
    if hidden:
        names = ", ".join(f"U+{ord(each):04X}" for each in hidden[:3])
        more = f" and {len(hidden) - 3:,} more" if len(hidden) > 3 else ""
        sentences.append(f"Holds characters that cannot be seen: {names}{more}")
    return tuple(sentences)
