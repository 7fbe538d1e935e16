"""One element of a wrong type does not discard a diagnosis, a result or the patient: it is dropped and named.

Only on the error path, and only for conditions, observations and the patient. In an order, a drug or a procedure an odd
element may be what makes it harmless ("do not perform", a dose, a site elsewhere), so these are refused as a whole.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from fhir_mappings.answers import NOT_JSON, resource_type
from fhir_mappings.resources import decode

READ_IN_PART = frozenset({"Condition", "Observation", "Patient"})
MOST = 4  # odd elements; what holds more of them is something else than it says
LISTS = frozenset({"coding", "component", "bodySite"})  # of which one member may be dropped; else the whole element
STATUSES = frozenset({"clinicalStatus", "verificationStatus"})
UNSURE = Raw(b'{"coding":[{"code":"provisional"}]}')  # a verification that cannot be read is a suspicion
EFFECTIVE = ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued")  # another one may be a later day
_PATH = re.compile(r"`\$\.?([^`]*)`$")
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_TEXT = msgspec.json.Decoder(str)

Path = tuple[str | int, ...]


def read(raw: Raw) -> tuple[Any, tuple[str, ...]] | None:
    """The resource without its odd elements, and which those are; None where it cannot be read that way either."""
    if resource_type(raw) not in READ_IN_PART:
        return None
    left, odd = raw, list[str]()
    for _ in range(MOST):
        try:
            return decode(left), tuple(dict.fromkeys(odd))
        except msgspec.ValidationError as error:
            path = _dropped(str(error))
        except NOT_JSON:
            return None
        if not path:
            return None
        try:
            left, known = _without(left, path)
        except NOT_JSON:  # of an element that we do not read even the name may be no text
            return None
        if not known:
            odd.append(".".join(step for step in path if isinstance(step, str)))
    try:
        return decode(left), tuple(dict.fromkeys(odd))
    except NOT_JSON:
        return None


def _dropped(message: str) -> Path:
    """The element to drop: that of the resource, but of a list of codings, components or sites the single member."""
    match = _PATH.search(message)
    steps = _STEP.findall(match.group(1)) if match else []
    path: list[str | int] = []
    for step in steps:
        if step.startswith("["):
            if path[-1] in LISTS and path[0] not in STATUSES:
                return (*path, int(step[1:-1]))
            break
        path.append(step)
    return tuple(path[:1]) if path and path[0] != "resourceType" else ()


def _without(raw: Raw, path: Path) -> tuple[Raw, bool]:
    """The resource without that element, and whether it was understood after all (a status as a plain word)."""
    members, first = _OBJECT.decode(raw), str(path[0])
    if first in STATUSES:
        word = _word(members[first])
        members.pop(first)
        if word:
            members[first] = Raw(msgspec.json.encode({"coding": [{"code": word}]}))
        elif first == "verificationStatus":
            members[first] = UNSURE
        return Raw(msgspec.json.encode(members)), bool(word)
    return _drop(raw, path), False


def _drop(raw: Raw, path: Path) -> Raw:
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        parts = _LIST.decode(raw)
        parts[step : step + 1] = [_drop(parts[step], rest)] if rest else []
        return Raw(msgspec.json.encode(parts))
    members = _OBJECT.decode(raw)
    if rest:
        members[step] = _drop(members[step], rest)
    else:
        for name in EFFECTIVE if step in EFFECTIVE else (step,):
            members.pop(name, None)
    return Raw(msgspec.json.encode(members))


def _word(raw: Raw) -> str:
    try:
        return _TEXT.decode(raw).strip().lower()
    except NOT_JSON:
        return ""
