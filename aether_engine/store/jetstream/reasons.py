"""What can stand in the way of a question to the servers: the errors, and the driver's exceptions in words."""

from __future__ import annotations

import ssl
from typing import Final

import nats.errors

from aether_engine.errors import StoreUnavailableError

# What servers say when a login is refused; the driver hands their words on in lower case or as they were.
_REFUSALS: Final = ("authorization", "authentication", "credentials", "account", "nonce", "nkey", "jwt")


class NotSentError(StoreUnavailableError):
    """There is no connection, and nothing has left this process."""

    passing = True


class NoAnswerError(StoreUnavailableError):
    """A question was sent and its answer did not come: what it asked for may have happened or happen yet."""

    passing = True


class NobodyThereError(StoreUnavailableError):
    """The servers say that nobody listens there: no such stream, or no JetStream."""

    passing = True


def is_refusal(error: BaseException) -> bool:
    """Whether a server was reached that did not take the login or the certificate."""
    return isinstance(error, ssl.SSLError | nats.errors.AuthorizationError) or (
        isinstance(error, nats.errors.Error) and sounds_refused(str(error))
    )


def sounds_refused(text: str) -> bool:
    """As `is_refusal`, of words."""
    lowered = text.lower()
    return any(word in lowered for word in _REFUSALS)


def describe(error: BaseException) -> str:
    """What went wrong as a clause; the driver's texts hold no secrets but its URLs could."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message}); name its CA with tls_ca"
    if isinstance(error, ssl.SSLError):
        return f"the encrypted connection was refused ({error.reason or error})"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)"
    text = str(error).removeprefix("nats: ").strip("' \n")
    if isinstance(error, nats.errors.AuthorizationError) or "authorization violation" in text.lower():
        return "the server refused the login (authorization violation)"
    if "expired" in text.lower():
        return f"the server refused the login ({text.lower()})"
    if isinstance(error, nats.errors.UnexpectedEOF):
        return "the server ended the connection"
    if isinstance(error, TimeoutError | nats.errors.TimeoutError):
        return "no answer came in time"
    if isinstance(error, OSError):
        return (error.strerror or text or type(error).__name__)[:200]
    return (text or type(error).__name__)[:200]
