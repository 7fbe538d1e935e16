"""A bone agent is being ordered: does another one run, or was this one given only just now?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from hooks import knowledge
from hooks.facts import Facts, Medication
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion, each_once
from hooks.questions import bone_agents

KNOWLEDGE = knowledge.load(__name__)
GRAVEST_FIRST = ("two_agents", "ordered_twice", "too_soon")
DOSE_UNKNOWN = "the denosumab dose: 60 mg and 120 mg are two treatments"


def decide(facts: Facts) -> Outcome:
    """Two agents against bone loss at a time, or one before its interval is over.

    An order that is active for the same agent is what the draft renews, unless it is so new that nothing can have been
    given on it: then the same was ordered twice.
    """
    drafts = bone_agents.picked(facts, *bone_agents.EVERY_AGENT)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    conflicts = [found for draft in drafts for found in _conflicts(facts, draft)]
    for kind in GRAVEST_FIRST:
        for variant, draft, other in conflicts:
            if variant == kind:
                return _answer(drafts, conflicts, variant, draft, other)
    renewed = tuple(m for m in facts.medications if not m.draft and any(bone_agents.same_agent(d, m) for d in drafts))
    unknown = (DOSE_UNKNOWN,) if any(_dose_unknown(m) for m in (*drafts, *renewed)) else ()
    return CannotTell(("another bone agent: none is recorded as running", *unknown), because=(*drafts, *renewed))


def _conflicts(facts: Facts, draft: Medication) -> Iterator[tuple[str, Medication, Medication]]:
    """What stands against one draft: (variant of the card, the draft, the other order or dose)."""
    for other in bone_agents.ordered(facts):
        if other is draft:
            continue
        if not bone_agents.same_agent(draft, other):
            yield "two_agents", draft, other
        elif other.draft or _nothing_given_on(facts, other):
            yield "ordered_twice", draft, other
    for given in bone_agents.doses_given(facts):
        same = bone_agents.same_agent(draft, given)
        if given.when and given.when.maybe_within(_days(draft, given, same=same), facts.as_of):
            yield "too_soon" if same else "two_agents", draft, given


def _nothing_given_on(facts: Facts, order: Medication) -> bool:
    """A new order of the same agent without a dose since."""
    if order.when is None or not order.when.maybe_within(KNOWLEDGE.value("new_order"), facts.as_of):
        return False
    doses = bone_agents.doses_given(facts, *order.concepts)
    return not any(dose.when and dose.when.latest >= order.when.earliest for dose in doses)


def _days(draft: Medication, given: Medication, *, same: bool) -> Decimal:
    """For how long a dose stands against the draft. Of the same denosumab, one dose stated tells the other."""
    six_monthly = bone_agents.is_low_dose_denosumab(given) or (same and bone_agents.is_low_dose_denosumab(draft))
    if same:
        return KNOWLEDGE.value("too_soon_low_dose" if six_monthly else "too_soon")
    return KNOWLEDGE.value("overlap_low_dose" if six_monthly else "overlap")


def _dose_unknown(medication: Medication) -> bool:
    return "denosumab" in medication.concepts and medication.dose_mg is None


def _answer(
    drafts: tuple[Medication, ...],
    conflicts: list[tuple[str, Medication, Medication]],
    variant: str,
    draft: Medication,
    other: Medication,
) -> Recommend:
    involved = [m for _, *pair in conflicts for m in pair]
    when = other.when.text if other.when else "an unknown date"
    words = {"agent": bone_agents.agent(draft), "other": bone_agents.agent(other), "when": when}
    kind = "in this session" if other.draft else f"given {when}" if bone_agents.was_given(other) else f"ordered {when}"
    says = KNOWLEDGE.card(variant, state=kind, **words)
    if variant == "too_soon" and "zoledronic_acid" in draft.concepts:
        says = replace(says, why_not=(KNOWLEDGE.text("hypercalcaemia"),))
    removable = dict.fromkeys(m for m in (*drafts, *involved) if m.draft and m in involved)
    return Recommend(
        because=each_once((*drafts, *involved)),
        says=says,
        missing=(DOSE_UNKNOWN,) if any(_dose_unknown(m) for m in involved) else (),
        suggestions=tuple(
            Suggestion(f"Remove the {bone_agents.agent(m)} order", delete=(m.source,)) for m in removable
        ),
    )
