"""The facts that every package states in its own form. No other file states them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

#: Name of the package, the folder it is installed into, its icon and its desktop entry.
NAME: Final = "aether-desktop"
TITLE: Final = "Aether Desktop"
SUMMARY: Final = "See into event-sourced systems"
#: Name that nobody sees, for AppStream and macOS.
APP_ID: Final = "io.github.aether_desktop.AetherDesktop"
#: As LICENSE and pyproject.toml have it.
VENDOR: Final = "The Aether Desktop authors"
#: Packages of Debian must name an address. There is none, and none of somebody else: `.invalid` has no hosts.
MAINTAINER: Final = f"{VENDOR} <authors@{NAME}.invalid>"
#: Both commands, by the function that each one calls.
COMMANDS: Final = {"aether-desktop": "aether_desktop.app", "aether": "aether_desktop.cli"}
MIME_TYPE: Final = "application/x-aether"
SUFFIX: Final = ".aether"
URL_SCHEME: Final = "aether"


def version() -> str:
    """The version in pyproject.toml."""
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError("pyproject.toml names no version")
    return found[1]
