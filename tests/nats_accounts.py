"""Keys, tokens and credentials files of a server that knows its users by their signatures only."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest


def make_key(kind: str) -> Any:
    """A new key pair of an `operator`, an `account` or a `user`."""
    nkeys = pytest.importorskip("nkeys")
    signing = pytest.importorskip("nacl.signing")
    prefix = {
        "operator": nkeys.PREFIX_BYTE_OPERATOR,
        "account": nkeys.PREFIX_BYTE_ACCOUNT,
        "user": nkeys.PREFIX_BYTE_USER,
    }[kind]
    seed = nkeys.encode_seed(bytes(signing.SigningKey.generate()), prefix)
    pair = nkeys.from_seed(bytearray(seed))
    # Reading the properties once keeps them when the driver wipes its copy.
    assert pair.seed
    assert pair.public_key
    return pair


class Accounts:
    """An operator with one account, and the configuration of a server that trusts it."""

    def __init__(self) -> None:
        operator, account, system = make_key("operator"), make_key("account"), make_key("account")
        self._account = account
        operator_jwt = _jwt(operator, operator, "operator", {"system_account": system.public_key.decode()})
        limits = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        limits |= {"subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1}
        account_jwt = _jwt(operator, account, "account", {"limits": limits | {"wildcards": True}})
        system_limits = {"conn": -1, "subs": -1, "data": -1, "payload": -1}
        system_jwt = _jwt(operator, system, "account", {"limits": system_limits})
        self.config = f"""
            operator: {operator_jwt}
            system_account: {system.public_key.decode()}
            resolver: MEMORY
            resolver_preload: {{
                {account.public_key.decode()}: {account_jwt}
                {system.public_key.decode()}: {system_jwt}
            }}
        """

    def credentials(self, path: Path, expires: int | None = None) -> Path:
        """Write the credentials of a new user to `path`; they expire at a POSIX time, or never."""
        user = make_key("user")
        token = _jwt(self._account, user, "user", {"subs": -1, "data": -1, "payload": -1}, expires)
        path.write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )
        return path


def _jwt(issuer: Any, subject: Any, kind: str, claims: dict[str, object], expires: int | None = None) -> str:
    """A token as the NATS tools make them: https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt"""

    def part(value: dict[str, object] | bytes) -> str:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    body: dict[str, object] = {
        "iat": int(time.time()) - 120,
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": kind,
        "nats": claims | {"type": kind, "version": 2},
    }
    if expires is not None:
        body["exp"] = expires
    digest = hashlib.sha256(json.dumps(body).encode()).digest()
    body["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    signed = f"{part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{part(body)}"
    return f"{signed}.{part(issuer.sign(signed.encode()))}"
