"""The fields of a JSON object, undecoded: each is then read by itself, so that an error can name it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from cds_service.errors import HookRequestError, TooMuch

# Possessive, or a key of megabytes would be remembered byte by byte in order to try again.
KEY = re.compile(rb'[\s,]*+("(?:[^"\\]++|\\.)*+")\s*+:\s*+')
MOST_KEYS = 1_000  # of the body, of its context or of its prefetch; we ask for about ten
Members = Mapping[str, bytes]
_text = msgspec.json.Decoder(str)


def each_once(text: bytes, values: dict[str, msgspec.Raw], expression: str, known: Collection[str]) -> Members:
    """The fields of an object, given as JSON that is known to be one, and as the decoder found it.

    A key that stands twice is refused: of two answers to one question, which one is meant? Walks over the keys alone;
    a value is passed over as the decoder found it, and where something else stands than it found, there is a second
    value for that key. Raises HookRequestError, which names a key only where it is `known`; TooMuch for too many keys.
    """
    if len(values) > MOST_KEYS:
        raise TooMuch(expression, f"{expression or 'The body'} holds more than {MOST_KEYS} keys.")
    members: dict[str, bytes] = {}
    place = text.index(b"{") + 1
    while match := KEY.match(text, place):
        key = _text.decode(match[1])
        value = bytes(values[key])
        if key in members or not text.startswith(value, match.end()):
            where = ".".join(filter(None, (expression, key if key in known else "")))
            raise HookRequestError(where, f"{where or 'The body'} holds a key twice.")
        members[key] = value
        place = match.end() + len(value)
    return members
