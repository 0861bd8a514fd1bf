"""The man pages of both commands, written from their parsers, so that they say what --help says.

    python -m builds.manual FOLDER

Argparse keeps what it prints in a few lists that have stayed as they are for many versions of Python; a test holds
the pages against --help.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from os import environ
from pathlib import Path

from builds.product import SUMMARY, TITLE, version

_AETHER_SUMMARY = "look into event stores, and append to them, from scripts"
_LOGGING_IN = "logging in to a server"
_FILES = """\
.SH FILES
.TP
.I *.aether
An event store: one SQLite file.
.TP
.I ~/.config/aether\\-desktop/
Settings and kept connections of the window. Passwords and tokens are in the keyring only.
"""


def escaped(text: str) -> str:
    """`text` for roff: every character as itself, also at the start of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace('"', "\\(dq")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def pages() -> dict[str, str]:
    """Each page by its file's name."""
    from aether_desktop import app
    from aether_desktop.commands import parser

    return {
        "aether-desktop.1": page(
            app.build_parser(), SUMMARY[0].lower() + SUMMARY[1:], _FILES + _see_also("aether")
        ),
        "aether.1": page(parser.build_parser(), _AETHER_SUMMARY, _see_also("aether-desktop")),
    }


def page(parser: argparse.ArgumentParser, summary: str, end: str) -> str:
    """The page of one command."""
    day = datetime.fromtimestamp(int(environ.get("SOURCE_DATE_EPOCH", "0")), UTC).date()
    lines = [
        f'.TH {parser.prog.upper().replace("-", chr(92) + "-")} 1 {day} "{TITLE} {version()}" "User Commands"',
        # Nothing is hyphenated or stretched: much of it is names.
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escaped(parser.prog)} \\- {escaped(summary)}",
        ".SH SYNOPSIS",
        _usage(parser),
        ".SH DESCRIPTION",
        *_paragraphs(parser.description or ""),
        *_options(parser, ".SH"),
    ]
    commands = list(_commands(parser))
    if commands:
        lines.append(".SH COMMANDS")
    for name, command in commands:
        lines += [f".SS {escaped(name)}", _usage(command), ".PP", *_paragraphs(command.description or "")]
        lines += [*_options(command, ".PP\n"), *_epilog(command, ".PP\n")]
    if commands:
        # The same for all of them, and so told once.
        lines += _group(commands[0][1], _LOGGING_IN, f".SH {_LOGGING_IN.upper()}")
    lines += _epilog(parser, ".SH")
    return "\n".join(lines) + "\n" + end


def _usage(parser: argparse.ArgumentParser) -> str:
    """The command with what it must be given; what may be left out is explained below."""
    words = [f"\\fB{escaped(parser.prog)}\\fR", "[OPTION ...]"]
    for action in parser._actions:
        if action.required and action.option_strings:
            words.append(f"\\fB{escaped(action.option_strings[-1])}\\fR \\fI{escaped(_value(parser, action))}\\fR")
    for action in parser._actions:
        if not action.option_strings:
            words.append(f"\\fI{escaped(_value(parser, action))}\\fR")
    return " ".join(words)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _options(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    is_command = heading != ".SH"
    for group in parser._action_groups:
        title = {"positional arguments": "arguments"}.get(str(group.title), str(group.title))
        if not (is_command and title == _LOGGING_IN):
            yield from _group(
                parser, str(group.title), f"{heading}.I {escaped(title)}" if is_command else f".SH {title.upper()}"
            )


def _group(parser: argparse.ArgumentParser, title: str, heading: str) -> Iterator[str]:
    """The options of one group under `heading`; nothing if it has none to be told."""
    told = [
        action
        for group in parser._action_groups
        if group.title == title
        for action in group._group_actions
        if action.help != argparse.SUPPRESS
        and not isinstance(action, argparse._SubParsersAction)
        # That each command explains itself is said once.
        and not (isinstance(action, argparse._HelpAction) and " " in parser.prog)
    ]
    if told:
        yield heading
    for action in told:
        yield from (".TP", _names(parser, action), escaped(_help(parser, action)))


def _names(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    if not action.option_strings:
        return f".I {escaped(_value(parser, action))}"
    if action.nargs == 0:
        return ".B " + escaped(", ".join(action.option_strings))
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in action.option_strings)
    return f"{names} \\fI{escaped(_value(parser, action))}\\fR"


def _value(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    default = action.dest.upper() if action.option_strings else action.dest
    return formatter._format_args(action, default)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(part for part in text.strip().split("\n\n") if part):
        if number:
            yield ".PP"
        # Lists of keys in braces are long words, which may be broken behind their commas.
        yield escaped(paragraph).replace("\\(dq,\\(dq", "\\(dq,\\:\\(dq")


def _epilog(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    """Parts of the epilog: what is indented below a title, as it stands there."""
    for part in (parser.epilog or "").strip().split("\n\n"):
        title, *rest = part.split("\n")
        if not rest:
            if part:
                yield from (".PP", escaped(part))
            continue
        name = title.rstrip(":")
        yield f"{heading} {name.upper()}" if heading == ".SH" else f"{heading}.I {escaped(name)}"
        yield from (".PP", ".nf", *(escaped(line) for line in rest), ".fi")


def _see_also(other: str) -> str:
    return f".SH SEE ALSO\n.BR {escaped(other)} (1)\n"


def main(folder: Path) -> None:
    """Write the pages into `folder`."""
    environ["COLUMNS"] = "100"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
