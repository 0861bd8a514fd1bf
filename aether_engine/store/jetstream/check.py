"""Finding out, one step after the other, what stands in the way of a connection, without changing anything.

Each step is told as soon as it is known, with what was found and what can be done about it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aether_engine.errors import AetherError, NotPermittedError, StoreUnavailableError
from aether_engine.store.jetstream.api import Api
from aether_engine.store.jetstream.check_step import CheckStep, Outcome, milliseconds, sentence
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.reach import Greeting, reach, version_step
from aether_engine.store.jetstream.rights import look_around

__all__ = ["CheckStep", "Outcome", "check_connection"]


async def check_connection(
    url: str, options: Mapping[str, object], *, read_only: bool
) -> AsyncGenerator[CheckStep, None]:
    """Yield the steps of connecting to `url` as `open_engine` would; ends with the first that makes others moot.

    Nothing is stored or created: whether that would be permitted is asked, unless `read_only`, with requests that
    a server refuses in any case.
    """
    try:
        wanted = LinkOptions.from_url(url, options)
    except StoreUnavailableError as error:
        yield CheckStep("Address", Outcome.FAILED, sentence(error.reason))
        return
    try:
        wanted.connect_arguments()
    except StoreUnavailableError as error:
        yield CheckStep(
            "Files", Outcome.FAILED, sentence(error.reason), "Choose the right file, or fix its permissions."
        )
        return
    greeting: Greeting | None = None
    for server in wanted.servers:
        async for step in reach(wanted, server):
            if isinstance(step, Greeting):
                greeting = greeting or step
            else:
                yield step
    if greeting is None:
        return
    yield version_step(greeting)
    link = Link(wanted)
    try:
        try:
            started = asyncio.get_running_loop().time()
            await link.open()
        except AetherError as error:
            yield _refused(wanted, greeting, error)
            return
        words = _login_words(wanted)
        said = "The server asks for none" if words == "no login" else f"{words[0].upper()}{words[1:]} accepted"
        yield CheckStep("Login", Outcome.OK, f"{said}; it took {milliseconds(started)}.")
        async for step in look_around(Api(link), read_only=read_only):
            yield step
    finally:
        await link.close()


def _login_words(options: LinkOptions) -> str:
    if options.credentials is not None:
        return "credentials file"
    if options.nkey_seed_file is not None:
        return "NKey"
    if options.user is not None:
        return "user and password"
    if options.token is not None:
        return "token"
    return "client certificate" if options.tls_cert is not None else "no login"


def _refused(options: LinkOptions, greeting: Greeting, error: AetherError) -> CheckStep:
    said = sentence(getattr(error, "reason", "") or str(error))
    if not isinstance(error, NotPermittedError):
        if "ended the connection" in said and options.tls_cert is not None:
            return CheckStep(
                "Login", Outcome.FAILED, said, "It may not accept the client certificate: see its log."
            )
        return CheckStep("Login", Outcome.FAILED, said)
    words = _login_words(options)
    match words:
        case "no login":
            said, remedy = "The server wants a login, and none is given.", "Choose how to log in."
        case "user and password":
            said, remedy = "The server refused this user and password.", "Enter both again."
        case "token":
            said, remedy = "The server refused this token.", "Enter it again."
        case "NKey":
            said = "The server refused this NKey."
            remedy = "Its public key must be one of the server's users."
        case "credentials file":
            said = "The server refused the credentials file."
            remedy = (
                _expiry(options.credentials or "") or "Ask the server's operator for credentials of its account."
            )
        case _:
            said, remedy = f"The server refused the {words}.", "See the server's log."
    if words in ("user and password", "token", "no login") and greeting.values.get("nonce"):
        remedy += " It knows users by NKeys or credentials files."
    return CheckStep("Login", Outcome.FAILED, said, remedy)


def _expiry(path: str) -> str:
    """Whether the credentials are of the past, by their own account; nothing else of them is told."""
    try:
        text = Path(path).read_text("utf-8")
        found = re.search(r"^[\w-]+\.([\w-]+)\.[\w-]+$", text, re.MULTILINE)
        if found is None:
            return "There is no JWT in it: it is not a credentials file."
        claims = json.loads(base64.urlsafe_b64decode(found.group(1) + "=="))
        ends = datetime.fromtimestamp(int(claims["exp"]), UTC) if claims.get("exp") else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
    if ends is None or ends > datetime.now(UTC):
        return ""
    return f"They expired on {ends:%Y-%m-%d %H:%M:%S} UTC: ask the server's operator for new ones."
