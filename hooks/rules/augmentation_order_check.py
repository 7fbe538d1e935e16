"""Cement or ablation of a vertebra is being ordered: what speaks against it, and what is not known?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Order
from hooks.outcomes import CannotTell, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, compression, neurology, readiness, stability, treatment
from hooks.scores import sins

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R15, R16, E14: names what contraindicates and what is missing. Adds caution, so old findings count as well."""
    drafts = facts.selected_orders(*treatment.AUGMENTATION)
    if not drafts:
        return CannotTell(("an order for vertebroplasty, kyphoplasty or ablation",))
    tumour = readiness.spinal_tumour(facts)
    if not tumour:
        unsited = cancer.bone_metastases(facts)
        return CannotTell(("whether it is for a metastasis of the spine",), ask=bool(unsited), because=drafts)
    against = _against(facts)
    gaps = _gaps(facts, drafts)
    because = (*drafts, *tumour[:2], *(fact for found in against.values() for fact in found))
    return Recommend(
        because=each_once(because),
        says=_wording(facts, tuple(against), gaps),
        missing=(*gaps, KNOWLEDGE.text("by_hand")),
        suggestions=proposals.consult(facts, "consult_spine_neurosurgery", tumour[:2], "urgent") if against else (),
    )


def _against(facts: Facts) -> dict[str, tuple[Fact, ...]]:
    """Each contraindication in words with the facts behind it; those that are not there are left out."""
    fresh = KNOWLEDGE.value("fresh")
    levels = [i for i in stability.by_level(facts) if not treatment.before_surgery(facts, i.assessment.when)]
    unstable = tuple(i.assessment for i in levels if i.score.lowest >= KNOWLEDGE.value("unstable"))
    translated = tuple(
        i.assessment for i in levels if dict(i.assessment.items).get("alignment") == max(sins.ITEMS["alignment"])
    )
    found: dict[str, tuple[Fact, ...]] = {
        "neurological deficit": (*neurology.new_deficits(facts, fresh), *neurology.signs(facts)),
        "epidural compression": (
            *compression.current(facts, fresh),
            *(a for a in compression.by_level(facts) if a.value not in compression.LOW),
        ),
        "instability": (*unstable, *translated, *(f for f in facts.finding("spinal_instability") if f.certain)),
        "infection": facts.finding("infection_of_spine"),
    }
    return {word: facts_ for word, facts_ in found.items() if facts_}


def _gaps(facts: Facts, drafts: tuple[Order, ...]) -> tuple[str, ...]:
    fresh = KNOWLEDGE.value("fresh")
    graded = compression.by_level(facts)
    known = graded and all(a.when and a.when.surely_within(fresh, facts.as_of) for a in graded)
    return tuple(
        line.format_map(KNOWLEDGE.thresholds)
        for line, there in (
            ("level to be treated", all(o.levels for o in drafts)),
            ("ESCC grade within {fresh}", known),
            ("SINS within {fresh}", readiness.scored(facts, fresh)),
        )
        if not there
    )


def _wording(facts: Facts, against: tuple[str, ...], gaps: tuple[str, ...]) -> Wording:
    short = ", ".join(line.partition(" within")[0] for line in gaps)
    variant = "against" if against else "gaps" if gaps else "complete"
    text = KNOWLEDGE.card(variant, contra=", ".join(against), gaps=short, cancer=cancer.name(facts))
    lines = [*text.do, KNOWLEDGE.text("clotting")]
    if not against and any(i.score.band() == "indeterminate" for i in stability.by_level(facts)):
        lines.append(KNOWLEDGE.text("surgeon_agrees"))
    return Wording(text.indicator, text.summary, tuple(lines), text.why, text.why_not)
