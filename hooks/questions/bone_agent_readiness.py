"""What should be known before a bone agent, and is missing, out of date or too low: one check for each."""

from __future__ import annotations

from hooks import knowledge
from hooks.card_text import number
from hooks.facts import Fact, Facts, Finding, Measurement, Medication
from hooks.questions import bone_agents, dental, labs
from hooks.sealed import sealed

PREFLIGHT = knowledge.load("bone_agent_preflight")
CALCIUM = knowledge.load("bone_agent_hypocalcaemia")
KIDNEY = knowledge.load("bone_agent_renal_dose")
PURPOSE_60 = "what denosumab 60 mg is for: osteoporosis, or bone metastases not recorded"


@sealed()
class Check:
    """One question: what it rests on, the name of its line in the knowledge file, and how the gap is told; "" for none.

    `asks_only`: a gap that by itself makes no card.
    """

    because: tuple[Fact, ...] = ()
    line: str = ""
    gap: str = ""
    asks_only: bool = False


def calcium(facts: Facts) -> Check:
    found = labs.calcium(facts, pairing_days=CALCIUM.value("fresh"))
    if found is None:
        return Check((), "calcium", "calcium and albumin, or ionised calcium")
    old = labs.stale(found.because, CALCIUM.value("fresh"), facts)
    if old:
        gap = "calcium and albumin not older than {fresh}".format_map(CALCIUM.thresholds)
        return Check(found.because, "calcium", gap + _newest(found.because[0]))
    if found.kind == "uncorrected":
        return Check(found.because, "albumin", "albumin: calcium is not corrected")
    return Check(found.because)


def _newest(result: Measurement) -> str:
    return f" (the newest calcium is of {result.when.text})" if result.when else ""


def clearance(facts: Facts, drafts: tuple[Medication, ...] = ()) -> Check:
    """For denosumab alone it is no question of the dose."""
    line = "clearance" if any(m.concepts & set(bone_agents.BISPHOSPHONATES_IV) for m in drafts) else "kidneys"
    found = labs.creatinine_clearance(facts)
    if found is None:
        return Check((), line, "creatinine clearance: " + ", ".join(labs.missing_for_clearance(facts)))
    if labs.stale(found.because, KIDNEY.value("fresh"), facts):
        return Check(found.because, line, "creatinine and weight not older than {fresh}".format_map(KIDNEY.thresholds))
    return Check(found.because)


def creatinine(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    """In severe hypercalcaemia creatinine alone decides on zoledronic acid; for pamidronate the clearance does."""
    zoledronic = any("zoledronic_acid" in m.concepts for m in drafts)
    if not zoledronic and any(m.concepts & set(bone_agents.BISPHOSPHONATES_IV) for m in drafts):
        return clearance(facts, drafts)
    found, line = facts.measured("creatinine"), "creatinine" if zoledronic else "kidneys"
    if found is None:
        return Check((), line, "serum creatinine")
    if labs.stale((found,), KIDNEY.value("fresh"), facts):
        return Check((found,), line, "creatinine not older than {fresh}".format_map(KIDNEY.thresholds))
    if zoledronic and found.value >= PREFLIGHT.value("creatinine_limit"):
        return Check((found,), "creatinine_high", f"whether creatinine falls with fluids: {number(found.value)} mg/dL")
    return Check((found,))


def vitamin_d(facts: Facts) -> Check:
    level, deficient = facts.measured("vitamin_d"), facts.finding("vitamin_d_deficiency")
    if level is None:
        return Check(deficient, "vitamin_d", "25-OH vitamin D")
    low = low_vitamin_d(facts)
    if low:
        gap = f"whether vitamin D was repleted since ({number(level.value)} ng/mL)"
        return Check((low, *deficient), "low_vitamin_d", gap)
    if labs.stale((level,), PREFLIGHT.value("vitamin_d_fresh"), facts):
        gap = "25-OH vitamin D not older than {vitamin_d_fresh}".format_map(PREFLIGHT.thresholds)
        return Check((level,), "vitamin_d", gap)
    return Check((level,))


def low_vitamin_d(facts: Facts) -> Measurement | None:
    """The newest level if it is low, however old: whether it was repleted since is not recorded."""
    level = facts.measured("vitamin_d")
    return level if level and level.value < PREFLIGHT.value("vitamin_d_low") else None


def dentist(facts: Facts) -> Check:
    checked = dental.checked(facts, PREFLIGHT.value("dental"))
    if checked:
        return Check(checked)
    return Check((), "dental", "dental check within {dental}".format_map(PREFLIGHT.thresholds))


def dose(drafts: tuple[Medication, ...], indication: tuple[Finding, ...]) -> Check:
    denosumab = tuple(m for m in drafts if "denosumab" in m.concepts)
    if any(m.dose_mg is None for m in denosumab):
        return Check((), "dose", "the denosumab dose: 60 mg and 120 mg are two treatments", asks_only=True)
    if any(m.dose_mg is None for m in drafts):
        return Check((), "dose_unstated", "the dose", asks_only=True)
    if not any(bone_agents.is_low_dose_denosumab(m) for m in denosumab):
        return Check()
    if indication:
        return Check(indication, "low_dose", "whether 60 mg is meant: the dose for bone metastases is 120 mg")
    return Check((), "", PURPOSE_60, asks_only=True)


def gaps(facts: Facts) -> tuple[str, ...]:
    """What is missing before a first dose, when no order says which agent it will be."""
    first = calcium(facts)
    found = labs.calcium(facts, pairing_days=CALCIUM.value("fresh"))
    limit = Check(gap="the laboratory's lower limit for calcium" if found and found.low is None else "")
    dialysis = Check(facts.finding("dialysis"))
    kidneys = dialysis if dialysis.because else clearance(facts)
    checks = (first if first.gap else limit, kidneys, vitamin_d(facts), dentist(facts))
    castration = "castration-sensitive or castration-resistant" if bone_agents.castration_unknown(facts) else ""
    return tuple(gap for gap in (*(check.gap for check in checks), castration) if gap)
