"""Bytes in rows: what is where, moving and selecting, and 30 MB as quickly as 30 bytes."""

from __future__ import annotations

import time

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.raw_view import SHOWN_AT_ONCE, RawView, block_ends


def hex_view(qtbot: QtBot, raw: bytes, width: int = 760) -> HexView:
    view = HexView("eventHex")
    qtbot.addWidget(view)
    view.resize(width, 300)
    view.set_raw(raw)
    view.show()
    qtbot.waitExposed(view)
    return view


def raw_view(qtbot: QtBot, raw: bytes) -> RawView:
    view = RawView("eventRaw")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.set_raw(raw)
    return view


def test_sixteen_bytes_a_row_or_eight_where_it_is_narrow(qtbot: QtBot) -> None:
    view = hex_view(qtbot, bytes(range(256)), width=900)
    assert view.columns == 16
    view.resize(420, 300)
    assert view.columns == 8


def test_the_keyboard_moves_and_selects(qtbot: QtBot) -> None:
    view = hex_view(qtbot, bytes(range(256)), width=900)
    told: list[object] = []
    view.span_selected.connect(told.append)
    QTest.keyClick(view, Qt.Key.Key_Right)
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.cursor_offset() == 17
    assert told[-1] == (17, 18)
    QTest.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.selected_span() == (17, 19)
    assert view.hex_text() == "11 12"
    QTest.keyClick(view, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert view.cursor_offset() == 255
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_the_mouse_finds_the_byte_under_it_and_selects(qtbot: QtBot) -> None:
    view = hex_view(qtbot, bytes(range(256)), width=900)
    found = {
        offset: point
        for y in range(view.viewport().height())
        for x in range(0, view.viewport().width(), 3)
        if (offset := view.byte_at(point := QPoint(x, y))) is not None
    }
    assert set(range(64)) <= set(found)
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, found[3])
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, found[3])
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, found[20])
    assert view.selected_span() == (3, 21)


def test_copying_asks_for_the_selected_bytes(qtbot: QtBot) -> None:
    view = hex_view(qtbot, b"\x00\xff{}")
    copied: list[object] = []
    view.copy_requested.connect(copied.append)
    view.select(1, 3)
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert copied == ["FF 7B"]


def test_thirty_megabytes_are_shown_and_painted_at_once(qtbot: QtBot) -> None:
    raw = bytes(range(256)) * (30_000_000 // 256)
    began = time.process_time()
    view = hex_view(qtbot, raw)
    view.highlight((len(raw) - 40, len(raw) - 30))
    view.grab()
    assert time.process_time() - began < 1
    assert view.verticalScrollBar().value() > 1_000_000
    assert view.highlighted() == (len(raw) - 40, len(raw) - 30)


def test_nothing_to_show_is_no_trouble(qtbot: QtBot) -> None:
    view = hex_view(qtbot, b"")
    QTest.keyClick(view, Qt.Key.Key_Right)
    view.grab()
    assert view.selected_span() is None


# --- The bytes as text ----------------------------------------------------------------------------------------


def test_nothing_is_hidden_in_the_text(qtbot: QtBot) -> None:
    view = raw_view(qtbot, b'{"a":"\x00\xc3(\xe2\x80\xae\t"}')
    assert view.toPlainText() == '{"a":"␀⟨0xC3⟩(⟨U+202E⟩␉"}'


def test_text_and_bytes_are_found_from_one_another(qtbot: QtBot) -> None:
    raw = '{"a":"é😀\x00b",\n"c":"日本"}'.encode() + b"\xff!"
    view = raw_view(qtbot, raw)
    for piece in (b'"a"', "😀".encode(), b"b", b'"c"', "本".encode(), b"\xff", b"!"):
        offset = raw.index(piece)
        assert view.offset_at(view.position_of(offset)) == offset


def test_pieces_cover_every_byte_and_cut_no_character() -> None:
    raw = ("é" * 20_000 + "\n\n" + "x" * 8192 + "\n" + "日" * 9000 + "\n").encode()
    pieces = list(block_ends(raw))
    assert (
        b"".join(raw[start:end] + (b"\n" if raw[end : end + 1] == b"\n" else b"") for start, end in pieces) == raw
    )
    for start, end in pieces:
        raw[start:end].decode()


def test_a_long_text_is_shown_in_part_and_loaded_on_demand(qtbot: QtBot) -> None:
    raw = b'{"a":"' + b"x" * 1_000_000 + b'"}'
    view = raw_view(qtbot, raw)
    assert not view.is_whole
    assert SHOWN_AT_ONCE <= view.shown_bytes < len(raw)
    view.load_all()
    qtbot.waitUntil(lambda: view.is_whole, timeout=20_000)
    assert view.toPlainText().replace("\n", "") == raw.decode()


def test_copied_text_is_what_is_stored(qtbot: QtBot) -> None:
    raw = b'{"a":"x\x01y' + b"z" * 10_000 + b'"}'
    view = raw_view(qtbot, raw)
    view.selectAll()
    assert view.createMimeDataFromSelection().text() == raw.decode()


def test_a_byte_asked_for_before_the_view_has_its_size_is_in_sight_until_somebody_scrolls(qtbot: QtBot) -> None:
    view = HexView("eventHex")
    qtbot.addWidget(view)
    view.resize(760, 900)
    view.set_raw(bytes(4096))
    view.scroll_to(600)  # In sight in a view of this height.
    view.show()
    qtbot.waitExposed(view)
    view.resize(420, 150)

    def rows_in_sight() -> range:
        first = view.verticalScrollBar().value()
        line = view.verticalScrollBar().pageStep()
        return range(first, first + line)

    assert 600 // view.columns in rows_in_sight()
    view.verticalScrollBar().triggerAction(view.verticalScrollBar().SliderAction.SliderToMinimum)
    view.resize(430, 160)
    assert view.verticalScrollBar().value() == 0
