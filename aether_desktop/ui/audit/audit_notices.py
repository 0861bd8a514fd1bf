"""What a document of an audit says in words: over the findings, and in place of them while there are none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.audit.audit_run import AuditRun, AuditState
from aether_desktop.numbers import counted, number_text
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_engine.audit import CHECKS, Finding, Severity
from aether_engine.codec import format_timestamp
from aether_engine.errors import CorruptStoreError, UnsupportedFormatError

#: What makes events unreliable, as opposed to merely odd.
_DAMAGE: Final = frozenset(check for check, one in CHECKS.items() if one.severity is Severity.ERROR)


class AuditNotices(QObject):
    """Puts a run into the words of its banner and its empty state."""

    recover_asked = Signal()
    go_to_asked = Signal(object)
    """This `Finding` is wanted in the table."""

    def __init__(self, run: AuditRun, banner: Banner, empty: EmptyState, parent: QObject) -> None:
        super().__init__(parent)
        self.run = run
        self.banner = banner
        self._empty = empty

    def show_page(self) -> bool:
        """Whether there are rows; where there are none the empty state says why."""
        run = self.run
        if run.table.rowCount():
            return True
        checks = len(run.settings.checks) - len(run.left_out)
        events = number_text(run.totals.events)
        match run.state:
            case AuditState.READY:
                notes = " ".join(run.kind.notes) if run.kind is not None else ""
                what = f"{run.subject.title} has not been audited yet."
                why = "Run audit reads all of it and changes nothing; findings appear as they are found."
                self._empty.set_words(what, f"{why} {notes}".strip())
            case AuditState.FAILED:
                self._empty.set_words("It could not be audited.", run.problem)
            case AuditState.RUNNING | AuditState.PAUSED:
                self._empty.set_words("No findings yet.", f"{events} events were read so far.")
            case _ if run.totals.findings:
                self._empty.set_words("No finding passes the filter.", "Clear it with Ctrl+Shift+F.")
            case AuditState.CANCELLED:
                self._empty.set_words("No findings, and not everything was read.", f"{events} events were read.")
            case _:
                left_out = run.left_out
                why = f"Not made here: {', '.join(CHECKS[check].title for check in left_out)}." if left_out else ""
                self._empty.set_words(f"No findings. {checks} checks, {events} events.", why)
        return False

    def show_banner(self) -> None:
        """Say in the banner what matters most now."""
        run, banner = self.run, self.banner
        banner.clear_actions()
        if run.state is AuditState.FAILED:
            banner.set_message(BannerKind.CORRUPTED, f"{run.subject.title} could not be audited.", run.problem)
            file = run.subject.file
            if file is not None and isinstance(run.error, (CorruptStoreError, UnsupportedFormatError)):
                banner.add_action("Recover into a new file…", self.recover_asked.emit)
            banner.show()
            return
        if run.state is AuditState.CANCELLED:
            banner.set_message(
                BannerKind.GAP,
                "The audit was cancelled.",
                f"{number_text(run.progress.checked)} places were looked at; what is behind them is not known.",
            )
            banner.show()
            return
        damaged = [tally for check, tally in run.totals.tallies.items() if check in _DAMAGE and tally.count]
        firsts = [tally.first for tally in damaged if tally.first is not None and tally.first.sequence is not None]
        if not firsts or run.is_running:
            banner.hide()
            return
        self._tell_damage(sum(tally.count for tally in damaged), firsts)
        banner.show()

    def _tell_damage(self, count: int, firsts: Sequence[Finding]) -> None:
        timed = [one for one in firsts if one.recorded_at is not None]
        first = min(timed, key=_moment) if timed else min(firsts, key=lambda one: one.sequence or 0)
        sequence = first.sequence or 0
        when = f" on {first.timestamp or format_timestamp(first.recorded_at)}" if first.recorded_at else ""
        errors = f"{counted(count, 'error')} in the log, the first{when}"
        one_log = len({one.namespace for one in firsts}) == 1 and sequence == min(
            one.sequence or 0 for one in firsts
        )
        intact = (
            f"Everything up to sequence {number_text(sequence - 1)} is intact." if one_log and sequence > 1 else ""
        )
        self.banner.set_message(BannerKind.CORRUPTED, errors, intact)
        self.banner.add_action(f"Go to {number_text(sequence)}", lambda: self.go_to_asked.emit(first))


def _moment(finding: Finding) -> datetime:
    assert finding.recorded_at is not None
    return finding.recorded_at
