"""Bone metastases or myeloma: should a bone-modifying agent be started, and which?"""

from __future__ import annotations

from decimal import Decimal

from hooks import knowledge
from hooks.facts import Fact, Facts, Finding
from hooks.outcomes import CannotTell, Dose, NotApplicable, Outcome, ProposedOrder, Recommend, Suggestion, Wording
from hooks.questions import bone_agents, cancer, care, dental, labs
from hooks.rules import bone_agent_hypocalcaemia, bone_agent_jaw, bone_agent_pregnancy, hypercalcaemia

KNOWLEDGE = knowledge.load(__name__)
PRECURSORS = ("myeloma_smouldering", "mgus", "plasmacytoma_solitary", "myeloma_in_remission")


def decide(facts: Facts) -> Outcome:
    """R14 and the indications of the bone-agent table: every bone metastasis, and myeloma that needs therapy."""
    metastases = cancer.bone_metastases(facts)
    myeloma = tuple(f for f in facts.finding("primary_myeloma") if f.certain and not f.concepts & set(PRECURSORS))
    if not metastases:
        unclear = _no_indication(facts, myeloma)
        if unclear:
            return unclear
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care", comfort)
    short = _short_life(facts)
    if short:
        return NotApplicable("the estimated life expectancy is shorter than the time to benefit", short)
    running = tuple(
        m for m in bone_agents.running(facts, KNOWLEDGE.value("covered")) if not bone_agents.is_low_dose_denosumab(m)
    )
    if running:
        return NotApplicable("a bone agent is running or was given lately", running)
    if not facts.knows("medication requests") and not facts.knows("medication administrations"):
        return CannotTell(("whether a bone agent is running: medications are not available",), ask=True)
    return _recommend(facts, metastases or myeloma)


def _no_indication(facts: Facts, myeloma: tuple[Finding, ...]) -> CannotTell | None:
    """Without bone metastases only myeloma that needs therapy is an indication; its precursors are none."""
    precursor = facts.finding(*PRECURSORS)
    if precursor and myeloma:
        return CannotTell(
            ("whether the myeloma needs therapy: a precursor or a remission is on record too",),
            ask=True,
            because=(*precursor, *myeloma),
        )
    if precursor:
        return CannotTell(
            (
                "whether there are bone metastases: smouldering myeloma, MGUS, solitary plasmacytoma and "
                "myeloma in remission alone are no indication",
            ),
            because=precursor,
        )
    return None if myeloma else CannotTell(("whether there are bone metastases",))


def _short_life(facts: Facts) -> tuple[Fact, ...]:
    estimate = facts.measured("life_expectancy")
    return (estimate,) if estimate and estimate.value < KNOWLEDGE.value("time_to_benefit") else ()


def _recommend(facts: Facts, indication: tuple[Finding, ...]) -> Recommend:
    low_dose = tuple(
        m
        for m in bone_agents.running(facts, KNOWLEDGE.value("covered_low_dose"), "denosumab")
        if bone_agents.is_low_dose_denosumab(m)
    )
    calcium = labs.calcium(facts, pairing_days=bone_agent_hypocalcaemia.KNOWLEDGE.value("fresh"))
    clearance, stops = labs.creatinine_clearance(facts), _stops(facts)
    sensitive = (
        facts.finding("hormone_sensitive_malignancy") if "primary_prostate" in cancer.primary_sites(facts) else ()
    )
    because: tuple[Fact, ...] = (
        *indication,
        *cancer.primaries(facts)[:1],
        *sensitive,
        *low_dose,
        *stops,
        *(calcium.because if calcium else ()),
        *(clearance.because if clearance else ()),
    )
    variant, suggestions = "consider", _agents(facts, indication, _fresh(facts, clearance))
    if stops:
        variant, suggestions = "contraindicated", ()
    elif hypercalcaemia.emergency(facts):
        variant, suggestions = "calcium_first", ()
    elif sensitive:
        variant, suggestions = "hormone_sensitive", ()
    elif low_dose:
        variant, suggestions = "low_dose_running", ()
    elif calcium and bone_agent_hypocalcaemia.is_low(calcium):
        variant, suggestions = "correct_calcium", ()
    text = KNOWLEDGE.card(variant, cancer=cancer.name(facts), calcium=str(calcium or ""))
    return Recommend(
        because=tuple(dict.fromkeys(because)),
        says=Wording(
            text.indicator, text.summary, (*text.do, *_lines(facts, variant, clearance)), text.why, text.why_not
        ),
        missing=_missing(facts, calcium, clearance),
        suggestions=suggestions,
    )


def _stops(facts: Facts) -> tuple[Fact, ...]:
    """Pregnancy and osteonecrosis of the jaw: what the checks of an order would stop is not offered."""
    return (*bone_agent_pregnancy.signs(facts), *facts.finding(bone_agent_jaw.NECROSIS))


