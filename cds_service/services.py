"""THE TABLE: one row for each CDS service, and the discovery answer made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from fhir_mappings import order_select as order_mapping
from fhir_mappings import patient_view as patient_mapping
from fhir_mappings import text_mentions
from fhir_mappings.chart import Chart
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.prefetch import templates
from hooks import order_select, patient_view
from hooks.facts import Facts
from hooks.run import Rule

# Discovery's `version` is the CDS Hooks version that a service implements, as a semantic version (the 3.0 drafts that
# define the field). 2.0.1 is the last published release, and the one whose rules we follow; "2.0" would not be semver.
CDS_HOOKS_VERSION = "2.0.1"

CLINICIANS = ("Practitioner", "PractitionerRole")
NEEDS = (
    "Needs the Patient and the Conditions, as prefetch or from the FHIR server; without them the answer is 412. "
    "What else is missing narrows the advice and is named on a card."
)


@dataclass(frozen=True, slots=True)
class CdsService:
    """One CDS service: what discovery says of it, how a chart is read, which rules are asked, who may call."""

    id: str
    hook: str
    title: str
    description: str
    usage: str
    user_types: tuple[str, ...]
    prefetch: Mapping[str, str]
    facts: Callable[[Chart, date], Facts]
    rules: tuple[Rule, ...]
    takes_orders: bool = False  # the context brings draft orders
    takes_selections: bool = False  # and says which of them the user has selected


SERVICES: tuple[CdsService, ...] = (
    CdsService(
        id="spine-patient-view",
        hook="patient-view",
        title="Metastatic spine disease: chart review",
        description=(
            "Looks for cord compression, spinal instability, missing imaging, referrals and bone protection in adults "
            "with cancer, and says what is not recorded."
        ),
        usage=NEEDS,
        user_types=(*CLINICIANS, "Patient", "RelatedPerson"),
        prefetch=patient_mapping.PREFETCH,
        facts=patient_mapping.facts,
        rules=patient_view.RULES,
    ),
    CdsService(
        id="spine-order-select",
        hook="order-select",
        title="Metastatic spine disease: the order being chosen",
        description=(
            "Checks selected imaging, procedure and bone-agent orders in adults with cancer: the right test, the whole "
            "spine, dose for renal function, calcium."
        ),
        usage=NEEDS + " Judges the selected draft orders only.",
        user_types=CLINICIANS,
        prefetch=order_mapping.PREFETCH,
        facts=order_mapping.facts,
        rules=order_select.RULES,
        takes_orders=True,
        takes_selections=True,
    ),
    CdsService(
        id="spine-order-sign",
        hook="order-sign",
        title="Metastatic spine disease: orders about to be signed",
        description="The checks of order-select, over all draft orders, before they are signed.",
        usage=NEEDS + " Judges every draft order.",
        user_types=CLINICIANS,
        prefetch=order_mapping.PREFETCH,
        facts=order_mapping.facts,
        rules=order_select.RULES,
        takes_orders=True,
    ),
)


def for_site(local: LocalCodes, texts: bool = False) -> dict[str, CdsService]:
    """THE TABLE by id for a site with these codes of its own, which the searches then ask for too; and with texts."""
    asked = {**templates(local), **(text_mentions.PREFETCH if texts else {})}
    return {service.id: replace(service, prefetch=asked) for service in SERVICES}


BY_ID: Mapping[str, CdsService] = {service.id: service for service in SERVICES}
BY_HOOK: Mapping[str, CdsService] = {service.hook: service for service in SERVICES}
RULES: Mapping[str, Rule] = {rule.KNOWLEDGE.rule: rule for service in SERVICES for rule in service.rules}


def hooks_of(rule: str) -> tuple[str, ...]:
    """The CDS Hooks that ask a rule, by its name."""
    return tuple(service.hook for service in SERVICES if any(one.KNOWLEDGE.rule == rule for one in service.rules))


def discovery(services: Iterable[CdsService] = SERVICES) -> dict[str, object]:
    """The body of GET /cds-services."""
    return {
        "services": [
            {
                "hook": service.hook,
                "title": service.title,
                "description": service.description,
                "id": service.id,
                "prefetch": dict(service.prefetch),
                "usageRequirements": service.usage,
                "version": CDS_HOOKS_VERSION,
            }
            for service in services
        ]
    }
