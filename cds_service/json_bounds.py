"""How deep and how full a JSON text is, told from its brackets and commas before anything is decoded.

A decoder makes an object of every value: three bytes can cost a hundred, and ten million of them minutes. Nothing here
loops over the bytes in Python, but for telling the sender of a text that is too deep which part of it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from cds_service.errors import HookRequestError, TooMuch

VALUES_FOR_AN_ENTRY = 50  # a resource of our searches holds 20 to 50 values, each string and number counted
ESCAPE = re.compile(rb"\\.", re.DOTALL)
FEW_ESCAPES = 20_000  # that are quicker taken out one by one than looked for at every byte
ONE_KIND = bytes.maketrans(b"[]", b"{}")
NO_STRUCTURE = bytes(set(range(256)) - set(b"{}[],"))
NO_STRUCTURE_BUT_QUOTES = bytes(set(NO_STRUCTURE) - set(b'"'))
# A string (and whether it is a key), an opening or a closing bracket. Possessive, or each byte of a long string would
# be remembered in order to try again.
TOKEN = re.compile(rb'("(?:[^"\\]++|\\.)*+")(\s*+:)?|([{\[])|[}\]]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may hold. Depth in levels of brackets, the body's own included; entries over all Bundles.

    FHIR is deeper than one thinks: a call, its prefetch, a Bundle, an entry, its resource and one contained in it are
    eight levels, and each extension in an extension two more. A hundred leave room for forty of these. The decoder's
    own limit is several times that, and depends on the version of Python.
    """

    depth: int = 100
    entries: int = 20_000

    @property
    def values(self) -> int:
        return self.entries * VALUES_FOR_AN_ENTRY


USUAL = Bounds()


def check(text: bytes, bounds: Bounds, known: Collection[str] = ()) -> None:
    """Raises TooMuch, or HookRequestError that names what is too deep as far as its name is `known`.

    Looks at all brackets first, those in strings included; only a text that seems too full or too deep is looked at
    closely. Who hides levels behind brackets in strings meets the decoder's own limit. What is no JSON may pass.
    """
    rough, most = text.translate(ONE_KIND, NO_STRUCTURE), bounds.values
    if len(rough) > most and holds(rough) > most and holds(structure(text)) > most:
        raise TooMuch("", f"The body holds more than {most} values.")
    if not surely_flat(bounds.depth, rough.translate(None, b",")) and deeper_than(bounds.depth, structure(text)):
        where = too_deep(text, bounds.depth, known)
        raise HookRequestError(where, f"{where or 'The body'} is nested more than {bounds.depth} levels deep.")


def holds(found: bytes) -> int:
    """At most so many values: a comma in a string looks like one more, and so does an empty list."""
    return found.count(b",") + found.count(b"{")


def surely_flat(levels: int, brackets: bytes) -> bool:
    """Does no bracket stand in more than so many others, as far as a look at every so many of them can tell?

    Within a piece of as many brackets as levels, what is open is nowhere more than (before + after + piece) / 2: where
    no more than half of the levels are open before and after, no more than all of them are within.
    """
    deep, whole = 0, len(brackets)
    for place in range(0, whole, levels):
        end = min(place + levels, whole)
        deep += 2 * brackets.count(b"{", place, end) - (end - place)
        if deep > levels // 2:
            return False
        if deep < 0:  # closing ones in strings hide nothing that follows
            deep = 0
    return True


def deeper_than(levels: int, found: bytes) -> bool:
    """Is there a bracket in more than so many others? One that is never closed is the decoder's to refuse."""
    return b"{}" in _peeled(levels, found)


def _peeled(levels: int, found: bytes) -> bytes:
    """What is left when the innermost brackets are taken away, again and again."""
    left = found.translate(None, b",")
    for _ in range(levels):
        fewer = left.replace(b"{}", b"")
        if len(fewer) == len(left):
            break
        left = fewer
    return left


def structure(text: bytes) -> bytes:
    """The brackets and commas that stand outside strings, all brackets written as {}."""
    bare = _without_escapes(text).translate(ONE_KIND, NO_STRUCTURE_BUT_QUOTES).replace(b'""', b"")
    return b"".join(bare.split(b'"')[::2])


def _without_escapes(text: bytes) -> bytes:
    """The text without backslashes and what they escape, so that every quote left opens or closes a string."""
    left, escapes = ESCAPE.subn(b"", text, count=FEW_ESCAPES)
    if escapes < FEW_ESCAPES:
        return left
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")


def too_deep(text: bytes, levels: int, known: Collection[str]) -> str:
    """Where the first bracket beyond so many levels stands: `prefetch.conditions`. Only on the way to a refusal."""
    depth, path = 0, [b"", b""]
    for token in TOKEN.finditer(text):
        if token[1]:
            if token[2] and depth in (1, 2):
                path[depth - 1 :] = [token[1], b""][: 3 - depth]
            continue
        depth += 1 if token[3] else -1
        if depth > levels:
            break
    names = [name for key in path if (name := key[1:-1].decode("ascii", "replace")) in known]
    return ".".join(names)
