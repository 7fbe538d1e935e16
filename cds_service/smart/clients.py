"""Who we are at each EHR: the registration of its FHIR server, whose code and secret no other server ever gets.

A login server that is hostile, or was taken over, can send the browser on to another one, whose code would then come
back into the login of the first (RFC 9700, 4.4: mix-up). So each server has a redirect URI of its own: a code that
comes to another one than its login began with belongs to somebody else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from authlib.oauth2.auth import ClientAuth

from cds_service.fhir_address import LOOPBACK, permitted
from cds_service.smart import settings
from cds_service.smart.settings import Registration
from cds_service.tenants import Tenant

CALLBACK = "/smart/callback"
MARK_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Client:
    """Our registration at one EHR. `repr` does not show the secret."""

    client_id: str
    scopes: tuple[str, ...]
    redirect_uri: str
    _secret: str

    def auth(self) -> ClientAuth:
        method = "client_secret_basic" if self._secret else "none"
        return ClientAuth(self.client_id, self._secret, method)

    def __repr__(self) -> str:
        return f"Client({self.client_id})"


def of(tenant: Tenant, base: str, public_base_url: str) -> Client | None:
    """`base` is a permitted server as it is called. None where the tenant file has no client for it."""
    smart = tenant.smart
    found = _registered(tenant, base)
    if smart is None or found is None:
        return None
    secret = settings.read_secret(found.client_secret_file, tenant.folder)
    return Client(found.client_id, tuple(smart.scopes), redirect_uri(tenant, base, public_base_url), secret)


def redirect_uri(tenant: Tenant, base: str, public_base_url: str) -> str:
    """One for each server. A single server of [smart] client_id has the short one, also when others come later."""
    own = settings.own_servers(tenant.smart, tenant.fhir.allowed_servers) if tenant.smart else []
    alone = len(own) == 1 and own[0] != LOOPBACK and permitted(base, tuple(own)) is not None
    return f"{public_base_url}{CALLBACK}" + ("" if alone else f"/{mark(base)}")


def mark(base: str) -> str:
    """Tells servers apart in an address. Anybody may know it."""
    return hashlib.sha256(base.encode()).hexdigest()[:MARK_DIGITS]


def redirect_uris(tenant: Tenant, public_base_url: str) -> list[tuple[str, str]]:
    """(server, redirect URI) of those that the tenant file names one by one, to be registered there."""
    allowed = tuple(tenant.fhir.allowed_servers)
    bases = [(one, permitted(one, allowed)) for one in allowed if one != LOOPBACK]
    return [
        (one, redirect_uri(tenant, base, public_base_url)) for one, base in bases if base and _registered(tenant, base)
    ]


def _registered(tenant: Tenant, base: str) -> Registration | None:
    smart = tenant.smart
    for one in smart.client if smart else ():
        if permitted(base, (one.iss,)) is not None:
            return one
    return Registration(base, smart.client_id, smart.client_secret_file) if smart and smart.client_id else None
