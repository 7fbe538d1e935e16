"""Reads the body of a CDS Hooks call: strict where the standard requires a field, blind to what it does not name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from cds_service import json_bounds
from cds_service.errors import HookRequestError, TooMuch
from cds_service.json_bounds import USUAL, Bounds
from cds_service.json_members import Members, each_once
from cds_service.services import CdsService
from fhir_mappings.answers import ASKED, entries_in

UUID = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")  # as FHIR has it: a caller can be told; chart.py reads longer ones too
REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})")
HEADER_SAFE = re.compile(r"[\x21-\x7e]*")  # what a token may hold: it travels in a header of our own call
KNOWN_KEYS = frozenset(
    {
        *ASKED,
        *("hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "prefetch"),
        *("patientId", "userId", "encounterId", "draftOrders", "selections"),
    }
)
NOTHING = b""  # a field that was not sent


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
_text, _integer = msgspec.json.Decoder(str), msgspec.json.Decoder(int)
_texts, _object = msgspec.json.Decoder(list[str]), msgspec.json.Decoder(dict[str, msgspec.Raw])
_draft_orders, _draft_entry = msgspec.json.Decoder(DraftOrders), msgspec.json.Decoder(DraftEntry)


def parse(body: bytes, service: CdsService, bounds: Bounds = USUAL) -> HookRequest:
    """The call in `body` for one CDS service. Raises HookRequestError naming the field that is absent or wrong.

    Raises TooMuch where it holds more than one call may.
    """
    many = json_bounds.check(body, bounds, KNOWN_KEYS)
    call = _body(body)
    _check_hook(call, service)
    context = _members(call, "context")
    drafts = _draft_bundle(context, bounds.entries) if service.takes_orders else None
    server, token = _fhir_access(call)
    request = HookRequest(
        hook=service.hook,
        hook_instance=_matching(UUID, call, "hookInstance", "a UUID"),
        patient_id=_matching(FHIR_ID, context, "context.patientId", "a FHIR id"),
        user_id=_user(context, service),
        encounter_id=_encounter(context),
        prefetch=_members(call, "prefetch") if _sent(call, "prefetch") else {},
        fhir_server=server,
        access_token=token,
        draft_orders=drafts,
        selections=_selections(context, drafts) if drafts is not None and service.takes_selections else None,
    )
    if many:
        _check_entries(request, bounds.entries)
    return request


def _body(body: bytes) -> Members:
    try:
        members = _object.decode(body)
    except msgspec.ValidationError as error:  # valid JSON, but not an object
        raise HookRequestError("", "The body must be a JSON object.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookRequestError("", "The body is not JSON, or is nested too deeply.") from error
    return each_once(body, members, "", KNOWN_KEYS)


def hook_of(body: bytes) -> str | None:
    """The hook that a body names, whatever else is wrong with it; None when there is none."""
    try:
        return _text.decode(_object.decode(body).get("hook", NOTHING))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _sent(members: Members, name: str) -> bool:
    return members.get(name, NOTHING) not in (NOTHING, b"null")


def _needed(decoder: msgspec.json.Decoder[Read], members: Members, expression: str, kind: str) -> Read:
    """The decoded field, by the last step of its expression, or the error that names it."""
    name = expression.rpartition(".")[2]
    if not _sent(members, name):
        raise HookRequestError(expression, f"{expression} is required.")
    try:
        return decoder.decode(members[name])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookRequestError(expression, f"{expression} must be {kind}.") from error


def _matching(pattern: re.Pattern[str], members: Members, expression: str, kind: str) -> str:
    text = _needed(_text, members, expression, kind)
    if not pattern.fullmatch(text):
        raise HookRequestError(expression, f"{expression} must be {kind}.")
    return text


def _check_hook(call: Members, service: CdsService) -> None:
    if _needed(_text, call, "hook", "a string") != service.hook:
        raise HookRequestError("hook", f"This service answers the hook {service.hook} only.")


def _user(context: Members, service: CdsService) -> str:
    user = _matching(REFERENCE, context, "context.userId", "a reference such as Practitioner/123")
    if user.partition("/")[0] not in service.user_types:
        raise HookRequestError("context.userId", f"context.userId must be one of {', '.join(service.user_types)}.")
    return user


def _encounter(context: Members) -> str | None:
    """Optional; clients without an encounter also send it blank."""
    if not _sent(context, "encounterId") or context["encounterId"] == b'""':
        return None
    return _matching(FHIR_ID, context, "context.encounterId", "a FHIR id")


def _members(call: Members, name: str) -> Members:
    """The fields of an object of the body."""
    return each_once(call.get(name, NOTHING), _needed(_object, call, name, "an object"), name, KNOWN_KEYS)


def _check_entries(request: HookRequest, most: int) -> None:
    """Adds up the entries of all Bundles, and names the one that is too many."""
    held = entries_in(request.draft_orders or b"null")
    for key, bundle in request.prefetch.items():
        held += entries_in(bundle)
        if held > most:
            named = f"prefetch.{key}" if key in ASKED else "prefetch"
            raise TooMuch(named, f"{named} brings the call to more than {most} entries.")


def _fhir_access(call: Members) -> tuple[str | None, str | None]:
    """(server, token), each None when not sent. A token without the server that it is for is an error."""
    token = _token(call) if _sent(call, "fhirAuthorization") else None
    if not _sent(call, "fhirServer"):
        if token is not None:
            raise HookRequestError("fhirServer", "fhirServer is required with fhirAuthorization.")
        return None, None
    server = _needed(_text, call, "fhirServer", "an absolute http(s) URL")
    if not _is_absolute(server):
        raise HookRequestError("fhirServer", "fhirServer must be an absolute http(s) URL.")
    return server, token


def _is_absolute(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _token(call: Members) -> str:
    """The access token; "" is legal and means none (seen from a test client)."""
    name = "fhirAuthorization"
    given = _members(call, name)
    token = _matching(HEADER_SAFE, given, f"{name}.access_token", "a bearer token")
    if _needed(_text, given, f"{name}.token_type", "a string").lower() != "bearer":
        raise HookRequestError(f"{name}.token_type", f"{name}.token_type must be Bearer.")
    _needed(_integer, given, f"{name}.expires_in", "a whole number of seconds")
    _needed(_text, given, f"{name}.scope", "a string")
    _needed(_text, given, f"{name}.subject", "a string")
    return token


def _draft_bundle(context: Members, most: int) -> bytes:
    name = "context.draftOrders"
    bundle = _needed(_draft_orders, context, name, "a Bundle")
    if bundle.resourceType != "Bundle":
        raise HookRequestError(name, f"{name} must be a Bundle.")
    if len(bundle.entry) > most:
        raise TooMuch(name, f"{name} holds more than {most} entries.")
    return context["draftOrders"]


def _selections(context: Members, drafts: bytes) -> tuple[str, ...]:
    """The selected orders as Type/id; each must be one of the draft orders."""
    name = "context.selections"
    selected = _needed(_texts, context, name, "an array of references such as ServiceRequest/123")
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
