"""The line that finds the version at which something became so."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_search import StateSearch
from aether_desktop.numbers import number_text
from aether_desktop.ui.state.expression_edit import ExpressionEdit
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.links import LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

_EXAMPLE = 'status == "paid" and total < 0'
#: Changes that the menu lists.
_LISTED = 40


class BisectBar(Surface):
    """Takes an expression, says while it is typed whether it is one and holds, and finds where it began to."""

    go_requested = Signal(object)
    """The user wants to see this version (int)."""
    closed = Signal()

    def __init__(self, controller: StateController, search: StateSearch, parent: QWidget | None = None) -> None:
        super().__init__("window", bottom="line", parent=parent)
        self.setObjectName("bisectBar")
        self._search = search
        self.edit = ExpressionEdit(self)
        self.edit.setPlaceholderText(f"When did it become so?  {_EXAMPLE}")
        self.edit.setToolTip(
            plain_tooltip(
                "An expression over the state, such as\n"
                f"{_EXAMPLE}\nlen(lines) > 2\nlines[*].price < 0\nnot exists(customer.address)"
            )
        )
        self.run_button = QPushButton("Bisect", self)
        self.run_button.setObjectName("bisectRun")
        self.run_button.setAutoDefault(False)
        self.run_button.setToolTip(
            plain_tooltip("Find where it begins to hold, looking at no more than 25 states (Enter)")
        )
        self.all_button = LinkButton("Search all", self)
        self.all_button.setObjectName("bisectAll")
        self.all_button.setToolTip(plain_tooltip("Look at every version: tells also what comes and goes"))
        self.close_button = icon_button("close", "Close (Esc)", self, accessible="Close bisect")
        self.now = ToneLabel(parent=self)
        self.now.setObjectName("bisectNow")
        self.words = plain_label(parent=self)
        self.words.setObjectName("bisectWords")
        self.go_button = LinkButton("", self)
        self.go_button.setObjectName("bisectGo")
        self.turns_button = LinkButton("", self)
        self.turns_button.setObjectName("bisectTurns")
        self.menu = QMenu(self)
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 4, 0)
        row.setSpacing(4)
        row.addWidget(self.edit, 1)
        for one in (self.now, self.run_button, self.all_button, self.close_button):
            row.addWidget(one)
        below = QHBoxLayout()
        below.setContentsMargins(12, 0, 8, 0)
        below.setSpacing(4)
        below.addWidget(self.words, 1)
        below.addWidget(self.turns_button)
        below.addWidget(self.go_button)
        self._below = QWidget(self)
        self._below.setLayout(below)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self._below)
        self.edit.textChanged.connect(search.set_text)
        self.edit.returnPressed.connect(self._run)
        self.edit.left.connect(self.closed)
        self.close_button.clicked.connect(self.closed)
        self.run_button.clicked.connect(self._run)
        self.all_button.clicked.connect(self._search_all)
        self.go_button.clicked.connect(self._go)
        self.turns_button.clicked.connect(self._show_turns)
        search.changed.connect(self._show)
        search.found.connect(lambda _result: self._go())
        controller.state_changed.connect(lambda _view: self._show_now())
        controller.reset.connect(self._show_now)
        self._show()

    def take_keyboard(self) -> None:
        """Let the user type."""
        self.edit.setFocus()
        self.edit.selectAll()

    def _run(self) -> None:
        if self._search.is_searching:
            self._search.cancel()
        elif self._search.is_ready:
            self._search.bisect()

    def _search_all(self) -> None:
        if self._search.is_ready:
            self._search.search_all()

    def _go(self) -> None:
        result = self._search.result
        if result is not None and result.version is not None:
            self.go_requested.emit(result.version)

    def _show(self) -> None:
        search, problem, result = self._search, self._search.problem, self._search.result
        self.edit.show_problem(problem.position if problem is not None else -1)
        self.run_button.setText("Cancel" if search.is_searching else "Bisect")
        self.run_button.setEnabled(search.is_ready or search.is_searching)
        self.all_button.setEnabled(search.is_ready)
        words = ""
        if problem is not None:
            where = f"character {problem.position + 1}" if problem.position < len(search.text) else "its end"
            words = f"Not understood at {where}: {problem.problem}."
        elif search.failure:
            words = search.failure
        elif search.is_searching:
            words = "Looking…"
        elif result is not None:
            count = result.evaluations
            looks = "Looked at 1 state." if count == 1 else f"Looked at {number_text(count)} states."
            words = f"{result.words} {looks}"
        self.words.setText(visible(words))
        self.words.setAccessibleName(visible(words))
        self._below.setVisible(bool(words))
        has_version = result is not None and result.version is not None
        self.go_button.setVisible(has_version)
        if result is not None and has_version:
            self.go_button.set_text(f"Go to v{result.version}")
        many = result is not None and len(result.turns) > 1
        self.turns_button.setVisible(many)
        if result is not None and many:
            self.turns_button.set_text(f"{number_text(len(result.turns))} changes")
        self._show_now()

    def _show_now(self) -> None:
        holds = self._search.holds()
        self.now.setVisible(holds is not None)
        if holds is not None:
            self.now.set_text("holds here" if holds else "not here", "live" if holds else "text2")

    def _show_turns(self) -> None:
        result = self._search.result
        if result is None:
            return
        self.menu.clear()
        for version, holds in result.turns[:_LISTED]:
            action = self.menu.addAction(f"v{version} {'begins' if holds else 'ceases'} to hold")
            action.setEnabled(version > 0)
            action.triggered.connect(lambda _checked=False, to=version: self.go_requested.emit(to))
        rest = len(result.turns) - _LISTED
        if rest > 0:
            self.menu.addAction(f"and {number_text(rest)} more").setEnabled(False)
        self.menu.popup(self.turns_button.mapToGlobal(self.turns_button.rect().bottomLeft()))
