"""Which callers' tokens were accepted before: one memory for all workers and replicas."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from cds_service.store.database import Store
from cds_service.store.schema import token

_remember = insert(token)


@dataclass(frozen=True, slots=True)
class SharedTokens:
    """The token ids in the store, as digests; they are deleted after their end (retention.py)."""

    store: Store

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        """False for a token that any process has accepted before. Raises StoreUnavailable: then nobody can tell.

        The database decides which of two simultaneous calls was first: the digest is the primary key.
        """
        name = hashlib.blake2b(f"{iss}\n{jti}".encode(), digest_size=16).hexdigest()
        with self.store.writing() as connection:
            try:
                connection.execute(_remember, {"digest": name, "expires": int(expires * 1000)})
            except IntegrityError:
                connection.rollback()
                return False
        return True
