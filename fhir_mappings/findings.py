"""Conditions become findings: what, since when, still there or past, sure or only suspected, and where in the spine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_mappings import clinical_dates, coded, codes, conflicts, dates, extensions, histology, staging, versions
from fhir_mappings.chart import Chart
from fhir_mappings.conflicts import Entry
from fhir_mappings.extensions import CORE, MCODE
from fhir_mappings.lifetime import Lifetime
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import CodeableConcept, Coding, Condition, ServiceRequest
from hooks.facts import Finding, When
from hooks.questions.cancer import PRIMARY

PAST = frozenset({"inactive", "remission", "resolved"})
SUSPECTED = frozenset({"unconfirmed", "provisional", "differential"})
FAMILY = "family_history_of_cancer"
HISTORY = "personal_history_of_cancer"
# mCODE 1 to 3, and mCODE 4: the primary that a secondary cancer comes from.
RELATED = (f"{MCODE}related-primary-cancer-condition", f"{CORE}condition-related")
ASSERTED = f"{CORE}condition-assertedDate"
LATERALITY, LOCATION = f"{MCODE}laterality-qualifier", f"{MCODE}body-location-qualifier"
# A code that says itself that the metastasis is elsewhere, or over: no site makes a lesion of a vertebra of it.
ELSEWHERE = frozenset(
    {
        "visceral_or_brain_metastasis",
        "intradural_metastasis",
        "bone_marrow_metastasis",
        "history_of_metastatic_cancer",
        HISTORY,
    }
)
NO_LEVELS: frozenset[str] = frozenset()
SIDES = {"laterality_left": "left", "laterality_right": "right", "laterality_bilateral": "bilateral"}


def read(chart: Chart, life: Lifetime) -> tuple[Finding, ...]:
    """All findings of the chart, newest first, those that a draft order names as its reason included."""
    pathology = histology.results(chart)
    kept = [one for one in chart.of(Condition) if FAMILY not in one.concepts]
    entries = [
        Entry(one.resource, _finding(chart, one, pathology.get(one.reference, frozenset()), life)) for one in kept
    ]
    return (*conflicts.settle(entries, life), *staging.read(chart), *_reasons(chart), *_prohibited(chart))


def _finding(chart: Chart, kept: Kept[Condition], pathology: frozenset[str], life: Lifetime) -> Finding:
    condition = kept.resource
    sites = levels(condition.bodySite) if condition.bodySite else NO_LEVELS
    begun = clinical_dates.onset(condition)  # a condition is dated by its onset, else by its recording
    return Finding(
        source=kept.reference,
        concepts=kept.concepts | _of_the_spine(kept, sites) | histology.types_of(condition, kept.concepts, pathology),
        label=coded.label(condition.code),
        onset=kept.when if begun else None,
        recorded=_recorded(condition, dates.when(condition.recordedDate) if begun else kept.when, life),
        status=_status(kept, life),
        certain=coded.first_code(condition.verificationStatus) not in SUSPECTED,
        levels=sites,
        laterality=_side(condition.bodySite) if condition.bodySite else None,
        primary=_primary(chart, condition),
    )


def _of_the_spine(kept: Kept[Condition], sites: frozenset[str]) -> frozenset[str]:
    """mCODE codes "metastasis", wherever, and says by the body site alone that it is in the spine.

    One of the cord or the cauda equina is no lesion of a vertebra.
    """
    if not sites or "secondary_cancer" not in kept.concepts or kept.concepts & ELSEWHERE:
        return coded.NO_CONCEPTS
    bony = [site for site in kept.resource.bodySite or () if "site_spinal_cord" not in coded.concepts(site)]
    return frozenset({"spinal_metastasis"}) if levels(bony) else coded.NO_CONCEPTS


def _recorded(condition: Condition, recorded: When | None, life: Lifetime) -> When | None:
    """When it was first asserted, where that is earlier than its recording: an import is stamped with its own day.

    A date before birth counts only where no other is known, so that it is named.

    Onset and recording are kept apart, and rules choose: urgency counts either of them as new (an old deficit that is
    recorded again may be worse), what followed a finding is counted from its onset.
    """
    stated = [dates.when(one.valueDateTime) for one in extensions.named(condition.extension, ASSERTED)]
    known = [when for when in (recorded, *stated) if when]
    known = [when for when in known if not life.before(when)] or known
    return min(known, key=lambda when: when.latest) if known else None


def _primary(chart: Chart, condition: Condition) -> str | None:
    """The primary cancer that a condition is said to come from, if exactly one is named and it is on record."""
    found = {versions.resolved(chart.names, one) for one in extensions.referred(condition.extension, *RELATED)}
    primaries = {one for one in found if one in chart.kept and _is_primary(chart.kept[one].concepts)}
    return primaries.pop() if len(primaries) == 1 else None


def _is_primary(concepts: frozenset[str]) -> bool:
    """A "related" condition may be any; a secondary cancer that points to another secondary names no primary."""
    return any(concept in PRIMARY for concept in concepts) and "secondary_cancer" not in concepts


def _side(sites: Iterable[CodeableConcept]) -> str | None:
    """Left, right or both, by mCODE's qualifier; None when not stated, or when two sites state two sides."""
    qualifiers = (q.valueCodeableConcept for site in sites for q in extensions.named(site.extension, LATERALITY))
    sides = {SIDES[concept] for concept in coded.concepts_of(qualifiers) if concept in SIDES}
    return sides.pop() if len(sides) == 1 else None


def _status(kept: Kept[Condition], life: Lifetime) -> str:
    """Past when the status says so, when it ended and no status contradicts, or when the code itself means history.

    An end that cannot be read or cannot be, or that has not surely come yet, is none.
    """
    status = coded.first_code(kept.resource.clinicalStatus)
    if status in PAST or HISTORY in kept.concepts:
        return "past"
    return "past" if status is None and conflicts.ended(kept.resource, life) else "active"


def levels(sites: Iterable[CodeableConcept] | None) -> frozenset[str]:
    """Vertebrae and regions of the spine among some body sites and their qualifiers; empty when none lies in it.

    "Upper" or "lower" of a site makes no level of it: only a code of the spine does.
    """
    found = [codes.level(one.system, one.code) for site in sites or () for one in _codings(site)]
    return frozenset([level for level in found if level]) if found else NO_LEVELS


def _codings(site: CodeableConcept) -> list[Coding]:
    found = list(site.coding or ())
    for qualifier in extensions.named(site.extension, LOCATION):
        found += (qualifier.valueCodeableConcept.coding or ()) if qualifier.valueCodeableConcept else ()
    return found


def _reasons(chart: Chart) -> Iterator[Finding]:
    """Why a draft order is placed, as the orderer coded it. A reason for a test is a suspicion, not a diagnosis."""
    for kept in chart.proposed():
        if isinstance(kept.resource, ServiceRequest):
            for reason in kept.resource.reasonCode or ():
                concepts = coded.concepts(reason)
                if concepts and FAMILY not in concepts:
                    yield Finding(kept.reference, concepts, coded.label(reason), certain=False)


def _prohibited(chart: Chart) -> Iterator[Finding]:
    """An active order that says "do not perform MRI" is a recorded contraindication."""
    for kept in chart.of(ServiceRequest):
        if kept.resource.doNotPerform:
            yield Finding(
                kept.reference,
                frozenset({"mri_contraindicated"}),
                coded.label(kept.resource.code),
                recorded=kept.when,
            )
