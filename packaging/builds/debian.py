"""The package of Debian, from the bundle.

    python -m builds.debian BUNDLE TARGET [--bare]

Libraries that Debian has, byte for byte, are left to Debian: the package depends on them, and their repairs reach
it. With --bare it packs a bundle and nothing else, for the benchmarks to compare sizes with. Menus, types of files
and icons are taken up by triggers of the packages that keep them; nothing of ours runs when it comes or goes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final

from builds import icons, licences, manual
from builds.components import components_of, debian_libraries
from builds.files import compression, copy_tree, set_times, source_date, write, write_compressed
from builds.product import APP_ID, COMMANDS, MAINTAINER, NAME, ROOT, SUMMARY, TITLE, VENDOR, version

LINUX: Final = ROOT / "packaging/linux"
_REVISION: Final = "1"
_DESCRIPTION: Final = """\
 Aether Desktop knows what a stream is: browse the log of a namespace, find an
 actor, step through its history and see its state at every version, append a
 test event, watch events as they are stored, and audit damaged files without
 changing a byte of them.
 .
 It opens stores in files (.aether), lines of JSON, and streams of NATS
 JetStream servers. The aether command does the same for scripts."""


def lay_out(bundle: Path, tree: Path, site: Path) -> None:
    """Make `tree` what the package installs."""
    lay_out_bundle(bundle, tree, NAME)
    for command in COMMANDS:
        link = tree / "usr/bin" / command
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../lib/{NAME}/{command}")
    share = tree / "usr/share"
    write(share / f"applications/{NAME}.desktop", (LINUX / f"{NAME}.desktop").read_text("utf-8"))
    write(share / f"mime/packages/{NAME}.xml", (LINUX / f"{NAME}.xml").read_text("utf-8"))
    write(share / f"metainfo/{APP_ID}.metainfo.xml", metainfo())
    for size in icons.SIZES:
        write(share / f"icons/hicolor/{size}x{size}/apps/{NAME}.png", icons.png(size))
    write(share / f"icons/hicolor/scalable/apps/{NAME}.svg", icons.DRAWING.read_bytes())
    for name, page in manual.pages().items():
        write_compressed(share / f"man/man1/{name}.gz", page)
    components = components_of(bundle, site)
    write(share / f"doc/{NAME}/copyright", licences.debian_copyright(components))
    write_compressed(share / f"doc/{NAME}/LICENCES.txt.gz", licences.overview(components))
    write_compressed(share / f"doc/{NAME}/NEWS.gz", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    write_compressed(share / f"doc/{NAME}/changelog.Debian.gz", changelog())
    write(share / f"lintian/overrides/{NAME}", (LINUX / "lintian-overrides").read_text("utf-8"))


def lay_out_bundle(bundle: Path, tree: Path, name: str) -> None:
    """Copy the bundle to its place, less the libraries that Debian has."""
    place = tree / "usr/lib" / name
    copy_tree(bundle, place)
    for component in debian_libraries(bundle):
        for library in component.libraries:
            (place / library).unlink()


def metainfo() -> str:
    """The AppStream metadata."""
    day = datetime.fromtimestamp(source_date(), UTC).date().isoformat()
    facts = {"APP_ID": APP_ID, "VENDOR": VENDOR, "VERSION": version(), "DATE": day}
    template = (LINUX / "metainfo.xml").read_text("utf-8")
    return re.sub("@([A-Z_]+)@", lambda found: facts[found[1]], template)


def changelog() -> str:
    """Debian's changelog: the changes themselves are in the product's own."""
    made = format_datetime(datetime.fromtimestamp(source_date(), UTC))
    return (
        f"{NAME} ({version()}-{_REVISION}) unstable; urgency=medium\n\n"
        f"  * {TITLE} {version()}; its changes are in NEWS.\n\n -- {MAINTAINER}  {made}\n"
    )


def build(tree: Path, name: str, target: Path) -> Path:
    """Make the package of what is in `tree`; returns the file."""
    architecture = _said("dpkg", "--print-architecture")
    full = f"{version()}-{_REVISION}"
    size = sum(
        -(-path.lstat().st_size // 1024) for path in tree.rglob("*") if not path.is_dir() or path.is_symlink()
    )
    fields = {
        "Package": name,
        "Version": full,
        "Architecture": architecture,
        "Maintainer": MAINTAINER,
        "Installed-Size": str(size),
        "Depends": dependencies(tree, name),
        "Recommends": "ca-certificates",
        "Section": "devel",
        "Priority": "optional",
        "Description": f"{SUMMARY[0].lower()}{SUMMARY[1:]}\n{_DESCRIPTION}",
    }
    write(tree / "DEBIAN/control", "".join(f"{key}: {value}\n" for key, value in fields.items()))
    write(tree / "DEBIAN/md5sums", "".join(_sums(tree)))
    set_times(tree)
    package = target / f"{name}_{full}_{architecture}.deb"
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{compression()}", "--build", tree, package], check=True
    )
    return package


def dependencies(tree: Path, name: str) -> str:
    """What the programs and libraries in `tree` are linked to, as packages with versions."""
    place = tree / "usr/lib" / name
    files = [
        path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink() and _is_elf(path)
    ]
    private = sorted({path.parent for path in files})
    (tree / "DEBIAN").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # The tool wants to be in the folder of a source package.
        write(Path(folder, "debian/control"), f"Source: {name}\n\nPackage: {name}\nArchitecture: any\n")
        said = _said(
            *("dpkg-shlibdeps", "-O", "--ignore-missing-info", f"-S{tree}"),
            *(f"-l{path}" for path in private),
            *(f"-e{path}" for path in files),
            cwd=Path(folder),
        )
    # Linked to by the bundle's own libraries alone, which shlibdeps takes for those of the package.
    return said.partition("shlibs:Depends=")[2]


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _sums(tree: Path) -> Iterator[str]:
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree)
        if path.is_file() and not path.is_symlink() and name.parts[0] != "DEBIAN":
            yield f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {name}\n"


def _said(*command: str, cwd: Path | None = None) -> str:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{command[0]} failed:\n{ran.stderr}")
    return ran.stdout.strip()


def main() -> None:
    """Build the package that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--site", type=Path, required=True, help="the packages that the bundle was made of")
    parser.add_argument("--bare", action="store_true")
    asked = parser.parse_args()
    for tool in ("dpkg-deb", "dpkg-shlibdeps"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: the package of Debian is built on Debian, with the package dpkg-dev.")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory(prefix="aether-package-") as folder:
        tree = Path(folder, "tree")
        if asked.bare:
            lay_out_bundle(asked.bundle, tree, asked.bundle.name)
        else:
            lay_out(asked.bundle, tree, asked.site)
        print(build(tree, asked.bundle.name, asked.target))


if __name__ == "__main__":
    main()
