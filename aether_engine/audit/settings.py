"""What an audit is asked to look at, and where it draws its lines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from aether_engine.audit.checks import CHECKS
from aether_engine.errors import AetherError
from aether_engine.patterns import check_namespace_pattern

#: Findings of one check that are explained; more are counted.
LIMIT: Final = 5_000


class UnknownCheckError(AetherError):
    """A check was named that there is none of; `known` are those there are."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.known = tuple(CHECKS)
        super().__init__(f"There is no check {name!r}; there are: {', '.join(CHECKS)}.")


@dataclass(frozen=True, slots=True)
class AuditScope:
    """What is looked at: namespaces by a pattern, of them one actor's or a pattern's actors (empty: all)."""

    namespaces: str = "*"
    actors: str = ""

    def __post_init__(self) -> None:
        check_namespace_pattern(self.namespaces)

    @property
    def is_whole(self) -> bool:
        """Whether everything is looked at."""
        return self.namespaces in ("*", ">") and self.actors in ("", "*", ">")


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Which checks are made and where they draw their lines; goes into the report.

    An event may happen `ahead_seconds` after it was recorded, and `behind_seconds` before that among events that
    were recorded at once. `limit` findings of one check are explained, more are counted. With `snapshots` they are
    compared with the replay by `reducer`.
    """

    checks: frozenset[str] = frozenset(CHECKS)
    ahead_seconds: float = 300.0
    behind_seconds: float = 86_400.0
    limit: int = LIMIT
    snapshots: bool = False
    reducer: str = "json-merge"

    def __post_init__(self) -> None:
        for name in sorted(self.checks - CHECKS.keys()):
            raise UnknownCheckError(name)

    def to_json(self) -> dict[str, Any]:
        """As a report holds it."""
        return asdict(self) | {"checks": [check for check in CHECKS if check in self.checks]}
