"""Is the spine unstable, so that a surgeon must see the patient before anything else is relied on?"""

from __future__ import annotations

from hooks import advice, emergency, knowledge, proposals
from hooks.facts import Fact, Facts, Order, Procedure, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care, imaging, neurology, stability, treatment
from hooks.questions.care import CONSULTS
from hooks.scores import sins

KNOWLEDGE = knowledge.load(__name__)
SINS = "SINS, level by level"


def decide(facts: Facts) -> Outcome:
    """R7: SINS 13 or more, SINS 7-12 with mechanical pain, or instability that a clinician named.

    SINS 7-12 without mechanical pain raises no card; the closing card says what the score asks for from 7 on.
    """
    named = facts.finding("spinal_instability")
    found = stability.worst(facts)
    if found is None and not named:
        ask = bool(cancer.spinal_metastases(facts)) and not facts.ordering() and not care.comfort_focused(facts)
        return CannotTell((SINS,), ask=ask, because=cancer.spinal_metastases(facts))
    comfort = care.comfort_focused(facts)
    if comfort and not (found and found.score.lowest >= KNOWLEDGE.value("unstable")):
        quiet = "whether any level is unstable: in comfort-focused care no surgical referral is proposed"
        return CannotTell((quiet,), because=(*comfort, *((found.assessment,) if found else ()), *named))
    basis: tuple[Fact, ...] = (*((found.assessment,) if found else ()), *named)
    settled = _settled(facts, found.assessment.when if found else named[0].when)
    if settled:
        return NotApplicable("a spine surgeon has seen the patient or operated since the score", (*settled, *basis))
    if found and found.score.lowest >= KNOWLEDGE.value("unstable"):
        return _unstable(facts, found, basis)
    if found is None or named or found.score.lowest > sins.STABLE_MAX:
        return _indeterminate(facts, found, basis, bool(named))
    if found.score.band() == "stable":
        return CannotTell(("SINS of any other affected level",), because=basis)
    missing = tuple(f"SINS item {item}{found.at}" for item in found.score.missing)
    return CannotTell((*missing, *stability.doubts(facts)), ask=not facts.ordering(), because=basis)


def _settled(facts: Facts, since: When | None) -> tuple[Fact, ...]:
    consults = tuple(o for o in facts.orders if o.concepts & set(CONSULTS["spine surgery"]) and o.status == "completed")
    surgery = tuple(p for p in facts.procedures if "spine_surgery" in p.concepts)
    done: tuple[Order | Procedure, ...] = (*consults, *surgery)
    return tuple(one for one in done if since and one.when and one.when.earliest >= since.latest)


def _unstable(facts: Facts, found: stability.Instability, basis: tuple[Fact, ...]) -> Recommend:
    deficits = neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit"))
    comfort, operation = care.comfort_focused(facts), imaging.pending(facts, *treatment.SURGERY)
    because = (*basis, *deficits, *operation, *cancer.spinal_metastases(facts)[:1])
    variant = "comfort" if comfort else _variant(facts, bool(deficits), bool(operation))
    text = KNOWLEDGE.card(variant, sins=str(found.score), at=found.at)
    still = advice.until_agreed() if comfort else advice.immobilise(facts) if variant == "unstable_deficit" else ()
    lines = (*text.do, *still, *_score_again(facts, found))
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, lines, text.why, text.why_not),
        missing=stability.doubts(facts),
        suggestions=()
        if comfort or operation
        else proposals.consult(facts, "consult_spine_neurosurgery", because, "stat" if deficits else "urgent"),
    )


def _variant(facts: Facts, deficits: bool, operation: bool) -> str:
    """What is said already on the card of the cord is not said again; an operation on order is not asked for."""
    if not deficits:
        return "operation" if operation else "unstable"
    said = {line for card in emergency.cards(facts) for line in card.says.do}
    return "unstable_called" if said & {*advice.immobilise(facts)} else "unstable_deficit"


def _score_again(facts: Facts, found: stability.Instability) -> tuple[str, ...]:
    """A score that asks for a surgeon stands at any age, but the spine may have changed since."""
    when = found.assessment.when
    if when and when.maybe_within(KNOWLEDGE.value("fresh"), facts.as_of):
        return ()
    return (KNOWLEDGE.text("again", when=f"Scored {when.text}" if when else "Date of the score not recorded"),)


def _indeterminate(facts: Facts, found: stability.Instability | None, basis: tuple[Fact, ...], named: bool) -> Outcome:
    pain = found.pain if found else None
    if not named and pain is not None and pain != sins.MECHANICAL_PAIN:
        level = f"SINS {found.score}{found.at}" if found else SINS
        asked = f"{level}: surgeon's opinion if the pain becomes mechanical, and before treatment is chosen"
        return CannotTell((asked,), ask=not facts.ordering(), because=basis)
    because = (*basis, *cancer.spinal_metastases(facts)[:1])
    missing = ("whether the pain is mechanical (worse upright or moving, eased lying)",) if pain is None else ()
    variant = "indeterminate" if found else "named"
    text = KNOWLEDGE.card(variant, sins=str(found.score) if found else "", at=found.at if found else "")
    lines = (*text.do, *(_score_again(facts, found) if found else ()))
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, lines, text.why, text.why_not),
        missing=(*missing, *stability.doubts(facts)) if found else (SINS,),
        suggestions=proposals.consult(facts, "consult_spine_neurosurgery", because, "asap"),
    )
