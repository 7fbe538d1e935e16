"""What the companion keeps is sealed: the database alone reveals nothing of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken


class NotOurs(Exception):
    """The seal is not of this key, or something was changed beneath it."""


def key_from(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose out of a secret of enough bytes."""
    return hmac.digest(secret, f"spine-cds companion: {purpose}".encode(), "sha256")


def seal(key: bytes, value: dict[str, Any]) -> str:
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(msgspec.json.encode(value)).decode()


def unseal(key: bytes, sealed: str) -> dict[str, Any]:
    """Raises NotOurs."""
    try:
        found: dict[str, Any] = msgspec.json.decode(Fernet(base64.urlsafe_b64encode(key)).decrypt(sealed.encode()))
    except InvalidToken:
        raise NotOurs from None
    return found


def digest(text: str) -> str:
    """The name under which something is kept whose own name is a secret."""
    return hashlib.sha256(text.encode()).hexdigest()
