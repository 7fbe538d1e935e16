"""SMART App Launch 2 from the EHR: the way to the login server, and the token for the code that comes back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from cds_service.fhir_client import Connections
from cds_service.hook_request import FHIR_ID, HEADER_SAFE
from cds_service.smart import outgoing
from cds_service.smart.clients import Client
from cds_service.smart.discovery import S256, LoginServer
from cds_service.smart.outgoing import NoReply
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN, Refusal

FORM = "application/x-www-form-urlencoded"
LONGEST_LIFE = 3600  # seconds of a session, whatever the token allows
UNSTATED_LIFE = 300  # where the login server does not say how long its token holds


class Login(msgspec.Struct, frozen=True):
    """What has to be known again when the browser comes back from the login server."""

    iss: str
    base: str
    token_endpoint: str
    issuer: str
    jwks_uri: str
    redirect_uri: str  # to which the code must come
    says_who: bool  # the answer holds who gives it (RFC 9207)
    verifier: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token response, as much as is used. SMART puts the launch context beside the token."""

    access_token: str
    patient: str
    encounter: str
    scope: str | None
    id_token: str | None
    seconds: int  # for which the session may last


def begin(client: Client, server: LoginServer, launch: str, state: str) -> tuple[str, Login]:
    """Where to send the browser, and what to keep until it comes back."""
    configuration = server.configuration
    login = Login(
        redirect_uri=client.redirect_uri,
        says_who=configuration.says_who,
        iss=server.iss,
        base=server.base,
        token_endpoint=configuration.token_endpoint,
        issuer=configuration.issuer,
        jwks_uri=configuration.jwks_uri,
        verifier=secrets.token_urlsafe(48),
        nonce=secrets.token_urlsafe(16),
    )
    address = prepare_grant_uri(
        configuration.authorization_endpoint,
        client.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=list(client.scopes),
        state=state,
        launch=launch,
        aud=server.iss,
        nonce=login.nonce,
        code_challenge=_challenge(login.verifier),
        code_challenge_method=S256,
    )
    return address, login


def _challenge(verifier: str) -> str:
    found: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call] # the stubs of Authlib lack its types
    return found


def is_from(login: Login, came_to: str, said: str | None) -> bool:
    """Does an answer come from the server of this login? `said` is its `iss`, which some announce (RFC 9207)."""
    return came_to == login.redirect_uri and (not login.says_who or said == login.issuer)


def exchange(client: Client, login: Login, code: str, connections: Connections, seconds: float) -> Token:
    """The token for a code, once. Raises Refusal."""
    body = prepare_token_request(
        "authorization_code", code=code, redirect_uri=login.redirect_uri, code_verifier=login.verifier
    )
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    sign = client.auth().prepare
    url, headers, body = sign("POST", login.token_endpoint, headers, body)  # type: ignore[no-untyped-call] # as above
    try:
        reply = outgoing.send(connections, "POST", url, headers, body.encode(), seconds)
    except NoReply:
        raise _failed("The login server did not answer", "Try again in a moment.") from None
    if reply.status != 200:
        raise _failed("The login server has refused", "If it stays so, tell those who run this service.")
    try:
        return _read(msgspec.json.decode(reply.content, type=dict[str, Any]))
    except (msgspec.DecodeError, RecursionError):
        raise _failed("The login server's answer cannot be read", "Tell those who run this service.") from None


def _read(said: dict[str, Any]) -> Token:
    """A member that may be left out is left out where it cannot be used: servers are not exact about them."""
    token, kind, patient, encounter = (said.get(key) for key in ("access_token", "token_type", "patient", "encounter"))
    if not (isinstance(token, str) and token and HEADER_SAFE.fullmatch(token) and str(kind).lower() == "bearer"):
        raise _failed("The login server's answer cannot be used", "Tell those who run this service.")
    if isinstance(patient, int) and not isinstance(patient, bool):
        patient = str(patient)  # an id of digits alone, written as a number
    if not isinstance(patient, str) or not FHIR_ID.fullmatch(patient):
        raise _failed("No patient came with the launch", "This page works for one patient, whose chart is open.")
    return Token(
        access_token=token,
        patient=patient,
        encounter=encounter if isinstance(encounter, str) and FHIR_ID.fullmatch(encounter) else "",
        scope=_scope(said.get("scope")),
        id_token=said["id_token"] if isinstance(said.get("id_token"), str) else None,
        seconds=_life(said.get("expires_in")),
    )


def _scope(said: object) -> str | None:
    """None where the server does not list what it has granted."""
    if isinstance(said, list):
        return " ".join(one for one in said if isinstance(one, str))
    return said if isinstance(said, str) else None


def _life(said: object) -> int:
    """Seconds, as a number or as text."""
    try:
        stated = float(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else None
    except (ValueError, OverflowError):
        stated = None
    if stated is None or stated != stated:
        return UNSTATED_LIFE
    return int(max(0, min(stated, LONGEST_LIFE)))


def may_write(scope: str | None) -> bool:
    """Do the granted scopes allow a new Observation? A server that does not list them has granted what was asked."""
    return scope is None or any(_allows_create(one) for one in scope.split())


def _allows_create(scope: str) -> bool:
    context, _, rest = scope.partition("/")
    kind, _, access = rest.partition(".")
    access = access.partition("?")[0]
    old = access in ("write", "*")  # as SMART 1 wrote them
    return context in ("patient", "user") and kind in ("Observation", "*") and (old or "c" in access)


def _failed(title: str, what_to_do: str) -> Refusal:
    return Refusal(title, f"{what_to_do} {NOT_SENT} {OPEN_AGAIN}", 502)


def as_dict(value: Any) -> dict[str, Any]:
    """A kept thing as plain values, to be sealed."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
