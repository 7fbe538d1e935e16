"""Reads the body of a CDS Hooks call: strict where the standard requires a field, blind to what it does not name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from cds_service.errors import HookRequestError
from cds_service.services import CdsService
from fhir_mappings.answers import ASKED

UUID = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # as FHIR has it: a caller can be told; chart.py reads longer ones too
REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})")
HEADER_SAFE = re.compile(r"[\x21-\x7e]*")  # what a token may hold: it travels in a header of our own call
KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*')
KNOWN_KEYS = frozenset(
    {
        *ASKED,
        *("hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "prefetch"),
        *("patientId", "userId", "encounterId", "draftOrders", "selections"),
    }
)
NOTHING = msgspec.Raw(b"")  # a field that was not sent


class Envelope(msgspec.Struct, gc=False):
    """The body's own fields, undecoded: each is then read by itself, so that an error can name it."""

    hook: msgspec.Raw = NOTHING
    hookInstance: msgspec.Raw = NOTHING
    fhirServer: msgspec.Raw = NOTHING
    fhirAuthorization: msgspec.Raw = NOTHING
    context: msgspec.Raw = NOTHING
    prefetch: msgspec.Raw = NOTHING


class Context(msgspec.Struct, gc=False):
    """The context fields of the hooks that we serve."""

    patientId: msgspec.Raw = NOTHING
    userId: msgspec.Raw = NOTHING
    encounterId: msgspec.Raw = NOTHING
    draftOrders: msgspec.Raw = NOTHING
    selections: msgspec.Raw = NOTHING


class Authorization(msgspec.Struct, gc=False):
    """fhirAuthorization; all five fields are required."""

    access_token: msgspec.Raw = NOTHING
    token_type: msgspec.Raw = NOTHING
    expires_in: msgspec.Raw = NOTHING
    scope: msgspec.Raw = NOTHING
    subject: msgspec.Raw = NOTHING


class DraftOrders(msgspec.Struct, gc=False):
    """The draft orders' Bundle. Bundle.type is not asked for: real clients leave it out."""

    resourceType: str = ""
    entry: list[msgspec.Raw] = []


class DraftEntry(msgspec.Struct, gc=False):
    """One entry of the draft orders."""

    resource: DraftOrder


