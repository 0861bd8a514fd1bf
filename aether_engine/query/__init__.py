"""Filtering events: the language of filters, and finding what passes one in any store.

`parse_filter` turns text into an `EventFilter`, `search` finds the events of a log that it means, `complete` says
how the text could go on. The language is described in `docs/filters.md`.
"""

from aether_engine.query.completion import Completion, KnownValues, complete, known_values
from aether_engine.query.event_filter import EventFilter, FilterProblem, FilterTerm
from aether_engine.query.found import FoundSequences
from aether_engine.query.parsing import parse_filter
from aether_engine.query.searching import Hits, search
from aether_engine.query.selecting import select_events
from aether_engine.query.turns import matching

__all__ = [
    "Completion",
    "EventFilter",
    "FilterProblem",
    "FilterTerm",
    "FoundSequences",
    "Hits",
    "KnownValues",
    "complete",
    "known_values",
    "matching",
    "parse_filter",
    "search",
    "select_events",
]
