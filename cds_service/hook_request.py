"""Reads the body of a CDS Hooks call: strict where the standard requires a field, blind to what it does not name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from cds_service import json_bounds
from cds_service.envelope import NOT_JSON, NULL, inner, needed, opened, sent
from cds_service.errors import HookRequestError, TooMuch
from cds_service.json_bounds import USUAL, Bounds
from cds_service.json_members import Members
from cds_service.services import CdsService
from fhir_mappings.answers import ASKED, Answer, Given, Unavailable, resource_type, understand
from hooks.sealed import sealed

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
PATIENT_KEY = "patient"  # every chart has a patient: null under this key means that the EHR did not look
NOT_SENT = Unavailable("not sent")
EMPTY = msgspec.Raw(b'""')


class Hook(msgspec.Struct, gc=False):
    """As much of a body as chooses the service."""

    hook: str | None = None


class DraftOrder(msgspec.Struct, gc=False):
    """As much of a draft order as names it."""

    resourceType: str
    id: str


@sealed()
class HookRequest:
    """A well-formed call. What prefetch and draft orders hold stays raw JSON: the chart reads it, one by one."""

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str
    encounter_id: str | None
    prefetch: Mapping[str, Answer]  # what the call itself brought
    fhir_server: str | None
    access_token: str | None  # None or "" when the call brought none
    draft_orders: Given | None
    selections: tuple[str, ...] | None

    def seed(self) -> bytes:
        """What tells this call from others, for the identifiers of its cards, which depend on their words as well."""
        parts = (self.hook, self.hook_instance, self.patient_id, self.user_id, self.fhir_server or "")
        return " ".join(parts).encode()


_text, _integer, _texts = msgspec.json.Decoder(str), msgspec.json.Decoder(int), msgspec.json.Decoder(list[str])
_hook, _draft = msgspec.json.Decoder(Hook), msgspec.json.Decoder(DraftOrder)


def parse(body: bytes, service: CdsService, bounds: Bounds = USUAL) -> HookRequest:
    """The call in `body` for one CDS service. Raises HookRequestError naming the field that is absent or wrong.

    Raises TooMuch where it holds more than one call may.
    """
    json_bounds.check(body, bounds, KNOWN_KEYS)
    call = opened(body, KNOWN_KEYS)
    _check_hook(call.fields, service)
    if call.context is None:
        raise HookRequestError("context", "context is required.")
    drafts = _draft_orders(call.context, bounds.entries) if service.takes_orders else None
    server, token = _fhir_access(call.fields)
    return HookRequest(
        hook=service.hook,
        hook_instance=_matching(UUID, call.fields, "hookInstance", "a UUID"),
        patient_id=_matching(FHIR_ID, call.context, "context.patientId", "a FHIR id"),
        user_id=_user(call.context, service),
        encounter_id=_encounter(call.context),
        prefetch=_prefetch(call.prefetch or {}, bounds.entries - _entries(drafts), bounds.entries),
        fhir_server=server,
        access_token=token,
        draft_orders=drafts,
        selections=_selections(call.context, drafts) if drafts is not None and service.takes_selections else None,
    )


def hook_of(body: bytes) -> str | None:
    """The hook that a body names, whatever else is wrong with it; None when there is none."""
    try:
        return _hook.decode(body).hook
    except NOT_JSON:
        return None


def _matching(pattern: re.Pattern[str], members: Members, expression: str, kind: str) -> str:
    text = needed(_text, members, expression, kind)
    if not pattern.fullmatch(text):
        raise HookRequestError(expression, f"{expression} must be {kind}.")
    return text


def _check_hook(call: Members, service: CdsService) -> None:
    if needed(_text, call, "hook", "a string") != service.hook:
        raise HookRequestError("hook", f"This service answers the hook {service.hook} only.")


def _user(context: Members, service: CdsService) -> str:
    user = _matching(REFERENCE, context, "context.userId", "a reference such as Practitioner/123")
    if user.partition("/")[0] not in service.user_types:
        raise HookRequestError("context.userId", f"context.userId must be one of {', '.join(service.user_types)}.")
    return user


def _encounter(context: Members) -> str | None:
    """Optional; clients without an encounter also send it blank."""
    if not sent(context, "encounterId") or context["encounterId"] == EMPTY:
        return None
    return _matching(FHIR_ID, context, "context.encounterId", "a FHIR id")


def _prefetch(values: Members, left: int, most: int) -> dict[str, Answer]:
    """What came under each key. Raises TooMuch, naming the key that brings more entries than are left."""
    answers: dict[str, Answer] = {}
    for key, raw in values.items():
        answers[key] = brought(key, raw)
        left -= _entries(answers[key])
        if left < 0:
            named = f"prefetch.{key}" if key in ASKED else "prefetch"
            raise TooMuch(named, f"{named} brings the call to more than {most} entries.")
    return answers


def brought(key: str, raw: msgspec.Raw) -> Answer:
    """What the call itself brought under a key: its resources, None for "asked, none found", or Unavailable."""
    if raw == NULL:
        return NOT_SENT if key == PATIENT_KEY else None
    return understand(raw, ASKED.get(key, ""))


def _entries(answer: Answer) -> int:
    return len(answer.entries) + answer.damaged if isinstance(answer, Given) else 0


def _fhir_access(call: Members) -> tuple[str | None, str | None]:
    """(server, token), each None when not sent. A token without the server that it is for is an error."""
    token = _token(call) if sent(call, "fhirAuthorization") else None
    if not sent(call, "fhirServer"):
        if token is not None:
            raise HookRequestError("fhirServer", "fhirServer is required with fhirAuthorization.")
        return None, None
    server = needed(_text, call, "fhirServer", "an absolute http(s) URL")
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
    given = inner(call, name, KNOWN_KEYS)
    token = _matching(HEADER_SAFE, given, f"{name}.access_token", "a bearer token")
    if needed(_text, given, f"{name}.token_type", "a string").lower() != "bearer":
        raise HookRequestError(f"{name}.token_type", f"{name}.token_type must be Bearer.")
    needed(_integer, given, f"{name}.expires_in", "a whole number of seconds")
    needed(_text, given, f"{name}.scope", "a string")
    needed(_text, given, f"{name}.subject", "a string")
    return token


def _draft_orders(context: Members, most: int) -> Given:
    """The orders of the Bundle. Bundle.type is not asked for: real clients leave it out."""
    name = "context.draftOrders"
    raw = context.get("draftOrders", NULL)
    if raw == NULL:
        raise HookRequestError(name, f"{name} is required.")
    drafts = understand(raw)
    if isinstance(drafts, Unavailable) or resource_type(raw) != "Bundle":
        raise HookRequestError(name, f"{name} must be a Bundle that can be read.")
    if _entries(drafts) > most:
        raise TooMuch(name, f"{name} holds more than {most} entries.")
    return drafts


def _selections(context: Members, drafts: Given) -> tuple[str, ...]:
    """The selected orders as Type/id; each must be one of the draft orders."""
    name = "context.selections"
    selected = needed(_texts, context, name, "an array of references such as ServiceRequest/123")
    if not selected:
        raise HookRequestError(name, f"{name} must name at least one order.")
    named = {_draft_name(raw) for _, raw in drafts.entries}
    for position, reference in enumerate(selected):
        if reference not in named:
            place = f"{name}[{position}]"
            raise HookRequestError(place, f"{place} must be the Type/id of an order in context.draftOrders.")
    return tuple(selected)


def _draft_name(raw: msgspec.Raw) -> str | None:
    """Type/id of a draft that has both; one that has not can be read by nobody, and cannot be selected."""
    try:
        order = _draft.decode(raw)
    except NOT_JSON:
        return None
    return f"{order.resourceType}/{order.id}"
