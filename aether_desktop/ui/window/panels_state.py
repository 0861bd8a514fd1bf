"""How the panels come back: which page of each is in front, the search for actors, widths and splitters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aether_desktop.ui.widgets.kept_layout import kept_layout, restore_layout

if TYPE_CHECKING:
    from aether_desktop.ui.window.panels import Panels


def panels_state(panels: Panels) -> dict[str, Any]:
    """What is to come back."""
    parts = (panels.navigator, panels.inspector, panels.state_panel)
    return {
        "inspector": panels.inspector.tabs.currentIndex(),
        "state": panels.state_panel.tabs.currentIndex(),
        "actors": panels.navigator.session_state(),
        "layout": {name: kept for part in parts for name, kept in kept_layout(part).items()},
    }


def restore_panels(panels: Panels, state: Mapping[str, object]) -> None:
    """Bring it back; what is not understood is passed over."""
    for name, tabs in (("inspector", panels.inspector.tabs), ("state", panels.state_panel.tabs)):
        index = state.get(name)
        if isinstance(index, int):
            tabs.setCurrentIndex(index)
    panels.navigator.restore_session(state.get("actors"))
    for part in (panels.navigator, panels.inspector, panels.state_panel):
        restore_layout(part, state.get("layout"))
