"""What the packages say of the application is true, and what they are made from fits together.

The packages themselves are built and tried by `make package`; nothing here takes long.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import io
import json
import os
import plistlib
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether_desktop import app, frozen
from aether_desktop.commands import parser as aether_parser
from builds import contents, debian, icons, licences, macos, manual, portable, product, sbom
from builds.components import UnknownLicenceError, components_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
SITE = Path(sysconfig.get_path("purelib"))


@pytest.fixture(autouse=True)
def _source_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for _name, command in manual._commands(parser):
        yield command


def _plain(page: str) -> str:
    """A page as somebody reads it: without the requests and escapes of roff, in one line."""
    text = re.sub(r"^\.(?:SH|SS|I|B|BR|PP|TP|nf|fi|nh|ad|TH)\b ?", "", page, flags=re.MULTILINE)
    for escape, character in {
        r"\fB": "",
        r"\fI": "",
        r"\fR": "",
        r"\:": "",
        r"\&": "",
        r"\(aq": "'",
        r"\(ga": "`",
        r"\(ha": "^",
        r"\(ti": "~",
        r"\(dq": '"',
        r"\-": "-",
        r"\e": "\\",
    }.items():
        text = text.replace(escape, character)
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "parser"), [("aether-desktop.1", app.build_parser()), ("aether.1", aether_parser.build_parser())]
)
def test_man_pages_say_what_help_says(name: str, parser: argparse.ArgumentParser) -> None:
    page = _plain(manual.pages()[name])
    for each in _parsers(parser):
        told = [action for action in each._actions if action.help and action.help != argparse.SUPPRESS]
        assert told
        for action in told:
            assert all(option in page for option in action.option_strings)
            assert " ".join(manual._help(each, action).split()) in page
        for text in (each.description, each.epilog):
            for line in (text or "").splitlines():
                # Titles of parts are headings there.
                assert line.endswith(":") or " ".join(line.split()) in page
        # Whatever --help prints, by its words; usage lines are shorter in the manual.
        for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", each.format_help())):
            assert option in page


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_pages_have_no_mistakes(tmp_path: Path) -> None:
    manual.main(tmp_path)
    for page in tmp_path.iterdir():
        ran = subprocess.run(
            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
            env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
            capture_output=True,
            text=True,
        )
        assert (ran.returncode, ran.stderr) == (0, "")


def test_descriptions_of_the_desktop_agree() -> None:
    entry = (PACKAGING / f"linux/{product.NAME}.desktop").read_text("utf-8")
    for line in re.findall(r"^Exec=(.+)$", entry, re.MULTILINE):
        command, *arguments = line.split()
        assert command in product.COMMANDS
        app.parse_arguments([argument for argument in arguments if not argument.startswith("%")])
    assert f"MimeType={product.MIME_TYPE};x-scheme-handler/{product.URL_SCHEME};" in entry

    mime = ElementTree.parse(PACKAGING / f"linux/{product.NAME}.xml")
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    assert [kind.get("type") for kind in mime.iter(f"{space}mime-type")] == [product.MIME_TYPE]
    assert [glob.get("pattern") for glob in mime.iter(f"{space}glob")] == [f"*{product.SUFFIX}"]

    metainfo = ElementTree.fromstring(debian.metainfo())
    assert metainfo.findtext("id") == product.APP_ID
    assert metainfo.findtext("launchable") == f"{product.NAME}.desktop"
    assert metainfo.findtext("developer_name") == product.VENDOR
    assert [binary.text for binary in metainfo.iter("binary")] == list(product.COMMANDS)
    assert [kind.text for kind in metainfo.iter("mediatype")] == [product.MIME_TYPE]
    assert [release.attrib for release in metainfo.iter("release")] == [
        {"version": product.version(), "date": "2026-01-01"}
    ]


def test_whom_packages_name_is_whom_the_licence_names() -> None:
    assert f"Copyright (c) 2026 {product.VENDOR}\n" in (ROOT / "LICENSE").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["authors"] == [{"name": product.VENDOR}]
    assert product.MAINTAINER.startswith(f"{product.VENDOR} <")
    assert f"{product.VENDOR}, MIT licence" in (ROOT / "aether_desktop/ui/window/about.py").read_text("utf-8")
    # No page and no address that would be somebody else's.
    assert "urls" not in project
    assert product.MAINTAINER.endswith(".invalid>")
    assert "://" not in "".join(re.findall(r"<url[^>]*>[^<]*", debian.metainfo()))


def test_the_type_of_files_has_the_mark_of_the_file_format() -> None:
    magic = re.search(r'offset="68" value="(.+)"', (PACKAGING / f"linux/{product.NAME}.xml").read_text("utf-8"))
    assert magic is not None
    said = re.search(r"`application_id` \| `0x([0-9a-f]{8})`", (ROOT / "docs/file-format.md").read_text("utf-8"))
    assert said is not None
    assert bytes.fromhex(said[1]) == magic[1].encode()


def test_tools_of_the_desktop_accept_the_descriptions(tmp_path: Path) -> None:
    if tool := shutil.which("desktop-file-validate"):
        said = subprocess.run(
            [tool, str(PACKAGING / f"linux/{product.NAME}.desktop")], capture_output=True, text=True
        )
        assert (said.returncode, said.stdout) == (0, "")
    if tool := shutil.which("appstreamcli"):
        # It looks for the desktop entry in the tree above.
        place = tmp_path / f"usr/share/metainfo/{product.APP_ID}.metainfo.xml"
        place.parent.mkdir(parents=True)
        place.write_text(debian.metainfo(), "utf-8")
        said = subprocess.run([tool, "validate", "--no-net", str(place)], capture_output=True, text=True)
        assert said.returncode == 0, said.stdout


def test_macos_is_told_of_files_and_links() -> None:
    told = plistlib.loads(plistlib.dumps(macos.info()))
    (kind,) = told["UTExportedTypeDeclarations"]
    assert kind["UTTypeTagSpecification"]["public.filename-extension"] == ["aether"]
    assert told["CFBundleDocumentTypes"][0]["LSItemContentTypes"] == [kind["UTTypeIdentifier"]]
    assert told["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["aether"]
    assert all(plistlib.loads((PACKAGING / "macos/entitlements.plist").read_bytes()).values())


def test_icons_are_drawn_for_every_system(tmp_path: Path, qapp: object) -> None:
    icons.main(tmp_path)
    ico = (tmp_path / f"{product.NAME}.ico").read_bytes()
    _reserved, kind, count = struct.unpack_from("<HHH", ico)
    assert (kind, count) == (1, 7)
    for number in range(count):
        width, *_rest, size, offset = struct.unpack_from("<BBBBHHII", ico, 6 + 16 * number)
        picture = ico[offset : offset + size]
        assert struct.unpack_from(">II", picture, 16) == (width or 256, width or 256)
    icns = (tmp_path / f"{product.NAME}.icns").read_bytes()
    assert icns[:4] == b"icns"
    assert struct.unpack_from(">I", icns, 4) == (len(icns),)
    for size in icons.SIZES:
        assert struct.unpack_from(">II", (tmp_path / f"{product.NAME}-{size}.png").read_bytes(), 16) == (
            size,
            size,
        )


def _qt_modules(path: Path) -> set[str]:
    """The modules of Qt that a source imports, wherever in it."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "PySide6":
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PySide6."):
            used.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            used |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("PySide6.")}
    return used


