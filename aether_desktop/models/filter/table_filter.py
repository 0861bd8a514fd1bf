"""The filter of a log or a stream: a search that fills the table while it runs."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from time import monotonic

from PySide6.QtCore import QObject

from aether_desktop.jobs import Job, Jobs
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.filter.document_filter import DocumentFilter, FilterState, FilterStatus
from aether_desktop.models.filter.known_place import KnownPlace

#: The rows from before stay so long while nothing is found, in seconds: most filters find something at once.
_KEEP_SHOWING = 0.15
#: Time after which the time left can be told, in seconds.
_ENOUGH = 0.5
_LONGEST_NAME = 40


class TableFilter(DocumentFilter):
    """Searches as one job at a time; what is stored later is searched as it comes."""

    def __init__(
        self,
        table: FilterableTable,
        jobs: Jobs,
        place: KnownPlace | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(place, parent)
        self._table = table
        self._jobs = jobs
        self._job: Job | None = None
        # Every job that may not have ended yet.
        self._started: list[Job] = []
        self._status = FilterStatus()
        # Ranges that were searched and not checked before it was cancelled.
        self._unchecked: list[tuple[int, int]] = []
        # The table shows rows from before, because nothing was found yet.
        self._is_fresh = False
        table.more_to_search.connect(self._search_more)

    @property
    def status(self) -> FilterStatus:
        return self._status

    @property
    def busy(self) -> bool:
        """Whether a search is running."""
        return self._job is not None

    def prepare(self) -> None:
        super().prepare()
        self._tasks.start(self._table.prepare_search(), "getting ready to search")

    def cancel(self) -> None:
        if self._job is not None:
            self._stop()
            self._show_own()
            self._tell(replace(self._status, state=FilterState.CANCELLED, seconds_left=None))

    def go_on(self) -> None:
        if self._job is None and self.in_force is not None and self._status.state is not FilterState.DONE:
            self._search()

    async def close(self) -> None:
        self._stop()
        for job in [job for job in self._jobs.running if job in self._started]:
            await self._jobs.wait(job)
        await super().close()

    def _put_in_force(self) -> None:
        self._stop()
        if self.in_force is None:
            self._table.end_filter()
            self._tell(FilterStatus())
        else:
            self._status = FilterStatus(FilterState.SEARCHING, total=self._table.last_number)
            self._is_fresh = True
            self._unchecked = []
            self._search()

    def _search_more(self) -> None:
        if self._job is None and self._status.state is FilterState.DONE:
            self._search()

    def _show_own(self) -> None:
        """Show nothing any more but what passes this filter."""
        if self._is_fresh:
            self._is_fresh = False
            self._table.start_filter()

    def _search(self) -> None:
        assert self.in_force is not None
        text = self.in_force.text
        shown = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
        self._job = self._jobs.start(f"Filter {shown}", self._run)
        self._started = [job for job in self._started if job in self._jobs.running]
        self._started.append(self._job)
        # It is told in the filter bar how far it was.
        self._job.tells_cancelling = False

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    async def _run(self, job: Job) -> None:
        try:
            # What is stored meanwhile is looked at too.
            while self._is_fresh or self._status.searched < self._table.last_number:
                await self._search_range(job, self._status.searched, self._table.last_number)
                if self._job is not job:
                    return
            while self._unchecked and self._job is job:
                await self._check_range(job, *self._unchecked[-1])
                self._unchecked.pop()
        except Exception as error:
            self._ended(job, FilterState.FAILED, str(error) or type(error).__name__)
            raise
        except BaseException:
            # Cancelled from elsewhere, such as the status bar; a search that was replaced is nobody's any more.
            self._ended(job, FilterState.CANCELLED)
            raise
        self._ended(job, FilterState.DONE)

    async def _search_range(self, job: Job, before: int, last: int) -> None:
        """Search and check what stands behind `before`."""
        event_filter, clock, searched, checked = self.in_force, _Clock(), before, before
        assert event_filter is not None
        try:
            async with aclosing(self._table.search(event_filter, before + 1, last)) as searching:
                async for hits in searching:
                    if self._job is not job:
                        return
                    if hits.sequences or hits.searched >= hits.total or clock.took > _KEEP_SHOWING:
                        self._show_own()
                        self._table.add_hits(hits)
                    # A filter can say by itself that some places need no searching.
                    skipped = last - before - hits.total
                    searched, checked = before + skipped + hits.searched, before + skipped + hits.checked
                    is_found = hits.searched >= hits.total
                    done = hits.checked if is_found else hits.searched
                    self._tell_progress(job, searched, checked, last, clock.left(done, hits.total, is_found))
            searched = checked = last
            self._tell_progress(job, searched, checked, last, None)
        finally:
            if self.in_force is event_filter and checked < searched:
                self._unchecked.append((before + 1, searched))

    async def _check_range(self, job: Job, first: int, last: int) -> None:
        """Look for corrupted events alone, where everything else was found already."""
        from aether_engine.query import parse_filter

        assert self.in_force is not None
        clock, total = _Clock(), self._status.total
        only_corrupted = parse_filter(f"{self.in_force.text} corrupted:yes")
        async with aclosing(self._table.search(only_corrupted, first, last)) as searching:
            async for hits in searching:
                if self._job is not job:
                    return
                self._table.add_hits(hits)
                left = clock.left(hits.searched, hits.total, False)
                self._tell_progress(job, total, total - hits.total + hits.searched, total, left)

    def _tell_progress(self, job: Job, searched: int, checked: int, total: int, left: float | None) -> None:
        job.report(checked if searched >= total else searched, total)
        found = 0 if self._is_fresh else self._table.total
        self._tell(FilterStatus(FilterState.SEARCHING, found, searched, total, left, checked=checked))

    def _ended(self, job: Job, state: FilterState, reason: str = "") -> None:
        if self._job is job:
            self._job = None
            self._show_own()
            self._tell(replace(self._status, state=state, seconds_left=None, reason=reason))

    def _tell(self, status: FilterStatus) -> None:
        if status != self._status:
            self._status = status
            self.changed.emit()


class _Clock:
    """How long something takes, and what is left of it; begins anew with another kind of work."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._kind = False
        self._done_before = 0

    @property
    def took(self) -> float:
        return monotonic() - self._began

    def left(self, done: int, total: int, kind: bool) -> float | None:
        """Seconds left of the work of this kind, None while that cannot be told."""
        if kind is not self._kind:
            self._kind, self._began, self._done_before = kind, monotonic(), done
        new = done - self._done_before
        return self.took / new * (total - done) if self.took > _ENOUGH and new > 0 else None
