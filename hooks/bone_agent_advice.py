"""Lines for a patient in whom a bone agent is due: what it is for, what comes first, what the kidneys allow."""

from __future__ import annotations

from hooks import knowledge
from hooks.bone_agent_holds import Hold
from hooks.card_text import sentence
from hooks.facts import Facts
from hooks.questions import bone_agent_readiness, bone_agents, cancer, labs, zoledronic_dose
from hooks.questions.bone_agents import PRECURSORS

TEXTS = knowledge.load("bone_modifying_agent")


def words(facts: Facts) -> dict[str, str]:
    """What the agent is for, named after the cancer and not after a precursor of myeloma beside it."""
    shown = zoledronic_dose.kidneys(facts, TEXTS.value("fresh"))
    filled = {"clearance": shown, "Clearance": sentence(shown), "disease": "bone metastases", "what": "Bone metastases"}
    if not cancer.bone_metastases(facts):
        return {**filled, "disease": "myeloma", "what": "Myeloma"}
    entries = (*cancer.primaries(facts), *cancer.recorded_primaries(facts))
    known = [f for f in entries if not f.concepts & set(PRECURSORS)]
    if not known:
        return filled
    site = next(s for s in cancer.PRIMARY_WORDS if s in known[0].concepts)
    past = "past " if known[0].status == "past" else ""
    return {**filled, "what": f"Bone metastases, {past}{cancer.PRIMARY_WORDS[site]}"}


def also_first(facts: Facts, holds: tuple[Hold, ...]) -> tuple[str, ...]:
    """What else is to be done before an agent, where the first hold is of that kind too."""
    others = holds[1:] if holds[0].first_done else ()
    return tuple(TEXTS.text(hold.variant, **words(facts), **hold.words) for hold in others)


def calcium_first(facts: Facts) -> tuple[str, ...]:
    return (TEXTS.text("calcium_unknown"),) if bone_agent_readiness.calcium(facts).gap else ()


def precursors(facts: Facts) -> tuple[str, ...]:
    found = {cancer.PRIMARY_WORDS[c] for f in facts.finding(*PRECURSORS) for c in PRECURSORS if c in f.concepts}
    return tuple(TEXTS.text("precursor", Precursor=sentence(word)) for word in sorted(found))


def kidneys_and_castration(facts: Facts) -> tuple[str, ...]:
    clearance, lines = labs.creatinine_clearance(facts), []
    if clearance is not None and not zoledronic_dose.too_low(facts, TEXTS.value("clearance_30")):
        old = zoledronic_dose.fresh_clearance(facts, TEXTS.value("fresh")) is None
        split = not old and zoledronic_dose.dose(clearance) is None
        line = "old_clearance" if old else "sex_unknown" if split else "known_clearance"
        lines.append(TEXTS.text(line, clearance=str(clearance)))
    if bone_agents.castration_unknown(facts):
        lines.append(TEXTS.text("castration_unknown"))
    return tuple(lines)
