"""The site's own code maps, read from the files that its tenant file names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cds_service import printout
from cds_service.tenants import SettingsError, Tenant
from fhir_mappings import code_maps, local_units, map_review
from fhir_mappings.code_files import LocalCodesError
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.local_units import LocalUnitsError

# Whose codes stand first in an order: some EHRs place an order by these alone.
FIRST = {"epic": code_maps.PLACED_BY}


def read(tenant: Tenant) -> LocalCodes:
    """What the site's codes and units mean. Raises SettingsError naming the key, the file and element or the entry."""
    files: dict[str, bytes] = {}
    for position, name in enumerate(tenant.codes.concept_maps):
        try:
            files[name] = (Path(tenant.folder) / name).read_bytes()
        except OSError as error:
            raise SettingsError(f"codes.concept_maps[{position}]: {name} cannot be read ({error.strerror})") from error
    try:
        local = code_maps.read(files, FIRST.get(tenant.client.profile, ()))
        return replace(local, units=local_units.read(tenant.codes.units))
    except LocalCodesError as error:
        raise SettingsError(f"codes.concept_maps: {error}") from error
    except LocalUnitsError as error:
        raise SettingsError(f"codes.units: {error}") from error


def announce(tenant: Tenant, local: LocalCodes) -> None:
    """Says on standard error what the maps hold, and what of them will do nothing or may not be meant."""
    for line in _lines(tenant, local):
        print(printout.safe(line), file=sys.stderr, flush=True)


def _lines(tenant: Tenant, local: LocalCodes) -> Iterator[str]:
    if tenant.codes.concept_maps:
        yield map_review.summary(local, len(set(tenant.codes.concept_maps)))
    yield from (f"Warning: {line}" for line in map_review.warnings(local))
    without = map_review.orderables_without(local, code_maps.PLACED) if tenant.client.profile == "epic" else ()
    if without:
        yield f"Warning: no preference-list code, by which Epic places an order, for: {', '.join(without)}"
