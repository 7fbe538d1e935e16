"""Bone-modifying agents: which is it, at which dose, and is one running already?"""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Facts, Medication

BISPHOSPHONATES_IV = ("zoledronic_acid", "pamidronate", "ibandronate")
AGENTS = (*BISPHOSPHONATES_IV, "denosumab")
AGENT_WORDS = {
    "zoledronic_acid": "zoledronic acid",
    "pamidronate": "pamidronate",
    "ibandronate": "ibandronate",
    "denosumab": "denosumab",
    "oral_bisphosphonate": "an oral bisphosphonate",
}
LOW_DOSE_DENOSUMAB_MG = Decimal(60)  # osteoporosis product, every 6 months
ONCOLOGY_DENOSUMAB_MG = Decimal(120)  # every 4 weeks; both share one ingredient code, so the dose must be read
GIVEN = ("completed", "in-progress")


def agent(medication: Medication) -> str:
    """The agent in words, with the dose where the same substance serves two purposes."""
    word = next(AGENT_WORDS[a] for a in AGENT_WORDS if a in medication.concepts)
    if "denosumab" in medication.concepts and medication.dose_mg:
        return f"{word} {medication.dose_mg.normalize():f} mg"
    return word


def is_low_dose_denosumab(medication: Medication) -> bool:
    return "denosumab" in medication.concepts and medication.dose_mg == LOW_DOSE_DENOSUMAB_MG


def running(facts: Facts, days: Decimal, *concepts: str) -> tuple[Medication, ...]:
    """Bone agents ordered and active, or given at most `days` ago; drafts of this session are not among them."""
    wanted = frozenset(concepts or AGENTS)
    return tuple(m for m in facts.medications if m.concepts & wanted and not m.draft and _counts(m, facts, days))


def _counts(medication: Medication, facts: Facts, days: Decimal) -> bool:
    recent = medication.when is None or medication.when.maybe_within(days, facts.as_of)
    if medication.kind == "given":
        return medication.status in GIVEN and recent
    return medication.status == "active" or (medication.status == "completed" and recent)


def picked(facts: Facts, *concepts: str) -> tuple[Medication, ...]:
    """Draft orders for a bone agent that the clinician has just picked or is about to sign."""
    return facts.selected_medications(*(concepts or AGENTS))
