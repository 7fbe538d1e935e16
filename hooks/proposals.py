"""Buttons that several rules offer: spine imaging and consults, never twice what is already on order."""

from __future__ import annotations

from hooks.facts import Fact, Facts, Order, When
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
OF_ITS_KIND = {concept: kinds for kinds in CONSULTS.values() for concept in kinds}


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


def study(facts: Facts) -> str:
    """The study to ask for, in words: MRI, or what stands in for it where it is contraindicated (E7)."""
    if imaging.mri_contraindicated(facts):
        return "CT of the spine"
    return "whole-spine MRI"


def spine_imaging_lines(facts: Facts, began: When | None = None, *, ct_said: bool = False) -> tuple[str, ...]:
    """What to mind about MRI in this patient: on order already, an implant to check, or contraindicated.

    `began`: since when it is an emergency; an order from before was placed for something less urgent. `ct_said`: the
    card asks for CT already.
    """
    lines = []
    if imaging.mri_contraindicated(facts):
        pending = imaging.pending(facts, *imaging.CT_ORDERS)
        what = "CT of the spine"
    else:
        pending, what = imaging.pending_whole_spine_mri(facts), "whole-spine MRI"
    if pending and _before(pending[0], began):
        lines.append(f"{_old(pending[0], 'An order', what)}: turn it into an emergency today.")
    elif pending:
        when = f" since {pending[0].when.text}" if pending[0].when else ""
        lines.append(f"{what[0].upper()}{what[1:]} is already on order{when}: make sure that it is done in time.")
    if imaging.mri_contraindicated(facts) and ct_said:
        lines.append("MRI is recorded as contraindicated: confirm with radiology.")
    elif imaging.mri_contraindicated(facts):
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
    if imaging.pending(facts, *OF_ITS_KIND.get(concept, (concept,))):
        return ()
    reasons = tuple([r for r in references(because) if r.startswith(("Condition/", "Observation/"))])
    text = f"Refer to {CONSULT_WORDS[concept]}"
    return (Suggestion(text, (ProposedOrder(concept, text, priority, reasons),)),)


def bone_scan(because: tuple[Fact, ...]) -> tuple[Suggestion, ...]:
    """A bone scan; the rule that offers it has made sure that neither it nor a PET/CT is on order."""
    reasons = tuple(r for r in references(because) if r.startswith(("Condition/", "Observation/")))
    order = ProposedOrder("bone_scan", "Order a bone scan", "routine", reasons)
    return (Suggestion(order.text, (order,)),)


def old_referral_lines(facts: Facts, began: When | None, *kinds: str) -> tuple[str, ...]:
    """For each kind of specialist whose open referral is older than the emergency: it must be made one."""
    asked = ((kind, imaging.pending(facts, *CONSULTS[kind])) for kind in kinds)
    return tuple(
        f"{_old(orders[0], 'A referral', kind)}: turn it into an emergency call today."
        for kind, orders in asked
        if orders and all(_before(order, began) for order in orders)
    )


def _before(order: Order, began: When | None) -> bool:
    """Was it placed surely before that day?"""
    return bool(began and order.when and not order.draft and order.when.latest < began.earliest)


def _old(order: Order, kind: str, what: str) -> str:
    return f"{kind} of {order.when.text if order.when else 'an unknown date'}, before the deficit, is open ({what})"


def referral_lines(facts: Facts, *concepts: str) -> tuple[str, ...]:
    """What to do about a referral that was placed and is still open: it is not offered a second time."""
    pending = imaging.pending(facts, *concepts)
    if not pending:
        return ()
    when = f" since {pending[0].when.text}" if pending[0].when else ""
    return (f"A referral is already open{when}: find out what came of it.",)
