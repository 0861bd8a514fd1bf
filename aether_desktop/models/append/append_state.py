"""How far a save by hand is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AppendState(StrEnum):
    """What the user can do now."""

    EDITING = "editing"
    SAVING = "saving"
    CONFLICT = "conflict"
    FAILED = "failed"
    """Refused or not reachable: nothing was stored."""
    UNKNOWN = "unknown"
    """Perhaps stored: saving the same again is safe."""
    LOOKING = "looking"
    """After an unknown outcome, the store is being looked through for it."""
    DONE = "done"


#: What was typed can be changed in these.
EDITABLE: Final = frozenset({AppendState.EDITING, AppendState.FAILED, AppendState.UNKNOWN})
RUNNING: Final = frozenset({AppendState.SAVING, AppendState.LOOKING})
