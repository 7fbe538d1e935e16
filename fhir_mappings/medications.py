"""Drugs ordered, given and billed: which agent, how many milligrams."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Any

from fhir_mappings import coded, codes, dosing, drug_names, drug_references, in_session, versions
from fhir_mappings.chart import Chart, Refused
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import CodeableConcept, MedicationAdministration, MedicationRequest, Procedure, Quantity
from fhir_mappings.resources import Medication as MedicationResource
from hooks.facts import Medication

HIGHEST_DOSE = Decimal(100_000)  # of any drug, in mg; ours
MILLIGRAMS = {"mg": Decimal(1), "g": Decimal(1000), "ug": Decimal("0.001"), "mcg": Decimal("0.001")}

NOT_KNOWN = "drug not known, not checked"
ORIGIN: dict[type[MedicationRequest] | type[MedicationAdministration], str] = {
    MedicationRequest: "medicationRequests",
    MedicationAdministration: "medicationAdministrations",
}


def read(chart: Chart) -> tuple[Medication, ...]:
    """Every use of a drug that we know, newest first, then the drafts of this session."""
    found = [
        *(use for kept in _on_record(chart, MedicationRequest) for use in _requested(chart, kept)),
        *(use for kept in chart.of(MedicationAdministration) for use in _administered(chart, kept)),
        *(use for kept in chart.of(Procedure) for use in _billed(kept)),
    ]
    found.sort(key=lambda m: (m.when.latest.isoformat() if m.when else "", m.source), reverse=True)
    drafts = [
        use
        for kept in chart.proposed()
        if isinstance(kept.resource, MedicationRequest)
        for use in _requested(
            chart, kept, draft=True, selected=chart.selections is None or kept.reference in chart.selections
        )
    ]
    return (*drafts, *found)


def _on_record(chart: Chart, of: type[MedicationRequest] | type[MedicationAdministration]) -> list[Kept[Any]]:
    """The uses on record of which the session has no version of its own."""
    return in_session.untouched(chart, of, lambda kept: coded.concepts(_drug(chart, kept.resource)))


def _requested(
    chart: Chart, kept: Kept[MedicationRequest], *, draft: bool = False, selected: bool = False
) -> Iterator[Medication]:
    request = kept.resource
    drug = _drug(chart, request)
    concepts = coded.concepts(drug)
    if concepts:
        doses = [rate.doseQuantity for dosage in request.dosageInstruction or () for rate in dosage.doseAndRate or ()]
        yield Medication(
            kept.reference,
            concepts,
            "draft" if draft else request.status or "",
            "order",
            _milligrams(doses[0] if len(doses) == 1 else None, drug),
            kept.when,
            coded.label(drug),
            draft,
            selected,
            *dosing.weeks(request.dosageInstruction or ()),
        )


def _administered(chart: Chart, kept: Kept[MedicationAdministration]) -> Iterator[Medication]:
    given = kept.resource
    drug = _drug(chart, given)
    concepts = coded.concepts(drug)
    if concepts:
        yield Medication(
            kept.reference,
            concepts,
            given.status or "",
            "given",
            _milligrams(given.dosage.dose if given.dosage else None, drug),
            kept.when,
            coded.label(drug),
        )


def _billed(kept: Kept[Procedure]) -> Iterator[Medication]:
    """An infusion that left only a billing code (HCPCS) as a procedure; the code's unit says nothing of the dose."""
    done = kept.resource
    for coding in (done.code.coding or ()) if done.code else ():
        concepts = codes.concepts(coding.system, coding.code)
        if done.status == "completed" and concepts and coding.code in _hcpcs(concepts):
            yield Medication(
                kept.reference,
                concepts,
                "completed",
                "given",
                None,
                kept.when,
                coded.label(done.code),
            )


def _hcpcs(concepts: frozenset[str]) -> frozenset[str]:
    return frozenset(
        code for concept in concepts for system, code, _ in codes.codings(concept) if system == codes.HCPCS
    )


def unknown_drafts(chart: Chart) -> Iterator[str]:
    """The orders being placed whose drug nobody can tell from the chart: no check looked at them."""
    for kept in chart.proposed():
        meant = chart.selections is None or kept.reference in chart.selections
        order = kept.resource
        if meant and isinstance(order, MedicationRequest) and drug_names.untold(_drug(chart, order)):
            yield kept.reference