def test_only_the_modules_of_qt_that_are_bundled_are_used() -> None:
    of_windows = ROOT / "aether_desktop/local_pipe.py"
    sources = [path for path in (ROOT / "aether_desktop").rglob("*.py") if path != of_windows]
    assert set().union(*map(_qt_modules, sources)) == set(contents.QT_EVERYWHERE)
    assert _qt_modules(of_windows) <= {*contents.QT_EVERYWHERE, *contents.QT_OF_WINDOWS}
    left_out = contents.unused_qt_modules()
    assert "PySide6.QtQml" in left_out
    assert not {f"PySide6.{name}" for name in contents.QT_EVERYWHERE} & set(left_out)


@pytest.mark.parametrize(
    ("name", "is_used"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6\\plugins\\platforms\\qwindows.dll", True),
        ("PySide6/plugins/platforms/libqcocoa.dylib", True),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", False),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", False),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("PySide6\\opengl32sw.dll", False),
        ("libstdc++.so.6", False),
        ("libsqlite3.so.0", True),
        ("libpython3.11.so.1.0", True),
        ("aether_desktop/_resources/icons/app.svg", True),
        ("keyring-25.7.0.dist-info/entry_points.txt", True),
        ("keyring-25.7.0.dist-info/RECORD", False),
    ],
)
def test_what_is_bundled(name: str, is_used: bool) -> None:
    assert contents.is_used(name) is is_used


