"""How counts read: exact, with the separators of the user's locale."""

from __future__ import annotations

from PySide6.QtCore import QLocale


def number_text(number: int) -> str:
    """`number` with the locale's separators: for sequences, versions and counts, never for payload values."""
    # QLocale.toString leaves the separators out in the C locale, and takes 64 bits only.
    return f"{number:,}".replace(",", QLocale().groupSeparator())


def counted(number: int, what: str) -> str:
    """`number` of `what`, which gets an s where there are more or fewer than one."""
    return f"{number_text(number)} {what}{'' if number == 1 else 's'}"
