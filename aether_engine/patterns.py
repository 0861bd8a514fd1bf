"""Names and patterns: which namespace names are legal, how they map to streams, and what a wildcard matches.

The wildcard rules are those of NATS subjects (https://docs.nats.io/nats-concepts/subjects): `*` stands for one
token, a trailing `>` for one or more; on top of them a lone `*` matches everything.
"""

from __future__ import annotations

import re
from functools import lru_cache

from aether_engine.errors import NamespaceNameError

_NAME_TOKEN = re.compile(r"[\w-]+", re.ASCII)
_UNSAFE = re.compile(r"[ .*>\t\r\n\0\x7f]")
#: A stream name is limited to 255 bytes by the server; `_events` is ours.
MAX_NAMESPACE_LENGTH = 248


def check_namespace(name: str) -> str:
    """`name` if it is a legal namespace name, else `NamespaceNameError`."""
    if not name:
        raise NamespaceNameError(name, "it is empty")
    if len(name) > MAX_NAMESPACE_LENGTH:
        raise NamespaceNameError(name, f"it has {len(name)} characters, {MAX_NAMESPACE_LENGTH} are allowed")
    for token in name.split("."):
        if not token:
            raise NamespaceNameError(name, "it has an empty token")
        if not _NAME_TOKEN.fullmatch(token):
            bad = next(character for character in token if not _NAME_TOKEN.fullmatch(character))
            raise NamespaceNameError(name, f"it contains {bad!r}")
    return name


def check_namespace_pattern(pattern: str) -> str:
    """`pattern` if it can match a namespace, else `NamespaceNameError`."""
    tokens = pattern.split(".")
    if tokens[-1] == ">":
        tokens.pop()
    for token in tokens:
        if token != "*" and not _NAME_TOKEN.fullmatch(token):
            raise NamespaceNameError(
                pattern,
                "as a pattern it has an empty token"
                if not token
                else f"as a pattern it has the token {token!r}, and only whole tokens can be '*' or a last '>'",
            )
    return pattern


def sanitize_namespace(text: str) -> str:
    """`text` with every character that a stream name or a subject token cannot hold replaced by `_`.

    Not injective: `a.b` and `a_b` meet in `a_b`. Whoever names a stream this way keeps the true name beside it.
    """
    return _UNSAFE.sub("_", text)


def is_sanitized(text: str) -> bool:
    """Whether `sanitize_namespace` leaves `text` as it is."""
    return _UNSAFE.search(text) is None


def stream_name(namespace: str) -> str:
    """The JetStream stream of a namespace."""
    return f"{sanitize_namespace(namespace)}_events"


def is_wildcard_pattern(pattern: str) -> bool:
    """Whether `pattern` can match more than the one name it spells."""
    return "*" in pattern or pattern == ">" or pattern.endswith(".>")


def match_namespace_pattern(pattern: str, namespace: str) -> bool:
    """Whether `namespace` is meant by `pattern`; a lone `*` means every namespace, as `>` does."""
    if not is_wildcard_pattern(pattern):
        return pattern == namespace
    return _compile(pattern, within_tokens=False).fullmatch(namespace) is not None


def match_actor_pattern(pattern: str, actor_id: str) -> bool:
    """As `match_namespace_pattern`, and `*` inside a token matches any run of characters (`order-*`)."""
    if not is_wildcard_pattern(pattern):
        return pattern == actor_id
    return _compile(pattern, within_tokens=True).fullmatch(actor_id) is not None


@lru_cache(maxsize=256)
def _compile(pattern: str, *, within_tokens: bool) -> re.Pattern[str]:
    if pattern in ("*", ">"):
        return re.compile(r".*" if within_tokens else r".+", re.DOTALL)
    tokens = pattern.split(".")
    expressions: list[str] = []
    for index, token in enumerate(tokens):
        if token == ">" and index == len(tokens) - 1:
            # One or more tokens, none of them empty.
            expressions.append(r"[^.]+(?:\.[^.]+)*")
        elif token == "*":
            expressions.append(r"[^.]+")
        elif within_tokens:
            expressions.append(_token_expression(token))
        else:
            expressions.append(re.escape(token))
    return re.compile(r"\.".join(expressions), re.DOTALL)


def _token_expression(token: str) -> str:
    """A token with `*` in it, as an expression that looks at each place once.

    What stands between two stars is taken where it comes first, for good (`(?>…)`): a later place could only leave
    less room for what follows. Without that, each star would multiply the time that a hostile pattern takes.
    """
    first, *rest = (re.escape(part) for part in re.split(r"\*+", token))
    if not rest:
        return first
    between = "".join(f"(?>[^.]*?{part})" for part in rest[:-1])
    return f"{first}{between}[^.]*{rest[-1]}"
