"""What hatchling runs when it makes a wheel: the library in C goes into it, where one can be compiled.

Such a wheel is one of its platform, for every Python 3 there: the library is called through ctypes and linked to
the C library alone. Without a compiler the wheel is one for everywhere. An editable installation has its
library in the checkout itself.
"""

from __future__ import annotations

import importlib
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from builds import native_library


class NativeLibraryHook(BuildHookInterface[BuilderConfig]):
    """Hatchling finds it by what it derives from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the library and name it in `build_data`; for editable installations, put it in its place."""
        if version == "editable":
            said = native_library.bring_up_to_date(native_library.SOURCES)
        else:
            said = self._add(build_data)
        if said:
            self.app.display_info(said)

    def _add(self, build_data: dict[str, Any]) -> str:
        # Goes with this object, after the wheel was written.
        self._scratch = tempfile.TemporaryDirectory(prefix="aether-wheel-")
        name = native_library.loader().NAME
        made = Path(self._scratch.name, name)
        try:
            compiler = native_library.compile_library(native_library.SOURCES, made)
        except native_library.NotCompiledError as error:
            return str(error)
        build_data["force_include"][str(made)] = f"aether_engine/native/{name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform_tag()}"
        return f"Compiled aether_engine/native with {compiler}."

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if version != "editable":
            self._scratch.cleanup()


def _platform_tag() -> str:
    if sys.platform == "darwin":
        return f"macosx_{native_library.MACOS.replace('.', '_')}_{platform.machine()}"
    # Hatchling depends on it; a 32-bit system knows its name by it, under a kernel of 64 bits too.
    tags = importlib.import_module("packaging.tags")
    return next(str(tag) for tag in tags.platform_tags() if not tag.startswith(("manylinux", "musllinux")))
