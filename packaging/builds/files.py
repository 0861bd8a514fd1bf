"""Writing files that are the same for the same input, whoever builds them and when."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def source_date() -> int:
    """The time that everything in a package has, in seconds since 1970."""
    return int(os.environ["SOURCE_DATE_EPOCH"])


def compression() -> int:
    """How hard xz tries, from 0 to 9; less only where what is built is not to be handed on."""
    return int(os.environ.get("AETHER_COMPRESSION", "9"))


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def write_compressed(path: Path, content: str) -> None:
    """Write a file as gzip, without its name and with no time."""
    write(path, gzip.compress(content.encode(), 9, mtime=0))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder, links as links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)


def all_below(folder: Path) -> Iterator[Path]:
    """Every file, link and folder below `folder`, in one order everywhere."""
    for path in sorted(folder.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from all_below(path)


def set_times(folder: Path) -> None:
    """Give everything below `folder`, and itself, the source date and plain permissions."""
    for path in (*all_below(folder), folder):
        os.utime(path, (source_date(), source_date()), follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
