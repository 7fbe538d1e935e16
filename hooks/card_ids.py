"""The identifiers of a card and of its suggestions, under which feedback comes back."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

_OID = uuid.NAMESPACE_OID.bytes


def give(card: dict[str, Any], seed: bytes) -> None:
    """UUIDs that depend on the request and on what the card says: a repeated call gives the same bytes.

    Not on its place: when the card before it is silenced, feedback on that one must not be taken for this one's.
    """
    rest = [card.get(part) for part in ("source", "extension", "suggestions")]
    words = (card["summary"], card["detail"], repr(rest))
    said = hashlib.sha256(b"\n".join((seed, *map(str.encode, words)))).hexdigest()
    card["uuid"] = uuid5(said)
    suggestions: list[dict[str, Any]] = card.get("suggestions", [])
    for index, suggestion in enumerate(suggestions):
        suggestion["uuid"] = uuid5(f"{said} suggestion {index}")


def uuid5(name: str) -> str:
    """As uuid.uuid5 writes it in the name space of OIDs (RFC 9562, 5.5), without making an object of it: twice as fast.

    Of a SHA-1 the first 128 bits; four of them tell the version (5), two the variant (binary 10).
    """
    digits = hashlib.sha1(_OID + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
