"""A reducer that looks around in its process: whether all that the bundle needs late can be loaded there."""

from __future__ import annotations

import importlib
import sys

#: Compiled parts, and what is imported only when it is used.
_LATE = (
    *(
        "nacl.bindings",
        "nkeys",
        "nats.aio.client",
        "backports.zstd",
        "msgspec",
        "orjson",
        "sqlite3",
        "ssl",
        "lzma",
        "bz2",
    ),
    *(
        "keyring.core",
        "zoneinfo",
        "decimal",
        "statistics",
        "xml.etree.ElementTree",
        "csv",
        "uuid",
        "ctypes",
        "asyncio",
    ),
    *("aether_engine.engine", "aether_engine.audit", "aether_engine.recovery", "aether_engine.sources"),
    *("aether_desktop.workspace", "PySide6.QtCore", "PySide6.QtSvg", "PySide6.QtWidgets", "qasync"),
)
_OF_LINUX = (
    "secretstorage",
    "jeepney",
    "cryptography.hazmat.primitives.ciphers",
    "keyring.backends.SecretService",
)


def problems() -> list[str]:
    """What does not load."""
    found = []
    for name in (*_LATE, *(_OF_LINUX if sys.platform == "linux" else ())):
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the answer)
            found.append(f"{name}: {error!r}")
    import keyring.backend

    offered = {type(backend).__module__ for backend in keyring.backend.get_all_keyring()}
    if not any(name.startswith("keyring.backends.") for name in offered):
        found.append(f"keyring finds no backend: {sorted(offered)}")
    from aether_engine.native.library import why_none

    # Nothing is compiled for Windows.
    if sys.platform != "win32" and (why := why_none()):
        found.append(f"the compiled library of the engine is not used: {why}")
    return found


def apply(state: object, event: object) -> object:
    """The state is what does not load."""
    return state or {"problems": problems()}
