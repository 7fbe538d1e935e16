"""SMART App Launch 2 from the EHR: the way to the login server, and the token for the code that comes back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from cds_service.fhir_client import Connections
from cds_service.hook_request import FHIR_ID, HEADER_SAFE
from cds_service.smart import outgoing
from cds_service.smart.discovery import S256, LoginServer
from cds_service.smart.outgoing import NoReply
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN, Refusal
from cds_service.smart.settings import Smart

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
    verifier: str
    nonce: str


class Token(msgspec.Struct):
    """A token response, as much as is used. SMART puts the launch context beside the token."""

    access_token: str
    token_type: str
    expires_in: int | None = None
    scope: str | None = None
    patient: str | None = None
    encounter: str | None = None
    id_token: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """How we are registered at the EHR. `repr` does not show the secret."""

    smart: Smart
    redirect_uri: str
    _secret: str

    def auth(self) -> ClientAuth:
        method = "client_secret_basic" if self._secret else "none"
        return ClientAuth(self.smart.client_id, self._secret, method)

    def __repr__(self) -> str:
        return f"Client({self.smart.client_id})"


def begin(client: Client, server: LoginServer, launch: str, state: str) -> tuple[str, Login]:
    """Where to send the browser, and what to keep until it comes back."""
    configuration = server.configuration
    login = Login(
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
        client.smart.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=client.smart.scopes,
        state=state,
        launch=launch,
        aud=server.iss,
        nonce=login.nonce,
        code_challenge=_challenge(login.verifier),
        code_challenge_method=S256,
    )
    return address, login


def _challenge(verifier: str) -> str:
    found: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call] # as its stubs leave it
    return found


def exchange(client: Client, login: Login, code: str, connections: Connections, seconds: float) -> Token:
    """The token for a code, once. Raises Refusal."""
    body = prepare_token_request(
        "authorization_code", code=code, redirect_uri=client.redirect_uri, code_verifier=login.verifier
    )
    headers = {"Content-Type": FORM, "Accept": "application/json"}
    sign = client.auth().prepare
    url, headers, body = sign("POST", login.token_endpoint, headers, body)  # type: ignore[no-untyped-call] # stubs
    try:
        reply = outgoing.send(connections, "POST", url, headers, body.encode(), seconds)
    except NoReply:
        raise _failed("The login server did not answer", "Try again in a moment.") from None
    if reply.status != 200:
        raise _failed("The login server has refused", "If it stays so, tell those who run this service.")
    try:
        token = msgspec.json.decode(reply.content, type=Token)
    except (msgspec.DecodeError, RecursionError):
        raise _failed("The login server's answer cannot be read", "Tell those who run this service.") from None
    return _checked(token)


def _checked(token: Token) -> Token:
    if token.token_type.lower() != "bearer" or not token.access_token or not HEADER_SAFE.fullmatch(token.access_token):
        raise _failed("The login server's answer cannot be used", "Tell those who run this service.")
    if token.patient is None or not FHIR_ID.fullmatch(token.patient):
        raise _failed("No patient came with the launch", "This page works for one patient, whose chart is open.")
    return token


def life(token: Token) -> int:
    """For how many seconds the session may last."""
    return max(0, min(UNSTATED_LIFE if token.expires_in is None else token.expires_in, LONGEST_LIFE))


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
