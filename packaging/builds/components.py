"""What is inside a bundle: every package, library and interpreter of somebody else's, with version and licence.

The list is read off the bundle itself: a package counts as bundled if one of its files is there.
"""

from __future__ import annotations

import filecmp
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from builds.product import NAME, ROOT

#: For packages whose metadata say it in words of their own.
_SPDX: Final = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2 License": "Apache-2.0",
    "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only": "LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only",
}
#: Licences of the libraries of Debian that a bundle can have; their texts are Debian's.
_DEBIAN: Final = {
    "libbrotli1": "MIT",
    "libbz2-1.0": "bzip2-1.0.6",
    "libcom-err2": "MIT",
    "libffi8": "MIT",
    "libgssapi-krb5-2": "MIT",
    "libk5crypto3": "MIT",
    "libkeyutils1": "LGPL-2.0-or-later",
    "libkrb5-3": "MIT",
    "libkrb5support0": "MIT",
    "liblzma5": "0BSD",
    "libsqlite3-0": "blessing",
    "libssl3": "Apache-2.0",
    "libzstd1": "BSD-3-Clause",
}
_TEXTS: Final = ROOT / "packaging/licences"
_LICENCE_FILE = re.compile(r"(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$", re.IGNORECASE)


class UnknownLicenceError(ValueError):
    """A package is bundled of which nobody has said under which licence it is."""

    def __init__(self, component: str) -> None:
        self.component = component
        super().__init__(
            f"{component} would be bundled and its licence is not known. "
            "Look at it, and name it in packaging/builds/components.py or leave the package out."
        )


@dataclass(frozen=True, slots=True)
class Component:
    """Something that is bundled: its licence in SPDX's words, its package URL, texts of licences by title."""

    name: str
    version: str
    licence: str
    purl: str
    texts: dict[str, str] = field(default_factory=dict)
    #: Names of the files in the bundle, relative to its folder, if they are all in one place.
    libraries: tuple[str, ...] = ()


def components_of(bundle: Path, site: Path) -> list[Component]:
    """What is in `bundle`, which was made from the packages in `site`; by name.

    Raises `UnknownLicenceError` for what must not be handed on before somebody has looked at it.
    """
    found = [_python(), *_bootloader(site), *_packages(bundle, site), *debian_libraries(bundle)]
    return sorted(found, key=lambda component: component.name.lower())


@lru_cache
def debian_libraries(bundle: Path) -> tuple[Component, ...]:
    """The packages of Debian that the bundle has libraries of; none on other systems."""
    return tuple(_debian_libraries(bundle))


def _debian_libraries(bundle: Path) -> Iterator[Component]:
    files: dict[str, list[str]] = {}
    for library in sorted((bundle / "_internal").glob("lib*.so*")):
        # The interpreter stays the bundle's, whoever built it: its modules are made for this one version.
        if not library.name.startswith("libpython") and (package := _debian_package(library)) is not None:
            files.setdefault(package, []).append(f"_internal/{library.name}")
    for package, libraries in sorted(files.items()):
        version = _said("dpkg-query", "--show", "--showformat=${Version}", package)
        licence = _DEBIAN.get(package, "MIT" if package.startswith(("libxcb", "libxkb")) else "")
        if not licence:
            raise UnknownLicenceError(package)
        name = package.partition(":")[0]
        text = Path(f"/usr/share/doc/{name}/copyright").read_text("utf-8")
        yield Component(
            name, version, licence, f"pkg:deb/debian/{name}@{version}", {"copyright": text}, tuple(libraries)
        )


def _debian_package(library: Path) -> str | None:
    """The package whose library this is, byte for byte; None if it is of none."""
    for place in Path("/usr/lib").glob(f"*-linux-gnu/{library.name}"):
        if library.is_symlink() or not filecmp.cmp(library, place, shallow=False):
            continue
        for name in (place, place.resolve(), Path("/lib") / place.relative_to("/usr/lib"), _outside_usr(place)):
            owner = subprocess.run(
                ["dpkg-query", "--search", str(name)], capture_output=True, text=True, check=False
            ).stdout
            if owner:
                return owner.partition(":")[0]
    return None


def _outside_usr(place: Path) -> Path:
    # Packages from before /lib became a link to /usr/lib.
    resolved = place.resolve()
    return Path("/") / resolved.relative_to("/usr") if resolved.is_relative_to("/usr") else resolved


def _packages(bundle: Path, site: Path) -> Iterator[Component]:
    for package in distributions(path=[str(site)]):
        name = package.metadata["Name"]
        if name != NAME and any(_is_bundled(str(file), bundle) for file in package.files or ()):
            texts = dict(_texts(package))
            if name.lower().startswith(("pyside6", "shiboken6")):
                texts = {path.stem: path.read_text("utf-8") for path in sorted(_TEXTS.glob("*.txt"))}
            if not texts:
                raise UnknownLicenceError(name)
            purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{package.version}"
            yield Component(name, package.version, _licence(package), purl, texts)


def _is_bundled(file: str, bundle: Path) -> bool:
    if ".dist-info/" in file or file.startswith(".."):
        return False
    return file.endswith((".py", ".so", ".pyd", ".dylib", ".dll")) and any(
        (bundle / "_internal" / name).is_file() for name in (file, f"{file}c")
    )


def _texts(package: Distribution) -> Iterator[tuple[str, str]]:
    for file in package.files or ():
        if ".dist-info/" in str(file) and _LICENCE_FILE.search(str(file)):
            yield file.name, Path(str(package.locate_file(file))).read_text("utf-8")


def _licence(package: Distribution) -> str:
    said = package.metadata
    if "License-Expression" in said:
        return str(said["License-Expression"])
    classifiers = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if "License ::" in line]
    for words in (*(said.get_all("License") or ()), *classifiers):
        if words in _SPDX.values():
            return str(words)
        if words in _SPDX:
            return _SPDX[words]
    raise UnknownLicenceError(said["Name"])


def _python() -> Component:
    for place in (Path(sys.base_prefix) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE", *_stdlib_licence()):
        if place.is_file():
            text = place.read_text("utf-8")
            break
    else:
        raise UnknownLicenceError("Python")
    version = platform.python_version()
    return Component("Python", version, "PSF-2.0", f"pkg:generic/python@{version}", {"LICENSE": text})


def _stdlib_licence() -> Iterator[Path]:
    import os
    import sysconfig

    yield Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    yield Path(os.__file__).parent / "LICENSE.txt"
    yield Path(f"/usr/share/doc/python{sys.version_info[0]}.{sys.version_info[1]}/copyright")


def _bootloader(site: Path) -> Iterator[Component]:
    for package in distributions(path=[str(site)], name="pyinstaller"):
        yield Component(
            "PyInstaller bootloader",
            package.version,
            "GPL-2.0-or-later WITH Bootloader-exception",
            f"pkg:pypi/pyinstaller@{package.version}",
            dict(_texts(package)),
        )


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
