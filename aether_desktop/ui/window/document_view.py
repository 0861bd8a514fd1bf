"""What every document is that is no table of events: a comparison, a trace, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from aether_desktop.connection import Connection
from aether_desktop.models.filter.document_filter import DocumentFilter
from aether_desktop.workspace import Selection


class DocumentView(QWidget):
    """Base of such documents; each method says what a document without a view of its own does."""

    #: In which order the rows stand, beside the tabs.
    order_text = ""
    #: Whether it stays in front while the user goes to other versions in the state panel.
    stays_in_front = True

    def take_selection(self, selection: Selection) -> bool:
        """Show that this event is the selected one; False if it is not in here."""
        return False

    @property
    def connections(self) -> Sequence[Connection]:
        """The connections, besides that of the document, without which it is nothing."""
        return ()

    #: What leaves rows of it out, where something can.
    filter: DocumentFilter | None = None

    @property
    def displayed(self) -> int | None:
        """How many rows it shows, None where that says nothing."""
        return None

    def step(self, by: int) -> None:
        """Go to the next (1) or previous (-1) row, where there are rows to go through."""

    def refresh(self) -> None:
        """Take up what was stored since."""

    @property
    def busy(self) -> bool:
        """Whether what is in sight is still being loaded."""
        return False

    def session_state(self) -> Mapping[str, Any] | None:
        """What its kind needs to open it again as it is, as JSON in which `Place`s may stand; None: it cannot be.

        Whoever registered the kind with `Reopening.add` gets it back.
        """
        return None

    async def close_document(self) -> None:
        """End what it does."""