def _drug(chart: Chart, use: MedicationRequest | MedicationAdministration) -> CodeableConcept | None:
    """The drug's concept: stated with a code, or in a Medication resource that came along."""
    stated = use.medicationCodeableConcept
    reference = coded.reference_of(use.medicationReference)
    if reference is None or coded.has_code(stated):
        return stated
    known = _known_as(chart, drug_references.unversioned(reference))
    newest = max((versions.updated(one) for one in known), default="")
    # Versions that disagree and do not say which is newer all count: one of them is what will be given.
    codes_of = [one.code for one in known if not versions.surely_older(versions.updated(one), newest)]
    found = [concept for concept in codes_of if concept]
    if len(found) < 2:
        return found[0] if found else stated
    text = next((concept.text for concept in found if concept.text), None)
    return CodeableConcept([coding for concept in found for coding in concept.coding or ()], text)


def _known_as(chart: Chart, name: str) -> tuple[MedicationResource, ...]:
    """The versions of a Medication under a name."""
    found = drug_references.known_as(chart.medicines, name)
    return chart.medicines[found] if found else ()


def is_unknown(chart: Chart, use: MedicationRequest | MedicationAdministration) -> bool:
    """Is the drug named only by a Medication that is not there?"""
    name, stated = coded.reference_of(use.medicationReference), use.medicationCodeableConcept
    if name is None or coded.has_code(stated):
        return False
    if name.startswith(drug_references.CONTAINED):
        return stated is None
    return not _known_as(chart, drug_references.unversioned(name))


def unreadable(chart: Chart) -> Iterator[Refused]:
    """Uses of a drug that nobody can tell, and doses in a unit that we know whose number cannot be meant.

    Tablets and the like are no concern of ours. Drafts of an unknown drug are named elsewhere, before all else.
    """
    uses: list[Kept[Any]] = [kept for of in ORIGIN for kept in chart.of(of)]
    for kept in uses:
        if is_unknown(chart, kept.resource):
            yield Refused(kept.reference, NOT_KNOWN, (ORIGIN[type(kept.resource)],))
    for of, key in ORIGIN.items():
        yield from _in_words(chart, of, key)
    for kept in (*uses, *chart.proposed()):
        used = kept.resource
        doses: list[Quantity | None] = []
        if isinstance(used, MedicationRequest):
            doses = [rate.doseQuantity for one in used.dosageInstruction or () for rate in one.doseAndRate or ()]
        elif isinstance(used, MedicationAdministration):
            doses = [used.dosage.dose if used.dosage else None]
        written = [dose for dose in doses if dose is not None and dose.value is not None]
        if any(_understood(dose) is None and (dose.code or dose.unit) in MILLIGRAMS for dose in written):
            yield Refused(kept.reference, "dose not understood")


def _in_words(
    chart: Chart, of: type[MedicationRequest] | type[MedicationAdministration], key: str
) -> Iterator[Refused]:
    """The uses of one type whose drug no code tells, in one line: a record in free text has dozens of them."""
    uses = [kept for kept in _on_record(chart, of) if not kept.concepts]
    found = [kept.reference for kept in uses if _untold(chart, kept.resource)]
    if found:
        more = f", nor that of {len(found) - 1} more" if len(found) > 1 else ""
        yield Refused(found[0], f"{NOT_KNOWN}{more}", (key,))


def in_words(chart: Chart) -> tuple[str, ...]:
    """The prefetch keys of which no code tells some drug: what is on record of them is not known in full."""
    return tuple(key for of, key in ORIGIN.items() if any(_in_words(chart, of, key)))


def _untold(chart: Chart, use: MedicationRequest | MedicationAdministration) -> bool:
    """Is the drug one that no code tells? A Medication that is there, in words, is known to be what they say."""
    drug = _drug(chart, use)
    if is_unknown(chart, use) or not drug_names.untold(drug):
        return False
    return use.medicationReference is None or drug_names.named(drug)


def _understood(dose: Quantity) -> Decimal | None:
    """Milligrams; None for a bound, an unknown unit, a unit that its code contradicts, or what no drug is dosed at."""
    units = {MILLIGRAMS[unit] for unit in (dose.code, dose.unit) if unit in MILLIGRAMS}
    first = MILLIGRAMS.get(dose.code or dose.unit or "")
    if first is None or len(units) != 1 or dose.comparator or dose.value is None or not isfinite(dose.value):
        return None
    milligrams = Decimal(repr(dose.value)) * first
    return milligrams if 0 < milligrams <= HIGHEST_DOSE else None


def _milligrams(dose: Quantity | None, drug: CodeableConcept | None) -> Decimal | None:
    """The dose as written in mg; else, when none is written, that of the single product ordered; else not known."""
    if dose is not None and dose.value is not None:
        return _understood(dose)
    stated = (codes.dose_mg(coding.system, coding.code) for coding in (drug.coding or ())) if drug else ()
    strengths = {milligrams for milligrams in stated if milligrams}
    return Decimal(strengths.pop()) if len(strengths) == 1 else None
