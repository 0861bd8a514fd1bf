"""The commands about audits, and the menu they stand in: they join the window with its panels."""

from __future__ import annotations

from typing import Final

from aether_desktop.ui.window.actions import Command

AUDIT_COMMANDS: Final = (
    Command("audit_namespace", "Audit the namespace", icon="audit", tip="Audit only the namespace shown"),
    Command("audit_actor", "Audit the actor", icon="audit", tip="Audit only the actor of the selected event"),
    Command("audit_run", "Run the audit", icon="audit", shortcuts=("F5",), tip="Run the audit in front"),
    Command("audit_pause", "Pause or go on with the audit", icon="pause", shortcuts=("Shift+F5",)),
    Command("audit_cancel", "Cancel the audit", icon="stop"),
    Command("audit_settings", "Checks and limits…", icon="settings", tip="What the audit looks for"),
    Command("audit_by_check", "Findings by check"),
    Command("audit_by_actor", "Findings by actor"),
    Command("audit_by_namespace", "Findings by namespace"),
    Command("audit_in_one_list", "Findings in one list"),
    Command("audit_export", "Export report…", icon="export", shortcuts=("Ctrl+Shift+E",), tip="HTML, CSV or JSON"),
    Command("audit_compare", "Compare with an earlier report…", icon="compare", tip="What is new, gone, the same"),
    Command("audit_end_comparison", "End the comparison"),
    Command("bundle", "Repro bundle…", icon="box", tip="Chosen events in a small file, redacted if need be"),
    Command("recover", "Recover a damaged file…", tip="Write what can be read into a new file"),
    Command("audit_to_event", "Go to the event of the finding", tip="In its log and the Inspector (Enter)"),
)

#: What the menu holds, in order; "" is a line.
AUDIT_MENU: Final[tuple[str | tuple[str, tuple[str, ...]], ...]] = (
    "audit_namespace",
    "audit_actor",
    "audit_file",
    "audit_folder",
    "",
    "audit_run",
    "audit_pause",
    "audit_cancel",
    "audit_settings",
    "",
    "audit_export",
    "audit_compare",
    "audit_end_comparison",
    "",
    "bundle",
    "recover",
    "",
    "audit_to_event",
    ("Group findings", ("audit_by_check", "audit_by_actor", "audit_by_namespace", "audit_in_one_list")),
)
