"""The portable archive of Linux: the bundle, its manual and its licences, to be unpacked anywhere.

    python -m builds.portable BUNDLE TARGET --site FOLDER

The same bundle gives the same archive: names in order, one time, no owners.
"""

from __future__ import annotations

import argparse
import lzma
import os
import platform
import tarfile
import tempfile
from pathlib import Path

from builds import icons, licences, manual
from builds.components import components_of
from builds.debian import LINUX, metainfo
from builds.files import all_below, compression, copy_tree, source_date, write
from builds.product import APP_ID, NAME, ROOT, TITLE, version
from builds.sbom import bill

_README = f"""\
{TITLE} {version()}

    ./{NAME}            the window
    ./{NAME} --demo     the window with a demo shop
    ./aether --help             the same for scripts
    ./install.sh                menu entry, icon, file type and links for you alone (--remove takes them away)

The folder can be anywhere; nothing outside it is changed unless you run install.sh. It needs a Linux with glibc
2.35 or later and a desktop of X11 or Wayland. The manual is in share/man, the licences of what is inside in
LICENCES.txt, and a list of it in sbom.cdx.json.
"""


def lay_out(bundle: Path, tree: Path, site: Path) -> None:
    """Make `tree` what the archive has."""
    copy_tree(bundle, tree)
    components = components_of(bundle, site)
    write(tree / "README.txt", _README)
    write(tree / "LICENCES.txt", licences.overview(components))
    write(tree / "sbom.cdx.json", bill(components))
    write(tree / "install.sh", (LINUX / "install.sh").read_text("utf-8"), 0o755)
    write(tree / f"share/applications/{NAME}.desktop", (LINUX / f"{NAME}.desktop").read_text("utf-8"))
    write(tree / f"share/mime/packages/{NAME}.xml", (LINUX / f"{NAME}.xml").read_text("utf-8"))
    write(tree / f"share/metainfo/{APP_ID}.metainfo.xml", metainfo())
    for size in icons.SIZES:
        write(tree / f"share/icons/hicolor/{size}x{size}/apps/{NAME}.png", icons.png(size))
    write(tree / f"share/icons/hicolor/scalable/apps/{NAME}.svg", icons.DRAWING.read_bytes())
    for name, page in manual.pages().items():
        write(tree / "share/man/man1" / name, page)
    write(tree / "CHANGELOG.md", (ROOT / "CHANGELOG.md").read_text("utf-8"))


def pack(tree: Path, archive: Path) -> None:
    """Pack `tree` under its name."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = source_date()
        if not member.issym():
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    archive.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(archive, "wb", preset=compression()) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for path in (tree, *all_below(tree)):
            name = path.relative_to(tree.parent)
            tar.add(path, str(name), recursive=False, filter=plain)


def main() -> None:
    """Build the archive that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--site", type=Path, required=True, help="the packages that the bundle was made of")
    asked = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    name = f"{NAME}-{version()}-linux-{platform.machine()}"
    with tempfile.TemporaryDirectory(prefix="aether-package-") as folder:
        tree = Path(folder, name)
        lay_out(asked.bundle, tree, asked.site)
        pack(tree, asked.target / f"{name}.tar.xz")
        write(
            asked.target / f"{NAME}-{version()}-linux-{platform.machine()}.cdx.json",
            (tree / "sbom.cdx.json").read_bytes(),
        )
    print(asked.target / f"{name}.tar.xz")


if __name__ == "__main__":
    main()
