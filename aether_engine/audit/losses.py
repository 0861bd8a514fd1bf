"""Events of a file that cannot be read any more: losses side by side are one finding."""

from __future__ import annotations

from collections.abc import Iterable

from aether_engine.audit.examining import Examined
from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import recorded_moment
from aether_engine.audit.target import AuditLog, Target


class Losses:
    """The stretch of lost events that each log is in, told when it is known where it ends."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._open: dict[str, tuple[int, int]] = {}

    async def note(self, log: AuditLog, parts: Iterable[Examined]) -> list[Finding]:
        """The findings of stretches that have ended with `parts`, which follow what was noted before."""
        findings: list[Finding] = []
        for part in parts:
            for first, last in part.lost:
                known = self._open.get(log.namespace)
                if known is not None and known[1] == first - 1:
                    self._open[log.namespace] = (known[0], last)
                else:
                    findings += await self.flush(log)
                    self._open[log.namespace] = (first, last)
            if not part.lost:
                findings += await self.flush(log)
        return findings

    async def flush(self, log: AuditLog) -> list[Finding]:
        """The finding of the stretch that ends here, if there is one."""
        known = self._open.pop(log.namespace, None)
        if known is None:
            return []
        first, last = known
        before = (await self._target.places(log.namespace, [first - 1])).get(first - 1) if first > 1 else None
        when = None if before is None else recorded_moment(before.recorded)
        goes_on = f"Reading goes on at {last + 1:,}." if last < log.last else "They are the last ones."
        count = last - first + 1
        said = "This event cannot be read" if count == 1 else f"{count:,} events, to {last:,}, cannot be read"
        time = f" The time is that of {first - 1:,}." if when is not None else ""
        return [
            Finding(
                "lost",
                f"{said}: the part of the file that held {'it' if count == 1 else 'them'} is damaged. "
                f"{goes_on}{time}",
                namespace=log.namespace,
                sequence=first,
                last_sequence=last,
                recorded_at=when,
                evidence=(("Events", f"{count:,}"),),
            )
        ]
