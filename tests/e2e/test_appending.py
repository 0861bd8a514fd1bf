"""The real program appends: a duplicate, an answer that is lost, PRODUCTION, and text that outlasts `kill -9`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aether_desktop.draft_files import DraftFiles, DraftKey, KeptDraft
from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.profiles import Profile, Profiles
from aether_desktop.settings import Settings
from aether_engine.engine import sqlite_url
from tests.e2e.real_window import PATIENCE, RealWindow, Screen, aether
from tests.e2e.real_window import real_window as opened
from tests.e2e.test_real_window import MAIN, screen
from tests.nats_proxy import Proxy
from tests.nats_servers import nats_server
from tests.waiting import until_sync

__all__ = ["screen"]

NAMESPACE, ACTOR = "shop.orders", "order-1"
MOMENT = datetime(2026, 11, 26, 14, 2, tzinfo=UTC)
DIALOG = f"Append event to {ACTOR}"


def append_outside(store: object, *more: object) -> None:
    done = aether(
        *("append", store, "--namespace", NAMESPACE, "--actor", ACTOR, "--type", "OrderPlaced", "--next", *more)
    )
    assert done.code == 0, done.err


def stored(store: object) -> list[dict[str, Any]]:
    """What the command line reads of the actor."""
    return aether("events", store, "--namespace", NAMESPACE, "--actor", ACTOR, "--raw").objects


def open_dialog(window: RealWindow) -> str:
    """Open the dialog for the actor of the first row, which is selected by itself once it is there."""

    def is_open() -> bool:
        window.keys("ctrl+n")
        if not window.appears("Append event to"):
            return False
        if window.window(DIALOG):
            return True
        window.keys("Escape")
        window.wait_until_gone("Append event to")
        return False

    until_sync(is_open, PATIENCE, f"the dialog for {ACTOR}")
    return window.wait_for(DIALOG)


def wait_until_taller(window: RealWindow, dialog: str, height: int, what: str) -> None:
    until_sync(lambda: window.height(dialog) > height, PATIENCE, what)


@contextmanager
def proxied(port: int) -> Iterator[tuple[Proxy, str, Callable[[], None]]]:
    """A proxy on a loop of its own, its URL, and what cuts its connections."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    proxy = Proxy(port)
    try:
        url = asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
        yield proxy, url, lambda: asyncio.run_coroutine_threadsafe(proxy.cut(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_an_answer_that_is_lost_is_found_by_looking_again(screen: Screen, tmp_path: Path) -> None:
    with nats_server() as server, proxied(server.port) as (proxy, url, cut):
        append_outside(server.url)
        with opened(screen, tmp_path, url) as window:
            window.wait_for(MAIN)
            # The server stores it and is not heard: the dialog says that it does not know.
            dialog = open_dialog(window)
            window.type("OrderPaid")
            height = window.height(dialog)
            proxy.mute_at = b"Nats-Msg-Id"
            window.keys("ctrl+Return")
            wait_until_taller(window, dialog, height, "the doubt is said")
            assert [event["eventType"] for event in stored(server.url)] == ["OrderPlaced", "OrderPaid"]
            cut()

            def found() -> bool:
                # Looking is in vain until the link is back.
                window.keys("F5")
                return not window.window(DIALOG)

            until_sync(found, PATIENCE, "it is found by looking again")
            assert len(stored(server.url)) == 2, "once"
            window.wait_for(MAIN)
            window.close()
            assert window.exit_code() == 0


def test_production_is_written_to_only_by_its_name(screen: Screen, tmp_path: Path, home: Path) -> None:
    with nats_server() as server:
        append_outside(server.url)
        profile = Profile("p1", "Shop", server.url, production=True, read_only=False)
        Profiles(Settings(home / "config" / "aether-desktop" / "settings.json")).put(profile)
        with opened(screen, tmp_path, "--profile", "Shop") as window:
            window.wait_for("PRODUCTION")
            open_dialog(window)
            window.type("OrderPaid")
            window.keys("ctrl+Return")
            window.wait_for("Write to PRODUCTION")
            window.type("shop.order")
            window.keys("Return", "Escape")
            window.wait_until_gone("Write to PRODUCTION")
            assert len(stored(server.url)) == 1
            window.wait_for(DIALOG)
            window.keys("ctrl+Return")
            window.wait_for("Write to PRODUCTION")
            window.type(NAMESPACE)
            window.keys("Return")
            window.wait_until_gone(DIALOG)
            assert [event["eventType"] for event in stored(server.url)] == ["OrderPlaced", "OrderPaid"]
            window.wait_for(MAIN)
            window.close()
            assert window.exit_code() == 0
            assert window.said() == ""


def test_unsent_text_outlasts_a_kill_and_what_was_sent_is_a_duplicate(
    screen: Screen, tmp_path: Path, home: Path
) -> None:
    file = tmp_path / "shop.aether"
    append_outside(file)
    drafts = home / "config" / "aether-desktop" / "drafts"
    with opened(screen, tmp_path, file) as window:
        window.wait_for(MAIN)
        open_dialog(window)
        window.type("NobodyHasSentThis")
        until_sync(
            lambda: any("SentThis" in path.read_text() for path in drafts.glob("*.json")), PATIENCE, "a draft"
        )
        window.process.kill()
        window.process.wait()
    assert len(stored(file)) == 1
    with opened(screen, tmp_path, file) as window:
        window.wait_for(MAIN)
        height = window.height(open_dialog(window))
        window.keys("ctrl+Return")
        window.wait_until_gone(DIALOG)
        until_sync(lambda: not list(drafts.glob("*.json")), PATIENCE, "nothing is left to keep")
        assert [event["eventType"] for event in stored(file)] == ["OrderPlaced", "NobodyHasSentThis"]

        # As if it had been submitted before the end, with other data: the id tells that it is stored.
        sent = stored(file)[-1]
        left = AppendDraft(NAMESPACE, ACTOR, sent["eventType"], 2, '{"other": 1}', id=sent["id"], timestamp=MOMENT)
        key = DraftKey(sqlite_url(file), NAMESPACE, ACTOR, "event")
        DraftFiles(drafts).write(KeptDraft(key, "2026-11-26T14:02:00+00:00", left.to_json()))
        window.wait_for(MAIN)
        dialog = open_dialog(window)
        until_sync(lambda: window.height(dialog) > height + 100, PATIENCE, "the conflict panel says so")
        # Discard, Edit, It is a duplicate: done.
        window.keys("Tab", "Tab", "Tab", "space")
        window.wait_until_gone(DIALOG)
        until_sync(lambda: not list(drafts.glob("*.json")), PATIENCE, "nothing is left to keep")
        window.wait_for(MAIN)
        window.close()
        assert window.exit_code() == 0
    assert len(stored(file)) == 2
