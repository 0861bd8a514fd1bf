"""Where something is appended: namespace, actor and version, the same for one event and for a batch."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from aether_desktop.models.append.append_flow import AppendFlow, AppendState
from aether_desktop.ui.widgets.int64_spin import INT64_MAX, Int64SpinBox
from aether_desktop.ui.widgets.links import IconLabel, LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier
from aether_desktop.ui.widgets.tinted import ToneLabel


class AppendPlace(QObject):
    """The fields, for a form to lay out; they hand what is typed to the flow."""

    def __init__(
        self, flow: AppendFlow, namespace: str, version: int, parent: QWidget, *, version_name: str = "Version"
    ) -> None:
        super().__init__(parent)
        self._flow = flow
        self.namespace = fixed_field("appendNamespace", "Namespace", namespace)
        if flow.actor_is_new:
            self.actor = QLineEdit(flow.actor_id)
            self.actor.setObjectName("appendActor")
            self.actor.setAccessibleName("Actor")
            self.actor.setPlaceholderText("order-1042")
        else:
            self.actor = fixed_field("appendActor", "Actor", flow.actor_id)
        self.version = Int64SpinBox(1, INT64_MAX, version)
        self.version.setObjectName("appendVersion")
        self.version.setAccessibleName(version_name)
        self._icon = IconLabel("conflict", "conflict", 16)
        self._hint = ToneLabel("", "conflict", elide=Qt.TextElideMode.ElideRight)
        self._hint.setObjectName("appendVersionHint")
        self.use_next = LinkButton("")
        self.use_next.setObjectName("appendUseNext")
        if flow.actor_is_new:
            self.actor.textChanged.connect(flow.set_actor_id)
        self.version.valueChanged.connect(flow.set_version)
        self.use_next.clicked.connect(self._use_next)
        flow.version_prefilled.connect(self.show_version)
        flow.version_known.connect(self.show_hint)
        theme_notifier().changed.connect(self.show_hint)

    def version_row(self) -> QHBoxLayout:
        """The version with what is said about it."""
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.version)
        row.addWidget(self._icon)
        row.addWidget(self._hint, 1)
        row.addWidget(self.use_next)
        return row

    def set_locked(self, locked: bool) -> None:
        """Leave it to be read, or to be changed."""
        self.version.setReadOnly(locked)
        if self._flow.actor_is_new:
            self.actor.setReadOnly(locked)

    def show_actor(self) -> None:
        """The flow's actor is another one, if it can be."""
        if self._flow.actor_is_new and self.actor.text() != self._flow.actor_id:
            self.actor.setText(self._flow.actor_id)

    def show_version(self, version: int) -> None:
        """The version was set, and not typed."""
        self.version.blockSignals(True)
        self.version.setValue(version)
        self.version.blockSignals(False)

    def actor_note(self) -> str:
        """What cannot be seen in the actor's id while it is typed, or nothing."""
        return unseen("actor’s id", self.actor.text()) if self._flow.actor_is_new else ""

    def hint(self) -> str:
        """Return what is said beside the version."""
        return self._hint.text()

    def show_hint(self) -> None:
        """Say beside the version whether it is taken, or what else is to be known."""
        flow = self._flow
        hint, low = flow.hint, flow.version_too_low
        self._hint.set_semibold(low)
        if low:
            look = ("conflict", "conflict")
        elif flow.version_problem:
            look = ("warning", "gap")
        elif flow.current_version == 0 and self.version.value() == 1:
            look = ("info", "text2")
        else:
            look = ("gap", "gap")
        self._icon.set_icon(*look)
        self._icon.setVisible(bool(hint))
        self._hint.set_text(hint, look[1])
        self.version.setAccessibleDescription(self._hint.text())
        theme = current_theme()
        self.version.setStyleSheet(
            f"QAbstractSpinBox {{ border-color: {theme.conflict.text.name()}; "
            f"background: {theme.conflict.tint.name()}; }}"
            if low
            else ""
        )
        current = flow.current_version
        offered = low and current is not None and current < INT64_MAX and flow.state is not AppendState.CONFLICT
        self.use_next.setVisible(offered)
        if offered and current is not None:
            self.use_next.set_text(f"Use {current + 1}")

    def _use_next(self) -> None:
        current = self._flow.current_version
        if current is not None:
            self.version.setValue(current + 1)


def unseen(name: str, text: str) -> str:
    """What cannot be seen in a text that is typed, or nothing."""
    shown = visible(text)
    if shown != text:
        return f"The {name} holds characters that cannot be seen: {shown}"
    return f"The {name} begins or ends with a space" if text != text.strip() else ""


def fixed_field(name: str, accessible_name: str, text: str) -> QLineEdit:
    """A field that can be read and copied."""
    shown = visible(text)
    field = QLineEdit(shown)
    field.setObjectName(name)
    field.setAccessibleName(accessible_name)
    field.setReadOnly(True)
    field.setCursorPosition(0)
    field.setToolTip(plain_tooltip(text))
    return field


def caption(text: str, buddy: QWidget) -> ToneLabel:
    """The name of a field before or above it."""
    label = ToneLabel(text, "text2")
    label.setBuddy(buddy)
    return label
