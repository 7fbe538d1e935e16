"""Is the spine unstable, so that a surgeon must see the patient before anything else is relied on?"""

from __future__ import annotations

from hooks import advice, emergency, knowledge, proposals
from hooks.facts import Fact, Facts, Order, Procedure, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import cancer, care, neurology, stability
from hooks.questions.care import CONSULTS
from hooks.scores import sins

KNOWLEDGE = knowledge.load(__name__)
SINS = "SINS, level by level"


def decide(facts: Facts) -> Outcome:
    """R7: SINS 13 or more, SINS 7-12 with mechanical pain, or instability that a clinician named."""
    named = facts.finding("spinal_instability")
    found = stability.worst(facts)
    if found is None and not named:
        ask = bool(cancer.spinal_metastases(facts)) and not facts.ordering()
        return CannotTell((SINS,), ask=ask, because=cancer.spinal_metastases(facts))
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: support the spine, no surgical referral is proposed", comfort)
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
    because = (*basis, *deficits, *cancer.spinal_metastases(facts)[:1])
    said = {line for card in emergency.cards(facts) for line in card.says.do}
    variant = (
        "unstable" if not deficits else "unstable_called" if said & {*advice.immobilise(facts)} else "unstable_deficit"
    )
    return Recommend(
        because=because,
        says=KNOWLEDGE.card(variant, sins=str(found.score), at=found.at),
        missing=stability.doubts(facts),
        suggestions=proposals.consult(facts, "consult_spine_neurosurgery", because, "stat" if deficits else "urgent"),
    )


def _indeterminate(facts: Facts, found: stability.Instability | None, basis: tuple[Fact, ...], named: bool) -> Outcome:
    pain = found.pain if found else None
    if not named and pain is not None and pain != sins.MECHANICAL_PAIN:
        return CannotTell(
            ("whether the pain has become mechanical, and SINS of any other affected level",), because=basis
        )
    because = (*basis, *cancer.spinal_metastases(facts)[:1])
    missing = ("whether the pain is mechanical (worse upright or moving, eased lying)",) if pain is None else ()
    variant = "indeterminate" if found else "named"
    return Recommend(
        because=because,
        says=KNOWLEDGE.card(variant, sins=str(found.score) if found else "", at=found.at if found else ""),
        missing=(*missing, *stability.doubts(facts)) if found else (SINS,),
        suggestions=proposals.consult(facts, "consult_spine_neurosurgery", because, "asap"),
    )
