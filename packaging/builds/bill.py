"""The bill of materials and the licences beside the packages, where no package of Linux carries them.

python -m builds.bill BUNDLE TARGET --site FOLDER
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

from builds import licences
from builds.components import components_of
from builds.files import write
from builds.product import NAME, version
from builds.sbom import bill


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--site", type=Path, required=True, help="the packages that the bundle was made of")
    asked = parser.parse_args()
    components = components_of(asked.bundle, asked.site)
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    name = f"{NAME}-{version()}-{system}-{platform.machine().lower()}"
    write(asked.target / f"{name}.cdx.json", bill(components))
    write(asked.bundle / "LICENCES.txt", licences.overview(components))


if __name__ == "__main__":
    main()
