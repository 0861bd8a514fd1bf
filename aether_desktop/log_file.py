"""The log file: what went wrong and where, without a byte of anybody's events.

Messages of exceptions are left out, for they may quote what was being read; so is the text of foreign loggers.
"""

from __future__ import annotations

import logging
import re
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

#: Size from which on a file is put away, in bytes, and how many of those that were are kept.
MAX_BYTES: Final = 512 << 10
KEPT: Final = 3
LOG_NAME: Final = "aether-desktop.log"
#: What Python writes when the process dies from within.
CRASH_NAME: Final = "crash.log"
_OURS: Final = ("aether_desktop", "aether_engine")
#: A login within a URL.
_LOGIN: Final = re.compile(r"(?<=://)[^\s/@]+@")


class DiscreetFormatter(logging.Formatter):
    """One line a record; of an exception its classes and the places in the source, innermost last."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] in _OURS
        message = _LOGIN.sub("…@", " ".join(record.getMessage().split())) if ours else "(text left out)"
        head = f"{self.formatTime(record)} {record.levelname} {record.name}: {message}"
        error = record.exc_info[1] if record.exc_info else None
        return f"{head}\n{trace_text(error)}" if error is not None else head


def trace_text(error: BaseException) -> str:
    """An exception with those that led to it: classes and places, no messages."""
    lines: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        lines.append(f"  {type(each).__module__}.{type(each).__qualname__}")
        for frame in traceback.extract_tb(each.__traceback__):
            # The folder says where the program is installed, and that under whose name.
            place = "/".join(Path(frame.filename).parts[-3:])
            lines.append(f"    {place}:{frame.lineno} {frame.name}")
        each = each.__cause__ or each.__context__
    return "\n".join(lines)


def keep_log(folder: Path) -> logging.Handler | None:
    """Write the log into `folder` from now on; None where that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler = RotatingFileHandler(
            folder / LOG_NAME, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", errors="backslashreplace"
        )
    except OSError:
        return None
    handler.setFormatter(DiscreetFormatter())
    handler.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    return handler


def last_lines(folder: Path, count: int) -> list[str]:
    """The end of the log, and of what was written by a process that died."""
    found: list[str] = []
    for name in (CRASH_NAME, LOG_NAME):
        try:
            found += (folder / name).read_text("utf-8", "replace").splitlines()[-count:]
        except OSError:
            continue
    return found[-count:]
