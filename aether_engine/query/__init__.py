"""Filtering events: the language of filters, and finding what passes one in any store.

`parse_filter` turns text into an `EventFilter`, `search` finds the events of a log that it means, `complete` says
how the text could go on. `docs/filters.md` describes the language. Names are loaded when they are first used:
a process that scans needs few of them, and needs them soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aether_engine.late_names import late_names

if TYPE_CHECKING:
    from aether_engine.query.completion import (
        Completion,
        KnownValues,
        complete,
        known_values,
        typed_type,
        types_beginning,
        types_holding,
    )
    from aether_engine.query.event_filter import EventFilter, FilterProblem, FilterTerm
    from aether_engine.query.found import FoundSequences
    from aether_engine.query.parsing import parse_filter
    from aether_engine.query.searching import Hits, prepare_search, search
    from aether_engine.query.selecting import select_events
    from aether_engine.query.stepping import Step, next_match
    from aether_engine.query.turns import matching

_NAMES = {
    "completion": (
        *("Completion", "KnownValues", "complete", "known_values"),
        *("typed_type", "types_beginning", "types_holding"),
    ),
    "event_filter": ("EventFilter", "FilterProblem", "FilterTerm"),
    "found": ("FoundSequences",),
    "parsing": ("parse_filter",),
    "searching": ("Hits", "prepare_search", "search"),
    "selecting": ("select_events",),
    "stepping": ("Step", "next_match"),
    "turns": ("matching",),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "Completion",
    "EventFilter",
    "FilterProblem",
    "FilterTerm",
    "FoundSequences",
    "Hits",
    "KnownValues",
    "Step",
    "complete",
    "known_values",
    "matching",
    "next_match",
    "parse_filter",
    "prepare_search",
    "search",
    "select_events",
    "typed_type",
    "types_beginning",
    "types_holding",
]

__getattr__, __dir__ = late_names(__name__, _MODULES)
