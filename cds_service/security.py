"""Who may call: checks the JWT of a CDS Hooks call against the issuers that the tenant file names, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from cds_service.errors import NotTrusted
from cds_service.fetched_keys import WAITING, FetchedKeys
from cds_service.issuer_keys import FileKeys, KeySource
from cds_service.seen_tokens import SeenHereFirst, SeenTokens, TokenMemory
from cds_service.tenants import Issuer, Tenant

ENDPOINT = "endpoint"  # in `audience`: the exact URL called
REQUIRED = ["iss", "aud", "exp", "iat", "jti"]
LONGEST = 16_384  # characters of an Authorization header; real tokens have a thousand
BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")  # RFC 6750, RFC 7515 section 7.1
FAR = 1e11  # seconds since 1970, in the year 5138; beyond are no times, NaN and infinity among them


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer: what its tokens must say, and where its keys come from. Empty tuples: not looked at."""

    iss: str
    algorithms: tuple[str, ...]
    keys: KeySource
    audience: tuple[str, ...]
    jku: tuple[str, ...]
    subjects: tuple[str, ...]
    tenants: tuple[str, ...]
    max_token_seconds: int
    clock_skew_seconds: int


@dataclass(frozen=True, slots=True)
class TokenId:
    """What a token is remembered by, and until when (seconds since 1970)."""

    iss: str
    jti: str
    expires: float


@dataclass(frozen=True, slots=True)
class Trust:
    """The issuers of one tenant. Without issuers (a sandbox) every caller is let in."""

    issuers: Mapping[str, TrustedIssuer]
    seen: TokenMemory

    def start(self) -> None:
        """Begins to fetch keys. Once per process: threads do not survive a fork."""
        for issuer in self.issuers.values():
            issuer.keys.start()

    def verify(self, authorization: str | None, endpoint: str, now: float) -> str:
        """The issuer of a good token in the Authorization header. Raises NotTrusted, whatever was wrong.

        Empty where no issuers are configured: every caller is let in.

        `endpoint` is the URL called as callers write it. What the memory of seen tokens raises goes through.
        """
        if not self.issuers:
            return ""
        try:
            token = self._checked(authorization or "", endpoint)
        except (jwt.PyJWTError, ValueError) as error:
            raise NotTrusted(type(error).__name__) from error
        if not self.seen.accept_once(token.iss, token.jti, token.expires, now):
            raise NotTrusted("jti")
        return token.iss

    def _checked(self, authorization: str, endpoint: str) -> TokenId:
        """Cheap checks first. What is read before the signature is checked only chooses among what we hold."""
        bearer = BEARER.fullmatch(authorization) if len(authorization) <= LONGEST else None
        if bearer is None:
            raise NotTrusted("no bearer token")
        token = bearer[1]
        unverified = jwt.decode_complete(token, options={"verify_signature": False})
        header, claims = unverified["header"], unverified["payload"]
        issuer = self.issuers.get(_text(claims, "iss"))
        if issuer is None:
            raise NotTrusted("iss")
        _check_header(header, issuer)
        key = issuer.keys.find(_text(header, "kid"))
        if key is None:
            raise NotTrusted("kid")
        verified = jwt.decode(
            token,
            key=key.key,
            algorithms=list(key.algorithms),
            audience=[endpoint if one == ENDPOINT else one for one in issuer.audience],
            issuer=issuer.iss,
            leeway=issuer.clock_skew_seconds,
            options={"require": REQUIRED},
        )
        return _check_claims(verified, issuer)


def _check_header(header: Mapping[str, Any], issuer: TrustedIssuer) -> None:
    """Extensions that must be understood are not: we know none (RFC 7515 section 4.1.11, RFC 7797)."""
    if header.get("alg") not in issuer.algorithms:
        raise NotTrusted("alg")
    if _text(header, "typ").upper() != "JWT":
        raise NotTrusted("typ")
    if "crit" in header or "b64" in header:
        raise NotTrusted("crit")
    if issuer.jku and "jku" in header and header["jku"] not in issuer.jku:  # compared, never fetched
        raise NotTrusted("jku")


def _check_claims(claims: Mapping[str, Any], issuer: TrustedIssuer) -> TokenId:
    """What PyJWT leaves open: the length of life, and what a site may ask for besides."""
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if "nbf" in claims:
        _time(claims, "nbf")
    if not 0 < expires - issued <= issuer.max_token_seconds:
        raise NotTrusted("lifetime")
    for name, allowed in (("sub", issuer.subjects), ("tenant", issuer.tenants)):
        if allowed and _text(claims, name) not in allowed:
            raise NotTrusted(name)
    return TokenId(issuer.iss, _text(claims, "jti"), expires + issuer.clock_skew_seconds)


def _text(said: Mapping[str, Any], name: str) -> str:
    """A string that is there, not blank and not half a character, which could not be remembered."""
    value = said.get(name)
    if not isinstance(value, str) or not value.strip():
        raise NotTrusted(name)
    value.encode()  # a ValueError when it holds half a character
    return value


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < FAR:
        raise NotTrusted(name)
    return float(value)


def trust(tenant: Tenant, seen: TokenMemory | None = None) -> Trust:
    """The tenant's issuers. Fetches nothing yet. Raises SettingsError naming the key file that cannot be used.

    `seen` is a memory of tokens that other processes share; without it, each process has its own.
    """
    waiting = threading.BoundedSemaphore(WAITING)
    issuers = [_trusted(issuer, tenant, position, waiting) for position, issuer in enumerate(tenant.issuer)]
    memory = SeenTokens() if seen is None else SeenHereFirst(seen)
    return Trust({issuer.iss: issuer for issuer in issuers}, memory)


def keys_ready(trusted: Trust) -> list[str]:
    """One line for each issuer of whom nobody can be let in at the moment, because no key of it is there."""
    return [why for issuer in trusted.issuers.values() if (why := issuer.keys.problem())]


def _trusted(issuer: Issuer, tenant: Tenant, position: int, waiting: threading.Semaphore) -> TrustedIssuer:
    longest, skew = issuer.max_token_seconds, issuer.clock_skew_seconds
    return TrustedIssuer(
        iss=issuer.iss,
        algorithms=tuple(issuer.algorithms),
        keys=_keys(issuer, tenant, f"issuer[{position}]", waiting),
        audience=tuple(issuer.audience),
        jku=(*issuer.jku, issuer.jwks_url) if issuer.jwks_url else tuple(issuer.jku),
        subjects=tuple(issuer.subjects),
        tenants=tuple(issuer.tenants),
        max_token_seconds=tenant.tenant.max_token_seconds if longest is None else longest,
        clock_skew_seconds=tenant.tenant.clock_skew_seconds if skew is None else skew,
    )


def _keys(issuer: Issuer, tenant: Tenant, key: str, waiting: threading.Semaphore) -> KeySource:
    algorithms = tuple(issuer.algorithms)
    if issuer.jwks_url:
        return FetchedKeys(issuer.jwks_url, f"{key}.jwks_url", algorithms, waiting)
    return FileKeys(Path(tenant.folder) / issuer.jwks_file, f"{key}.jwks_file", algorithms)
