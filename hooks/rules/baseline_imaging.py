"""Radiotherapy or surgery of the spine is being ordered: is there a recent MRI or CT to plan and to compare with?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging, neurology, readiness, treatment

KNOWLEDGE = knowledge.load(__name__)
RADIOTHERAPY = ("external_beam_rt", "bone_met_irradiation", "stereotactic_radiosurgery", "radiotherapy")
IMAGING_ORDERS = (*imaging.MRI_WHOLE, *imaging.MRI_REGIONS, *imaging.CT_ORDERS)


def decide(facts: Facts) -> Outcome:
    """R28: local treatment of a spinal metastasis, no MRI or CT of the spine within 6 weeks. Never delays an emergency.

    An order that names no site may treat something else: where the spine is known to be affected it counts, with that
    said.
    """
    drafts = _of_spine(facts)
    if not drafts:
        return CannotTell(("an order for radiotherapy or surgery of a spinal metastasis",))
    spoken = _spoken(facts, drafts)
    if spoken:
        return NotApplicable("an emergency: the check of the radiotherapy order asks for the image", (*spoken, *drafts))
    recent = KNOWLEDGE.value("recent")
    studies = imaging.spine_studies(facts, "MR", "CT")
    fresh = tuple(s for s in studies if s.when and s.when.surely_within(recent, facts.as_of))
    pending = imaging.pending(facts, *IMAGING_ORDERS)
    comfort = care.comfort_focused(facts)
    if fresh:
        return NotApplicable("the spine was imaged lately", (*fresh, *drafts))
    if pending:
        return NotApplicable("MRI or CT of the spine is on order", (*pending, *drafts))
    if comfort:
        return NotApplicable(
            "comfort-focused care: the treating team decides what imaging it needs", (*comfort, *drafts)
        )
    if not facts.knows("imaging studies"):
        return CannotTell(
            ("MRI or CT of the spine within 6 weeks: imaging studies are not fully available",),
            because=(*studies, *drafts),
        )
    return _recommend(facts, drafts, (*studies[:1],))


def _spoken(facts: Facts, drafts: tuple[Order, ...]) -> tuple[Fact, ...]:
    """The emergency of which radiotherapy_order_check speaks for the same order; surgery is not its matter."""
    if any(o.concepts & set(treatment.SURGERY) for o in drafts):
        return ()
    return readiness.emergency(facts, KNOWLEDGE.value("new_deficit"))


def _of_spine(facts: Facts) -> tuple[Order, ...]:
    """Draft orders whose site is in the spine, or that name no site in a patient whose spine is affected."""
    affected = (*cancer.spinal_metastases(facts), *neurology.confirmed_compression(facts))
    operations = facts.selected_orders(*treatment.SURGERY) if affected or cancer.suspected_metastases(facts) else ()
    irradiation = tuple(o for o in facts.selected_orders(*RADIOTHERAPY) if not o.elsewhere)
    return (*operations, *(o for o in irradiation if (affected or o.levels) and o not in operations))


def _recommend(facts: Facts, drafts: tuple[Order, ...], last: tuple[Fact, ...]) -> Recommend:
    days = KNOWLEDGE.value("new_deficit")
    emergency = (*neurology.new_deficits(facts, days), *neurology.suspected_compression(facts))
    because = (*drafts, *last, *cancer.spinal_metastases(facts)[:1], *emergency)
    surgery = any(o.concepts & set(treatment.SURGERY) for o in drafts)
    scan = imaging.modality(facts)
    variant = "emergency" if emergency else "elective"
    text = KNOWLEDGE.card(
        variant,
        treatment="surgery" if surgery else "radiotherapy",
        scan=scan,
        studies="CT" if scan == "CT" else "MRI or CT",
    )
    return Recommend(
        because=each_once(because),
        says=Wording(
            text.indicator, text.summary, (*text.do, *proposals.spine_imaging_lines(facts)), text.why, text.why_not
        ),
        missing=_missing(drafts),
        suggestions=proposals.spine_imaging(facts, "stat" if emergency else "asap", because),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _missing(drafts: tuple[Order, ...]) -> tuple[str, ...]:
    open_site = any(not o.levels and not o.concepts & set(treatment.SURGERY) for o in drafts)
    return ("whether the order treats the spine: it names no site there",) if open_site else ()
