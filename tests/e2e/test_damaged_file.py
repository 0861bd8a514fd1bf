"""From a damaged file to a report that can be handed on, in the real program, by keys alone."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.e2e.real_window import PATIENCE, Screen, aether
from tests.e2e.real_window import real_window as opened
from tests.e2e.test_real_window import file, screen
from tests.waiting import until_sync

__all__ = ["file", "screen"]


def damage(path: Path, raw: bytes) -> bytes:
    """Flip one bit of an event, in every copy that its page has; returns what the file holds then."""
    damaged = bytearray(raw)
    damaged[damaged.index(b'"data":{') + 12] ^= 0x20
    content = path.read_bytes().replace(raw, bytes(damaged))
    path.write_bytes(content)
    return content


def test_from_a_damaged_file_to_an_html_report(
    screen: Screen, file: Path, tmp_path: Path, permits_extract: Path
) -> None:
    content = damage(file, permits_extract.read_bytes().splitlines()[100])
    digest = hashlib.sha256(content).hexdigest()
    folder = tmp_path / "handed over"
    folder.mkdir()
    report = folder / "findings.html"
    with opened(screen, tmp_path) as window:
        window.wait_for("Aether Desktop")
        # The file is not opened as a store: it is evidence.
        window.keys("ctrl+shift+p")
        window.type("audit a file")
        window.keys("Return")
        window.wait_for("Audit a file")
        window.type(str(file))
        window.keys("Return")
        window.wait_until_gone("Audit a file")
        window.wait_for("Aether Desktop")
        window.keys("F5")

        def exports() -> bool:
            # There is something to export as soon as the audit is over.
            window.keys("ctrl+shift+e")
            return window.appears("Export report")

        until_sync(exports, PATIENCE, "the audit is over")
        window.keys("ctrl+a")
        window.type(str(report))
        window.keys("Return")
        until_sync(report.exists, PATIENCE, "the report is written")
        text = report.read_text()
        assert re.search(r"findings?: 1 error[,.]", text)
        assert "Checksum mismatch" in text
        assert "Flipping one bit" in text
        assert text.count(digest) == 2, "before and after"
        assert "<script" not in text

        # Enter leads to the event in its log; the file is opened to be read only.
        window.wait_for("Aether Desktop")
        window.keys("Down", "F8", "Return")
        window.wait_for(f"permits – {file.name}")
        window.close()
        assert window.exit_code() == 0
        assert window.said() == ""
    assert file.read_bytes() == content
    assert [each.name for each in file.parent.glob("permits.aether*")] == [file.name], "no side files"
    # The command line comes to the same.
    done = aether("audit", file)
    assert done.code == 1
    assert [one["check"] for one in done.objects if one.get("severity") == "error"] == ["checksum"]
