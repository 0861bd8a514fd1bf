"""How a command ends: the exit codes, and which error means which. The one place that decides it."""

from __future__ import annotations

from enum import IntEnum

from aether_engine.errors import (
    AetherError,
    CorruptStoreError,
    InvalidEventError,
    NamespaceNameError,
    OutcomeUnknownError,
    ReadOnlyError,
    StoreUnavailableError,
    TransferError,
    UnsupportedFormatError,
)


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


class UsageError(AetherError):
    """The command line asks for something that cannot be meant; the sentence says what to type instead."""


class FindingError(AetherError):
    """What was asked about is not there or not in order."""


_USAGE = (UsageError, NamespaceNameError, InvalidEventError)
_UNAVAILABLE = (
    StoreUnavailableError,
    UnsupportedFormatError,
    CorruptStoreError,
    ReadOnlyError,
    TransferError,
    # The server went away over a write; the same command can be given again.
    OutcomeUnknownError,
    OSError,
)


def exit_code(error: Exception) -> Exit:
    """The exit code that `error` means when it ends a command."""
    if isinstance(error, _USAGE):
        return Exit.USAGE
    if isinstance(error, _UNAVAILABLE):
        return Exit.UNAVAILABLE
    if isinstance(error, AetherError):
        return Exit.FINDINGS
    # A mistake of this program: nothing that the caller could have found or typed differently.
    return Exit.UNAVAILABLE


def sentence(error: Exception) -> str:
    """What to tell the user about `error`, without the name of a Python class where there are words."""
    if isinstance(error, AetherError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return f"This is a mistake of the program, not yours ({type(error).__name__}: {error}); --debug shows where."
