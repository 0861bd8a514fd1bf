"""From suspicions to findings: what was noticed by numbers alone is looked at once more, and said in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import (
    Claim,
    Place,
    claim_of,
    clock_behind,
    duration,
    event_finding,
    judge,
    recorded_backwards,
)
from aether_engine.audit.streams import Suspect
from aether_engine.audit.target import LogFacts, Target
from aether_engine.errors import excerpt
from aether_engine.event import Event

#: Seconds for which events are looked at before others on the event loop get their turn.
_TURN: Final = 0.002
#: Versions an actor left out that are looked up one by one.
_LOOKED_UP: Final = 1000
_MICROSECOND: Final = 1e6


class _Turns:
    """Lets others on the event loop have their turn when one has lasted long enough: some events are large."""

    def __init__(self) -> None:
        self._began = monotonic()

    async def give(self) -> None:
        """Go on at once, or behind the others."""
        if monotonic() - self._began > _TURN:
            await asyncio.sleep(0)
            self._began = monotonic()


async def explain(target: Target, facts: LogFacts, suspects: Sequence[Suspect]) -> list[Finding]:
    """The findings behind suspicions of one log; those that turn out to be none are left out."""
    places = await target.places(facts.log.namespace, sorted({one.sequence for one in suspects}))
    findings: list[Finding] = []
    turns = _Turns()
    for suspect in suspects:
        await turns.give()
        place = places.get(suspect.sequence)
        if place is not None:
            finding = await _explain(target, facts, suspect, place)
            if finding is not None:
                findings.append(finding)
    return findings


async def _explain(target: Target, facts: LogFacts, suspect: Suspect, place: Place) -> Finding | None:
    claim = _claim(place)
    there = f"sequence {suspect.previous_sequence:,}"
    before = int(suspect.before) if suspect.check != "time-backwards" else 0
    match suspect.check:
        case "version-order":
            version = _version(place, claim)
            if version == before:
                said = f"v{version} is stored twice: {there} has it already."
            else:
                said = f"v{version} is stored after v{before} of the same actor ({there})."
            evidence = (("Version", f"{version:,}"), ("Version in front of it", f"{before:,}"))
            finding = event_finding(suspect.check, place, said, evidence=evidence)
            return _filed(await _named(target, place, claim), finding)
        case "version-gap":
            return await _gap(target, facts, before, place, claim)
        case "time-backwards":
            event = _event(place)
            if event is None:
                return None
            seconds = suspect.before - event.timestamp.timestamp()
            return event_finding(
                suspect.check,
                place,
                f"{duration(seconds)} earlier than the version before it (sequence "
                f"{suspect.previous_sequence:,}).",
                path="/timestamp",
            )
        case "recorded-backwards":
            return recorded_backwards(place, before)
        case "actor-column" | "orphan":
            if place.row is None or claim is None:
                return None
            name = await target.actor_of(place.row.actor)
            if name == claim.actor_id:
                return None
            if name is None:
                said = f"The row is filed under actor number {place.row.actor:,}, which the file does not list."
                return event_finding("orphan", place, said, evidence=(("Event", excerpt(claim.actor_id)),))
            return event_finding(
                "actor-column",
                place,
                f"The row is filed under {excerpt(name)}, the event says {excerpt(claim.actor_id)}.",
                path="/actorId",
                evidence=(("Row", excerpt(name)), ("Event", excerpt(claim.actor_id))),
            )
    return None


async def _gap(target: Target, facts: LogFacts, before: int, place: Place, claim: Claim | None) -> Finding | None:
    version = _version(place, claim)
    name = await _named(target, place, claim)
    missing = version - before - 1
    if name and missing <= _LOOKED_UP:
        # What is lost, comes later, or is filed elsewhere is told as that.
        known = await target.known_versions(facts.log, name, before + 1, version - 1)
        if place.row is not None:
            known |= facts.streams.displaced_of(place.row.actor)
        if all(each in known for each in range(before + 1, version)):
            return None
    said = f"v{before} is followed by v{version}." if before else f"The stream begins at v{version}."
    finding = event_finding(
        "version-gap",
        place,
        f"{said} Gaps are legal; check that the writer skips on purpose.",
        evidence=(("Versions left out", f"{missing:,}"),),
    )
    return _filed(name, finding)


def _filed(name: str, finding: Finding) -> Finding:
    """A finding that names the actor the row is filed under, where the event's bytes do not tell."""
    return finding if finding.actor_id or not name else replace(finding, actor_id=name)


