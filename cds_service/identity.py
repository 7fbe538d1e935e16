"""A patient in the store: a keyed hash, which says that two calls are about the same patient, and not who that is."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cds_service.tenants import SettingsError

KEY = "SPINE_CDS_IDENTITY_KEY_FILE"
FEWEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """Holds the key; `repr` does not show it."""

    _key: bytes

    def of(self, tenant: str, caller: str, fhir_server: str | None, patient_id: str) -> str:
        """64 hexadecimal digits. The same id at another tenant, caller or FHIR server is another patient."""
        named = "\n".join((tenant, caller, fhir_server or "", patient_id))
        return hmac.digest(self._key, named.encode(), "sha256").hex()

    def key_for(self, purpose: str, *named: str) -> bytes:
        """32 bytes that nobody has without this key, another for each purpose and each thing that is named."""
        return hmac.digest(self._key, "\n".join((purpose, *named)).encode(), "sha256")

    @property
    def fingerprint(self) -> str:
        """Tells two keys apart, and nothing else of them."""
        return hashlib.sha256(b"fingerprint of " + self._key).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Identity(key {self.fingerprint})"


def read(key_file: str, sqlite_file: str) -> Identity:
    """The key of a file; without one, a key that is made once beside an SQLite database. Raises SettingsError.

    Replicas must share the key: with another one every patient is a new patient, and no override is found again.
    """
    if not key_file and not sqlite_file:
        raise SettingsError(f"{KEY}: is needed with this database; replicas share it. 32 random bytes are a good key")
    path = Path(key_file or f"{sqlite_file}.key")
    try:
        if not key_file:
            _make_once(path)
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{KEY}: {path} cannot be read ({type(error).__name__})") from error
    if len(key) < FEWEST_BYTES:
        raise SettingsError(f"{KEY}: {path} holds fewer than {FEWEST_BYTES} bytes")
    return Identity(key)


def _make_once(path: Path) -> None:
    """Written whole under another name first: a worker that starts at the same time must not read half a key."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(FEWEST_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:  # the other one was first, and its key counts
        pass
    finally:
        draft.unlink()
