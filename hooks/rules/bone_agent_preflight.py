"""A bone agent is being ordered: what should be known before, and is missing or out of date?"""

from __future__ import annotations

from collections.abc import Callable

from hooks import advice, knowledge, proposals
from hooks.card_text import sentence
from hooks.facts import Fact, Facts, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import bone_agent_readiness, bone_agents, labs
from hooks.questions.bone_agent_readiness import Check
from hooks.rules import (
    bone_agent_hypocalcaemia,
    bone_agent_jaw,
    bone_agent_pregnancy,
    bone_agent_renal_dose,
    hypercalcaemia,
)

KNOWLEDGE = knowledge.load(__name__)
# The other checks of the order, and what each of them says already when it speaks.
OTHERS: dict[str, Callable[[Facts], Outcome]] = {
    "pregnancy": bone_agent_pregnancy.decide,
    "calcium": bone_agent_hypocalcaemia.decide,
    "clearance": bone_agent_renal_dose.decide,
    "dentist": bone_agent_jaw.decide,
}


def decide(facts: Facts) -> Outcome:
    """One card for calcium, clearance, vitamin D, dental check, pregnancy and dose; silent on what another check says.

    Silent altogether while one of them stops the agent: what else it would need is then no help.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    spoken = {topic: said for topic, ask in OTHERS.items() if isinstance(said := ask(facts), Recommend)}
    checks = _checks(facts, drafts, spoken)
    high = hypercalcaemia.raised(facts)
    known = (*(fact for check in checks for fact in check.because), *(high.because if high else ()))
    because = each_once((*drafts, *known))
    gaps = [check for check in checks if check.gap]
    if not gaps:
        return NotApplicable("calcium, clearance, vitamin D, dental check and pregnancy are settled", because)
    told = tuple(check.gap for check in gaps)
    if any(said.says.indicator == "critical" for said in spoken.values()):
        return CannotTell(("another check of the order stops it first; after that", *told), because=because)
    if all(check.asks_only for check in gaps):
        return CannotTell(told, ask=True, because=because)
    return _recommend(facts, drafts, because, gaps)


def _checks(facts: Facts, drafts: tuple[Medication, ...], spoken: dict[str, Recommend]) -> list[Check]:
    """In severe hypercalcaemia the dentist waits and clearance is not asked for; vitamin D waits at any high one."""
    said = {topic: Check(outcome.because) for topic, outcome in spoken.items()}
    urgent, high = hypercalcaemia.emergency(facts), hypercalcaemia.raised(facts)
    waits = Check(urgent.because) if urgent else None
    kidneys = bone_agent_readiness.creatinine if urgent else bone_agent_readiness.clearance
    return [
        bone_agent_readiness.dose(drafts, bone_agents.indications(facts)),
        said.get("calcium") or bone_agent_readiness.calcium(facts),
        said.get("clearance") or kidneys(facts, drafts),
        Check(high.because) if high else bone_agent_readiness.vitamin_d(facts),
        said.get("dentist") or waits or bone_agent_readiness.dentist(facts),
        said.get("pregnancy") or _pregnancy(facts),
    ]


def _pregnancy(facts: Facts) -> Check:
    gap = bone_agent_pregnancy.gap(facts)
    because = getattr(bone_agent_pregnancy.decide(facts), "because", ())
    # A sex that is not recorded is asked for; it must not by itself make a man's order look unsafe.
    return Check(because, "pregnancy" if gap else "", gap or "", asks_only=facts.patient.sex is None)


def _recommend(facts: Facts, drafts: tuple[Medication, ...], because: tuple[Fact, ...], gaps: list[Check]) -> Recommend:
    told = [check for check in gaps if check.line]
    names = [KNOWLEDGE.card(check.line).summary for check in told]
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    text = _text(facts, bone_agents.agent(drafts[0]), listed)
    lines = [KNOWLEDGE.text(check.line) for check in told]
    if any(m.concepts & set(bone_agents.BISPHOSPHONATES_IV) for m in drafts):
        lines += KNOWLEDGE.card("bisphosphonate_urgent" if hypercalcaemia.emergency(facts) else "bisphosphonate").do
    dentist = proposals.consult(facts, "consult_dental", because) if any(c.line == "dental" for c in gaps) else ()
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*lines, *text.do), text.why, text.why_not),
        missing=tuple(check.gap for check in gaps),
        suggestions=dentist,
        longest_rest=min((KNOWLEDGE.rests[c.line] for c in told if c.line in KNOWLEDGE.rests), default=None),
    )


def _text(facts: Facts, agent: str, gaps: str) -> Wording:
    """A calcium that is known to be high is named, and no calcium is advised beside it."""
    high: labs.Calcium | None = hypercalcaemia.raised(facts)
    words = {"agent": agent, "Agent": sentence(agent), "gaps": gaps}
    if high is None:
        return KNOWLEDGE.card("missing", **words)
    taken = high.because[0].when
    words |= {"calcium": str(high), "Calcium": sentence(str(high)), "when": taken.text if taken else "no date"}
    variant = "urgent_calcium" if hypercalcaemia.emergency(facts) else "raised_calcium"
    return advice.that_fits(KNOWLEDGE.card(one, **words) for one in (variant, f"{variant}_short"))
