"""The outer fields of a call's body, undecoded: each is then read by itself, so that an error can name it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from cds_service.errors import HookRequestError
from cds_service.json_members import Members, each_once
from hooks.sealed import sealed

NULL = msgspec.Raw(b"null")  # a field that was not sent looks like it
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)  # ValidationError is a DecodeError
Read = TypeVar("Read")


class Usual(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A body with no fields but the standard's: those of its two large objects are found in the same pass."""

    hook: msgspec.Raw = NULL
    hookInstance: msgspec.Raw = NULL
    fhirServer: msgspec.Raw = NULL
    fhirAuthorization: msgspec.Raw = NULL
    extension: msgspec.Raw = NULL
    context: dict[str, msgspec.Raw] | None = None
    prefetch: dict[str, msgspec.Raw] | None = None


@sealed()
class Envelope:
    """The fields of a body, and those of its context and prefetch; None for one of these that was not sent."""

    fields: Members
    context: Members | None
    prefetch: Members | None


_usual, _object = msgspec.json.Decoder(Usual), msgspec.json.Decoder(dict[str, msgspec.Raw])


def opened(body: bytes, known: Collection[str]) -> Envelope:
    """The outer fields of a body, each of which stands once. Raises HookRequestError; TooMuch for too many."""
    try:
        usual = _usual.decode(body)
    except msgspec.ValidationError:  # other fields, or others than objects
        envelope = _unusual(body)
    except NOT_JSON as error:
        raise HookRequestError("", "The body is not JSON, or is nested too deeply.") from error
    else:
        fields = msgspec.structs.asdict(usual)
        del fields["context"], fields["prefetch"]
        envelope = Envelope(fields, usual.context, usual.prefetch)
    inner = {"context": envelope.context, "prefetch": envelope.prefetch}
    each_once(body, envelope.fields | {name: NULL if one is None else one for name, one in inner.items()}, known)
    return envelope


def _unusual(body: bytes) -> Envelope:
    try:
        fields = _object.decode(body)
    except msgspec.ValidationError as error:  # valid JSON all the same
        raise HookRequestError("", "The body must be a JSON object.") from error
    except NOT_JSON as error:
        raise HookRequestError("", "The body is not JSON, or is nested too deeply.") from error
    context, prefetch = (
        needed(_object, fields, name, "an object") if sent(fields, name) else None for name in ("context", "prefetch")
    )
    return Envelope(fields, context, prefetch)


def inner(fields: Members, name: str, known: Collection[str]) -> Members:
    """The fields of a small object of the body, each of which stands once. Raises HookRequestError naming it."""
    found = needed(_object, fields, name, "an object")
    each_once(bytes(fields[name]), found, known, name)
    return found


def sent(fields: Members, name: str) -> bool:
    """Is the field there, and not null?"""
    return fields.get(name, NULL) != NULL


def needed(decoder: msgspec.json.Decoder[Read], fields: Members, expression: str, kind: str) -> Read:
    """The decoded field, by the last step of its expression, or the HookRequestError that names it."""
    name = expression.rpartition(".")[2]
    if not sent(fields, name):
        raise HookRequestError(expression, f"{expression} is required.")
    try:
        return decoder.decode(fields[name])
    except NOT_JSON as error:
        raise HookRequestError(expression, f"{expression} must be {kind}.") from error