async def _named(target: Target, place: Place, claim: Claim | None) -> str:
    if claim is not None:
        return claim.actor_id
    return (await target.actor_of(place.row.actor) or "") if place.row is not None else ""


def _claim(place: Place) -> Claim | None:
    return claim_of(place.raw, _event(place)) if type(place.raw) is bytes else None


def _version(place: Place, claim: Claim | None) -> int:
    verdict = judge(place)
    if verdict.event is None and place.row is not None:
        return place.row.version
    return verdict.version or (claim.version if claim is not None else 0)


def _event(place: Place) -> Event | None:
    return judge(place).event


async def explain_late(target: Target, namespace: str, sequences: Sequence[int]) -> list[Finding]:
    """Events with a clock that is far behind."""
    places = await target.places(namespace, sequences)
    findings: list[Finding] = []
    turns = _Turns()
    for sequence in sequences:
        await turns.give()
        place = places.get(sequence)
        event = None if place is None else _event(place)
        if place is not None and event is not None:
            findings.append(clock_behind(place, place.recorded / _MICROSECOND - event.timestamp.timestamp()))
    return findings


async def explain_duplicates(
    target: Target, namespace: str, places_by_hash: Mapping[int, Sequence[int]]
) -> list[Finding]:
    """Events whose ids occur earlier in the same log."""
    wanted = sorted({sequence for sequences in places_by_hash.values() for sequence in sequences})
    places = await target.places(namespace, wanted)
    first: dict[str, tuple[int, Claim]] = {}
    findings: list[Finding] = []
    turns = _Turns()
    for sequence in wanted:
        await turns.give()
        place = places.get(sequence)
        claim = None if place is None else _claim(place)
        if place is None or claim is None or not claim.event_id:
            continue
        earlier = first.setdefault(claim.event_id, (sequence, claim))
        if earlier[0] != sequence:
            owner = earlier[1]
            findings.append(
                event_finding(
                    "duplicate-id",
                    place,
                    f"Id {excerpt(claim.event_id)} is that of sequence {earlier[0]:,} too "
                    f"({excerpt(owner.actor_id)} v{owner.version}).",
                    path="/id",
                    evidence=(("Id", claim.event_id[:200]), ("First at", f"{earlier[0]:,}")),
                )
            )
    return findings


async def explain_causes(target: Target, namespace: str, sequences: Sequence[int], whole: bool) -> list[Finding]:
    """Events whose causes are nowhere. `whole`: all logs of the store were looked through."""
    places = await target.places(namespace, sequences)
    causes: dict[int, str] = {}
    turns = _Turns()
    for sequence in sequences:
        await turns.give()
        place = places.get(sequence)
        event = None if place is None else _event(place)
        if event is not None and event.causation_id:
            causes[sequence] = event.causation_id
    known = await target.known_ids(sorted(set(causes.values())))
    left = {cause for cause in causes.values() if cause not in known}
    if left and not whole:
        known |= await target.other_ids(left)
    findings: list[Finding] = []
    for sequence, cause in causes.items():
        if cause in known:
            continue
        await turns.give()
        findings.append(
            event_finding(
                "cause-missing",
                places[sequence],
                f"CausationID {excerpt(cause)} is no event and no command in any namespace here.",
                path="/metadata/CausationID",
                evidence=(("CausationID", cause[:200]),),
            )
        )
    return findings
