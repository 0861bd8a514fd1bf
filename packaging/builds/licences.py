"""The licences of what is bundled: one text file to read, and the machine-readable one of Debian."""

from __future__ import annotations

from builds.components import Component
from builds.product import ROOT, TITLE, VENDOR, version

_LGPL_NOTE = (
    "Qt and PySide are used under the LGPL 3. They are in files of their own, which may be replaced by others\n"
    "that work the same; their sources are at https://download.qt.io/official_releases/QtForPython/."
)


def overview(components: list[Component]) -> str:
    """All licences in one text, ours first."""
    lines = [f"{TITLE} {version()}", "", (ROOT / "LICENSE").read_text("utf-8"), "", "What is bundled with it", ""]
    lines += [f"    {component.name} {component.version}: {component.licence}" for component in components]
    lines += ["", _LGPL_NOTE]
    for text, titles in _texts(components).items():
        lines += ["", "=" * 100, *titles, "=" * 100, "", text.rstrip()]
    return "\n".join(lines) + "\n"


def _texts(components: list[Component]) -> dict[str, list[str]]:
    """Each text once, with whom it belongs to."""
    texts: dict[str, list[str]] = {}
    for component in components:
        for title, text in component.texts.items():
            texts.setdefault(text, []).append(f"{component.name} {component.version}: {title}")
    return texts


def debian_copyright(components: list[Component]) -> str:
    """The copyright file of a package of Debian."""
    lines = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
        f"Upstream-Name: {TITLE}",
        "Comment:",
        *_indented("What is in the folder _internal is of others. " + _LGPL_NOTE),
        *(f"  {component.name} {component.version}: {component.licence}" for component in components),
        " .",
        " The texts of their licences are in the file LICENCES.txt.gz beside this one.",
        "",
        "Files: *",
        f"Copyright: {VENDOR}",
        "License: MIT",
        *_indented((ROOT / "LICENSE").read_text("utf-8")),
    ]
    return "\n".join(lines) + "\n"


def _indented(text: str) -> list[str]:
    return [f" {line}" if line.strip() else " ." for line in text.strip().splitlines()]