class DraftOrder(msgspec.Struct, gc=False):
    """As much of an order as names it."""

    resourceType: str
    id: str


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A well-formed call. Prefetch values and draft orders stay raw JSON: the chart reads them resource by resource."""

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str
    encounter_id: str | None
    prefetch: Mapping[str, bytes]
    fhir_server: str | None
    access_token: str | None  # None or "" when the call brought none
    draft_orders: bytes | None
    selections: tuple[str, ...] | None


Read = TypeVar("Read")
_envelope, _context = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Context)
_authorization = msgspec.json.Decoder(Authorization)
_text, _integer = msgspec.json.Decoder(str), msgspec.json.Decoder(int)
_texts, _object = msgspec.json.Decoder(list[str]), msgspec.json.Decoder(dict[str, msgspec.Raw])
_draft_orders, _draft_entry = msgspec.json.Decoder(DraftOrders), msgspec.json.Decoder(DraftEntry)


def parse(body: bytes, service: CdsService) -> HookRequest:
    """The call in `body` for one CDS service. Raises HookRequestError naming the field that is absent or wrong."""
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError as error:  # valid JSON, but not an object
        raise HookRequestError("", "The body must be a JSON object.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookRequestError("", "The body is not JSON, or is nested too deeply.") from error
    _check_keys(body, "")
    _check_hook(envelope, service)
    context = _needed(_context, envelope.context, "context", "an object")
    _check_keys(bytes(envelope.context), "context")
    drafts = _draft_bundle(context) if service.takes_orders else None
    server, token = _fhir_access(envelope)
    return HookRequest(
        hook=service.hook,
        hook_instance=_matching(UUID, envelope.hookInstance, "hookInstance", "a UUID"),
        patient_id=_matching(FHIR_ID, context.patientId, "context.patientId", "a FHIR id"),
        user_id=_user(context, service),
        encounter_id=_encounter(context),
        prefetch=_prefetch(envelope),
        fhir_server=server,
        access_token=token,
        draft_orders=drafts,
        selections=_selections(context, drafts) if drafts is not None and service.takes_selections else None,
    )


def hook_of(body: bytes) -> str | None:
    """The hook that a body names, whatever else is wrong with it; None when there is none."""
    try:
        return _text.decode(_envelope.decode(body).hook)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _absent(raw: msgspec.Raw) -> bool:
    size = memoryview(raw).nbytes  # asked first: a prefetch may hold megabytes
    return size == 0 or (size == 4 and bytes(raw) == b"null")


def _needed(decoder: msgspec.json.Decoder[Read], raw: msgspec.Raw, expression: str, kind: str) -> Read:
    """The decoded field, or the error that names it."""
    if _absent(raw):
        raise HookRequestError(expression, f"{expression} is required.")
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookRequestError(expression, f"{expression} must be {kind}.") from error


def _matching(pattern: re.Pattern[str], raw: msgspec.Raw, expression: str, kind: str) -> str:
    text = _needed(_text, raw, expression, kind)
    if not pattern.fullmatch(text):
        raise HookRequestError(expression, f"{expression} must be {kind}.")
    return text


def _check_hook(envelope: Envelope, service: CdsService) -> None:
    if _needed(_text, envelope.hook, "hook", "a string") != service.hook:
        raise HookRequestError("hook", f"This service answers the hook {service.hook} only.")


def _user(context: Context, service: CdsService) -> str:
    user = _matching(REFERENCE, context.userId, "context.userId", "a reference such as Practitioner/123")
    if user.partition("/")[0] not in service.user_types:
        raise HookRequestError("context.userId", f"context.userId must be one of {', '.join(service.user_types)}.")
    return user


def _encounter(context: Context) -> str | None:
    """Optional; clients without an encounter also send it blank."""
    if _absent(context.encounterId) or bytes(context.encounterId) == b'""':
        return None
    return _matching(FHIR_ID, context.encounterId, "context.encounterId", "a FHIR id")


def _prefetch(envelope: Envelope) -> dict[str, bytes]:
    if _absent(envelope.prefetch):
        return {}
    found = {key: bytes(raw) for key, raw in _needed(_object, envelope.prefetch, "prefetch", "an object").items()}
    _check_keys(bytes(envelope.prefetch), "prefetch")
    return found


def _check_keys(text: bytes, expression: str) -> None:
    """A key that stands twice in an object is refused: of two answers to one question, which one is meant?

    The object is known to be JSON. Walks over its keys alone; a value is passed over as the decoder found it, and
    where something else stands than it found, there is a second value for that key.
    """
    values = _object.decode(text)
    seen: set[str] = set()
    place = text.index(b"{") + 1
    while match := KEY.match(text, place):
        key = _text.decode(match[1])
        if key in seen or not text.startswith(bytes(values[key]), match.end()):
            named = next((known for known in KNOWN_KEYS if known == key), "")
            where = ".".join(filter(None, (expression, named)))
            raise HookRequestError(where, f"{where or 'The body'} holds a key twice.")
        seen.add(key)
        place = match.end() + memoryview(values[key]).nbytes


def _fhir_access(envelope: Envelope) -> tuple[str | None, str | None]:
    """(server, token), each None when not sent. A token without the server that it is for is an error."""
    token = None if _absent(envelope.fhirAuthorization) else _token(envelope)
    if _absent(envelope.fhirServer):
        if token is not None:
            raise HookRequestError("fhirServer", "fhirServer is required with fhirAuthorization.")
        return None, None
    server = _needed(_text, envelope.fhirServer, "fhirServer", "an absolute http(s) URL")
    if not _is_absolute(server):
        raise HookRequestError("fhirServer", "fhirServer must be an absolute http(s) URL.")
    return server, token


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _token(envelope: Envelope) -> str:
    """The access token; "" is legal and means none (seen from a test client)."""
    name = "fhirAuthorization"
    given = _needed(_authorization, envelope.fhirAuthorization, name, "an object")
    token = _matching(HEADER_SAFE, given.access_token, f"{name}.access_token", "a bearer token")
    if _needed(_text, given.token_type, f"{name}.token_type", "a string").lower() != "bearer":
        raise HookRequestError(f"{name}.token_type", f"{name}.token_type must be Bearer.")
    _needed(_integer, given.expires_in, f"{name}.expires_in", "a whole number of seconds")
    _needed(_text, given.scope, f"{name}.scope", "a string")
    _needed(_text, given.subject, f"{name}.subject", "a string")
    return token


def _draft_bundle(context: Context) -> bytes:
    raw = context.draftOrders
    if _needed(_draft_orders, raw, "context.draftOrders", "a Bundle").resourceType != "Bundle":
        raise HookRequestError("context.draftOrders", "context.draftOrders must be a Bundle.")
    return bytes(raw)


def _selections(context: Context, drafts: bytes) -> tuple[str, ...]:
    """The selected orders as Type/id; each must be one of the draft orders."""
    name = "context.selections"
    selected = _needed(_texts, context.selections, name, "an array of references such as ServiceRequest/123")
    if not selected:
        raise HookRequestError(name, f"{name} must name at least one order.")
    named = _named_drafts(drafts)
    for position, reference in enumerate(selected):
        if reference not in named:
            place = f"{name}[{position}]"
            raise HookRequestError(place, f"{place} must be the Type/id of an order in context.draftOrders.")
    return tuple(selected)


def _named_drafts(drafts: bytes) -> frozenset[str]:
    """Type/id of every draft that has both; an entry that has not can be read by nobody, and cannot be selected."""
    return frozenset(filter(None, map(_draft_name, _draft_orders.decode(drafts).entry)))


def _draft_name(entry: Any) -> str | None:
    try:
        order = _draft_entry.decode(entry).resource
    except (msgspec.DecodeError, RecursionError):
        return None
    return f"{order.resourceType}/{order.id}"