def test_libraries_that_nobody_is_linked_to_stay_out() -> None:
    rows = [
        ("PySide6/QtCore.abi3.so", "core", "EXTENSION"),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", "xcb", "BINARY"),
        ("PySide6/Qt/lib/libQt6Core.so.6", "qtcore", "BINARY"),
        ("PySide6/Qt/lib/libQt6Qml.so.6", "qml", "BINARY"),
        ("libicu.so.73", "icu", "BINARY"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Qml.so.6", "PySide6/Qt/lib/libQt6Qml.so.6", "SYMLINK"),
        ("libpython3.11.so.1.0", "python", "BINARY"),
    ]
    linked = {"core": ["libQt6Core.so.6"], "qtcore": ["libicu.so.73"], "qml": ["libQt6Core.so.6"]}
    kept = contents.without_unneeded_libraries(rows, lambda place: linked.get(place, []))
    assert [name for name, _place, _kind in kept] == [
        row[0] for row in rows if row[1] not in ("qml", "PySide6/Qt/lib/libQt6Qml.so.6")
    ]
    assert contents.without_dangling_links([rows[6]], kept) == []
    assert contents.without_dangling_links([rows[5]], kept) == [rows[5]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder that has of a bundle what is looked at to know what it is made of."""
    for name in ("qasync/__init__.pyc", "PySide6/QtCore.abi3.so"):
        file = tmp_path / "bundle/_internal" / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
    return tmp_path / "bundle"


def test_everything_bundled_is_named_with_its_licence(bundle: Path) -> None:
    listed = components_of(bundle, SITE)
    assert [component.name for component in listed] == ["PySide6_Essentials", "Python", "qasync"]
    qt, python, _qasync = listed
    assert qt.licence.startswith("LGPL-3.0-only")
    assert python.purl == f"pkg:generic/python@{sys.version.split()[0]}"
    assert all(component.texts for component in listed)

    bill = json.loads(sbom.bill(listed))
    assert sbom.bill(listed) == sbom.bill(components_of(bundle, SITE))
    assert bill["specVersion"] == "1.5"
    assert [part["purl"] for part in bill["components"]] == [component.purl for component in listed]
    assert bill["dependencies"][0]["dependsOn"] == [component.purl for component in listed]

    text = licences.overview(listed)
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text
    assert (ROOT / "LICENSE").read_text("utf-8") in text
    assert "License: MIT" in licences.debian_copyright(listed)


def test_nothing_is_bundled_whose_licence_nobody_knows(bundle: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "mystery-1.dist-info").mkdir(parents=True)
    (site / "mystery-1.dist-info/METADATA").write_text("Name: mystery\nVersion: 1\n")
    (site / "mystery-1.dist-info/RECORD").write_text("mystery.py,,\n")
    # The metadata library that keyring brings along lists only files that are there.
    (site / "mystery.py").write_bytes(b"")
    (bundle / "_internal/mystery.pyc").write_bytes(b"")
    with pytest.raises(UnknownLicenceError, match="mystery would be bundled"):
        components_of(bundle, site)


def test_archives_are_the_same_for_the_same_input(tmp_path: Path) -> None:
    archives = []
    for number in range(2):
        tree = tmp_path / str(number) / "tree"
        for name in ("b/run", "a", "b/data") if number else ("a", "b/data", "b/run"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(name)
        (tree / "b/run").chmod(0o700)
        (tree / "link").symlink_to("b/run")
        os.utime(tree / "a", (number, number))
        portable.pack(tree, tree.parent / "archive.tar.xz")
        archives.append((tree.parent / "archive.tar.xz").read_bytes())
    assert archives[0] == archives[1]
    with tarfile.open(fileobj=io.BytesIO(archives[0])) as packed:
        members = {member.name: (oct(member.mode), member.mtime) for member in packed if not member.issym()}
    assert members == {
        "tree": ("0o755", 1767225600),
        "tree/a": ("0o644", 1767225600),
        "tree/b": ("0o755", 1767225600),
        "tree/b/data": ("0o644", 1767225600),
        "tree/b/run": ("0o755", 1767225600),
    }


def test_the_portable_archive_can_be_put_into_the_menu_and_taken_out(tmp_path: Path) -> None:
    here, home = tmp_path / "some where", tmp_path / "home"
    home.mkdir()
    for name, text in {
        f"share/applications/{product.NAME}.desktop": (PACKAGING / f"linux/{product.NAME}.desktop").read_text(),
        f"share/mime/packages/{product.NAME}.xml": "<mime-info/>",
        "share/man/man1/aether.1": "",
        "aether": "",
        product.NAME: "",
    }.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    shutil.copy(PACKAGING / "linux/install.sh", here)
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}

    subprocess.run(["sh", str(here / "install.sh")], env=environment, check=True, capture_output=True)
    entry = (home / f".local/share/applications/{product.NAME}.desktop").read_text()
    assert f'\nExec="{here}/{product.NAME}" %u\n' in entry
    assert f'\nExec="{here}/{product.NAME}" --demo\n' in entry
    assert (home / ".local/bin/aether").readlink() == here / "aether"
    assert (home / ".local/share/man/man1/aether.1").is_file()

    subprocess.run(["sh", str(here / "install.sh"), "--remove"], env=environment, check=True, capture_output=True)
    left = [path for path in home.rglob("*") if not path.is_dir()]
    assert [path for path in left if "aether" in path.name] == []


def test_the_package_of_debian_is_laid_out(bundle: Path, tmp_path: Path, qapp: object) -> None:
    for command in product.COMMANDS:
        (bundle / command).write_bytes(b"")
    tree = tmp_path / "tree"
    debian.lay_out(bundle, tree, SITE)
    for command in product.COMMANDS:
        assert (tree / "usr/bin" / command).resolve() == tree / f"usr/lib/{product.NAME}/{command}"
        page = gzip.decompress((tree / f"usr/share/man/man1/{command}.1.gz").read_bytes()).decode()
        assert page.startswith(".TH ")
    assert (tree / f"usr/share/icons/hicolor/48x48/apps/{product.NAME}.png").is_file()
    assert (tree / f"usr/share/icons/hicolor/scalable/apps/{product.NAME}.svg").is_file()
    assert debian.changelog().startswith(f"{product.NAME} ({product.version()}-1) ")


def test_a_frozen_program_leaves_no_trace_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["aether-desktop", "shop.aether"])
    monkeypatch.setattr(sys, "platform", "linux")
    for name, value in {
        "_PYI_ARCHIVE_FILE": "x",
        "LD_LIBRARY_PATH": "ours",
        "LD_LIBRARY_PATH_ORIG": "theirs",
    }.items():
        monkeypatch.setenv(name, value)
    frozen.serve_as_child_if_asked()
    assert os.environ["LD_LIBRARY_PATH"] == "ours"

    monkeypatch.setattr(sys, "frozen", True, raising=False)
    frozen.serve_as_child_if_asked()
    assert os.environ["LD_LIBRARY_PATH"] == "theirs"
    assert "_PYI_ARCHIVE_FILE" not in os.environ
    frozen.serve_as_child_if_asked()
    assert "LD_LIBRARY_PATH" not in os.environ


def test_a_frozen_program_trusts_what_the_system_trusts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setattr(frozen, "_CERTIFICATES", str(tmp_path))
    frozen._find_certificates()
    assert "SSL_CERT_FILE" not in os.environ

    kept = tmp_path / "ca-bundle.crt"
    kept.write_text("")
    monkeypatch.setattr(frozen, "_CERTIFICATES", str(tmp_path / "nowhere"))
    monkeypatch.setattr(frozen, "_CERTIFICATES_ELSEWHERE", (str(tmp_path / "none"), str(kept)))
    frozen._find_certificates()
    assert os.environ["SSL_CERT_FILE"] == str(kept)
    monkeypatch.setenv("SSL_CERT_FILE", "chosen")
    frozen._find_certificates()
    assert os.environ["SSL_CERT_FILE"] == "chosen"


def test_what_is_frozen_is_what_is_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==[^ ]+", (PACKAGING / name).read_text("utf-8"), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-package.lock")
    assert pins("requirements.lock") <= pins("requirements-dev.lock")
    assert not any(pin.startswith("pyinstaller") for pin in pins("requirements.lock"))


@pytest.mark.parametrize("script", sorted(PACKAGING.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.skipif(shutil.which("makensis") is None, reason="makensis is not installed")
def test_the_installer_of_windows_compiles() -> None:
    said = subprocess.run([str(PACKAGING / "windows/check.sh")], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