def _fresh(facts: Facts, clearance: labs.Clearance | None) -> labs.Clearance | None:
    """A clearance that is recent enough to choose a dose by."""
    old = clearance is not None and labs.stale(clearance.because, KNOWLEDGE.value("fresh"), facts)
    return None if old else clearance


def _agents(facts: Facts, indication: tuple[Finding, ...], clearance: labs.Clearance | None) -> tuple[Suggestion, ...]:
    """Zoledronic acid only when the clearance is known and allows it, at its dose for it; denosumab always."""
    reasons = tuple(dict.fromkeys(f.source for f in indication))
    condition = ", if castration-resistant" if _castration_unknown(facts) else ""
    denosumab = ProposedOrder(
        "denosumab",
        "Denosumab 120 mg subcutaneously every 4 weeks",
        reasons=reasons,
        dose=Dose(KNOWLEDGE.value("denosumab_dose"), "subcutaneous", int(KNOWLEDGE.value("denosumab_interval"))),
    )
    offers = [Suggestion(f"{denosumab.text}{condition}", (denosumab,))]
    dose = zoledronic_dose(clearance)
    if dose is not None:
        text = f"Zoledronic acid {dose.normalize():f} mg intravenously every 4 weeks"
        zoledronic = ProposedOrder(
            "zoledronic_acid",
            text,
            reasons=reasons,
            dose=Dose(
                dose,
                "intravenous",
                int(KNOWLEDGE.value("zoledronic_interval")),
                int(KNOWLEDGE.value("zoledronic_minutes")),
            ),
        )
        offers.insert(0, Suggestion(f"{text}{condition}", (zoledronic,)))
    return tuple(offers)


def zoledronic_dose(clearance: labs.Clearance | None) -> Decimal | None:
    """The dose in mg for an unrounded clearance; None when it is too low, not known, or not the same at both ends."""
    if clearance is None:
        return None
    doses = {dose_for(value) for value in (clearance.low, clearance.high)}
    return doses.pop() if len(doses) == 1 else None


def dose_for(clearance_ml_min: Decimal) -> Decimal | None:
    """The label's table as half-open steps on the unrounded clearance; None below the lowest step."""
    value = KNOWLEDGE.value
    if clearance_ml_min > value("clearance_full"):
        return value("dose_full")
    for step in ("50", "40", "30"):
        if clearance_ml_min >= value(f"clearance_{step}"):
            return value(f"dose_{step}")
    return None


def _castration_unknown(facts: Facts) -> bool:
    return "primary_prostate" in cancer.primary_sites(facts) and not facts.finding(
        "hormone_sensitive_malignancy", "hormone_resistant_malignancy"
    )


def _lines(facts: Facts, variant: str, clearance: labs.Clearance | None) -> tuple[str, ...]:
    lines = []
    if variant == "consider" and clearance is not None:
        if clearance.high < KNOWLEDGE.value("clearance_30"):
            lines.append(KNOWLEDGE.text("renal", clearance=str(clearance)))
        elif _fresh(facts, clearance) is None:
            lines.append(KNOWLEDGE.text("old_clearance", clearance=str(clearance)))
        elif zoledronic_dose(clearance) is None:
            lines.append(KNOWLEDGE.text("sex_unknown", clearance=str(clearance)))
        else:
            lines.append(f"Creatinine clearance (Cockcroft-Gault, actual weight): {clearance}.")
    if variant == "consider" and _castration_unknown(facts):
        lines.append(KNOWLEDGE.text("castration_unknown"))
    return tuple(lines)


def _missing(facts: Facts, calcium: labs.Calcium | None, clearance: labs.Clearance | None) -> tuple[str, ...]:
    lines = []
    if calcium is None:
        lines.append("calcium and albumin: correct any hypocalcaemia first")
    elif calcium.kind == "uncorrected":
        lines.append("albumin: calcium is not corrected")
    elif calcium.low is None:
        lines.append("the laboratory's lower limit for calcium")
    gaps = () if facts.measured("creatinine_clearance") else labs.missing_for_clearance(facts)
    if gaps:
        lines.append(f"creatinine clearance ({', '.join(gaps)}): no zoledronic acid dose without it")
    elif clearance and not _fresh(facts, clearance):
        lines.append("creatinine and weight not older than {fresh}".format_map(KNOWLEDGE.thresholds))
    if not facts.measured("vitamin_d"):
        lines.append("25-OH vitamin D")
    if not dental.checked(facts, knowledge.load("bone_agent_preflight").value("dental")):
        lines.append("dental check before the first dose")
    if _castration_unknown(facts):
        lines.append("castration-sensitive or castration-resistant")
    for kind in ("medication requests", "medication administrations"):
        if not facts.knows(kind):
            lines.append(f"bone agents among the {kind}")
    return tuple(lines)
