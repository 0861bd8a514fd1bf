"""Where an actor's events and snapshots stand: names of streams and subjects.

A value, so that streams laid out differently can be read by handing over another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aether_engine.errors import InvalidEventError, NamespaceNameError
from aether_engine.patterns import check_namespace, is_sanitized, sanitize_namespace, stream_name

#: Longest subject, in bytes. The server breaks the connection of a client that sends much longer ones.
MAX_SUBJECT_BYTES: Final = 2000
#: Under this key a stream's metadata holds the true name of its namespace.
NAMESPACE_KEY: Final = "aether-namespace"
_SUFFIX: Final = "_events"


@dataclass(frozen=True, slots=True)
class JetStreamLayout:
    """`<stream>.events.<actor type>.<actor>` and `<stream>.snapshots.<actor type>.<actor>`.

    `max_subject_bytes` bounds the subjects, in bytes: an actor id that would lead to a longer one is refused.
    """

    events_token: str = "events"
    snapshots_token: str = "snapshots"
    max_subject_bytes: int = MAX_SUBJECT_BYTES

    def stream(self, namespace: str) -> str:
        """The stream of a namespace. Not injective: `a.b` and `a_b` meet."""
        return stream_name(namespace)

    def subjects(self, stream: str) -> list[str]:
        """What a stream of this layout listens to."""
        return [self.all_events(stream), self.all_snapshots(stream)]

    def all_events(self, stream: str) -> str:
        """What every event of a stream matches."""
        return f"{stream}.{self.events_token}.>"

    def all_snapshots(self, stream: str) -> str:
        """What every snapshot of a stream matches."""
        return f"{stream}.{self.snapshots_token}.>"

    def actor_type(self, actor_id: str) -> str:
        """The id up to its first `-`; `unknown` where there is nothing in front of one."""
        kind, dash, _ = actor_id.partition("-")
        return kind if dash and kind else "unknown"

    def event_subject(self, stream: str, actor_id: str) -> str:
        """Where the actor's events are; raises `InvalidEventError` for an id that is too long for a subject."""
        return self._subject(stream, self.events_token, actor_id, "event")

    def snapshot_subject(self, stream: str, actor_id: str) -> str:
        """Where the actor's snapshots are; raises `InvalidEventError` for an id that is too long."""
        return self._subject(stream, self.snapshots_token, actor_id, "snapshot")

    def actor_token(self, subject: str) -> str:
        """The last token of an event's subject: the sanitised actor id."""
        return subject.rpartition(".")[2]

    def may_be_shared(self, token: str) -> bool:
        """Whether a sanitised actor id can stand for more than the id it spells."""
        return "_" in token

    def owns(self, config: dict[str, Any]) -> bool:
        """Whether a stream, by its configuration, is one of ours: another program's is never written to."""
        name = str(config.get("name", ""))
        subjects = config.get("subjects") or []
        return name.endswith(_SUFFIX) and self.all_events(name) in subjects

    def namespace(self, config: dict[str, Any]) -> str | None:
        """The namespace kept in a stream, None for a stream that is not ours."""
        if not self.owns(config):
            return None
        stream = str(config["name"])
        true_name = (config.get("metadata") or {}).get(NAMESPACE_KEY)
        name = str(true_name) if true_name else stream.removesuffix(_SUFFIX)
        try:
            check_namespace(name)
        except NamespaceNameError:
            return None
        return name if self.stream(name) == stream else None

    def _subject(self, stream: str, kind: str, actor_id: str, what: str) -> str:
        if is_sanitized(actor_id):
            subject = f"{stream}.{kind}.{self.actor_type(actor_id)}.{actor_id}"
        else:
            actor_type = sanitize_namespace(self.actor_type(actor_id))
            subject = f"{stream}.{kind}.{actor_type}.{sanitize_namespace(actor_id)}"
        # ASCII, as nearly every id is, needs no counting of bytes.
        length = len(subject) if subject.isascii() else len(subject.encode("utf-8", "surrogatepass"))
        if length > self.max_subject_bytes:
            raise InvalidEventError(
                "actorId",
                f"needs a subject of {length:,} bytes; {self.max_subject_bytes:,} are allowed: choose another",
                kind=what,
            )
        return subject
