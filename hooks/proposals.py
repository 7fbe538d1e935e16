"""Buttons that several rules offer: spine imaging and consults, never twice what is already on order."""

from __future__ import annotations

from hooks.facts import Fact, Facts, Order
from hooks.outcomes import ProposedOrder, Suggestion, references
from hooks.questions import imaging
from hooks.questions.care import CONSULTS

CONSULT_WORDS = {
    "consult_spine_neurosurgery": "spine surgeon (neurosurgery)",
    "consult_radiation_oncology": "radiation oncologist",
    "consult_medical_oncology": "medical oncologist",
    "consult_pain": "pain service",
    "consult_rehab": "rehabilitation",
    "consult_psychosocial": "psychologist",
    "consult_palliative": "palliative care",
    "consult_dental": "dentist",
}


def spine_imaging(
    facts: Facts, priority: str, because: tuple[Fact, ...], replacing: tuple[Order, ...] = ()
) -> tuple[Suggestion, ...]:
    """Whole-spine MRI, or CT where MRI is recorded as contraindicated; nothing if that is on order already."""
    reasons = tuple(r for r in references(because) if r.startswith(("Condition/", "Observation/")))
    if imaging.mri_contraindicated(facts):
        if imaging.pending(facts, *imaging.CT_ORDERS):
            return ()
        order = ProposedOrder("ct_spine", "Order CT of the spine (MRI contraindicated)", priority, reasons)
    else:
        pending = [o for o in imaging.pending_whole_spine_mri(facts) if o not in replacing]
        if pending:
            return ()
        order = ProposedOrder("mri_whole_spine", "Order MRI of the whole spine", priority, reasons)
    label = order.text if not replacing else f"{order.text} in place of the draft"
    return (Suggestion(label, (order,), tuple(o.source for o in replacing), recommended=True),)


def spine_imaging_lines(facts: Facts) -> tuple[str, ...]:
    """What to mind about MRI in this patient: on order already, an implant to check, or contraindicated."""
    lines = []
    pending = imaging.pending_whole_spine_mri(facts)
    if pending and not imaging.mri_contraindicated(facts):
        when = f" since {pending[0].when.text}" if pending[0].when else ""
        lines.append(f"Whole-spine MRI is already on order{when}: make sure that it is done in time.")
    if imaging.mri_contraindicated(facts):
        lines.append(
            "MRI is recorded as contraindicated: CT of the spine instead, CT myelography if the cord must be "
            "seen; confirm with radiology."
        )
    elif imaging.mri_caution(facts):
        lines.append(
            "An implant is on record: ask whether it is MR-conditional. Most are; it is no reason to settle for CT."
        )
    return tuple(lines)


def consult(facts: Facts, concept: str, because: tuple[Fact, ...], priority: str = "routine") -> tuple[Suggestion, ...]:
    """A referral, unless one of its kind is in draft or active."""
    kinds = next((kinds for kinds in CONSULTS.values() if concept in kinds), (concept,))
    if imaging.pending(facts, *kinds):
        return ()
    reasons = tuple(r for r in references(because) if r.startswith(("Condition/", "Observation/")))
    text = f"Refer to {CONSULT_WORDS[concept]}"
    return (Suggestion(text, (ProposedOrder(concept, text, priority, reasons),)),)


def bone_scan(because: tuple[Fact, ...]) -> tuple[Suggestion, ...]:
    """A bone scan; the rule that offers it has made sure that neither it nor a PET/CT is on order."""
    reasons = tuple(r for r in references(because) if r.startswith(("Condition/", "Observation/")))
    order = ProposedOrder("bone_scan", "Order a bone scan", "routine", reasons)
    return (Suggestion(order.text, (order,)),)


def referral_lines(facts: Facts, *concepts: str) -> tuple[str, ...]:
    """What to do about a referral that was placed and is still open: it is not offered a second time."""
    pending = imaging.pending(facts, *concepts)
    if not pending:
        return ()
    when = f" since {pending[0].when.text}" if pending[0].when else ""
    return (f"A referral is already open{when}: find out what came of it.",)
