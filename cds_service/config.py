"""Settings of one server process: SPINE_CDS_* environment variables plus the tenant file that one of them names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from math import ceil
from pathlib import Path

from cds_service.tenants import SettingsError, Tenant, load_tenant, web_address
from fhir_mappings.answers import MOST_ENTRIES

PREFIX = "SPINE_CDS_"
DEFAULTS: Mapping[str, str] = {
    "TENANT": "",
    "HOST": "127.0.0.1",
    "PORT": "8080",
    "WORKERS": "1",
    "PUBLIC_BASE_URL": "",
    "MAX_BODY_BYTES": "20000000",
    "MAX_DEPTH": "100",
    "MAX_ENTRIES": "20000",
    "BODY_SECONDS": "10",
    "CALL_SECONDS": "",
    "DATABASE": "sqlite:///spine-cds.db",
    "IDENTITY_KEY_FILE": "",
    "RETENTION_DAYS": "400",
    "LOG_LEVEL": "info",
}
USUAL_CALL_SECONDS, ROOM_TO_ANSWER = 10, 5
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a worker process needs to know before the first call."""

    tenant: Tenant
    host: str
    port: int
    workers: int
    public_base_url: str  # without a slash at the end; what callers type, so that a token's audience can be compared
    max_body_bytes: int
    max_depth: int  # of brackets in brackets
    max_entries: int  # of all Bundles of a call
    body_seconds: int
    call_seconds: int  # from a request's last byte to its answer
    database: str  # an SQLAlchemy URL; may hold a password
    identity_key_file: str  # empty: made beside an SQLite database
    retention_days: int
    log_level: str


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Settings from variables such as SPINE_CDS_PORT. Raises SettingsError naming the variable or the tenant's key."""
    given = {name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)}
    unknown = sorted(set(given) - set(DEFAULTS))
    if unknown:
        raise SettingsError(f"{PREFIX}{unknown[0]}: there is no such setting; known are {', '.join(DEFAULTS)}")
    values = {**DEFAULTS, **given}
    tenant = load_tenant(Path(values["TENANT"]) if values["TENANT"] else None)
    host, port = _host(values["HOST"]), _whole_number(values, "PORT", 1, 65535)
    return Settings(
        tenant=tenant,
        host=host,
        port=port,
        workers=_whole_number(values, "WORKERS", 1, 64),
        public_base_url=_public_base_url(values["PUBLIC_BASE_URL"], tenant, host, port),
        max_body_bytes=_whole_number(values, "MAX_BODY_BYTES", 1_000, 1_000_000_000),
        max_depth=_whole_number(values, "MAX_DEPTH", 20, 400),
        max_entries=_whole_number(values, "MAX_ENTRIES", 100, MOST_ENTRIES),
        body_seconds=_whole_number(values, "BODY_SECONDS", 1, 300),
        call_seconds=_call_seconds(values, tenant),
        database=values["DATABASE"],
        identity_key_file=values["IDENTITY_KEY_FILE"],
        retention_days=_whole_number(values, "RETENTION_DAYS", 1, 3650),
        log_level=_log_level(values["LOG_LEVEL"]),
    )


def _host(address: str) -> str:
    """An IP address: that is what the server beneath can listen on."""
    try:
        return str(ip_address("127.0.0.1" if address == "localhost" else address))
    except ValueError as error:
        raise SettingsError(f"{PREFIX}HOST: must be an IP address such as 127.0.0.1 or 0.0.0.0") from error


def _whole_number(values: Mapping[str, str], name: str, lowest: int, highest: int) -> int:
    text = values[name]
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise SettingsError(f"{PREFIX}{name}: must be a whole number from {lowest} to {highest}")
    return int(text)


def _call_seconds(values: Mapping[str, str], tenant: Tenant) -> int:
    """Longer than reading from FHIR servers may take: else what was read in time would be thrown away."""
    reading = ceil(tenant.fhir.timeout_seconds)
    if not values["CALL_SECONDS"]:
        return max(USUAL_CALL_SECONDS, reading + ROOM_TO_ANSWER)
    seconds = _whole_number(values, "CALL_SECONDS", 1, 300)
    if seconds <= tenant.fhir.timeout_seconds:
        raise SettingsError(f"{PREFIX}CALL_SECONDS: must be more than fhir.timeout_seconds of the tenant file")
    return seconds


def _log_level(name: str) -> str:
    if name not in LOG_LEVELS:
        raise SettingsError(f"{PREFIX}LOG_LEVEL: must be one of {', '.join(LOG_LEVELS)}")
    return name


def _public_base_url(given: str, tenant: Tenant, host: str, port: int) -> str:
    """The variable wins over the tenant file; a sandbox without either is reached where it listens."""
    if given:
        return web_address(given, f"{PREFIX}PUBLIC_BASE_URL", http_allowed=tenant.is_sandbox)
    if tenant.tenant.public_base_url:
        return web_address(tenant.tenant.public_base_url, "tenant.public_base_url", http_allowed=tenant.is_sandbox)
    if not tenant.is_sandbox:
        raise SettingsError('tenant.public_base_url: is needed unless environment = "sandbox"')
    return listening_at(host, port)


def listening_at(host: str, port: int) -> str:
    """Where a server on this machine is reached from this machine."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"
