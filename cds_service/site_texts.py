"""The search of uncoded text, for the sites that have switched it on."""

from __future__ import annotations

from cds_service.tenants import SettingsError, Tenant
from fhir_mappings import idea_search
from fhir_mappings.idea_search import IdeaSearch, LibraryMissing

ADVICE = "text.mentions: the negation library is not installed; install the extra, as in pip install 'spine-cds[text]'"


def check(tenant: Tenant) -> None:
    """Refuses a tenant whose search cannot be prepared, without the seconds that preparing takes."""
    if tenant.text.mentions and not idea_search.installed():
        raise SettingsError(ADVICE)


def read(tenant: Tenant) -> IdeaSearch | None:
    """The prepared search, or None where text is off. Raises SettingsError naming the key."""
    if not tenant.text.mentions:
        return None
    try:
        return idea_search.prepare()
    except LibraryMissing as error:
        raise SettingsError(ADVICE) from error
