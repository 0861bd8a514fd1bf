"""Which state a side of a comparison shows: of which store, actor and version, from the replay or a snapshot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

from aether_desktop.models.state.compared_state import ComparedState, SideChoice
from aether_desktop.tasks import TaskOwner
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.tinted import ToneLabel
from aether_desktop.workspace import Place

#: Actors that are offered while a name is typed, and the rest after a letter, in milliseconds.
_OFFERED = 20
_REST = 150
_LAST, _CHOSEN, _SNAPSHOT = range(3)
#: Width that the choice of a kind of state is left in a narrow window, in pixels.
_NARROWEST_KIND = 100


class SidePicker(QWidget):
    """Three fields in two rows; `chosen` carries a `SideChoice`."""

    chosen = Signal(object)

    def __init__(
        self,
        side: ComparedState,
        name: str,
        find_actors: Callable[[Place, str, int], Awaitable[Sequence[str]]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._side = side
        self._find_actors = find_actors
        self._tasks = TaskOwner()
        self._showing = False
        self.places = QComboBox(self)
        self.places.setObjectName(f"compare{name}Place")
        self.places.setAccessibleName(f"{name}: namespace")
        self.places.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.actor = QLineEdit(self)
        self.actor.setObjectName(f"compare{name}Actor")
        self.actor.setAccessibleName(f"{name}: actor")
        self.actor.setPlaceholderText("Actor")
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self.actor.setCompleter(completer)
        completer.activated.connect(lambda _text: self._choose_actor())
        self.kind = QComboBox(self)
        self.kind.setObjectName(f"compare{name}Kind")
        self.kind.setAccessibleName(f"{name}: which state")
        self.kind.addItems(["last", "version", "snapshot"])
        self.kind.setMinimumWidth(_NARROWEST_KIND)
        self.version = Int64SpinBox(0, parent=self)
        self.version.setObjectName(f"compare{name}Version")
        self.version.setAccessibleName(f"{name}: version")
        self.of = ToneLabel(parent=self)
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 8, 8)
        grid.setSpacing(4)
        # Below one another: two of these stand side by side, and names are long.
        grid.addWidget(self.places, 0, 0)
        grid.addWidget(self.actor, 1, 0)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.kind)
        row.addWidget(self.version)
        row.addWidget(self.of)
        row.addStretch(1)
        grid.addLayout(row, 2, 0)
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self._look_up)
        self.places.activated.connect(self._choose_place)
        self.actor.textEdited.connect(lambda _text: self._rest.start())
        self.actor.returnPressed.connect(self._choose_actor)
        self.kind.activated.connect(self._choose_kind)
        self.version.editingFinished.connect(self._choose_version)
        self.version.valueChanged.connect(lambda _value: self._choose_version())
        side.changed.connect(self.show_side)

    def show_places(self, places: Sequence[Place]) -> None:
        """Offer these namespaces."""
        self._showing = True
        self.places.clear()
        names = [place.namespace for place in places]
        for place in places:
            title = place.connection.title
            # The name alone where it says enough.
            name = place.namespace if names.count(place.namespace) == 1 else f"{place.namespace} ({title})"
            self.places.addItem(icon("braces"), visible(name), place)
            about = plain_tooltip(f"{place.namespace}\n{title}")
            self.places.setItemData(self.places.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
            if place == self._side.choice.place:
                self.places.setCurrentIndex(self.places.count() - 1)
        self._showing = False
        self.show_side()

    def show_side(self) -> None:
        """Show what is chosen and found."""
        side, choice = self._side, self._side.choice
        self._showing = True
        if not self.actor.hasFocus():
            self.actor.setText(choice.actor_id)
            # Of a long name the beginning is shown.
            self.actor.setCursorPosition(0)
        self.actor.setToolTip(plain_tooltip(f"{choice.actor_id}\nFolded by: {side.reducer_name}"))
        kind = _SNAPSHOT if choice.snapshot else _LAST if choice.version is None else _CHOSEN
        self.kind.setCurrentIndex(kind)
        found = side.found
        self.version.setEnabled(kind != _LAST)
        self.version.setRange(0, max(side.last_version, max(side.snapshots, default=0), choice.version or 0))
        if kind == _LAST or not self.version.hasFocus():
            self.version.setValue(choice.version if choice.version is not None else found.version if found else 0)
        self.of.set_text(f"of {side.last_version:,}" if side.last_version else "")
        # Versions of snapshots are few: they are said.
        named = ", ".join(f"v{version}" for version in side.snapshots[-12:])
        self.version.setToolTip(plain_tooltip(f"Snapshots: {named}" if named else "No snapshots"))
        self._showing = False

    async def close_picker(self) -> None:
        """End the look-up of names."""
        self._rest.stop()
        await self._tasks.cancel_all()

    def _choose(self, choice: SideChoice) -> None:
        if not self._showing and choice != self._side.choice:
            self.chosen.emit(choice)
            self.show_side()

    def _choose_place(self, _index: int) -> None:
        place = self.places.currentData()
        if isinstance(place, Place):
            self._choose(replace(self._side.choice, place=place))

    def _choose_actor(self) -> None:
        name = self.actor.text().strip()
        if name:
            self._choose(SideChoice(self._side.choice.place, name))

    def _choose_kind(self, kind: int) -> None:
        side, choice = self._side, self._side.choice
        shown = choice.version
        if shown is None:
            shown = side.found.version if side.found is not None else side.last_version
        match kind:
            case 0:
                self._choose(replace(choice, version=None, snapshot=False))
            case 1:
                self._choose(replace(choice, version=shown, snapshot=False))
            case _:
                self._choose(replace(choice, version=shown, snapshot=True))

    def _choose_version(self) -> None:
        if self.version.isEnabled():
            self._choose(replace(self._side.choice, version=self.version.value()))

    def _look_up(self) -> None:
        self._tasks.start(self._offer(self._side.choice.place, self.actor.text().strip()), "names of actors")

    async def _offer(self, place: Place, prefix: str) -> None:
        names = await self._find_actors(place, prefix, _OFFERED)
        if prefix == self.actor.text().strip() and self.actor.hasFocus():
            self._names.setStringList([visible(name) for name in names])
            completer = self.actor.completer()
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseSensitive)
            if names:
                completer.complete()
