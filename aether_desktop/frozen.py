"""The frozen application is its own Python: it is started again to be the process of a reducer or of a scan."""

from __future__ import annotations

import sys


def serve_as_child_if_asked() -> None:
    """Be what this process was started to be, if it was started as a child; then it does not come back."""
    if not getattr(sys, "frozen", False) or not "".join(sys.argv[1:2]).startswith("--aether-"):
        return
    from aether_engine.replay.reducer_protocol import CHILD_ARGUMENT
    from aether_engine.store.sqlite_scan_worker import WORKER_ARGUMENT

    if sys.argv[1] == CHILD_ARGUMENT:
        from aether_engine.replay.reducer_child import main

        main()
    elif sys.argv[1] == WORKER_ARGUMENT:
        from aether_engine.store.sqlite_scan_worker import main as scan

        scan()
        sys.exit()
