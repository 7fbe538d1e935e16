"""A bone agent is being ordered: does the jaw, or dental work, stand against it?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.asked_once import asked_once
from hooks.facts import Fact, Facts, Finding, Medication
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion
from hooks.questions import bone_agents

KNOWLEDGE = knowledge.load(__name__)
NECROSIS = "onj"
DENTAL_WORK = "invasive_dental_work"
WAITING = ("active", "draft", "on-hold")


@asked_once
def decide(facts: Facts) -> Outcome:
    """Osteonecrosis of the jaw stops a bone agent; infection and dental surgery come first if it can wait.

    Whether a dental check was done at all is a question of the preflight card.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    necrosis = tuple(f for f in facts.finding(NECROSIS) if f.certain)
    if necrosis:
        return _answer(facts, drafts, "stop", necrosis, "osteonecrosis of the jaw", "urgent")
    for word, found in reasons_to_wait(facts).items():
        return _answer(facts, drafts, "wait", found, word, "routine")
    return CannotTell(("osteonecrosis, infection or planned surgery of the jaw: none is recorded",), because=drafts)


def reasons_to_wait(facts: Facts) -> dict[str, tuple[Fact, ...]]:
    """What should be settled by a dentist first, the gravest first, in the words of the card."""
    past = tuple(f for f in facts.findings if f.status == "past" and NECROSIS in f.concepts)
    reasons: dict[str, tuple[Fact, ...]] = {
        "suspected osteonecrosis of the jaw": facts.finding(NECROSIS),
        "past osteonecrosis of the jaw": past,
        "inflammation of the jaw": facts.finding("jaw_inflammation"),
        "dental or periodontal infection": _infections(facts),
        "a tooth extraction is planned": tuple(
            o for o in facts.orders if DENTAL_WORK in o.concepts and o.status in WAITING
        ),
        "a tooth was extracted lately": tuple(
            p
            for p in facts.procedures
            if DENTAL_WORK in p.concepts and p.when and p.when.maybe_within(KNOWLEDGE.value("healing"), facts.as_of)
        ),
    }
    return {word: found for word, found in reasons.items() if found}


def _infections(facts: Facts) -> tuple[Finding, ...]:
    return facts.finding("dental_infection_or_periodontal")


def _answer(
    facts: Facts, drafts: tuple[Medication, ...], variant: str, found: tuple[Fact, ...], problem: str, priority: str
) -> Recommend:
    removals = tuple(Suggestion(f"Remove the {bone_agents.agent(m)} order", delete=(m.source,)) for m in drafts)
    return Recommend(
        because=(*drafts, *found),
        says=KNOWLEDGE.card(variant, agent=bone_agents.agent(drafts[0]), problem=problem),
        suggestions=(*proposals.consult(facts, "consult_dental", found, priority), *removals),
    )
