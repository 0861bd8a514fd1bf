"""What the documentation says is tried: its commands are run, its programs too, and its links lead somewhere."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

import aether_engine
from aether_desktop.cli import main
from aether_desktop.commands.parser import build_parser
from aether_desktop.demo import build_demo

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command in a page, and the lines that it is said to print."""

    line: str
    prints: tuple[str, ...]


def _blocks(page: Path, language: str) -> Iterator[str]:
    for kind, text in _FENCE.findall(page.read_text("utf-8")):
        if kind == language:
            yield text


def _programs(page: Path) -> list[tuple[str, str]]:
    return [each for each in _FENCE.findall(page.read_text("utf-8")) if each[0].startswith("python")]


def _commands(page: Path) -> list[Command]:
    commands: list[Command] = []
    for block in _blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:], ()))
            else:
                last = commands[-1]
                commands[-1] = Command(last.line, (*last.prints, line))
    return commands


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_are_understood(page: Path) -> None:
    parser = build_parser()
    for _, text in _FENCE.findall(page.read_text("utf-8")):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|<>;&")
            words.whitespace_split = True
            command = list(itertools.takewhile(lambda word: word[0] not in "|<>;&", _words(words)))
            if command[:1] == ["aether"] and "--help" not in command:
                parser.parse_args(command[1:])


def _words(line: shlex.shlex) -> Iterator[str]:
    with suppress(ValueError):  # prose, where an apostrophe stands alone
        yield from line


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(_blocks(page, "console"))], ids=lambda page: page.name
)
def test_commands_print_what_is_said(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for file in (page.parent / page.stem).glob("*"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in _commands(page):
        main(shlex.split(command.line)[1:])
        printed = capfdbinary.readouterr().out.decode().splitlines()
        for said, line in zip(command.prints, printed, strict=True):
            # An ellipsis stands for anything.
            pattern = ".*".join(map(re.escape, said.split("…")))
            assert re.fullmatch(pattern, line), f"{command.line}\nsaid:    {said}\nprinted: {line}"


@pytest.mark.parametrize("page", [page for page in PAGES if _programs(page)], ids=lambda page: page.name)
async def test_programs_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await build_demo(tmp_path / "shop.aether")
    names: dict[str, object] = {}
    for number, (info, block) in enumerate(_programs(page), start=1):
        name = info.removeprefix("python").strip()
        if name.endswith(".py"):
            (tmp_path / name).write_text(block, "utf-8")
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(block, f"{page.name}, program {number}", "exec", flags=flags)
        # A server of that name is nowhere.
        result = eval(code, names) if name != "server" else None
        if inspect.isawaitable(result):
            await asyncio.wait_for(result, 30)


def test_public_names_are_documented() -> None:
    guide = (ROOT / "docs" / "engine.md").read_text("utf-8")
    for name in aether_engine.__all__:
        value = getattr(aether_engine, name)
        assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"
    for name in re.findall(r"`(\w+)`", guide.partition("the modules named here are:")[2].partition(". The")[0]):
        assert (importlib.import_module(f"aether_engine.{name}").__doc__ or "").strip(), name
