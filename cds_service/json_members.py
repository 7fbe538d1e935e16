"""The keys of a JSON object: each stands once, so that one value is meant."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NoReturn

import msgspec

from cds_service.errors import HookRequestError, TooMuch

# Possessive, or a key of megabytes would be remembered byte by byte in order to try again.
KEY = re.compile(rb'[\s,]*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+')
MOST_KEYS = 1_000  # of the body, of its context or of its prefetch; we ask for about ten
Members = dict[str, msgspec.Raw]
_text = msgspec.json.Decoder(str)


def each_once(
    text: bytes,
    values: Members | dict[str, msgspec.Raw | Members],
    known: Collection[str],
    expression: str = "",
    place: int = 0,
) -> int:
    """Refuses a key that stands twice in the object at a place of the text: of two answers, which one is meant?

    `values` are the object's fields as the decoder found them in the text; for an object in it that is walked over too,
    its own fields. Walks over the keys alone: a value is passed over as the decoder found it, and where something else
    stands than it found, there is a second value for that key. Returns where the object ends. Raises HookRequestError,
    which names a key only where it is `known`; TooMuch for too many keys.
    """
    if len(values) > MOST_KEYS:
        raise TooMuch(expression, f"{expression or 'The body'} holds more than {MOST_KEYS} keys.")
    met: set[str] = set()
    place = text.index(b"{", place) + 1
    while match := KEY.match(text, place):
        key, place = _text.decode(match[1]), match.end()
        value = None if key in met else values.get(key)
        if isinstance(value, msgspec.Raw) and text.startswith(value, place):
            place += len(value)
        elif isinstance(value, dict) and text.startswith(b"{", place):
            place = each_once(text, value, known, key, place)
        else:
            _twice(key, known, expression)
        met.add(key)
    return text.index(b"}", place) + 1


def _twice(key: str, known: Collection[str], expression: str) -> NoReturn:
    where = ".".join(filter(None, (expression, key if key in known else "")))
    raise HookRequestError(where, f"{where or 'The body'} holds a key twice.")
