"""Moving events: NDJSON in and out byte for byte, CSV out, and from one store into another."""

from aether_engine.transfer.copying import CopyResult, copy_events
from aether_engine.transfer.export import ExportResult, export_csv, export_events, export_ndjson, is_csv
from aether_engine.transfer.ndjson_import import MAX_LINE_BYTES, ImportResult, ImportTarget, import_ndjson
from aether_engine.transfer.output import FileOutput
from aether_engine.transfer.progress import Progress, TransferProgress

__all__ = [
    "MAX_LINE_BYTES",
    "CopyResult",
    "ExportResult",
    "FileOutput",
    "ImportResult",
    "ImportTarget",
    "Progress",
    "TransferProgress",
    "copy_events",
    "export_csv",
    "export_events",
    "export_ndjson",
    "import_ndjson",
    "is_csv",
]
