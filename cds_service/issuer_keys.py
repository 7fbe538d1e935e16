"""The public keys of an issuer: what of a JWK Set may be used, and a file of them that may change while we run."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cds_service.tenants import SettingsError

# Which algorithms a kind of key can be used with (RFC 7518 section 3.1, RFC 8037). RSA keys have no curve.
FITTING: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
SECRET = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}  # members that only private and symmetric keys have
RSA_BITS = 2048
LOOK_AGAIN_SECONDS = 2.0  # a changed file is seen after that long
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures, and the algorithms of which this issuer may use it with any."""

    key: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by key id, and for each key that is broken or dangerous, what is wrong with it."""

    keys: Mapping[str, PublicKey]
    unusable: tuple[str, ...] = ()


class NotAKeySet(Exception):
    """What should be a JWK Set is something else."""


class Unusable(Exception):
    """Why one key of a set cannot be used."""


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    def start(self) -> None:
        """From now on keeps the keys fresh. Once per process, after it was forked."""

    def find(self, kid: str) -> PublicKey | None:
        """The key with this id, as far as the source says so now."""

    def problem(self) -> str:
        """Why no caller of this issuer can be let in; empty when keys are there."""


class _Written(msgspec.Struct):
    keys: list[Any]


def read_key_set(content: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """Reads a JWK Set, or a bare array of keys. Raises NotAKeySet.

    Left out without a word are keys for something else: for encryption, or for algorithms not agreed with the issuer.
    """
    try:
        written = msgspec.json.decode(content, type=_Written | list[Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotAKeySet("is not a JWK Set") from error
    found: list[tuple[str, PublicKey]] = []
    unusable: list[str] = []
    for position, jwk in enumerate(written.keys if isinstance(written, _Written) else written):
        try:
            if (one := _public_key(jwk, algorithms)) is not None:
                found.append(one)
        except Unusable as why:
            unusable.append(f"keys[{position}]: {why}")
    # Which of two keys is meant by a kid that both have would be a guess, so neither is used.
    times = Counter(kid for kid, _ in found)
    unusable += [f"{number} keys have the same kid" for number in times.values() if number > 1]
    return KeySet({kid: key for kid, key in found if times[kid] == 1}, tuple(unusable))


def _public_key(jwk: Any, algorithms: tuple[str, ...]) -> tuple[str, PublicKey] | None:
    """One member of a set with its id; None when it is for something else. Raises Unusable."""
    if not isinstance(jwk, dict):
        raise Unusable("is no key")
    if jwk.get("kty") == "oct" or SECRET & jwk.keys():
        raise Unusable("is a secret or private key; only public keys belong here")
    usable_with = _usable_with(jwk, algorithms)
    if not usable_with:
        return None
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Unusable("every key needs a kid")
    try:
        public = jwt.PyJWK(jwk, algorithm=usable_with[0]).key
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise Unusable(f"cannot be read ({type(error).__name__})") from error
    if isinstance(public, RSAPublicKey) and public.key_size < RSA_BITS:
        raise Unusable(f"an RSA key of fewer than {RSA_BITS} bits")
    return kid, PublicKey(public, usable_with)


def _usable_with(jwk: dict[str, Any], algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the issuer's algorithms that fit the kind of key and what it says of its own purpose."""
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        return ()
    kind, curve = str(jwk.get("kty")), str(jwk.get("crv", ""))
    fitting = FITTING.get((kind, curve), ())
    return tuple(one for one in algorithms if one in fitting and jwk.get("alg", one) == one)


class FileKeys:
    """Keys in a file. A file that was changed is read again; what cannot be used then is logged, the old keys stay."""

    def __init__(
        self, path: Path, setting: str, algorithms: tuple[str, ...], look_again: float = LOOK_AGAIN_SECONDS
    ) -> None:
        """`setting` names the key of the tenant file. Raises SettingsError with it when the file cannot be used."""
        self._path, self._setting, self._algorithms, self._look_again = path, setting, algorithms, look_again
        self._looking = threading.Lock()
        self._looked, self._state = time.monotonic(), self._stat()
        self._keys = self._read()

    def start(self) -> None:
        """Nothing to do: the file is looked at when a key is asked for."""

    def find(self, kid: str) -> PublicKey | None:
        """The key with this id, by the file as it was a moment ago."""
        if time.monotonic() - self._looked >= self._look_again and self._looking.acquire(blocking=False):
            try:  # one thread looks; the others go on with the keys that are there
                self._look()
            finally:
                self._looking.release()
        return self._keys.get(kid)

    def problem(self) -> str:
        """A file always holds keys: without any it stopped start-up, and a later one does not replace them."""
        return ""

    def _look(self) -> None:
        self._looked, before = time.monotonic(), self._state
        self._state = self._stat()
        if self._state == before:
            return
        try:
            self._keys = self._read()
        except SettingsError as error:
            log.error("%s; the keys read before are used on", error)
        else:
            log.info("%s: %s was read again", self._setting, self._path)

    def _stat(self) -> tuple[int, ...] | None:
        """What changes when the file does; None when there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> Mapping[str, PublicKey]:
        """A file is written by this site, so that any fault in it is told rather than passed over."""
        where = f"{self._setting}: {self._path}"
        try:
            found = read_key_set(self._path.read_bytes(), self._algorithms)
        except OSError as error:
            raise SettingsError(f"{where} cannot be read") from error
        except NotAKeySet as error:
            raise SettingsError(f"{where} {error}") from error
        if found.unusable:
            raise SettingsError(f"{where}: {found.unusable[0]}")
        if not found.keys:
            raise SettingsError(f"{where} holds no key for signatures with {', '.join(self._algorithms)}")
        return found.keys
