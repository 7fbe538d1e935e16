"""A bone agent is being ordered: is the patient pregnant?"""

from __future__ import annotations

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.facts import Facts, Medication
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion
from hooks.questions import bone_agents, pregnancy

KNOWLEDGE = knowledge.load(__name__)


@asked_once
def decide(facts: Facts) -> Outcome:
    """E9 for bone agents: pregnancy stops the order, a suspected one holds it. A negative test closes nothing.

    That a test is missing is said by the preflight card, together with all else that is missing.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    found = signs(facts)
    if found:
        return _stop(drafts, found)
    lacking = gap(facts)
    if lacking:
        return CannotTell((lacking,), because=drafts)
    return CannotTell(
        ("a pregnancy: none is recorded",), because=(*drafts, *pregnancy.excluded(facts, KNOWLEDGE.value("test_fresh")))
    )


def signs(facts: Facts) -> tuple[pregnancy.Sign, ...]:
    """What says that the patient is, or may be, pregnant now."""
    return pregnancy.signs(facts, KNOWLEDGE.value("longest"))


def gap(facts: Facts) -> str | None:
    """The pregnancy test that is missing, in words; None where nobody would ask for one or it was done."""
    if not pregnancy.possible(facts, KNOWLEDGE.value("childbearing")):
        return None
    if pregnancy.excluded(facts, KNOWLEDGE.value("test_fresh")):
        return None
    return "negative pregnancy test not older than {test_fresh}".format_map(KNOWLEDGE.thresholds)


def _stop(drafts: tuple[Medication, ...], found: tuple[pregnancy.Sign, ...]) -> Recommend:
    certain = any(pregnancy.is_certain(sign) for sign in found)
    return Recommend(
        because=(*drafts, *found),
        says=KNOWLEDGE.card("stop" if certain else "suspected", agent=bone_agents.agent(drafts[0])),
        missing=() if certain else ("a pregnancy test",),
        suggestions=tuple(Suggestion(f"Remove the {bone_agents.agent(m)} order", delete=(m.source,)) for m in drafts),
    )
