"""The tenant file: read, given its shape (tenant_sections.py) and checked whole (tenant_checks.py) before start-up."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import msgspec

from cds_service import tenant_checks
from cds_service.fhir_address import LOOPBACK as LOOPBACK
from cds_service.fhir_address import is_loopback as is_loopback
from cds_service.setting_types import SettingsError as SettingsError
from cds_service.setting_types import web_address as web_address
from cds_service.tenant_sections import CONTENT_TYPE_KEYS as CONTENT_TYPE_KEYS
from cds_service.tenant_sections import PROFILES as PROFILES
from cds_service.tenant_sections import Issuer as Issuer
from cds_service.tenant_sections import SignOff as SignOff
from cds_service.tenant_sections import Tenant as Tenant


def load_tenant(path: Path | None) -> Tenant:
    """The tenant of a TOML file, or of the bundled sandbox file for None. Raises SettingsError naming the key."""
    if path is None:
        bundled = resources.files("cds_service") / "default_tenant.toml"
        return read_tenant(bundled.read_text(encoding="utf-8"), folder="")
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors put a byte order mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"tenant file {path}: cannot be read ({type(error).__name__})") from error
    return read_tenant(text, folder=str(path.resolve().parent))


def read_tenant(text: str, folder: str) -> Tenant:
    """Decodes and checks a tenant file's text. Raises SettingsError naming the key."""
    try:
        data = tomllib.loads(text)
        if "folder" in data:
            raise SettingsError("tenant file: unknown key `folder`")
        tenant = msgspec.convert({**data, "folder": folder}, Tenant)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"tenant file: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"tenant file: {_plain(str(error))}") from error
    tenant_checks.check(tenant)
    return tenant


def _plain(message: str) -> str:
    """msgspec writes "Object contains unknown field `x` - at `$.fhir`"; sites know keys, not objects or `$`."""
    return message.replace("Object contains unknown field", "unknown key").replace("`$.", "`").replace(" - at `$`", "")
