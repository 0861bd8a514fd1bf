"""The settings of a stream: how ours are created, and which settings of a found one endanger what is promised."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aether_engine.errors import NamespaceCollisionError, NotPermittedError, StoreUnavailableError
from aether_engine.event import StoreWarning
from aether_engine.store.jetstream.api import Api, ApiError, StreamInfo
from aether_engine.store.jetstream.layout import NAMESPACE_KEY, JetStreamLayout

_NAME_IN_USE: Final = frozenset({10058, 10064})
_SUBJECTS_OVERLAP: Final = 10065
# More replicas than there are servers, or than are up.
_TOO_FEW_SERVERS: Final = frozenset({10005, 10023, 10052, 10074})
_IN_A_CLUSTER: Final = 3
# The server cannot make the files: it may still be removing those of a stream that was deleted just now.
_NO_FILES: Final = 10049
_TRIES_FOR_FILES: Final = 20
_REST_SECONDS: Final = 0.05


def settings(layout: JetStreamLayout, namespace: str, replicas: int) -> dict[str, Any]:
    """The settings of a stream that only ever grows."""
    stream = layout.stream(namespace)
    return {
        "name": stream,
        "subjects": layout.subjects(stream),
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": -1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_direct": True,
        "allow_atomic": True,
        "num_replicas": replicas,
        "metadata": {NAMESPACE_KEY: namespace},
    }


async def create(api: Api, layout: JetStreamLayout, namespace: str, replicas: int | None) -> list[StoreWarning]:
    """Create the namespace's stream unless it is there; whoever comes second finds the first one's.

    Without a number of replicas there are three in a cluster and one without; returns what to be warned of.
    """
    wanted = replicas or _IN_A_CLUSTER
    tries_left = _TRIES_FOR_FILES
    warnings: list[StoreWarning] = []
    while True:
        config = settings(layout, namespace, wanted)
        try:
            await api.ask(f"STREAM.CREATE.{config['name']}", config)
        except NotPermittedError as error:
            raise NotPermittedError(
                api.url,
                f"the user may not create stream {config['name']}, which namespace {namespace!r} needs "
                "before its first event; let one who may create it",
            ) from error
        except ApiError as error:
            if error.err_code in _NAME_IN_USE:
                return warnings
            if error.err_code == _NO_FILES and tries_left:
                tries_left -= 1
                await asyncio.sleep(_REST_SECONDS)
                continue
            if error.err_code in _TOO_FEW_SERVERS and replicas is None and wanted > 1:
                if error.err_code != 10074:
                    warnings.append(
                        StoreWarning(
                            namespace,
                            "num_replicas",
                            f"Stream {config['name']} has one copy only: the cluster had no room for "
                            f"{wanted} ({error.description}).",
                        )
                    )
                wanted = 1
                continue
            if error.err_code == _SUBJECTS_OVERLAP:
                raise StoreUnavailableError(
                    api.url,
                    f"stream {config['name']} cannot be created, another stream already listens to its subjects",
                ) from error
            raise
        return warnings


def check_owner(layout: JetStreamLayout, namespace: str, info: StreamInfo, url: str) -> None:
    """Raise unless the stream is this namespace's own."""
    owner = layout.namespace(info.config)
    if owner is None:
        raise StoreUnavailableError(
            url,
            f"stream {info.name} belongs to another program (it does not listen to "
            f"{layout.all_events(info.name)}), so it is neither read nor written",
        )
    if owner != namespace:
        raise NamespaceCollisionError(namespace, owner, info.name)


def deletes(info: StreamInfo) -> bool:
    """Whether the stream's settings allow that stored messages go."""
    config = info.config
    limits = ("max_age", "max_msgs", "max_bytes", "max_msgs_per_subject")
    return (
        not config.get("deny_delete")
        or not config.get("deny_purge")
        or any(int(config.get(name) or 0) > 0 for name in limits)
        or config.get("retention", "limits") != "limits"
    )


def drift(namespace: str, info: StreamInfo) -> list[StoreWarning]:
    """What in the stream's settings can delete events, lose them, or takes something away from us."""
    config = info.config

    def number(name: str) -> int:
        return int(config.get(name) or 0)

    found: list[tuple[str, str]] = []
    if number("max_age") > 0:
        found.append(("max_age", f"deletes events older than {number('max_age') / 1e9:,.0f} s"))
    old = config.get("discard", "old") == "old"
    for name, what in (("max_msgs", "messages"), ("max_bytes", "bytes")):
        if number(name) > 0:
            does = "deletes the oldest events" if old else "refuses new events"
            found.append((name, f"{does} beyond {number(name):,} {what}"))
    if number("max_msgs_per_subject") > 0:
        full = config.get("discard_new_per_subject") and not old
        does = "refuses new events" if full else "deletes an actor's oldest events"
        found.append(("max_msgs_per_subject", f"{does} beyond {number('max_msgs_per_subject'):,} per actor"))
    if config.get("retention", "limits") != "limits":
        found.append(("retention", f"is {config['retention']}: events are deleted once they were consumed"))
    if config.get("storage", "file") != "file":
        found.append(("storage", "is memory: events are lost when the server stops"))
    if not config.get("deny_delete"):
        found.append(("deny_delete", "is off: events can be deleted one by one"))
    if not config.get("deny_purge"):
        found.append(("deny_purge", "is off: all events can be deleted at once"))
    if config.get("allow_rollup_hdrs"):
        found.append(("allow_rollup_hdrs", "is on: one message can replace all events before it"))
    if config.get("allow_msg_ttl"):
        found.append(("allow_msg_ttl", "is on: events can be stored that expire"))
    if config.get("no_ack"):
        found.append(("no_ack", "is on: the server does not say that it stored an event"))
    if config.get("sealed"):
        found.append(("sealed", "is on: nothing more can be stored"))
    if config.get("mirror") or config.get("sources"):
        found.append(("mirror", "is set: what is stored here is another stream's, and sequences may differ"))
    if config.get("subject_transform"):
        found.append(("subject_transform", "is set: events are stored elsewhere than they were sent to"))
    if not config.get("allow_direct"):
        found.append(("allow_direct", "is off: reading an actor takes a question for each event"))
    if not config.get("allow_atomic"):
        found.append(("allow_atomic", "is off: several events cannot be saved as one, only one by one"))
    return [StoreWarning(namespace, name, f"Stream {info.name}: {name} {what}.") for name, what in found]
