"""How a command ends: the exit codes, and which error means which. The one place that decides it.

The engine's errors are imported when there is one to judge: help and mistakes in the command line need no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes that scripts can rely on."""

    DONE = 0
    #: Something was found that the caller asked about: damage, a conflict, a refused line, an unknown actor.
    FINDINGS = 1
    USAGE = 2
    #: A store or file cannot be reached, opened, read or written.
    UNAVAILABLE = 3
    #: Ended by Ctrl-C or SIGTERM before it was done, as shells count it.
    INTERRUPTED = 130
    TERMINATED = 143


class CommandError(Exception):
    """What a command itself has to say against going on; `str(error)` is a sentence for people."""


class UsageError(CommandError):
    """The command line asks for something that cannot be meant; the sentence says what to type instead.

    `details` are lines to show under it.
    """

    def __init__(self, sentence: str, *, details: Sequence[str] = ()) -> None:
        self.details = details
        super().__init__(sentence)


class FindingError(CommandError):
    """What was asked about is not there or not in order."""


def exit_code(error: Exception) -> Exit:
    """The exit code that `error` means when it ends a command."""
    from aether_engine import errors

    usage = (
        UsageError,
        errors.NamespaceNameError,
        errors.InvalidEventError,
        errors.ExpressionError,
        errors.ReducerFileError,
        errors.ReducerTrustError,
    )
    unavailable = (
        errors.StoreUnavailableError,
        errors.UnsupportedFormatError,
        errors.CorruptStoreError,
        errors.ReadOnlyError,
        errors.TransferError,
        # The server went away over a write; the same command can be given again.
        errors.OutcomeUnknownError,
        OSError,
    )
    if isinstance(error, usage):
        return Exit.USAGE
    if isinstance(error, unavailable):
        return Exit.UNAVAILABLE
    if isinstance(error, (CommandError, errors.AetherError)):
        return Exit.FINDINGS
    # A mistake of this program: nothing that the caller could have found or typed differently.
    return Exit.UNAVAILABLE


def sentence(error: Exception) -> str:
    """What to tell the user about `error`, without the name of a Python class where there are words."""
    from aether_engine.errors import AetherError

    if isinstance(error, (CommandError, AetherError)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return f"This is a mistake of the program, not yours ({type(error).__name__}: {error}); --debug shows where."
