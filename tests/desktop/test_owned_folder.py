"""Temporary folders: they go with their process, and those of killed ones with the next that looks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aether_desktop.owned_folder import OwnedFolder, remove_orphans

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="file locks of POSIX")

PREFIX = "aether-demo-"
OWNER = f"""
import sys
from aether_desktop.owned_folder import OwnedFolder
folder = OwnedFolder({PREFIX!r})
(folder.path / "shop.aether").write_text("events")
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, nothing else in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_it_is_removed(temporary: Path) -> None:
    folder = OwnedFolder(PREFIX)
    assert folder.path.parent == temporary
    (folder.path / "shop.aether").write_text("events")
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_only_those_of_processes_that_are_gone(temporary: Path) -> None:
    mine = OwnedFolder(PREFIX)
    strangers = temporary / f"{PREFIX}somebody-elses"
    strangers.mkdir()
    (strangers / "notes").write_text("of whoever made it")
    (temporary / f"{PREFIX}file").write_text("no folder")
    (temporary / f"{PREFIX}link").symlink_to(mine.path)
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().strip())
        before = set(temporary.iterdir())
        assert theirs in before
        remove_orphans(PREFIX)
        assert set(temporary.iterdir()) == before
        process.kill()
        process.wait()
        remove_orphans("aether-other-")
        assert set(temporary.iterdir()) == before
        remove_orphans(PREFIX)
        assert set(temporary.iterdir()) == before - {theirs}
    mine.remove()
