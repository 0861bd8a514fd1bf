"""What is known about the relatives of an event, as links and words for the line under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aether_desktop.models.filter.filter_terms import quoted
from aether_desktop.models.trace.related_events import Relatives
from aether_desktop.numbers import number_text
from aether_desktop.ui.inspector.event_links import Link, LinkGroup
from aether_engine.trace import RelatedEvent

#: Effects that stand in the line; more are a list.
_EFFECTS_SHOWN: Final = 2
#: Longest id that stands in the line, in characters.
_ID_LENGTH: Final = 40
#: From so many sequences on a search takes long enough to tell how far it is.
_WORTH_TELLING: Final = 20_000


def link_groups(relatives: Relatives) -> list[LinkGroup]:
    """Cause, effects and correlation, as far as they are known."""
    related = relatives.related
    groups: list[LinkGroup] = []
    if related is not None and related.cause is not None:
        groups.append(LinkGroup("Cause", [_link(relatives, related.cause)]))
    elif relatives.cause_id and relatives.is_searching:
        groups.append(LinkGroup("Cause", words="…"))
    if related is not None and related.effect_count:
        shown = related.effects[:_EFFECTS_SHOWN]
        links = [_link(relatives, each) for each in shown]
        rest = related.effect_count - len(shown)
        if rest > 0:
            title = _named("Effects", len(related.effects), related.effect_count)
            links.append(Link(f"and {number_text(rest)} more", None, title, _choices(relatives, related.effects)))
        groups.append(LinkGroup("Effects" if related.effect_count > 1 else "Effect", links))
    if relatives.correlation_id:
        groups.append(_correlation(relatives))
    if not groups and related is not None and not relatives.is_searching:
        scope = "" if related.is_complete else " among what was looked at"
        groups.append(LinkGroup(f"No related events{scope}"))
    return groups


def search_note(relatives: Relatives) -> str:
    """What was not found, and how much was looked at; empty where nothing is left to say."""
    related = relatives.related
    sentences: list[str] = []
    if related is not None and relatives.cause_id and related.cause is None and not relatives.is_searching:
        where = "in these namespaces" if related.is_complete else "among what was looked at"
        sentences.append(f"Cause {_short(relatives.cause_id)} is not {where}.")
    if relatives.problem:
        sentences.append(relatives.problem)
    if related is not None and not related.is_complete:
        going_on = relatives.is_searching
        if not going_on or related.total > _WORTH_TELLING:
            counts = f"{number_text(related.searched)} of {number_text(related.total)} searched"
            sentences.append(f"{counts}…" if going_on else f"{counts}.")
    return " ".join(sentences)


def can_search(relatives: Relatives) -> bool:
    """Whether there is anything that was not looked at, and nobody is looking."""
    related = relatives.related
    return related is not None and not related.is_complete and not relatives.is_searching


def _correlation(relatives: Relatives) -> LinkGroup:
    related = relatives.related
    if related is None:
        return LinkGroup("Correlation", words="…")
    count = related.correlated_count
    if count <= 1 and related.is_complete:
        return LinkGroup("Correlation:", words="only this event")
    text = f"{number_text(count)} {'event' if count == 1 else 'events'}"
    title = _named(f"Correlation {_short(relatives.correlation_id)}", len(related.correlated), count)
    shown = _choices(relatives, related.correlated)
    # A text as target is a filter term.
    shown += (Link("Filter the log by this correlation", f"correlation:{quoted(relatives.correlation_id)}"),)
    return LinkGroup("Correlation", [Link(text, None, title, shown)])


def _named(title: str, named: int, count: int) -> str:
    if named >= count:
        return title
    return f"{title}: the nearest {number_text(named)} of {number_text(count)}"


def _choices(relatives: Relatives, events: Sequence[RelatedEvent]) -> tuple[Link, ...]:
    return tuple(_link(relatives, each, in_list=True) for each in events)


def _link(relatives: Relatives, event: RelatedEvent, *, in_list: bool = False) -> Link:
    own = relatives.selection
    text = f"#{number_text(event.sequence)}"
    if event.namespace != own.place.namespace:
        text = f"{text} in {event.namespace}"
    what = f"{event.event_type}  {event.actor_id} v{event.version}"
    damage = "\nThis event is damaged: what it says is not to be trusted." if event.damaged else ""
    tooltip = f"{what}\n{event.namespace}, sequence {number_text(event.sequence)}{damage}"
    is_own = (event.namespace, event.sequence) == (own.place.namespace, own.stored.sequence)
    return Link(f"{text}  {what}" if in_list else text, event, tooltip, current=is_own)


def _short(text: str) -> str:
    return text if len(text) <= _ID_LENGTH else f"{text[: _ID_LENGTH // 2]}…{text[-_ID_LENGTH // 2 :]}"
