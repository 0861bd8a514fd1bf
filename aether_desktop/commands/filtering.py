"""The option `--filter` of the commands that have it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aether_desktop.commands.outcome import UsageError
from aether_desktop.commands.output import Output, printable
from aether_engine.event import StoredEvent
from aether_engine.query import EventFilter, FilterProblem, Hits, parse_filter, select_events
from aether_engine.store.protocols import EventLog


def understood(text: str) -> EventFilter:
    """The filter that was typed; a `UsageError` marks what of it is not understood."""
    event_filter = parse_filter(text)
    if event_filter.problems:
        raise UsageError("The filter is not understood:", details=_marked(text, event_filter.problems))
    return event_filter


def found(
    store: EventLog, event_filter: EventFilter, first: int, last: int | None, output: Output
) -> AsyncGenerator[list[StoredEvent], None]:
    """The events of a range of the log that pass; it is told meanwhile how far the search is."""

    def tell(hits: Hits) -> None:
        if hits.searched < hits.total:
            output.progress(f"{hits.searched:,} of {hits.total:,} searched …")
        elif hits.checked < hits.total:
            output.progress(f"{hits.checked:,} of {hits.total:,} checked for damage …")

    return select_events(store, event_filter, from_sequence=first, to_sequence=last, progress=tell)


def _marked(text: str, problems: tuple[FilterProblem, ...]) -> list[str]:
    """The filter, a mark under each term that is none, and the reasons."""
    shown = [printable(character) for character in text]
    marks = [" " * len(each) for each in shown]
    for problem in problems:
        for place in range(problem.start, problem.end):
            marks[place] = "^" * len(shown[place])
    reasons = [f"{text[problem.start : problem.end]}: {problem.reason}" for problem in problems]
    return [text, "".join(marks).rstrip(), *reasons]
