"""The frozen application is its own Python: it is started again to be the process of a user's reducer."""

from __future__ import annotations

import sys


def serve_reducer_if_asked() -> None:
    """Be a reducer's process if this process was started as one; then it does not come back."""
    if not getattr(sys, "frozen", False):
        return
    from aether_engine.replay.reducer_protocol import CHILD_ARGUMENT

    if sys.argv[1:] == [CHILD_ARGUMENT]:
        from aether_engine.replay.reducer_child import main

        main()
