"""Ibandronate and the kidneys: its own step of the dose, which other bisphosphonates do not share."""

from __future__ import annotations

from hooks import knowledge
from hooks.facts import Medication
from hooks.questions import labs

STEPS = knowledge.load("bone_agent_renal_dose")


def too_much(drafts: tuple[Medication, ...], clearance: labs.Clearance) -> tuple[Medication, ...]:
    """Infusions above the reduced dose, or without a stated dose; a dose above that of an infusion is a tablet."""
    if clearance.high >= STEPS.value("ibandronate_step"):
        return ()
    full, reduced = STEPS.value("ibandronate_full"), STEPS.value("ibandronate_dose")
    infusions = (m for m in drafts if "ibandronate" in m.concepts and (m.dose_mg or full) <= full)
    return tuple(m for m in infusions if (m.dose_mg or full) > reduced)
