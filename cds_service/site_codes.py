"""The site's own code maps, read from the files that its tenant file names."""

from __future__ import annotations

from pathlib import Path

from cds_service.tenants import SettingsError, Tenant
from fhir_mappings import local_codes
from fhir_mappings.local_codes import LocalCodes, LocalCodesError


def read(tenant: Tenant) -> LocalCodes:
    """What the site's codes mean. Raises SettingsError naming the key, the file and the element."""
    files: dict[str, bytes] = {}
    for position, name in enumerate(tenant.codes.concept_maps):
        try:
            files[name] = (Path(tenant.folder) / name).read_bytes()
        except OSError as error:
            raise SettingsError(f"codes.concept_maps[{position}]: {name} cannot be read") from error
    try:
        return local_codes.read(files)
    except LocalCodesError as error:
        raise SettingsError(f"codes.concept_maps: {error}") from error
