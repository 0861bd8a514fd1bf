"""Temporary folders that belong to one process, and those whose process was killed before it could remove them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

#: Locked by the process that a folder belongs to, as long as that lives.
_OWNER: Final = ".owner"


class OwnedFolder:
    """A new temporary folder of this process."""

    def __init__(self, prefix: str) -> None:
        """Make it. Raises `OSError` if that is not possible."""
        self.path: Final = Path(tempfile.mkdtemp(prefix=prefix))
        # Locked before it has its name: a lock that nobody holds is one of somebody who is gone.
        unnamed = self.path / f"{_OWNER}.new"
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        _try_lock(self._lock)
        if sys.platform != "win32":
            unnamed.rename(self.path / _OWNER)

    def remove(self) -> None:
        """Remove it with all that is in it; what cannot be removed stays."""
        os.close(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_orphans(prefix: str) -> None:
    """Remove the temporary folders of that prefix that belonged to processes which are gone.

    Without file locks of POSIX nobody can tell which these are, and all of them stay.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            if _is_orphan(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # It is being removed by somebody else, or is somebody else's.
            continue


def _is_orphan(folder: Path) -> bool:
    if sys.platform == "win32" or folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return False
    lock = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
    try:
        return _try_lock(lock)
    finally:
        os.close(lock)


def _try_lock(handle: int) -> bool:
    """Lock an open file for this process; whether nobody else holds it."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
