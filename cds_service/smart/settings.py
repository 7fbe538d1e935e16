"""[smart] of a tenant file: how the companion is registered at the EHR, and who may show it in a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from cds_service.fhir_address import LOOPBACK, origin, permitted
from cds_service.setting_types import SettingsError, Text, web_address

READ = (
    "Patient",
    "Condition",
    "Observation",
    "ImagingStudy",
    "Medication",
    "MedicationRequest",
    "MedicationAdministration",
    "ServiceRequest",
    "Procedure",
)
SCOPES = ("launch", "openid", "fhirUser", *(f"patient/{kind}.rs" for kind in READ), "patient/Observation.c")
LONGEST_SECRET = 4096  # bytes
LOOPBACK_FRAMES = ("http://localhost:*", "http://127.0.0.1:*")

Scope = Annotated[str, msgspec.Meta(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+\Z", max_length=200)]


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[[smart.client]]: how we are registered at one of several EHRs."""

    iss: str
    client_id: Text
    client_secret_file: str = ""


class Smart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[smart]: the companion is there when this section is. Without a secret the client is a public one."""

    client_id: str = ""
    client_secret_file: str = ""
    client: list[Registration] = []
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: list(SCOPES))
    login_servers: list[str] = []
    frame_ancestors: list[str] = []


def check(smart: Smart, servers: list[str], sandbox: bool) -> None:
    """`servers` are those of [fhir] allowed_servers. Raises SettingsError naming the key."""
    for position, address in enumerate(smart.login_servers):
        _check_origin(address, f"smart.login_servers[{position}]", sandbox)
    for position, address in enumerate(smart.frame_ancestors):
        if address != LOOPBACK or not sandbox:
            _check_origin(address, f"smart.frame_ancestors[{position}]", sandbox)
    if "launch" not in smart.scopes:
        raise SettingsError("smart.scopes: must hold `launch`: the EHR says by it which patient is open")
    _check_clients(smart, servers)


def _check_clients(smart: Smart, servers: list[str]) -> None:
    if not smart.client_id and (smart.client_secret_file or not smart.client):
        raise SettingsError("smart.client_id: is needed, or a [[smart.client]] for each server")
    for position, one in enumerate(smart.client):
        key = f"smart.client[{position}].iss"
        if permitted(one.iss, tuple(servers)) is None:
            raise SettingsError(f"{key}: must be one of fhir.allowed_servers")
        if any(permitted(one.iss, (other.iss,)) for other in smart.client[:position]):
            raise SettingsError(f"{key}: is given twice")
    own = own_servers(smart, servers)
    if smart.client_secret_file and (len(own) > 1 or LOOPBACK in own):
        raise SettingsError(
            "smart.client_secret_file: would be sent to more than one server of fhir.allowed_servers; give each a "
            "[[smart.client]] with `iss`, `client_id` and `client_secret_file`"
        )


def own_servers(smart: Smart, servers: list[str]) -> list[str]:
    """Those for which client_id of [smart] itself stands. `loopback` among them is any on this machine."""
    named = tuple(one.iss for one in smart.client)
    return [one for one in servers if one == LOOPBACK or permitted(one, named) is None]


def _check_origin(address: str, key: str, sandbox: bool) -> None:
    web_address(address, key, http_allowed=sandbox)
    if origin(address) is None or address.count("/") != 2:
        raise SettingsError(f"{key}: must be an origin such as https://ehr.example.org, without a path or last slash")


def read_secrets(smart: Smart, folder: str) -> None:
    """At start-up, so that a wrong file is known before anybody logs in. Raises SettingsError."""
    for one in (smart.client_secret_file, *(one.client_secret_file for one in smart.client)):
        read_secret(one, folder)


def read_secret(file: str, folder: str) -> str:
    """The client secret; empty for a public client. Raises SettingsError, which never holds a part of it."""
    if not file:
        return ""
    path = Path(folder) / file
    try:
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"smart.client_secret_file: {path} cannot be read ({type(error).__name__})") from error
    if not secret or not secret.isprintable() or len(secret) > LONGEST_SECRET:
        raise SettingsError(f"smart.client_secret_file: {path} must hold the secret in one line, and nothing else")
    return secret


def frames(smart: Smart, sandbox: bool) -> str:
    """Who may show the companion in a frame, in the words of a Content-Security-Policy."""
    named = [one for one in smart.frame_ancestors if one != LOOPBACK]
    if sandbox and (LOOPBACK in smart.frame_ancestors or not smart.frame_ancestors):
        named += ["'self'", *LOOPBACK_FRAMES]
    return " ".join(named) or "'none'"
