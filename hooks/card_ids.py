"""The identifiers of a card and of its suggestions, under which feedback comes back."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any


def give(card: dict[str, Any], seed: bytes) -> None:
    """UUIDs that depend on the request and on what the card says: a repeated call gives the same bytes.

    Not on its place: when the card before it is silenced, feedback on that one must not be taken for this one's.
    """
    rest = [card.get(part) for part in ("source", "extension", "suggestions")]
    words = (card["summary"], card["detail"], repr(rest))
    said = hashlib.sha256(b"\n".join((seed, *map(str.encode, words)))).hexdigest()
    card["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, said))
    suggestions: list[dict[str, Any]] = card.get("suggestions", [])
    for index, suggestion in enumerate(suggestions):
        suggestion["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{said} suggestion {index}"))
