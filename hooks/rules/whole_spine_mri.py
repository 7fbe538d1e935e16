"""A regional spine MRI is being ordered: would the whole spine be the right study?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging, neurology
from hooks.questions.care import newest
from hooks.rules.bone_scan_low_yield import LEAST_PAIN
from hooks.rules.spine_mri_for_pain import back_pain

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """E5: with cancer and a deficit, back pain or metastases of the spine, one region is not enough."""
    regional = tuple(o for o in facts.selected_orders(*imaging.MRI_REGIONS) if not o.concepts & set(imaging.MRI_WHOLE))
    if not regional:
        return CannotTell(("a regional MRI order of the spine",))
    planned = imaging.pending_whole_spine_mri(facts)
    if planned:
        return NotApplicable("the whole spine is on order", (*planned, *regional))
    reason = _reason(facts)
    if not reason:
        return CannotTell(
            ("why the MRI is wanted: with back pain, a deficit or spinal metastases it should be the whole spine",),
            ask=True,
            because=regional,
        )
    done = _already_imaged(facts, reason)
    if done:
        return CannotTell(("whether anything is new or worse since the whole-spine MRI",), because=(*done, *regional))
    because = (*regional, *reason, *cancer.any_cancer(facts)[:1])
    priority = _priority(facts)
    variant = "known" if priority == "routine" else "replace"
    if imaging.mri_contraindicated(facts):
        variant = "contraindicated"
    text = KNOWLEDGE.card(variant, region=_region(regional), cancer=cancer.name(facts))
    return Recommend(
        because=each_once(because),
        says=Wording(
            text.indicator, text.summary, (*text.do, *proposals.spine_imaging_lines(facts)), text.why, text.why_not
        ),
        suggestions=proposals.spine_imaging(facts, priority, because, regional),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _priority(facts: Facts) -> str:
    """By what is on record: a new deficit, other symptoms, or metastases alone, which are imaged as routine."""
    if neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit")):
        return "stat"
    symptoms = (
        *neurology.deficits(facts),
        *neurology.suspected_compression(facts),
        *back_pain(facts),
        *(m for m in care.pain_scores(facts, KNOWLEDGE.value("pain_fresh")) if m.value >= LEAST_PAIN),
    )
    return "urgent" if symptoms or not cancer.suspected_spinal_metastases(facts) else "routine"


def _reason(facts: Facts) -> tuple[Fact, ...]:
    return (
        *neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit")),
        *neurology.suspected_compression(facts),
        *back_pain(facts),
        *cancer.suspected_spinal_metastases(facts),
    )


def _already_imaged(facts: Facts, reason: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """A whole-spine MRI since the reason arose and lately: then a regional follow-up may be all that is wanted."""
    starts = [fact.when for fact in reason]
    studies = imaging.whole_spine_mri_since(facts, newest(*starts)) if all(starts) else ()
    recent = KNOWLEDGE.value("recent_whole_spine")
    return studies if all(s.when and s.when.surely_within(recent, facts.as_of) for s in studies) else ()


def _region(orders: tuple[Order, ...]) -> str:
    regions = frozenset().union(*(imaging.ordered_regions(o) for o in orders)) - {"spine"}
    return " and ".join(sorted(regions)) or "regional"
