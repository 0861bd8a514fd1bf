"""The timeline of one tab: counts while it is in sight, goes where it is clicked, and filters its table."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from aether_desktop.models.events.go_to import ToSequence, ToTime, ToVersion
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.timeline.timeline_pane import TimelinePane

# What draws and counts is loaded once a first page of events is there.
if TYPE_CHECKING:
    from aether_desktop.models.events.go_to import Target
    from aether_desktop.models.timeline.log_timeline import LogTimelineController
    from aether_desktop.models.timeline.stream_timeline import StreamTimelineController
    from aether_desktop.ui.window.documents import Document
    from aether_desktop.ui.window.navigation import Navigation
    from aether_desktop.workspace import Workspace
    from aether_engine.event import StoredEvent
    from aether_engine.timeline import Zone

#: Width of a bar, in pixels, at least.
BAR_ROOM = 5
#: A timeline begins to count so long after its table is shown if no page comes, in milliseconds.
_AT_LATEST = 400
#: A log up to so many events is waited for by whoever waits until everything is shown.
_SOON_COUNTED = 50_000


class ViewTimeline(QObject):
    """The timeline of one tab. The controller is made with the first look."""

    def __init__(self, workspace: Workspace, navigation: Navigation, document: Document, view: EventView) -> None:
        super().__init__(view)
        self._workspace = workspace
        self._navigation = navigation
        self._document = document
        self._view = view
        self._is_closed = False
        self._is_drawn = False
        # The range of the filter's text, looked up once for each text.
        self._span_of: tuple[str, tuple[int | None, int | None] | None] = ("", None)
        self.pane = TimelinePane(document.name or document.place.namespace)
        layout = view.layout()
        assert layout is not None
        layout.addWidget(self.pane)
        self._begin = QTimer(self, singleShot=True, interval=_AT_LATEST)
        self._begin.timeout.connect(self._start)
        view.model.dataChanged.connect(lambda *_: self._page_came())
        self.pane.shown_changed.connect(self._shown_changed)
        plot = self.pane.plot
        plot.resized.connect(self._draw)
        plot.place_chosen.connect(self._place_chosen)
        plot.range_chosen.connect(self._range_chosen)
        plot.range_cleared.connect(self._range_cleared)
        plot.sequence_chosen.connect(lambda sequence: self._go_to(ToSequence(sequence)))
        if view.filter is not None:
            view.filter.changed.connect(self._filter_changed)

    # -- what a subclass says

    @abstractmethod
    async def _make(self) -> None:
        """Make the controller; the first page is there."""

    @property
    @abstractmethod
    def _controller(self) -> LogTimelineController | StreamTimelineController | None: ...

    @abstractmethod
    def _draw(self) -> None:
        """Show what the controller has."""

    @abstractmethod
    def _place_chosen(self, place: int) -> None: ...

    @abstractmethod
    def _range_chosen(self, first: int, last: int) -> None: ...

    @abstractmethod
    def _range_cleared(self) -> None: ...

    @property
    def zones(self) -> list[Zone]:
        """What is known about where times are."""
        return []

    # -- life

    @property
    def busy(self) -> bool:
        """Whether it is in sight and not drawn yet, or will be done soon."""
        if not self.pane.isVisible():
            return False
        return not self._is_drawn or self._soon_done()

    def _soon_done(self) -> bool:
        controller = self._controller
        return controller is not None and controller.busy and self._view.model.total <= _SOON_COUNTED

    def look(self) -> None:
        """More may have been stored."""
        if self._controller is not None:
            self._controller.look()

    async def close(self) -> None:
        """Stop counting."""
        self._is_closed = True
        self._begin.stop()
        if self._controller is not None:
            await self._controller.close()

    def _shown_changed(self, shown: bool) -> None:
        if self._controller is not None:
            self._controller.set_active(shown)
            if shown:
                self._draw()
        elif shown:
            self._begin.start()
        else:
            self._begin.stop()

    def _page_came(self) -> None:
        # What is looked at comes before what is counted: the rest of a page may still be on its way.
        if self._begin.isActive() and self._begin.interval() == _AT_LATEST:
            self._begin.start(0)

    def _start(self) -> None:
        if self._controller is None and not self._is_closed:
            self._workspace.start(self._begin_counting(), "timeline")

    async def _begin_counting(self) -> None:
        await self._make()
        controller = self._controller
        if controller is None:
            return
        if self._is_closed:
            await controller.close()
            return
        controller.changed.connect(self._draw)
        controller.failed.connect(
            lambda error: self._workspace.fail(f"The timeline of {self._document.place.namespace} stopped", error)
        )
        self._view.event_selected.connect(self._event_selected)
        if self._view.selected is not None:
            self._event_selected(self._view.selected)
        controller.set_active(self.pane.isVisible())
        self._draw()

    @abstractmethod
    def _event_selected(self, stored: StoredEvent) -> None:
        """Another event is the selected one."""

    def _limit(self, room: int) -> int:
        return max(1, int(self.pane.plot.area().width()) // room)

    # -- moving and filtering

    def _go_to(self, target: Target) -> None:
        self._navigation.go(target, self._view)

    def _set_filter(self, text: str) -> None:
        if self._view.filter is not None and text != self._view.filter.text:
            self._view.filter.set_text(text, at_once=True)

    @property
    def _filter_text(self) -> str:
        return self._view.filter.text if self._view.filter is not None else ""

    def _filter_changed(self) -> None:
        document_filter, controller = self._view.filter, self._controller
        if document_filter is not None and controller is not None:
            status = document_filter.status
            searching = status.state is FilterState.SEARCHING
            controller.rest(searching and status.searched < status.total)
            if not searching:
                controller.look_for_damage()
        if self._span_of[0] != self._filter_text:
            self._draw()

    def _filter_span(self) -> tuple[int | None, int | None] | None:
        from aether_desktop.models.filter.time_terms import time_range_of

        if self._span_of[0] != self._filter_text:
            self._span_of = (self._filter_text, time_range_of(self._filter_text))
        return self._span_of[1]

    def _choose_times(self, start: int, end: int) -> None:
        from aether_desktop.models.filter.time_terms import with_time_range

        self._set_filter(with_time_range(self._filter_text, (start, end)))

    def _clear_times(self) -> None:
        from aether_desktop.models.filter.time_terms import with_time_range

        if self._filter_span() is not None:
            self._set_filter(with_time_range(self._filter_text, None))


class LogViewTimeline(ViewTimeline):
    """Bars over time."""

    def __init__(self, workspace: Workspace, navigation: Navigation, document: Document, view: EventView) -> None:
        self._log: LogTimelineController | None = None
        self._selected: int | None = None
        super().__init__(workspace, navigation, document, view)
        self._count_all = self.pane.add_link("Count all")
        self._count_all.setToolTip("Read every event of the server to count it exactly")
        self._count_all.clicked.connect(self._count)

    @property
    def _controller(self) -> LogTimelineController | None:
        return self._log

    @property
    def zones(self) -> list[Zone]:
        return list(self._log.zones) if self._log is not None else []

    async def _make(self) -> None:
        from aether_desktop.models.timeline.log_timeline import LogTimelineController

        place, model = self._document.place, self._view.model
        store = await self._workspace.store(place)
        self._log = LogTimelineController(store, model, is_server=place.connection.is_server, parent=self)

    def _count(self) -> None:
        if self._log is not None:
            self._log.count_all()

    def _event_selected(self, stored: StoredEvent) -> None:
        from aether_engine.moments import time_of

        self._selected = time_of(stored)
        self._draw()

    def _draw(self) -> None:
        log = self._log
        if log is None or not self.pane.isVisible():
            return
        from aether_desktop.models.timeline.timeline_words import bars_title, summary
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing

        bars = log.bars(self._limit(BAR_ROOM))
        title = bars_title(
            bars,
            is_exact=log.is_exact,
            counted=log.counted,
            hits=log.hits,
            hits_are_exact=log.hits_are_exact,
            known_damage=len(log.known_damage),
        )
        drawing = BarsDrawing(
            bars,
            is_exact=log.is_exact,
            span=self._filter_span(),
            selected=self._selected,
            known_damage=log.known_damage,
        )
        self.pane.set_title(title)
        self.pane.plot.set_drawing(drawing, summary(bars, title))
        self._count_all.setVisible(log.can_count_all)
        self._is_drawn = self._is_drawn or bool(bars.bars) or log.is_exact

    def _place_chosen(self, place: int) -> None:
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing, first_of
        from aether_engine.moments import moment_at

        drawing = self.pane.plot.drawing
        if not isinstance(drawing, BarsDrawing):
            return
        bar = drawing.bars.bars[place]
        sequence = first_of(bar, has_hits=drawing.bars.has_hits)
        start = moment_at(bar.start)
        if sequence:
            self._go_to(ToSequence(sequence))
        elif bar.total and start is not None:
            self._go_to(ToTime(start))

    def _range_chosen(self, first: int, last: int) -> None:
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing

        drawing = self.pane.plot.drawing
        if isinstance(drawing, BarsDrawing):
            self._choose_times(drawing.bars.bars[first].start, drawing.bars.bars[last].end)

    def _range_cleared(self) -> None:
        self._clear_times()


class StreamViewTimeline(ViewTimeline):
    """Versions at equal steps, or bars over time."""

    def __init__(self, workspace: Workspace, navigation: Navigation, document: Document, view: EventView) -> None:
        self._stream: StreamTimelineController | None = None
        self._selected: StoredEvent | None = None
        self._by_time = False
        super().__init__(workspace, navigation, document, view)
        self.pane.add_choice(("By version", "By time"), self._set_mode)

    @property
    def _controller(self) -> StreamTimelineController | None:
        return self._stream

    async def _make(self) -> None:
        from aether_desktop.models.timeline.stream_timeline import StreamTimelineController

        store = await self._workspace.store(self._document.place)
        model = self._view.model
        assert isinstance(model, StreamTable)
        self._stream = StreamTimelineController(store, model, self)

    def _set_mode(self, number: int) -> None:
        self._by_time = number == 1
        self._draw()

    def _event_selected(self, stored: StoredEvent) -> None:
        self._selected = stored
        self._draw()

    def _draw(self) -> None:
        stream = self._stream
        if stream is None or not self.pane.isVisible():
            return
        if self._by_time:
            self._draw_bars(stream)
        else:
            self._draw_steps(stream)

    def _draw_steps(self, stream: StreamTimelineController) -> None:
        from aether_desktop.ui.timeline.steps_drawing import STEP_ROOM, StepsDrawing, steps_summary, steps_title

        steps = stream.steps(self._limit(STEP_ROOM))
        event = self._selected.event if self._selected is not None else None
        title = steps_title(steps)
        self.pane.set_title(title)
        self.pane.plot.set_drawing(
            StepsDrawing(steps, version=event.version if event is not None else 0), steps_summary(steps, title)
        )
        self._is_drawn = self._is_drawn or bool(steps.steps)

    def _draw_bars(self, stream: StreamTimelineController) -> None:
        from aether_desktop.models.timeline.timeline_words import bars_title, summary
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
        from aether_engine.moments import time_of

        bars = stream.bars(self._limit(BAR_ROOM))
        title = bars_title(bars, is_exact=stream.is_exact, counted=0)
        selected = time_of(self._selected) if self._selected is not None else None
        drawing = BarsDrawing(bars, is_exact=stream.is_exact, span=self._filter_span(), selected=selected)
        self.pane.set_title(title)
        self.pane.plot.set_drawing(drawing, summary(bars, title))
        self._is_drawn = self._is_drawn or bool(bars.bars)

    def _place_chosen(self, place: int) -> None:
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
        from aether_desktop.ui.timeline.steps_drawing import StepsDrawing

        drawing = self.pane.plot.drawing
        if isinstance(drawing, BarsDrawing):
            sequence = drawing.bars.bars[place].first_sequence
            if sequence:
                self._go_to(ToSequence(sequence))
        elif isinstance(drawing, StepsDrawing):
            step = drawing.steps[place]
            if step.sequence:
                self._go_to(ToSequence(step.sequence))
            else:
                # A gap: the event behind it.
                self._go_to(ToVersion(step.first_version))

    def _range_chosen(self, first: int, last: int) -> None:
        from aether_desktop.models.filter.time_terms import with_version_range
        from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
        from aether_desktop.ui.timeline.steps_drawing import StepsDrawing

        drawing = self.pane.plot.drawing
        if isinstance(drawing, BarsDrawing):
            self._choose_times(drawing.bars.bars[first].start, drawing.bars.bars[last].end)
        elif isinstance(drawing, StepsDrawing):
            span = (drawing.steps[first].first_version, drawing.steps[last].last_version)
            self._set_filter(with_version_range(self._filter_text, span))

    def _range_cleared(self) -> None:
        from aether_desktop.models.filter.time_terms import version_range_of, with_version_range

        if self._by_time:
            self._clear_times()
        elif version_range_of(self._filter_text):
            self._set_filter(with_version_range(self._filter_text, None))
