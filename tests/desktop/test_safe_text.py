"""Hostile text is shown for what it is and never becomes markup."""

import sys
import unicodedata

import pytest
from PySide6.QtGui import QTextDocumentFragment

from aether_desktop.ui.widgets.safe_text import TOOLTIP_LIMIT, plain_tooltip, visible

# Signs before Arabic and Syriac numbers are format characters, but visible ones.
VISIBLE_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("order-12", "order-12"),
        ("Überweisung → 12 €", "Überweisung → 12 €"),
        ("שלום", "שלום"),
        ("a\x00b", "a␀b"),
        ("a\tb\nc\r", "a␉b␊c␍"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x7f\x9b", "␡⟨U+009B⟩"),
        ("abc\u202etxt.exe", "abc⟨U+202E⟩txt.exe"),
        ("pay\u200bpal\ufeff", "pay⟨U+200B⟩pal⟨U+FEFF⟩"),
        ("\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("\ud83d", "⟨U+D83D⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\u3164", "⟨U+3164⟩"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_can_be_kept() -> None:
    assert visible("a\tb\nc\r\x00", keep_lines=True) == "a\tb\nc␍␀"


def test_nothing_that_unicode_calls_control_or_format_stays_hidden() -> None:
    hidden = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(character := chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and character not in VISIBLE_FORMATS
        and visible(character) == character
    ]
    assert hidden == []


def test_direction_overrides_are_all_shown() -> None:
    for code in range(sys.maxunicode + 1):
        direction = unicodedata.bidirectional(chr(code))
        if direction in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}:
            assert visible(chr(code)) == f"⟨U+{code:04X}⟩"


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b>",
        '<img src="file:///etc/passwd">',
        "a & b &lt; c",
        "&#x202e;",
        "two\nlines   and spaces",
        "</div></qt><script>",
        "'quoted' \"twice\"",
    ],
)
def test_a_tooltip_shows_markup_as_text(text: str) -> None:
    assert QTextDocumentFragment.fromHtml(plain_tooltip(text)).toPlainText() == text


def test_a_tooltip_makes_text_visible_and_says_what_it_left_out() -> None:
    assert QTextDocumentFragment.fromHtml(plain_tooltip("a\u202eb")).toPlainText() == "a⟨U+202E⟩b"
    shown = QTextDocumentFragment.fromHtml(plain_tooltip("x" * 181_034)).toPlainText()
    assert shown.startswith("x" * TOOLTIP_LIMIT + "…")
    assert shown.endswith("2,000 of 181,034 characters")
    assert plain_tooltip("") == ""
