"""The command that appends one event, with the JSON exactly as it was typed."""

from __future__ import annotations

import argparse
import os
import re
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aether_desktop.commands.outcome import Exit, UsageError
from aether_desktop.commands.output import Exact, Output, to_line
from aether_desktop.commands.running import opened
from aether_engine import codec
from aether_engine.errors import DuplicateEventError, VersionConflictError, excerpt
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, SPAN_ID, TRACE_ID, USER_ID, Event

_STANDARD_METADATA: Final = {
    "correlation_id": CORRELATION_ID,
    "causation_id": CAUSATION_ID,
    "user_id": USER_ID,
    "trace_id": TRACE_ID,
    "span_id": SPAN_ID,
}
# A string is taken whole, so that only white space between tokens is found.
_SPACE_OR_STRING: Final = re.compile(rb'("(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)


async def append(args: argparse.Namespace, output: Output) -> int:
    """Store one event, or say what stands at its version."""
    _check_texts(args)
    with output.blocking():
        data = _typed_object(args.data, "--data")
        metadata = _metadata(args)
    async with opened(args, output, read_only=False) as engine:
        store = await engine.store(args.namespace)
        version = args.version
        if args.next:
            version = await store.get_latest_version(args.actor) + 1
        event = _event(args, version, data, metadata)
        try:
            sequence = await store.save_event(event)
        except VersionConflictError as error:
            output.json({"conflict": Exact(_conflict(error))})
            output.say(str(error))
            return Exit.FINDINGS
        except DuplicateEventError as error:
            output.json({"duplicate": {"id": error.event_id, "sequence": error.sequence}})
            output.say(str(error))
            return Exit.FINDINGS
        output.json({"sequence": sequence, "version": event.version, "id": event.id})
    return Exit.DONE


def _check_texts(args: argparse.Namespace) -> None:
    # What the shell passed on that is not UTF-8 comes as lone surrogates, which no event can hold.
    for name in ("actor", "type", "id", "command_id", *_STANDARD_METADATA):
        text: str | None = getattr(args, name)
        if text is not None:
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise UsageError(
                    f"--{name.replace('_', '-')} is not UTF-8: {excerpt(os.fsencode(text))}."
                ) from error


def _event(args: argparse.Namespace, version: int, data: bytes, metadata: bytes) -> Event:
    """The event as bytes, so that what was typed goes in as it is; raises `InvalidEventError`."""
    document: dict[str, Any] = {
        "id": str(uuid.uuid4()) if args.id is None else args.id,
        "eventType": args.type,
        "actorId": args.actor,
    }
    if args.command_id is not None:
        document["commandId"] = args.command_id
    document["version"] = version
    document["data"] = Exact(data)
    if metadata != b"{}":
        document["metadata"] = Exact(metadata)
    document["timestamp"] = codec.format_timestamp(datetime.now(UTC))
    return Event.from_json(to_line(document))


def _metadata(args: argparse.Namespace) -> bytes:
    """The metadata object: as typed when it came alone, else with the single options in it."""
    single = {key: value for name, key in _STANDARD_METADATA.items() if (value := getattr(args, name)) is not None}
    typed = _typed_object(args.metadata, "--metadata") if args.metadata else b"{}"
    return codec.dumps({**codec.loads(typed), **single}) if single else typed


def _typed_object(argument: str, option: str) -> bytes:
    """The JSON object that an option gives in place, as @FILE or as -; on one line and otherwise as written."""
    if argument == "-":
        raw = sys.stdin.buffer.read()
    elif argument.startswith("@"):
        try:
            raw = Path(argument[1:]).read_bytes()
        except OSError as error:
            raise UsageError(f"{option}: {argument[1:]} cannot be read: {error.strerror}.") from error
    else:
        # What the shell passed on that is not UTF-8 comes as lone surrogates; the codec refuses the bytes by name.
        raw = argument.encode("utf-8", "surrogateescape")
    # Checked by itself: spliced in unchecked, it could close the object and add fields to the event.
    try:
        document = codec.loads(raw)
    except ValueError as error:
        raise UsageError(f"{option} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise UsageError(f'{option} must be a JSON object, like {{"total": 19.90}}.')
    return _SPACE_OR_STRING.sub(lambda match: match[1] or b"", raw)


def _conflict(error: VersionConflictError) -> bytes:
    return to_line(
        {
            "actorId": error.actor_id,
            "attemptedVersion": error.attempted_version,
            "currentVersion": error.current_version,
            "isDuplicate": error.is_duplicate,
            "stored": None if error.stored is None else Exact(error.stored.to_json()),
        }
    )
