"""A bone agent is being ordered: what should be known before, and is missing or out of date?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import bone_agents, cancer, dental, labs
from hooks.rules import (
    bone_agent_hypocalcaemia,
    bone_agent_jaw,
    bone_agent_pregnancy,
    bone_agent_renal_dose,
    hypercalcaemia,
)

KNOWLEDGE = knowledge.load(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One question: what rests on, the name of its line in the knowledge file, and how the gap is told; "" for none."""

    because: tuple[Fact, ...]
    line: str = ""
    gap: str = ""
    asks_only: bool = False


def decide(facts: Facts) -> Outcome:
    """One card for calcium, clearance, vitamin D, dental check, pregnancy and dose; silent on what a stop already says.

    In a hypercalcaemic emergency vitamin D and the dentist can wait.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    checks = [ask(facts, drafts) for ask in QUESTIONS]
    because = tuple(dict.fromkeys((*drafts, *(fact for check in checks for fact in check.because))))
    gaps = [check for check in checks if check.gap]
    if any(not check.asks_only for check in gaps):
        return _recommend(facts, drafts, because, gaps)
    if gaps:
        return CannotTell(tuple(check.gap for check in gaps), ask=True, because=because)
    return NotApplicable("calcium, clearance, vitamin D, dental check and pregnancy are settled", because)


def _recommend(facts: Facts, drafts: tuple[Medication, ...], because: tuple[Fact, ...], gaps: list[Check]) -> Recommend:
    names = [KNOWLEDGE.card(check.line).summary for check in gaps]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    text = KNOWLEDGE.card("missing", agent=bone_agents.agent(drafts[0]), gaps=listed)
    lines = [KNOWLEDGE.text(check.line) for check in gaps]
    if any(m.concepts & set(bone_agents.BISPHOSPHONATES_IV) for m in drafts):
        lines += KNOWLEDGE.card("bisphosphonate").do
    dentist = proposals.consult(facts, "consult_dental", because) if any(c.line == "dental" for c in gaps) else ()
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*lines, *text.do), text.why, text.why_not),
        missing=tuple(check.gap for check in gaps),
        suggestions=dentist,
    )


def _calcium(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    spoken = bone_agent_hypocalcaemia.decide(facts)
    if isinstance(spoken, Recommend):
        return Check(spoken.because)
    fresh = bone_agent_hypocalcaemia.KNOWLEDGE.value("fresh")
    calcium = labs.calcium(facts, pairing_days=fresh)
    if calcium is None:
        return Check((), "calcium", "calcium and albumin, or ionised calcium")
    if labs.stale(calcium.because, fresh, facts):
        return Check(calcium.because, "calcium", f"calcium and albumin: the newest are older than {fresh} days")
    if calcium.kind == "uncorrected":
        return Check(calcium.because, "albumin", "albumin: calcium is not corrected")
    return Check(calcium.because)


def _clearance(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    spoken = bone_agent_renal_dose.decide(facts)
    if isinstance(spoken, Recommend):
        return Check(spoken.because)
    fresh = bone_agent_renal_dose.KNOWLEDGE.value("fresh")
    clearance = labs.creatinine_clearance(facts)
    if clearance is None:
        return Check((), "clearance", "creatinine clearance: " + ", ".join(labs.missing_for_clearance(facts)))
    if labs.stale(clearance.because, fresh, facts):
        return Check(clearance.because, "clearance", f"creatinine and weight: one is older than {fresh} days")
    return Check(clearance.because)


def _vitamin_d(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    urgent = hypercalcaemia.emergency(facts)
    if urgent:
        return Check(urgent.because)
    level, deficient = facts.measured("vitamin_d"), facts.finding("vitamin_d_deficiency")
    if level is None:
        return Check(deficient, "vitamin_d", "25-OH vitamin D")
    if level.value < KNOWLEDGE.value("vitamin_d_low"):
        return Check(
            (level, *deficient),
            "low_vitamin_d",
            f"whether vitamin D was repleted since ({level.value.normalize():f} ng/mL)",
        )
    if labs.stale((level,), KNOWLEDGE.value("vitamin_d_fresh"), facts):
        return Check(
            (level,), "vitamin_d", "25-OH vitamin D not older than {vitamin_d_fresh}".format_map(KNOWLEDGE.thresholds)
        )
    return Check((level,))


def _dental(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    spoken, urgent = bone_agent_jaw.decide(facts), hypercalcaemia.emergency(facts)
    if isinstance(spoken, Recommend):
        return Check(spoken.because)
    if urgent:
        return Check(urgent.because)
    checked = dental.checked(facts, KNOWLEDGE.value("dental"))
    if checked:
        return Check(checked)
    return Check((), "dental", "dental check within {dental}".format_map(KNOWLEDGE.thresholds))


def _pregnancy(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    spoken = bone_agent_pregnancy.decide(facts)
    if isinstance(spoken, Recommend):
        return Check(spoken.because)
    gap = bone_agent_pregnancy.gap(facts)
    # A sex that is not recorded is asked for; it must not by itself make a man's order look unsafe.
    return Check(
        getattr(spoken, "because", ()), "pregnancy" if gap else "", gap or "", asks_only=facts.patient.sex is None
    )


def _dose(facts: Facts, drafts: tuple[Medication, ...]) -> Check:
    denosumab = tuple(m for m in drafts if "denosumab" in m.concepts)
    if any(m.dose_mg is None for m in denosumab):
        return Check((), "dose", "the denosumab dose: 60 mg and 120 mg are two treatments", asks_only=True)
    if any(m.dose_mg is None for m in drafts):
        return Check((), "dose", "the dose", asks_only=True)
    if not any(bone_agents.is_low_dose_denosumab(m) for m in denosumab):
        return Check(())
    metastases = (*cancer.bone_metastases(facts), *facts.finding("primary_myeloma"))
    if metastases:
        return Check(metastases, "low_dose", "whether 60 mg is meant: the dose for bone metastases is 120 mg")
    return Check(
        (), "dose", "what denosumab 60 mg is for: osteoporosis, or bone metastases not recorded", asks_only=True
    )


QUESTIONS: tuple[Callable[[Facts, tuple[Medication, ...]], Check], ...] = (
    _dose,
    _calcium,
    _clearance,
    _vitamin_d,
    _dental,
    _pregnancy,
)
