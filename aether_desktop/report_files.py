"""Reports of audits as files: written completely or not at all, in the form that the name tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from aether_engine.audit import AuditReport, Comparison, read_report
from aether_engine.audit.report_csv import csv_parts
from aether_engine.audit.report_html import html_parts
from aether_engine.errors import TransferError
from aether_engine.transfer import FileOutput

#: What the name of a report can end with.
FORMS: Final = (".html", ".htm", ".csv", ".json")


class WritingStoppedError(Exception):
    """Nobody waits for the report any more; nothing of it is left."""


def write_report(
    path: Path,
    report: AuditReport,
    comparison: Comparison | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[int], bool] = lambda _bytes: True,
) -> None:
    """Write a report; blocks. HTML says what changed since an earlier one, if there is a comparison.

    `progress` hears of the bytes written so far, and returns whether to go on. Raises `TransferError`, and
    `WritingStoppedError` if it was not to go on.
    """
    file = FileOutput(path, overwrite)
    written = 0
    try:
        file.open()
        for part in _parts(path, report, comparison):
            file.write(part)
            written += len(part)
            if not progress(written):
                raise WritingStoppedError
        file.complete()
        file.appear()
    finally:
        file.discard()


def _parts(path: Path, report: AuditReport, comparison: Comparison | None) -> Iterator[bytes]:
    match path.suffix.lower():
        case ".csv":
            yield from csv_parts(report)
        case ".json":
            yield from report.json_parts()
            yield b"\n"
        case _:
            yield from html_parts(report, comparison)


def load_report(path: Path) -> AuditReport:
    """A report that was written as JSON; blocks. Raises `TransferError`."""
    try:
        return read_report(path.read_bytes(), str(path))
    except OSError as error:
        raise TransferError(str(path), error.strerror or str(error)) from error
