"""Spinal metastases: has anyone asked how the patient bears it?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care

KNOWLEDGE = knowledge.load(__name__)
REFERRALS = ("consult_psychosocial",)
KINDS = ("orders and referrals", "assessments and vital signs")


def decide(facts: Facts) -> Outcome:
    """R20: no screen for distress and no psychosocial referral within half a year."""
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",))
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: the hospice team sees to psychosocial support", comfort)
    done = _done(facts)
    if done:
        return NotApplicable("the patient was screened or referred lately", done)
    unknown = [kind for kind in KINDS if not facts.knows(kind)]
    if unknown:
        return CannotTell((f"whether the patient was screened: {' and '.join(unknown)} not fully available",))
    because: tuple[Fact, ...] = metastases[:1]
    text = KNOWLEDGE.card("ask", cancer=cancer.name(facts))
    return Recommend(
        because=because,
        says=Wording(
            text.indicator,
            text.summary,
            (*text.do, *proposals.referral_lines(facts, *REFERRALS)),
            text.why,
            text.why_not,
        ),
        suggestions=proposals.consult(facts, "consult_psychosocial", because),
    )


def _done(facts: Facts) -> tuple[Fact, ...]:
    recent = KNOWLEDGE.value("recent")
    screens = tuple(
        a for a in facts.assessed("psychosocial_screening") if a.when and a.when.maybe_within(recent, facts.as_of)
    )
    return (*screens, *care.recent_orders(facts, REFERRALS, recent))
