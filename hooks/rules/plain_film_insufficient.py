"""A plain film of the spine, or a bone scan, is being ordered where only MRI can exclude compression."""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.facts import Assessment, Fact, Facts, Finding, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging, neurology
from hooks.rules.spine_mri_for_pain import back_pain

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """E6: with cancer and a new deficit, suspected compression or current back pain, order MRI of the whole spine.

    A film is replaced; a bone scan may be wanted for staging too, so that MRI is added to it.
    """
    drafts = facts.selected_orders("xray_spine") or facts.selected_orders("bone_scan")
    if not drafts:
        return CannotTell(("an order for a plain film of the spine or a bone scan",))
    film = "xray_spine" in drafts[0].concepts
    planned = imaging.pending_whole_spine_mri(facts)
    if planned:
        return NotApplicable("MRI of the whole spine is on order", (*planned, *drafts))
    urgent = _urgent(facts)
    reason = (*urgent, *_pain(facts))
    if not reason:
        missing = "why the film is wanted: with back pain, a deficit or suspected compression it does not answer"
        return CannotTell((missing,), ask=film, because=(*drafts, *neurology.grades(facts)))
    open_reason = tuple(one for one in reason if not imaging.since(imaging.spine_studies(facts, "MR", "CT"), one.when))
    if not open_reason:
        studies = imaging.spine_studies(facts, "MR", "CT")
        return CannotTell(
            ("whether anything is new or worse since the spine was imaged",),
            because=(*studies, *reason, *drafts, *neurology.grades(facts)),
        )
    return _speak(facts, drafts, open_reason, film=film, urgent=any(one in urgent for one in open_reason))


def _speak(
    facts: Facts, drafts: tuple[Order, ...], reason: tuple[Finding | Assessment, ...], *, film: bool, urgent: bool
) -> Outcome:
    comfort = care.comfort_focused(facts)
    if comfort and not urgent:
        missing = "whether there is a deficit: in comfort-focused care pain alone asks for no MRI"
        return CannotTell((missing,), because=(*comfort, *drafts, *neurology.grades(facts)))
    because: tuple[Fact, ...] = each_once((*drafts, *reason, *cancer.any_cancer(facts)[:1]))
    variant = ("film" if film else "bone_scan") + ("_urgent" if urgent else "")
    scan = imaging.modality(facts)
    text = KNOWLEDGE.card(variant, cancer=cancer.name(facts), scan=scan)
    still = advice.until_agreed() if urgent else ()
    comfort_line = (KNOWLEDGE.text("comfort", scan=scan), *still) if comfort else ()
    return Recommend(
        because=because,
        says=Wording(
            text.indicator,
            text.summary,
            (*comfort_line, *text.do, *proposals.spine_imaging_lines(facts)),
            text.why,
            text.why_not,
        ),
        suggestions=proposals.spine_imaging(facts, "stat" if urgent else "urgent", because, drafts if film else ()),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _urgent(facts: Facts) -> tuple[Finding | Assessment, ...]:
    """A new deficit, or compression that is suspected or new."""
    days = KNOWLEDGE.value("new_deficit")
    compression = tuple(f for f in neurology.suspected_compression(facts) if neurology.is_new(f, facts, days))
    return (*neurology.new_deficits(facts, days), *compression)


def _pain(facts: Facts) -> tuple[Finding, ...]:
    """Back pain that counts as current; undated pain does."""
    days = KNOWLEDGE.value("current_pain")
    return tuple(p for p in back_pain(facts) if p.when is None or p.when.maybe_within(days, facts.as_of))
