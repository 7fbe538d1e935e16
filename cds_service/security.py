"""Who may call: checks the JWT of a CDS Hooks call against the keys that the tenant file names, and nothing else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cds_service.errors import NotTrusted
from cds_service.tenants import Issuer, SettingsError, Tenant

ENDPOINT = "endpoint"  # in `audience`: the exact URL called
REQUIRED = ["iss", "aud", "exp", "iat", "jti"]
RSA_BITS = 2048
REMEMBERED = 500_000  # token ids; about 60 MB when full


class KeyFile(msgspec.Struct):
    """A JWK Set as it lies in a jwks_file; a bare array of keys is taken as well."""

    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer with its public keys by key id."""

    iss: str
    algorithms: tuple[str, ...]
    keys: Mapping[str, Any]
    audience: tuple[str, ...]
    max_token_seconds: int
    clock_skew_seconds: int


@dataclass(slots=True)
class SeenTokens:
    """Ids of the tokens that this process accepted, until they expire by themselves. Bounded: when full, it refuses."""

    limit: int = REMEMBERED
    _expiry: dict[bytes, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        """False for a token seen before, or when no more can be remembered."""
        name = hashlib.blake2b(f"{iss}\n{jti}".encode(), digest_size=16).digest()
        with self._lock:
            if len(self._expiry) >= self.limit:
                self._expiry = {one: until for one, until in self._expiry.items() if until > now}
            if len(self._expiry) >= self.limit or self._expiry.get(name, 0) > now:
                return False
            self._expiry[name] = expires
            return True


@dataclass(frozen=True, slots=True)
class Trust:
    """The issuers of one tenant. Without issuers (a sandbox) every caller is let in."""

    issuers: Mapping[str, TrustedIssuer]
    seen: SeenTokens

    def verify(self, authorization: str | None, endpoint: str, now: float) -> None:
        """Passes for a good token in the Authorization header. Raises NotTrusted, whatever was wrong."""
        if not self.issuers:
            return
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotTrusted("no bearer token")
        try:
            self._verify(token.strip(), endpoint, now)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise NotTrusted(type(error).__name__) from error

    def _verify(self, token: str, endpoint: str, now: float) -> None:
        header = jwt.get_unverified_header(token)
        issuer = self.issuers[_issuer_named_in(token)]
        if str(header.get("typ", "")).upper() != "JWT":
            raise NotTrusted("typ")
        claims = jwt.decode(
            token,
            key=issuer.keys[header["kid"]],  # the kid chooses among this issuer's own keys, no more
            algorithms=list(issuer.algorithms),
            audience=[endpoint if one == ENDPOINT else one for one in issuer.audience],
            issuer=issuer.iss,
            leeway=issuer.clock_skew_seconds,
            options={"require": REQUIRED},
        )
        if not all(type(claims[name]) in (int, float) and isfinite(claims[name]) for name in ("exp", "iat")):
            raise NotTrusted("a time that is no number")
        lifetime = int(claims["exp"]) - int(claims["iat"])
        if not 0 < lifetime <= issuer.max_token_seconds:
            raise NotTrusted("lifetime")
        expires = int(claims["exp"]) + issuer.clock_skew_seconds
        if not (claims["jti"] and self.seen.accept_once(issuer.iss, str(claims["jti"]), expires, now)):
            raise NotTrusted("jti")


def _issuer_named_in(token: str) -> str:
    """The iss that the token claims, only to find the keys with which the claim is then checked."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return str(claims["iss"])


def trust(tenant: Tenant) -> Trust:
    """Loads the tenant's key files. Raises SettingsError naming the key of the tenant file."""
    issuers = [_trusted(issuer, tenant, f"issuer[{position}]") for position, issuer in enumerate(tenant.issuer)]
    return Trust({issuer.iss: issuer for issuer in issuers}, SeenTokens())


def _trusted(issuer: Issuer, tenant: Tenant, key: str) -> TrustedIssuer:
    longest, skew = issuer.max_token_seconds, issuer.clock_skew_seconds
    return TrustedIssuer(
        iss=issuer.iss,
        algorithms=tuple(issuer.algorithms),
        keys=_public_keys(Path(tenant.folder) / issuer.jwks_file, f"{key}.jwks_file"),
        audience=tuple(issuer.audience),
        max_token_seconds=tenant.tenant.max_token_seconds if longest is None else longest,
        clock_skew_seconds=tenant.tenant.clock_skew_seconds if skew is None else skew,
    )


def _public_keys(path: Path, key: str) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=KeyFile | list[dict[str, Any]])
    except OSError as error:
        raise SettingsError(f"{key}: {path} cannot be read") from error
    except msgspec.DecodeError as error:
        raise SettingsError(f"{key}: {path} is not a JWK Set") from error
    keys: dict[str, Any] = {}
    for jwk in found.keys if isinstance(found, KeyFile) else found:
        if jwk.get("use", "sig") == "sig":
            kid, public = _public_key(jwk, key)
            if kid in keys:
                raise SettingsError(f"{key}: two keys have the same kid")
            keys[kid] = public
    if not keys:
        raise SettingsError(f"{key}: {path} holds no key for signatures")
    return keys


def _public_key(jwk: dict[str, Any], key: str) -> tuple[str, Any]:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise SettingsError(f"{key}: every key needs a kid")
    if jwk.get("kty") == "oct" or "d" in jwk:
        raise SettingsError(f"{key}: holds a secret or private key; only public keys belong here")
    try:
        public = jwt.PyJWK(jwk).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise SettingsError(f"{key}: a key cannot be read ({type(error).__name__})") from error
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS:
        raise SettingsError(f"{key}: an RSA key has fewer than {RSA_BITS} bits")
    return kid, public
