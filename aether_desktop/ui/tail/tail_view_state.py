"""What a session keeps of a live tail, and beginning it anew."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aether_desktop.models.filter.time_terms import moment_of
from aether_desktop.models.tail.tail_feed import NOW, TailSource, TailStart

if TYPE_CHECKING:
    from aether_desktop.ui.tail.tail_view import TailView


def tail_state(view: TailView) -> Mapping[str, Any]:
    """What the next start needs to begin this tail anew."""
    controls, controller = view.controls, view.controller
    try:
        start = controls.chosen_start()
    except ValueError:
        start = NOW
    return {
        "pattern": controls.pattern.text(),
        "source": controls.chosen_source().value,
        "last": start.last,
        "from_sequence": start.from_sequence or 0,
        # As it is typed: "15m" is counted from the next start.
        "since": controls.since.text() if start.since is not None else "",
        "keep": controls.keep.value,
        "rate": view.rate_wanted,
        "running": controller.running,
        "alerts": controller.alerts.on,
    }


def restore_tail(view: TailView, state: Mapping[str, Any]) -> None:
    """Begin anew as `tail_state` said; what is not understood is as usual."""

    def number(name: str) -> int:
        value = state.get(name)
        return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0

    controls = view.controls
    if number("keep"):
        controls.keep.set_value(number("keep"))
    view.show_rate(state.get("rate") is not False)
    source = TailSource.BUS if state.get("source") == TailSource.BUS.value else TailSource.LOG
    start, since = TailStart(number("last"), number("from_sequence") or None), str(state.get("since") or "")
    if since:
        with suppress(ValueError):  # from a file of anybody's: begin as without it
            start = TailStart(since=moment_of(since))
    view.start(str(state.get("pattern") or controls.pattern.text()), source, start)
    if start.since is not None:
        controls.since.setText(since)
    if state.get("running") is False:
        view.controller.stop()
