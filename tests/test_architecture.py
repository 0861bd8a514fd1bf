"""The import rules of docs/architecture.md, read off the source itself.

Inside aether_engine an arrow means "may be imported by", at any distance:

    event, errors ← codec, patterns, lossless, moments, urls, worker_process, native ← store/*, bus, nats_bus
                  ← replay, audit, query, timeline, transfer ← engine_tail ← engine ← testing

A violation names the file, the line and the rule.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS: tuple[tuple[str, ...], ...] = (
    ("event", "errors", "closing", "late_names"),
    (
        *("codec", "exact_json", "timestamps", "wire_checks"),
        *("batch_decoding", "json_pieces", "large_events", "projection"),
        *("patterns", "lossless", "moments", "urls", "worker_process", "native"),
    ),
    ("store", "bus", "nats_bus"),
    (
        "replay",
        "audit",
        "recovery",
        "sources",
        "redaction",
        "bundle",
        "causation",
        "query",
        "trace",
        "trace_memory",
        "time_bars",
        "timeline",
        "transfer",
    ),
    ("engine_tail",),
    ("engine",),
    ("testing",),
)
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}

# What every module in store/ may import from there, besides the files of its own backend.
SHARED_IN_STORE = ("listing", "offers", "protocols", "tailing", "write_gate")

QT = ("PySide6", "shiboken6", "qasync")
# What is not to be imported where, beyond the layers: (rule, where it holds, where not, what).
APP = "aether_desktop.app"
BANS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("aether_engine knows nothing of Qt or the application", "aether_engine", (), (*QT, "aether_desktop")),
    ("only codec.py imports orjson", "aether_engine", ("aether_engine.codec",), ("orjson",)),
    ("only aether_engine/codec.py imports orjson", "aether_desktop", (), ("orjson",)),
    (
        "widgets are made in ui/ (and by app.py) only",
        "aether_desktop",
        ("aether_desktop.ui", APP),
        ("PySide6.QtWidgets", "aether_desktop.ui"),
    ),
    (
        "ui/ calls controllers and never touches a store",
        "aether_desktop.ui",
        (),
        ("aether_engine.store", "aether_engine.engine", "sqlite3", "nats"),
    ),
    (
        "ui/widgets/ is what the other folders of ui/ are made of, and knows none of them",
        "aether_desktop.ui.widgets",
        (),
        tuple(
            f"aether_desktop.ui.{folder}"
            for folder in (
                *("append", "audit", "connection", "events", "inspector"),
                *("state", "tail", "timeline", "trace", "window"),
            )
        ),
    ),
    ("the command line works without Qt", "aether_desktop.cli", (), QT),
    ("the command line works without Qt", "aether_desktop.commands", (), QT),
    ("the command line works without Qt", "aether_desktop.demo", (), QT),
)

# Imports inside functions that are meant, by importing module: what may be imported so.
LATE: dict[str, tuple[str, ...]] = {
    "aether_engine.event": ("aether_engine.codec",),  # closes the cycle event ← codec on purpose
    "aether_engine.large_events": ("aether_engine.codec",),  # for the one case that only the other decoder can do
    # nats, and what filters need, only where they are used
    "aether_engine.engine": (
        "aether_engine.store.jetstream",
        "aether_engine.nats_bus",
        "aether_engine.query",
    ),
    "aether_engine.engine_tail": ("aether_engine.query",),
}


@dataclass(frozen=True)
class Import:
    """One imported module as one statement imports it."""

    importer: str
    file: Path
    line: int
    target: str
    late: bool  # inside a function

    def breaks(self, rule: str) -> str:
        return f"{self.file}:{self.line}: imports {self.target} — {rule}"


def _within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


class Tree:
    """The modules under a root folder and what they import."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {
            self._module_of(file): file
            for package in ("aether_engine", "aether_desktop")
            for file in sorted((root / package).rglob("*.py"))
        }

    def _module_of(self, file: Path) -> str:
        parts = list(file.relative_to(self.root).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        return ".".join(parts)

    def _is_package(self, module: str) -> bool:
        return module in self.files and self.files[module].name == "__init__.py"

    def _exported_from(self, package: str, name: str) -> str | None:
        """Where a package's `__init__` has a name from: importing it there is importing its module."""
        if not self._is_package(package):
            return None
        for node in ast.walk(ast.parse(self.files[package].read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return self._source_of(package, node)
        return None

    def _source_of(self, module: str, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        base = module.split(".")
        if not self._is_package(module):
            base.pop()
        base = base[: len(base) - (node.level - 1)]
        return ".".join([*base, node.module] if node.module else base)

    def _targets(self, module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            return
        source = self._source_of(module, node)
        for alias in node.names:
            name = f"{source}.{alias.name}"
            if name in self.files or source == "PySide6":
                yield name
            elif source in ("aether_engine", "aether_desktop"):
                yield self._exported_from(source, alias.name) or source
            else:
                yield source

    def imports(self) -> Iterator[Import]:
        for module, file in self.files.items():
            tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
            in_functions = {
                inner
                for outer in ast.walk(tree)
                if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                for inner in ast.walk(outer)
                if isinstance(inner, ast.Import | ast.ImportFrom)
            }
            for node in ast.walk(tree):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    for target in dict.fromkeys(self._targets(module, node)):
                        yield Import(
                            module, file.relative_to(self.root), node.lineno, target, node in in_functions
                        )


def _layer(module: str) -> int | None:
    """The layer of a module of aether_engine; the package itself, which exports all, is above them all."""
    parts = module.split(".")
    return len(LAYERS) if len(parts) == 1 else LAYER_OF.get(parts[1])


def _layer_violations(tree: Tree) -> Iterator[str]:
    for module, file in tree.files.items():
        if _within(module, "aether_engine") and _layer(module) is None:
            yield f"{file.relative_to(tree.root)}:1: {module} has no layer — give it one in LAYERS of this test"

    for each in tree.imports():
        if not _within(each.importer, "aether_engine"):
            continue
        allowed_late = LATE.get(each.importer, ())
        meant = each.late and any(_within(each.target, one) for one in allowed_late)
        # Modules of the standard library that not every system has may be asked for late.
        optional = each.target.partition(".")[0] in sys.stdlib_module_names
        if each.late and not meant and not optional:
            yield each.breaks("aether_engine imports at the top of a module, not inside functions")
        if not _within(each.target, "aether_engine") or meant:
            continue
        importer, target = _layer(each.importer), _layer(each.target)
        if importer is None or target is None:
            continue  # named above, or not there: Python's own error
        if target > importer:
            yield each.breaks("a layer imports only from its own and from those below it")


def _store_violations(tree: Tree) -> Iterator[str]:
    """Modules in store/ share nothing but the protocols, so that each backend can be read by itself."""
    store = "aether_engine.store"
    for each in tree.imports():
        if not _within(each.importer, store) or not _within(each.target, store):
            continue
        own = each.importer.removeprefix(store).lstrip(".").split(".")[0]
        other = each.target.removeprefix(store).lstrip(".").split(".")[0]
        if other in ("", own, *SHARED_IN_STORE):
            continue
        yield each.breaks("backends in store/ import protocols.py and their own files, never each other")


def _ban_violations(tree: Tree) -> Iterator[str]:
    for each in tree.imports():
        for rule, where, but_not, what in BANS:
            if not _within(each.importer, where) or any(_within(each.importer, one) for one in but_not):
                continue
            if any(_within(each.target, one) for one in what):
                yield each.breaks(rule)


CHECKS = {"layers": _layer_violations, "stores": _store_violations, "bans": _ban_violations}


@pytest.mark.parametrize("check", CHECKS)
def test_imports_follow_the_rules(check: str) -> None:
    violations = list(CHECKS[check](Tree(ROOT)))
    assert not violations, "\n".join(["import rules are broken:", *violations])


# --- The checks themselves, on trees with one mistake each ------------------------------------------------


@pytest.mark.parametrize(
    ("file", "source", "line", "rule"),
    [
        ("aether_engine/event.py", "\nfrom aether_engine import bus", 2, "a layer imports only"),
        ("aether_engine/event.py", "from . import codec", 1, "a layer imports only"),
        ("aether_engine/codec.py", "from aether_engine.engine import Engine", 1, "a layer imports only"),
        ("aether_engine/query.py", "from aether_engine import Engine", 1, "a layer imports only"),
        ("aether_engine/engine.py", "import aether_engine.testing", 1, "a layer imports only"),
        ("aether_engine/query.py", "def f():\n    import nats", 2, "not inside functions"),
        ("aether_engine/engine.py", "def f():\n    from aether_engine.store import memory", 2, "not inside"),
        ("aether_engine/surprise.py", "", 1, "has no layer"),
        (
            "aether_engine/store/sqlite/store.py",
            "from aether_engine.store.memory.store import M",
            1,
            "never each other",
        ),
        ("aether_engine/store/sqlite/store.py", "from .. import memory", 1, "never each other"),
        ("aether_engine/store/__init__.py", "from .memory import M", 1, "never each other"),
        ("aether_engine/event.py", "import PySide6.QtCore", 1, "knows nothing of Qt"),
        ("aether_engine/event.py", "from aether_desktop import jobs", 1, "knows nothing of Qt"),
        ("aether_engine/query.py", "import orjson", 1, "only codec.py"),
        ("aether_desktop/jobs.py", "import orjson", 1, "orjson"),
        ("aether_desktop/jobs.py", "from PySide6 import QtCore, QtWidgets", 1, "widgets are made in ui/"),
        ("aether_desktop/models/rows.py", "from ..ui import window", 1, "widgets are made in ui/"),
        ("aether_desktop/ui/window.py", "from aether_engine.store import protocols", 1, "never touches a store"),
        ("aether_desktop/ui/window.py", "from aether_engine import Engine", 1, "never touches a store"),
        ("aether_desktop/ui/window.py", "def f():\n    import sqlite3", 2, "never touches a store"),
        ("aether_desktop/ui/widgets/banner.py", "from aether_desktop.ui.window import desk", 1, "knows none"),
        ("aether_desktop/cli.py", "from PySide6.QtCore import QObject", 1, "works without Qt"),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, file: str, source: str, line: int, rule: str) -> None:
    _write_tree(tmp_path, {file: source})
    violations = [each for check in CHECKS.values() for each in check(Tree(tmp_path))]
    assert len(violations) == 1, violations
    assert violations[0].startswith(f"{file}:{line}: ")
    assert rule in violations[0]


def test_what_the_rules_allow(tmp_path: Path) -> None:
    _write_tree(
        tmp_path,
        {
            "aether_engine/event.py": "import json\ndef f():\n    from aether_engine import codec",
            "aether_engine/codec.py": "import orjson\nfrom aether_engine.event import Event",
            "aether_engine/store/sqlite/store.py": "import sqlite3\nfrom .. import protocols\nfrom . import ids",
            "aether_engine/store/sqlite/ids.py": "from aether_engine.errors import AetherError",
            "aether_engine/engine.py": "def f():\n    from aether_engine.store.jetstream.names import N",
            "aether_engine/testing/__init__.py": "from aether_engine.engine import Engine",
            "aether_desktop/app.py": "from PySide6.QtWidgets import QApplication\nimport aether_desktop.ui.window",
            "aether_desktop/ui/window.py": "from PySide6 import QtWidgets\nfrom aether_engine import Event",
            "aether_desktop/jobs.py": "from PySide6.QtCore import QObject\nfrom aether_engine import Engine",
        },
    )
    assert [each for check in CHECKS.values() for each in check(Tree(tmp_path))] == []


def _write_tree(root: Path, sources: dict[str, str]) -> None:
    sound = {
        "aether_engine/__init__.py": "from .engine import Engine\nfrom .event import Event",
        "aether_engine/bus.py": "",
        "aether_engine/codec.py": "",
        "aether_engine/engine.py": "",
        "aether_engine/errors.py": "",
        "aether_engine/event.py": "",
        "aether_engine/store/__init__.py": "",
        "aether_engine/store/jetstream/__init__.py": "",
        "aether_engine/store/jetstream/names.py": "",
        "aether_engine/store/memory/__init__.py": "",
        "aether_engine/store/memory/store.py": "",
        "aether_engine/store/protocols.py": "",
        "aether_engine/store/sqlite/__init__.py": "",
        "aether_engine/store/sqlite/ids.py": "",
        "aether_engine/testing/__init__.py": "",
        "aether_desktop/__init__.py": "",
        "aether_desktop/jobs.py": "",
        "aether_desktop/ui/__init__.py": "",
        "aether_desktop/ui/window.py": "",
    }
    for name, source in (sound | sources).items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")


# --- The same, running ------------------------------------------------------------------------------------

_WITHOUT_QT = """
import importlib, sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"PySide6", "shiboken6", "qasync"}:
            raise ImportError(f"{name} is blocked by this test")

sys.meta_path.insert(0, NoQt())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


@pytest.mark.parametrize(
    "modules",
    [("aether_engine", "aether_engine.engine", "aether_engine.testing"), ("aether_desktop.cli",)],
    ids=["engine", "command line"],
)
def test_imports_without_qt(modules: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WITHOUT_QT, *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
