"""What an account and a user may do on a server, found out without storing or creating anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final

from aether_engine.codec import parse_timestamp
from aether_engine.errors import AetherError, NotPermittedError, StoreUnavailableError
from aether_engine.store.jetstream.api import Api, StreamInfo
from aether_engine.store.jetstream.check_step import CheckStep, Outcome, sentence
from aether_engine.store.jetstream.reasons import NobodyThereError

#: Namespaces whose writing is asked about.
_ASKED: Final = 8
#: A clock that differs by more is worth a word, in seconds.
_CLOCK: Final = 2.0
#: No stream is called so: what is sent to be refused names it as the one it expects.
_NOWHERE: Final = "aether-check-that-nothing-is-stored"


async def look_around(api: Api, *, read_only: bool) -> AsyncGenerator[CheckStep, None]:
    """The steps from the account to what may be read in it and, unless `read_only`, created and written."""
    try:
        await api.check_enabled()
        yield CheckStep("JetStream", Outcome.OK, "It is enabled for this user's account.")
    except NotPermittedError:
        yield CheckStep(
            "JetStream", Outcome.SKIPPED, "This user may not ask about the account, which nothing needs."
        )
    except AetherError as error:
        yield CheckStep(
            "JetStream",
            Outcome.FAILED,
            sentence(getattr(error, "reason", str(error))),
            "Have the server's operator enable it, for this account too.",
        )
        return
    try:
        streams = await api.streams()
    except AetherError as error:
        yield CheckStep(
            "Listing",
            Outcome.FAILED,
            sentence(getattr(error, "reason", str(error))),
            "The user needs to publish to $JS.API.STREAM.LIST; the manual lists all that reading needs.",
        )
        return
    layout = api.link.options.layout
    named = [(name, info) for info in streams if (name := layout.namespace(info.config)) is not None]
    yield CheckStep(
        "Listing",
        Outcome.OK,
        f"Namespaces: {len(named):,}; streams of other programs: {len(streams) - len(named):,}.",
    )
    if named:
        yield await _reading(api, named[0][0], named[0][1])
        clock = await _clock(api, named[0][1])
        if clock is not None:
            yield clock
    if read_only:
        yield CheckStep("Writing", Outcome.SKIPPED, "Not asked: the connection is read-only.")
        return
    yield await _creating(api)
    yield await _publishing(api, named)


async def _reading(api: Api, namespace: str, info: StreamInfo) -> CheckStep:
    try:
        await api.message_at(info.name, max(info.first_sequence, 1))
    except AetherError as error:
        return CheckStep(
            "Reading",
            Outcome.FAILED,
            f"{namespace}: {sentence(getattr(error, 'reason', str(error)))}",
            "The user needs to publish to $JS.API.STREAM.MSG.GET.* and $JS.API.DIRECT.GET.>.",
        )
    return CheckStep("Reading", Outcome.OK, f"{namespace} can be read.")


async def _clock(api: Api, info: StreamInfo) -> CheckStep | None:
    """How far the server's clock is from this machine's; servers before 2.10 do not tell."""
    before = datetime.now(UTC)
    try:
        answer = await api.ask(f"STREAM.INFO.{info.name}")
        told = parse_timestamp(answer["ts"])
    except (AetherError, KeyError, ValueError, TypeError):
        return None
    after = datetime.now(UTC)
    differs = (told - (before + (after - before) / 2)).total_seconds()
    uncertain = (after - before).total_seconds() / 2
    if abs(differs) <= max(_CLOCK, uncertain):
        return CheckStep("Clock", Outcome.OK, f"The server's differs by less than {max(_CLOCK, uncertain):g} s.")
    ahead = "ahead of" if differs > 0 else "behind"
    return CheckStep(
        "Clock",
        Outcome.WARNING,
        f"The server's is {abs(differs):,.1f} s {ahead} this machine's.",
        "Times of recording and filters such as since:5m are by the server's clock and by this one's: set both.",
    )


async def _creating(api: Api) -> CheckStep:
    try:
        # Refused by each server: the name of the stream is not that of the subject.
        await api.ask(f"STREAM.CREATE.{_NOWHERE}", {"name": "another"})
    except NotPermittedError:
        return CheckStep(
            "Creating",
            Outcome.WARNING,
            "This user may not create namespaces, only write to those there are.",
            "For more it needs to publish to $JS.API.STREAM.CREATE.*.",
        )
    except StoreUnavailableError as error:
        if not hasattr(error, "err_code"):
            return CheckStep("Creating", Outcome.WARNING, sentence(error.reason))
    return CheckStep("Creating", Outcome.OK, "Namespaces can be created.")


async def _publishing(api: Api, named: list[tuple[str, StreamInfo]]) -> CheckStep:
    """Whether the user may publish, found out with messages that name a stream they cannot be stored in."""
    layout = api.link.options.layout
    streams = [(name, info.name) for name, info in named[:_ASKED]] or [("a new namespace", _NOWHERE)]
    headers = {"Nats-Expected-Stream": _NOWHERE, "Nats-Expected-Last-Sequence": str(2**62)}
    may, may_not = [], []
    for name, stream in streams:
        try:
            await api.link.request(layout.event_subject(stream, "aether-check"), b"", headers)
            may.append(name)
        except NobodyThereError:
            may.append(name)
        except NotPermittedError:
            may_not.append(name)
        except StoreUnavailableError as error:
            return CheckStep("Writing", Outcome.WARNING, f"{name}: {sentence(error.reason)}")
    more = f" ({len(named) - _ASKED:,} more were not asked about)" if len(named) > _ASKED else ""
    if not may_not:
        return CheckStep("Writing", Outcome.OK, f"Permitted in {', '.join(may)}{more}.")
    return CheckStep(
        "Writing",
        Outcome.WARNING if may else Outcome.FAILED,
        f"Not permitted in {', '.join(may_not)}"
        + (f"; permitted in {', '.join(may)}" if may else "")
        + f"{more}.",
        "The user needs to publish to *.events.> and *.snapshots.>; or mark the connection read-only.",
    )
