"""Logins and sessions: kept in the store for all workers, readable only with the secret in the browser's cookie.

Each launch has an id and a cookie of its own, so that two patients who are open in two tabs are never mixed.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import msgspec

from cds_service.memory import Memory, milliseconds_now
from cds_service.smart.login import Login, Token, as_dict
from cds_service.smart.sealing import NotOurs, digest, key_from, seal, unseal
from cds_service.store import companion

LOGIN_SECONDS = 600
ID = re.compile(r"[A-Za-z0-9_-]{16}")


class Session(msgspec.Struct, frozen=True):
    """One patient, opened by one user, until the token ends."""

    iss: str
    base: str
    access_token: str
    patient: str
    encounter: str
    user: str  # empty where the login did not say
    scope: str | None
    owner: str  # of unfinished work: the user; one whom nobody knows shares it with nobody


@dataclass(frozen=True, slots=True)
class Opened:
    """A launch as the browser holds it: the id in the address, the secret in the cookie."""

    id: str
    secret: str


def new() -> Opened:
    return Opened(secrets.token_urlsafe(12), secrets.token_urlsafe(32))


def keep_login(memory: Memory, opened: Opened, state: str, login: Login) -> None:
    """Until the browser comes back with this state. Raises StoreUnavailable."""
    now = milliseconds_now()
    companion.drop_ended(memory.store, "login", now)  # anybody can begin one: they must not pile up
    ends = now + LOGIN_SECONDS * 1000
    sealed = seal(_key(opened.secret, f"login {state}"), as_dict(login))
    companion.keep(memory.store, "login", digest(state), sealed, ends)


def take_login(memory: Memory, secret: str, state: str) -> Login | None:
    """The login of this state, once; None for a state that is unknown, used, late or of another browser.

    A state that comes with a wrong cookie is used up all the same: somebody else has seen it.
    """
    sealed = companion.take(memory.store, "login", digest(state), milliseconds_now())
    if sealed is None:
        return None
    try:
        return msgspec.convert(unseal(_key(secret, f"login {state}"), sealed), Login)
    except (NotOurs, msgspec.ValidationError):  # the second: of another version of this software
        return None


def keep(memory: Memory, opened: Opened, login: Login, token: Token, user: str) -> Session:
    """Begins a session. Raises StoreUnavailable."""
    session = Session(
        iss=login.iss,
        base=login.base,
        access_token=token.access_token,
        patient=token.patient,
        encounter=token.encounter,
        user=user,
        scope=token.scope,
        owner=user or f"session {secrets.token_urlsafe(16)}",
    )
    sealed = seal(_key(opened.secret, f"session {opened.id}"), as_dict(session))
    companion.keep(memory.store, "session", digest(opened.id), sealed, milliseconds_now() + token.seconds * 1000)
    return session


def find(memory: Memory, opened: Opened) -> Session | None:
    """None when there is none, it has ended, or the cookie is not its own. Raises StoreUnavailable."""
    sealed = companion.find(memory.store, "session", digest(opened.id), milliseconds_now())
    if sealed is None:
        return None
    try:
        return msgspec.convert(unseal(_key(opened.secret, f"session {opened.id}"), sealed), Session)
    except (NotOurs, msgspec.ValidationError):  # the second: of another version of this software
        return None


def end(memory: Memory, opened: Opened) -> None:
    """Raises StoreUnavailable."""
    companion.drop(memory.store, "session", digest(opened.id))


def _key(secret: str, purpose: str) -> bytes:
    return key_from(secret.encode(), purpose)
