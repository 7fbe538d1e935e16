"""Where one logs in to a FHIR server: its .well-known/smart-configuration, believed only near its own origin."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cds_service.fhir_address import LOOPBACK, PLAIN_QUERY, is_loopback, origin, permitted
from cds_service.fhir_client import Connections
from cds_service.smart import outgoing
from cds_service.smart.outgoing import NoReply
from cds_service.smart.refusals import NOT_SENT, Refusal
from cds_service.tenants import Tenant

S256 = "S256"
KNOWN_SECONDS, MOST_KNOWN = 60, 64  # an EHR that changes its login is followed within a minute
WELL_KNOWN = "/.well-known/smart-configuration"


@dataclass(frozen=True, slots=True)
class Configuration:
    """As much as is used of SMART App Launch 2, section "Conformance". What is absent, null or of no use is empty."""

    authorization_endpoint: str
    token_endpoint: str
    challenges: tuple[str, ...]
    issuer: str
    jwks_uri: str
    says_who: bool  # its answers hold who gives them (RFC 9207)


@dataclass(frozen=True, slots=True)
class LoginServer:
    """A FHIR server that this site trusts, as the launch named it and as it is called, and where one logs in."""

    iss: str
    base: str
    configuration: Configuration


class Known:
    """Configurations that were read a moment ago, for one process: anybody can launch, and must not make an EHR busy.

    They hold nothing of a patient.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Configuration]] = {}

    def of(self, base: str) -> Configuration | None:
        with self._lock:
            until, configuration = self._found.get(base, (0.0, None))
            return configuration if time.monotonic() < until else None

    def keep(self, base: str, configuration: Configuration) -> None:
        """The oldest makes room."""
        with self._lock:
            self._found.pop(base, None)
            while len(self._found) >= MOST_KNOWN:
                self._found.pop(next(iter(self._found)))
            self._found[base] = (time.monotonic() + KNOWN_SECONDS, configuration)


def discover(tenant: Tenant, connections: Connections, known: Known, iss: str, seconds: float) -> LoginServer:
    """Raises Refusal for a server that is not on the site's list, does not answer, or points elsewhere."""
    base = permitted(iss, tuple(tenant.fhir.allowed_servers))
    if base is None:
        raise Refusal(
            "This record system is not known here",
            f"The launch names a FHIR server that is not in this site's list ([fhir] allowed_servers). {NOT_SENT} "
            "Tell those who run this service.",
            403,
        )
    configuration = known.of(base)
    if configuration is None:
        configuration = _checked(tenant, base, _read(connections, base, seconds))
        known.keep(base, configuration)
    return LoginServer(iss, base, configuration)


def _checked(tenant: Tenant, base: str, configuration: Configuration) -> Configuration:
    """Raises Refusal."""
    endpoints = (configuration.authorization_endpoint, configuration.token_endpoint)
    if S256 not in configuration.challenges:
        raise _unfit(
            "does not offer PKCE with S256, which SMART App Launch 2 requires (code_challenge_methods_supported)"
        )
    if not all(endpoints):
        raise _unfit("does not say where one logs in (authorization_endpoint, token_endpoint)")
    if not all(_near(tenant, base, one) for one in endpoints):
        raise _unfit("sends logins to a place that this site has not listed ([smart] login_servers)")
    # Nor are keys fetched from elsewhere: then the user stays unknown.
    keys = configuration.jwks_uri if _near(tenant, base, configuration.jwks_uri) else ""
    return replace(configuration, jwks_uri=keys)


def _near(tenant: Tenant, base: str, address: str) -> bool:
    """Codes and secrets go only where the FHIR server itself stands, or where the site has said."""
    place, _, query = address.partition("?")  # which an endpoint may have (RFC 6749, 3.1)
    found, ours = origin(place), origin(base)
    if found is None or ours is None or not PLAIN_QUERY.fullmatch(query):
        return False
    listed = {origin(one) for one in (tenant.smart.login_servers if tenant.smart else ())}
    both_here = is_loopback(found[1]) and is_loopback(ours[1])
    return found == ours or found in listed or (LOOPBACK in tenant.fhir.allowed_servers and both_here)


def _read(connections: Connections, base: str, seconds: float) -> Configuration:
    try:
        reply = outgoing.send(connections, "GET", base + WELL_KNOWN, {"Accept": "application/json"}, None, seconds)
    except NoReply:
        raise Refusal(
            "The record system does not answer", f"{NOT_SENT} Try again; if it stays so, tell the help desk.", 502
        ) from None
    if reply.status != 200:
        raise _unfit("publishes no SMART configuration")
    try:
        said = msgspec.json.decode(reply.content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise _unfit("publishes a SMART configuration that cannot be read") from None
    challenges = said.get("code_challenge_methods_supported")
    return Configuration(
        authorization_endpoint=_text(said, "authorization_endpoint"),
        token_endpoint=_text(said, "token_endpoint"),
        challenges=tuple(str(one) for one in challenges) if isinstance(challenges, list) else (),
        issuer=_text(said, "issuer"),
        jwks_uri=_text(said, "jwks_uri"),
        says_who=said.get("authorization_response_iss_parameter_supported") is True,
    )


def _text(said: dict[str, Any], key: str) -> str:
    found = said.get(key)
    return found if isinstance(found, str) else ""


def _unfit(why: str) -> Refusal:
    return Refusal("The record system cannot be used", f"It {why}. {NOT_SENT} Tell those who run this service.", 502)
