"""Refuses what each key of a tenant file alone allows, but the whole contradicts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cds_service.dashboard import choices as dashboard_choices
from cds_service.fhir_address import LOOPBACK, is_plain
from cds_service.setting_types import SettingsError, web_address
from cds_service.smart import settings as smart_settings
from cds_service.tenant_sections import Issuer, Reader, SignOff, Tenant
from hooks import knowledge

ORIGIN_LETTERS = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[1-9][0-9]*)?")
# What `cds-service password-hash` writes: scrypt with its cost (no less than werkzeug's own), salt and 64 bytes.
PASSWORD_HASH = re.compile(r"scrypt:(32768|65536|131072|262144):8:[1-9]\$[A-Za-z0-9]{8,64}\$[0-9a-f]{128}")
ASYMMETRIC = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")


def check(tenant: Tenant) -> None:
    """The whole file. Raises SettingsError naming the key."""
    if not tenant.issuer and not tenant.is_sandbox:
        raise SettingsError('issuer: without one callers are not authenticated; only environment = "sandbox" allows it')
    if tenant.tenant.public_base_url:
        web_address(tenant.tenant.public_base_url, "tenant.public_base_url", http_allowed=tenant.is_sandbox)
    names = [issuer.iss for issuer in tenant.issuer]
    for position, issuer in enumerate(tenant.issuer):
        _check_issuer(issuer, f"issuer[{position}]", tenant.is_sandbox)
        if names.count(issuer.iss) > 1:
            raise SettingsError(f"issuer[{position}].iss: is given twice")
    for position, address in enumerate(tenant.fhir.allowed_servers):
        _check_server(address, f"fhir.allowed_servers[{position}]", tenant.is_sandbox)
    for position, origin in enumerate(tenant.cors.allowed_origins):
        _check_origin(origin, f"cors.allowed_origins[{position}]", tenant.is_sandbox)
    unknown = sorted(set(tenant.rules) - {"default"} - set(knowledge.catalogue()))
    if unknown:
        raise SettingsError(f"rules.{unknown[0]}: there is no such rule; `cds-service rules` lists them")
    _check_readers(tenant.reader)
    dashboard_choices.check(tenant.dashboard, [reader.name for reader in tenant.reader])
    if tenant.smart is not None:
        smart_settings.check(tenant.smart, tenant.fhir.allowed_servers, tenant.is_sandbox)
    for position, signature in enumerate(tenant.sign_off):
        _check_sign_off(signature, f"sign_off[{position}]")
        if tenant.sign_off.index(signature) != position:
            raise SettingsError(f"sign_off[{position}]: is given twice")


def _check_readers(readers: list[Reader]) -> None:
    names = [reader.name for reader in readers]
    for position, reader in enumerate(readers):
        if names.count(reader.name) > 1:
            raise SettingsError(f"reader[{position}].name: is given twice")
        if not PASSWORD_HASH.fullmatch(reader.password_hash):
            raise SettingsError(f"reader[{position}].password_hash: must be what `cds-service password-hash` prints")


def _check_sign_off(signature: SignOff, key: str) -> None:
    """A signature is for what was read: after an update that changes the rule, it has to be given again."""
    rule = knowledge.catalogue().get(signature.rule)
    if rule is None:
        raise SettingsError(f"{key}.rule: there is no such rule; `cds-service rules` lists them")
    if signature.version != rule.version:
        raise SettingsError(f"{key}.version: {rule.rule} is at version {rule.version}; sign that or remove the entry")
    if signature.valid_until < signature.date:
        raise SettingsError(f"{key}.valid_until: lies before the date of the signature")


def _check_issuer(issuer: Issuer, key: str, sandbox: bool) -> None:
    if issuer.jwks_file and issuer.jwks_url:
        raise SettingsError(f"{key}.jwks_url: give either jwks_file or jwks_url")
    if issuer.jwks_url:
        web_address(issuer.jwks_url, f"{key}.jwks_url", http_allowed=sandbox)
    elif not issuer.jwks_file:
        raise SettingsError(f"{key}.jwks_file: is needed, or jwks_url")
    for algorithm in issuer.algorithms:
        if algorithm not in ASYMMETRIC:
            raise SettingsError(f"{key}.algorithms: only {', '.join(ASYMMETRIC)} may be used")


def _check_server(address: str, key: str, sandbox: bool) -> None:
    if address == LOOPBACK and sandbox:
        return
    web_address(address, key, http_allowed=sandbox)
    if not is_plain(address):
        raise SettingsError(f"{key}: must be written plainly (no percent signs or path dots); no call would match it")


def _check_origin(origin: str, key: str, sandbox: bool) -> None:
    if origin == LOOPBACK and sandbox:
        return
    web_address(origin, key, http_allowed=sandbox)
    parts = urlsplit(origin)
    if parts.path:
        raise SettingsError(f"{key}: an origin has no path, not even a slash")
    standard = {"https": 443, "http": 80}[parts.scheme]
    if not ORIGIN_LETTERS.fullmatch(origin) or parts.port == standard:
        raise SettingsError(f"{key}: must be written as browsers send it: small letters, no standard port, no wildcard")
