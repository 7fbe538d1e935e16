"""Bone-modifying agents: which is it, at which dose, and is one running already?"""

from __future__ import annotations

from decimal import Decimal

from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding, Medication
from hooks.questions import cancer

BISPHOSPHONATES_IV = ("zoledronic_acid", "pamidronate", "ibandronate")
RENALLY_LIMITED = ("zoledronic_acid", "pamidronate")  # not below the lowest step of the table; ibandronate has its own
AGENTS = (*BISPHOSPHONATES_IV, "denosumab")
EVERY_AGENT = (*AGENTS, "oral_bisphosphonate")
AGENT_WORDS = {
    "zoledronic_acid": "zoledronic acid",
    "pamidronate": "pamidronate",
    "ibandronate": "ibandronate",
    "denosumab": "denosumab",
    "oral_bisphosphonate": "oral bisphosphonate",
}
LOW_DOSE_DENOSUMAB_MG = Decimal(60)  # osteoporosis product, every 6 months
ONCOLOGY_DENOSUMAB_MG = Decimal(120)  # every 4 weeks; both share one ingredient code, so the dose must be read
GIVEN = ("completed", "in-progress")
PRECURSORS = ("myeloma_smouldering", "mgus", "plasmacytoma_solitary", "myeloma_in_remission")


@asked_once
def indications(facts: Facts) -> tuple[Finding, ...]:
    """What the cancer dose is for: metastases of bone, else myeloma that is not marked as one of its precursors."""
    return cancer.bone_metastases(facts) or myeloma(facts)


def myeloma(facts: Facts) -> tuple[Finding, ...]:
    return tuple(f for f in facts.finding("primary_myeloma") if f.certain and not f.concepts & set(PRECURSORS))


def castration_unknown(facts: Facts) -> bool:
    """Prostate cancer of which nobody recorded whether it still answers to hormones."""
    return "primary_prostate" in cancer.primary_sites(facts) and not facts.finding(
        "hormone_sensitive_malignancy", "hormone_resistant_malignancy"
    )


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


@asked_once
def picked(facts: Facts, *concepts: str) -> tuple[Medication, ...]:
    """Draft orders for a bone agent that the clinician has just picked or is about to sign."""
    return facts.selected_medications(*(concepts or AGENTS))


def same_agent(one: Medication, other: Medication) -> bool:
    """The same substance, and not denosumab in two doses: these are two treatments. A dose not stated may be either."""
    if not one.concepts & other.concepts & frozenset(EVERY_AGENT):
        return False
    return "denosumab" not in one.concepts or len(stated_doses(one, other)) < 2


def stated_doses(*medications: Medication) -> frozenset[Decimal]:
    return frozenset(m.dose_mg for m in medications if m.dose_mg is not None)


def was_given(medication: Medication) -> bool:
    """A dose given, or an order completed, which stands for one where infusions are not recorded."""
    return not medication.draft and medication.status in (GIVEN if medication.kind == "given" else ("completed",))


def doses_given(facts: Facts, *concepts: str) -> tuple[Medication, ...]:
    """Dated doses of some agents, newest first."""
    wanted = frozenset(concepts or EVERY_AGENT)
    return tuple(m for m in facts.medications if m.concepts & wanted and m.when and was_given(m))


def ordered(facts: Facts, *concepts: str) -> tuple[Medication, ...]:
    """Active orders and drafts of some agents."""
    wanted = frozenset(concepts or EVERY_AGENT)
    return tuple(
        m for m in facts.medications if m.concepts & wanted and m.kind == "order" and m.status in ("active", "draft")
    )
