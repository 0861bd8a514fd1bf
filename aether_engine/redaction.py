"""Redaction: values of events hashed, masked or dropped by path, every other byte as it was.

Equal values become equal hashes wherever they stand, so that events which belong together still do; the key is
made for one bundle and kept nowhere, so that nobody can try values out.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final

from aether_engine import codec, lossless
from aether_engine.errors import AetherError
from aether_engine.lossless import Kind, Member, Span

_LETTER: Final = re.compile(r"[^\W\d_]")
_DIGIT: Final = re.compile(r"\d")
_HASH_LENGTH: Final = 16
#: Without these an event is none.
_NEEDED: Final = ("id", "eventType", "actorId", "version", "timestamp")


class RedactionRuleError(AetherError):
    """A rule that cannot be applied; `text` is the rule."""

    def __init__(self, text: str, reason: str) -> None:
        self.text = text
        self.reason = reason
        super().__init__(f"The rule {text!r} is not understood: {reason}.")


class Method(StrEnum):
    """What becomes of a value."""

    #: The same text for the same value, and no way back.
    HASH = "hash"
    #: Letters become x, digits 0; length and punctuation stay.
    MASK = "mask"
    #: The member is left out.
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class RedactionRule:
    """What becomes of the values at a path: a JSON Pointer, in which `*` stands for any key or index."""

    method: Method
    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> RedactionRule:
        """A rule from `hash:/data/customer`. Raises `RedactionRuleError`."""
        name, separator, pointer = text.partition(":")
        if not separator or name not in list(Method):
            raise RedactionRuleError(text, "it begins with hash:, mask: or drop:")
        if not pointer.startswith("/"):
            raise RedactionRuleError(text, "behind that stands a path such as /data/customer/email")
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        if path[0] in ("version", "timestamp") and len(path) == 1:
            raise RedactionRuleError(text, f"without its {path[0]} an event is none")
        if name == Method.DROP and path in [(field,) for field in _NEEDED]:
            raise RedactionRuleError(text, f"without its {path[0]} an event is none; hash it")
        if path in (("data",), ("metadata",)) and name != Method.DROP:
            raise RedactionRuleError(text, f"{path[0]} is an object; name what is in it, or /{path[0]}/*")
        return cls(Method(name), path)

    def __str__(self) -> str:
        parts = (part.replace("~", "~0").replace("/", "~1") for part in self.path)
        return f"{self.method}:/{'/'.join(parts)}"


@dataclass(slots=True)
class Redactor:
    """Applies rules to events; `counts` says how many values each has met."""

    rules: Sequence[RedactionRule]
    counts: Counter[RedactionRule] = field(default_factory=Counter)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def redact(self, raw: bytes) -> bytes:
        """The event without what the rules take away. Raises `ScanError` for what is no JSON."""
        for rule in self.rules:
            raw = self._apply(rule, raw)
        return raw

    def _apply(self, rule: RedactionRule, raw: bytes) -> bytes:
        # From behind, so that places in front stay what they are.
        for indexes in reversed(list(_matching(raw, lossless.scan_value(raw), rule.path))):
            self.counts[rule] += 1
            members, index = _at(raw, indexes)
            if rule.method is Method.DROP:
                raw = _without(raw, members, index)
            else:
                value = members[index].value
                raw = raw[: value.start] + self._replacement(rule.method, raw, value) + raw[value.end :]
        return raw

    def _replacement(self, method: Method, raw: bytes, value: Span) -> bytes:
        if value.kind in (Kind.OBJECT, Kind.ARRAY):
            parts: list[bytes] = []
            at = value.start
            for member in lossless.scan_members(raw, value):
                parts += [raw[at : member.value.start], self._replacement(method, raw, member.value)]
                at = member.value.end
            return b"".join([*parts, raw[at : value.end]])
        text = raw[value.start : value.end]
        if value.kind is Kind.LITERAL:
            return b"null"
        if method is Method.HASH:
            known = lossless.string_value(text) if value.kind is Kind.STRING else text.decode()
            digest = hmac.new(self._key, known.encode("utf-8", "surrogatepass"), sha256).hexdigest()
            return codec.dumps(f"h-{digest[:_HASH_LENGTH]}")
        if value.kind is Kind.NUMBER:
            return b"0"
        return codec.dumps(_LETTER.sub("x", _DIGIT.sub("0", lossless.string_value(text))))


def _matching(raw: bytes, span: Span, path: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Where values at a path are, as the places of members on the way to them, in the order they are written."""
    if span.kind not in (Kind.OBJECT, Kind.ARRAY):
        return
    first, rest = path[0], path[1:]
    for index, member in enumerate(lossless.scan_members(raw, span)):
        name = str(index) if member.key is None else member.key
        if first not in ("*", name):
            continue
        if rest:
            for inner in _matching(raw, member.value, rest):
                yield index, *inner
        else:
            yield (index,)


def _at(raw: bytes, indexes: Sequence[int]) -> tuple[list[Member], int]:
    """The members of the innermost container, and which of them is meant."""
    span = lossless.scan_value(raw)
    for index in indexes[:-1]:
        span = lossless.scan_members(raw, span)[index].value
    return lossless.scan_members(raw, span), indexes[-1]


def _without(raw: bytes, members: list[Member], index: int) -> bytes:
    """The document without one member, and without the comma that belongs to it."""
    member = members[index]
    start, end = _start(member), member.value.end
    if index + 1 < len(members):
        end = _start(members[index + 1])
    elif index:
        start = members[index - 1].value.end
    return raw[:start] + raw[end:]


def _start(member: Member) -> int:
    return member.value.start if member.key is None else member.key_start
