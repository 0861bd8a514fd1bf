"""Forks, comparisons and checks of snapshots: what leads from one actor's state to others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QWidget

from aether_desktop.models.state.compared_state import ComparedState, SideChoice, side_from
from aether_desktop.models.state.reducer_chooser import ReducerChooser
from aether_desktop.models.state.scratch import Scratch
from aether_desktop.models.state.snapshot_findings import CheckScope, SnapshotCheck
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.numbers import number_text
from aether_desktop.ui.state.compare_view import CompareView
from aether_desktop.ui.state.fork_dialog import ForkDialog
from aether_desktop.ui.state.snapshot_check_view import SnapshotCheckView
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Document, Documents
from aether_desktop.workspace import Place, Workspace
from aether_engine.replay.snapshot_check import SnapshotFinding


class Branching(QObject):
    """Opens the documents, and asks for what they need."""

    def __init__(
        self,
        workspace: Workspace,
        controller: StateController,
        chooser: ReducerChooser,
        documents: Documents,
        desk: Desk,
        window: QWidget,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._controller = controller
        self._chooser = chooser
        self._documents = documents
        self._desk = desk
        self._window = window
        self.scratch = Scratch(workspace, self)
        #: Where the actor of the controller is.
        self.place: Place | None = None
        self._numbers = 0
        workspace.connections_changed.connect(self._offer_places)
        desk.reopening.add("compare", "compare", self._reopen_compare)
        desk.reopening.add("snapshot check", "snapshot", self._reopen_check)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do, by name."""
        return {
            "fork": self.fork,
            "compare": self.compare,
            "check_actor": lambda: self.check(whole=False, actor=True),
            "check_namespace": lambda: self.check(whole=False, actor=False),
            "check_all": lambda: self.check(whole=True, actor=False),
        }

    # -- forks

    def fork(self) -> None:
        """Ask how much to copy, and copy it."""
        controller, place = self._controller, self.place
        version = controller.shown_version
        if place is None or not version:
            return
        actor_id = controller.actor_id
        dialog = ForkDialog(actor_id, version, controller.versions[-1], self._window)
        dialog.chosen.connect(
            lambda to, compare: self._workspace.start(self._fork(place, actor_id, to, compare=compare), "fork")
        )
        dialog.open()

    async def _fork(self, place: Place, actor_id: str, to_version: int | None, *, compare: bool) -> None:
        made = await self.scratch.fork(place, actor_id, to_version)
        if made is None:
            return
        target, fork = made
        await self._desk.open_stream(target, actor_id)
        if compare:
            left = SideChoice(place, actor_id, to_version)
            self.open_compare(left, SideChoice(target, actor_id))
        left_out = len(fork.left_out)
        damaged = f" {number_text(left_out)} damaged events were left out." if left_out else ""
        self._workspace.told.emit(
            f"Forked {number_text(fork.events)} events of {actor_id}, up to v{fork.version}, into "
            f"{target.namespace} of the scratch store.{damaged} Append what you like with Ctrl+N."
        )

    # -- comparisons

    def compare(self) -> None:
        """Show the state that is shown beside another one, to be chosen."""
        place, controller = self.place, self._controller
        if place is not None and controller.actor_id:
            left = SideChoice(place, controller.actor_id, controller.shown_version or None)
            self.open_compare(left, SideChoice(place, controller.actor_id))

    def compare_snapshot(self, version: object) -> None:
        """Show the snapshot of a version beside the replay."""
        if self.place is not None and isinstance(version, int):
            self._compare_snapshot(self.place, self._controller.actor_id, version)

    def _compare_snapshot(self, place: Place, actor_id: str, version: int) -> None:
        self.open_compare(
            SideChoice(place, actor_id, version), SideChoice(place, actor_id, version, snapshot=True)
        )

    def open_compare(self, left: SideChoice, right: SideChoice) -> CompareView:
        """Two states side by side, in a tab of their own."""
        one, other = (ComparedState(self._workspace, side, self._chooser.reducer_for) for side in (left, right))
        view = CompareView(one, other, self._actors)
        one.setParent(view)
        other.setParent(view)
        view.show_places(self._places())
        self._numbers += 1
        # What is appended while it is in front goes where the right one is: into a fork, if there is one.
        document = Document("compare", right.place, str(self._numbers))
        self._desk.open_document(
            document, view, icon_name="compare", title=view.title, tooltip="Two states side by side"
        )
        view.title_changed.connect(lambda title: self._documents.rename(view, title))
        view.trees[0].setFocus()
        return view

    async def _reopen_compare(self, _place: Place, _name: str, state: Mapping[str, Any]) -> CompareView | None:
        left, right = side_from(state.get("left")), side_from(state.get("right"))
        if left is None or right is None:
            return None
        view = self.open_compare(left, right)
        view.only.setChecked(state.get("only") is True)
        return view

    def _places(self) -> list[Place]:
        return [
            Place(connection, info.name)
            for connection in self._workspace.connections
            for info in connection.namespaces
        ]

    def _offer_places(self) -> None:
        places = self._places()
        for view in self._documents.views():
            if isinstance(view, CompareView):
                view.show_places(places)

    async def _actors(self, place: Place, prefix: str, limit: int) -> Sequence[str]:
        store = await self._workspace.store(place)
        return [info.actor_id for info in await store.actors(prefix=prefix, limit=limit)]

    # -- checks of snapshots

    def ask_what_to_check(self) -> None:
        """Let the user choose between the actor, the namespace and all of them."""
        place = self.place
        if place is None:
            return
        menu = QMenu(self._window)
        menu.addAction("This actor", lambda: self.check(whole=False, actor=True))
        menu.addAction(f"All actors of {place.namespace}", lambda: self.check(whole=False, actor=False))
        menu.addAction("All namespaces of the connection", lambda: self.check(whole=True, actor=False))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self._window.cursor().pos())

    def check(self, *, whole: bool, actor: bool) -> None:
        """Check the snapshots of the actor shown, of its namespace, or (`whole`) of the connection."""
        place = self.place if actor else (self._workspace.place or self.place)
        if place is not None:
            self._show_check(place, whole, self._controller.actor_id if actor else "").check.start()

    async def _reopen_check(self, place: Place, _name: str, state: Mapping[str, Any]) -> SnapshotCheckView:
        # Not started by itself: it may take long, and nobody has asked for it this time.
        return self._show_check(place, state.get("whole") is True, str(state.get("actor") or ""))

    def _show_check(self, place: Place, whole: bool, actor_id: str) -> SnapshotCheckView:
        names = tuple(info.name for info in place.connection.namespaces) if whole else (place.namespace,)
        scope = CheckScope(place, names, actor_id)
        document = Document("snapshot check", place, scope.words)
        view = self._documents.view_of(document)
        if isinstance(view, SnapshotCheckView):
            self._documents.setCurrentWidget(view)
        else:
            view = SnapshotCheckView(SnapshotCheck(self._workspace, scope, self._chooser.reducer_for))
            view.opened.connect(lambda finding: self._open(place, finding))
            view.compare_requested.connect(lambda finding: self._compare_found(place, finding))
            title = f"Snapshots {scope.words}"
            self._desk.open_document(document, view, icon_name="snapshot", title=title, tooltip=title)
            view.table.setFocus()
        return view

    def _open(self, place: Place, finding: SnapshotFinding) -> None:
        there = Place(place.connection, finding.namespace)
        opening = self._desk.open_stream(there, finding.actor_id, finding.version)
        self._workspace.start(opening, "open stream")

    def _compare_found(self, place: Place, finding: SnapshotFinding) -> None:
        self._compare_snapshot(Place(place.connection, finding.namespace), finding.actor_id, finding.version)
