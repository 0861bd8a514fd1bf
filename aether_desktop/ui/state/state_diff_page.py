"""What a version changed, or what differs between two of them."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_diff import StateDiffModel
from aether_desktop.models.state.state_looks import origin
from aether_desktop.models.state.state_view import StateView
from aether_desktop.ui.state.versioned_view import VersionedView
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

_BEFORE, _CHOSEN = 0, 1


class StateDiffPage(QWidget):
    """The differences as a tree, what they are against, and how much is the same."""

    title_changed = Signal(str)

    def __init__(self, controller: StateController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._model = StateDiffModel(self)
        self._is_stale = True
        self.view = VersionedView("stateDiff", "What this version changed", self, colours_sides=True)
        self.view.setModel(self._model)
        self.view.fit_columns()
        self.base = QComboBox(self)
        self.base.setObjectName("diffBase")
        self.base.setAccessibleName("Compared with")
        self.base.addItems(["the version before", "a chosen version"])
        self.base.setToolTip(plain_tooltip("What the state is compared with"))
        self.spin = Int64SpinBox(0, parent=self)
        self.spin.setObjectName("diffVersion")
        self.spin.setAccessibleName("Version to compare with")
        self.spin.setToolTip(plain_tooltip("Version to compare with; 0 is before the first event"))
        self.spin.hide()
        head = Surface("base", parent=self)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(ToneLabel("Compared with", parent=head))
        row.addWidget(self.base)
        row.addWidget(self.spin)
        row.addStretch(1)
        self._unchanged = ToneLabel(parent=self)
        self._show_unchanged = LinkButton("Show", self)
        self._foot = Surface("base", parent=self)
        foot = QHBoxLayout(self._foot)
        foot.setContentsMargins(12, 0, 8, 0)
        foot.addWidget(self._unchanged)
        foot.addWidget(self._show_unchanged)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self.view, 1)
        column.addWidget(self._foot)
        self._show_unchanged.clicked.connect(self._toggle_unchanged)
        self.base.activated.connect(self._choose_base)
        self.spin.valueChanged.connect(self._compare)
        controller.reset.connect(self.clear)
        controller.state_changed.connect(lambda _view: self._renew())
        controller.blame_changed.connect(lambda _view: self._renew())
        controller.held.connect(lambda _held: self.clear())
        controller.broken.connect(lambda _broken: self.clear())
        self.clear()

    def compare_with(self, version: int | None) -> None:
        """Compare with a version, None = with the version before."""
        self.base.setCurrentIndex(_BEFORE if version is None else _CHOSEN)
        self.spin.setVisible(version is not None)
        if version is not None:
            blocked = self.spin.blockSignals(True)
            self.spin.setValue(version)
            self.spin.blockSignals(blocked)
        self._controller.compare_with(version)

    def clear(self) -> None:
        """Show nothing."""
        self._model.clear()
        self._is_stale = True
        self._foot.hide()
        if self._controller.base is None:
            self.base.setCurrentIndex(_BEFORE)
            self.spin.hide()
        self.title_changed.emit("Diff")

    def showEvent(self, event: QShowEvent) -> None:
        """Fill when looked at."""
        super().showEvent(event)
        self._fill()

    def _choose_base(self, index: int) -> None:
        # What is shown now is what most want to keep comparing with.
        self.compare_with(None if index == _BEFORE else self._controller.shown_version)

    def _compare(self, version: object) -> None:
        if isinstance(version, int) and self.spin.isVisibleTo(self):
            self._controller.compare_with(version)

    def _renew(self) -> None:
        view = self._controller.view
        if view is None:
            return
        count, previous = f"{len(view.changes):,}", view.previous_version
        is_first = not previous and self._controller.base is None
        title = (
            f"Set by v{view.version} ({count})" if is_first else f"Diff v{previous} to v{view.version} ({count})"
        )
        self.title_changed.emit(title)
        self._is_stale = True
        self._fill()

    def _fill(self) -> None:
        view = self._controller.view
        if view is None or not self._is_stale or not self.isVisible():
            return
        self._is_stale = False
        self._model.set_changes(
            view.changes,
            view.state,
            old_version=lambda path: origin(view.blame_before, path)[0],
            new_version=lambda path: _set_by(view, path),
        )
        self._show_foot()

    def _show_foot(self) -> None:
        model = self._model
        self._foot.setVisible(bool(model.unchanged_text))
        self._unchanged.set_text(model.unchanged_text)
        verb = "Hide" if model.shows_unchanged else "Show"
        self._show_unchanged.set_text(verb)
        self._show_unchanged.setAccessibleName(f"{verb} unchanged values")
        self.view.expandAll()

    def _toggle_unchanged(self) -> None:
        self._model.show_unchanged(not self._model.shows_unchanged)
        self._show_foot()


def _set_by(view: StateView, path: tuple[str | int, ...]) -> int:
    changed = origin(view.blame, path)[0]
    # Of neighbours it is known without looking for it.
    is_next = view.events_applied > 0 and view.blame is None
    return changed or (view.version if is_next else 0)
