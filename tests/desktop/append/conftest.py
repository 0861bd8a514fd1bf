"""Controllers and dialogs over a store in which an actor has five events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.ui.append.append_dialog import AppendDialog
from tests.desktop.append.dialogs import Open
from tests.desktop.append.stories import (
    ACTOR,
    NAMESPACE,
    FlakyStore,
    Make,
    event,
)


@pytest.fixture
async def store() -> AsyncIterator[FlakyStore]:
    store = FlakyStore(NAMESPACE)
    for version in range(1, 6):
        await store.save_event(event(version))
    yield store
    store.close()


@pytest.fixture
async def make(store: FlakyStore) -> AsyncIterator[Make]:
    made: list[AppendController] = []

    def make(actor_id: str | None = ACTOR, **options: Any) -> AppendController:
        controller = AppendController(store, actor_id, **options)
        made.append(controller)
        return controller

    yield make
    for controller in made:
        await controller.close()


@pytest.fixture
async def open_dialog(store: FlakyStore) -> AsyncIterator[Open]:
    opened: list[AppendDialog] = []

    def open_it(actor_id: str | None = ACTOR, *, keeps_drafts: bool = False, **options: Any) -> AppendDialog:
        controller = AppendController(store, actor_id, **options)
        dialog = AppendDialog(controller, keeps_drafts=keeps_drafts)
        opened.append(dialog)
        dialog.open()
        return dialog

    yield open_it
    for dialog in opened:
        dialog.done(0)
        await dialog.controller.close()
        dialog.deleteLater()
