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
#: Reverse-DNS name, for AppStream and macOS.
APP_ID: Final = "io.github.aether_desktop.AetherDesktop"
HOMEPAGE: Final = "https://github.com/aether-desktop/aether-desktop"
MAINTAINER: Final = "The Aether Desktop authors <aether-desktop@users.noreply.github.com>"
VENDOR: Final = "The Aether Desktop authors"
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
