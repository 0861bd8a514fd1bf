"""The wheel carries everything, and what is installed from it finds its own files, not the checkout's."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from aether_engine.native.library import NAME, SWITCH
from builds.native_library import NotCompiledError, find_compiler

ROOT = Path(__file__).resolve().parents[1]


def _run(*command: str, cwd: Path, **environment: str) -> str:
    ran = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, f"{command} failed:\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    _run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)),
        cwd=folder,
        PIP_NO_INDEX="1",
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    _run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"),
        *("--no-deps", "--target", str(target), str(wheel)),
        cwd=target,
    )
    return target


def test_wheel_carries_resources_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    icons = {f"aether_desktop/_resources/icons/{each.name}" for each in (ROOT / "resources/icons").glob("*.svg")}
    assert icons
    assert icons <= names
    resources = {each for each in (ROOT / "resources").rglob("*") if each.is_file()}
    assert {
        f"aether_desktop/_resources/{each.relative_to(ROOT / 'resources').as_posix()}" for each in resources
    } <= names
    assert {"aether_engine/py.typed", "aether_desktop/py.typed"} <= names


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"aether_engine", "aether_desktop"}


def test_wheel_carries_the_library_and_not_what_it_was_made_of(wheel: Path) -> None:
    try:
        find_compiler()
    except NotCompiledError:
        pytest.skip("there is no compiler of C here")
    # Of its platform, and of no version of Python.
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        (said,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        facts = archive.read(said).decode().splitlines()
        carried = {Path(name).name for name in archive.namelist() if name.startswith("aether_engine/native/")}
    assert {"Root-Is-Purelib: false", f"Tag: {wheel.stem.split('-', 2)[2]}"} <= set(facts)
    assert {NAME, "library.py"} <= carried
    assert not {name for name in carried if name.endswith((".c", ".h"))}


def test_the_installed_engine_uses_its_library(wheel: Path, installed: Path, tmp_path: Path) -> None:
    if wheel.name.endswith("-any.whl"):
        pytest.skip("there is no compiler of C here")
    kept = {name: value for name, value in os.environ.items() if name != SWITCH}
    said = subprocess.run(
        [sys.executable, "-S", "-c", "from aether_engine.native.library import library; print(library())"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    ).stdout
    assert str(installed / "aether_engine/native" / NAME) in said


def test_wheel_has_both_commands(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/entry_points.txt"))
        commands = configparser.ConfigParser()
        commands.read_string(archive.read(name).decode())
    assert dict(commands["console_scripts"]) == {
        "aether": "aether_desktop.cli:main",
        "aether-desktop": "aether_desktop.app:main",
    }


def test_installed_application_finds_its_own_resources(installed: Path, tmp_path: Path) -> None:
    found = _run(
        # -S: no .pth file is read, so the checkout's editable installation is not there.
        *(sys.executable, "-S", "-c"),
        "from aether_desktop.assets import asset; print(asset('icons/app.svg'))",
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]),
    )
    assert Path(found).resolve().is_relative_to(installed.resolve())
    assert Path(found).is_file()


def test_installed_commands_can_be_imported(installed: Path, tmp_path: Path) -> None:
    origins = _run(
        *(sys.executable, "-S", "-c"),
        "import aether_desktop.app, aether_desktop.cli, aether_engine.engine as e; "
        "print(aether_desktop.app.main, aether_desktop.cli.main, sep='\\n'); print(e.__file__)",
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]),
    )
    assert Path(origins.splitlines()[-1]).resolve().is_relative_to(installed.resolve())


_WITHOUT_QT = """
import asyncio, sys
for name in ("PySide6", "shiboken6", "qasync", "keyring"):
    sys.modules[name] = None  # an import of it fails

from aether_engine import Event, open_engine

async def main(url):
    async with open_engine(url) as engine:
        store = await engine.store("shop")
        await store.save_event(Event("e-1", "OrderPlaced", "order-1", 1, {"total": 3}))
        return await store.get_latest_version("order-1")

for url in ("memory://", "sqlite:///shop.aether"):
    print(asyncio.run(main(url)))
import aether_desktop.cli
raise SystemExit(aether_desktop.cli.main(["namespaces", "shop.aether"]))
"""


def test_the_engine_and_its_command_work_where_qt_is_not_installed(installed: Path, tmp_path: Path) -> None:
    said = _run(
        *(sys.executable, "-S", "-c", _WITHOUT_QT),
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]),
    )
    memory, file, namespaces = said.splitlines()
    assert (memory, file) == ("1", "1")
    assert '"name":"shop","events":1' in namespaces
