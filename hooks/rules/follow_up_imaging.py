"""Known spinal metastases: is follow-up imaging overdue?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.asked_once import asked_once
from hooks.facts import Assessment, Fact, Facts, Imaging
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care, compression, imaging, neurology, treatment
from hooks.rules import spine_mri_for_pain

KNOWLEDGE = knowledge.load(__name__)
ON_ORDER = (*imaging.MRI_WHOLE, *imaging.MRI_REGIONS, *imaging.CT_ORDERS, "bone_scan", "pet_ct")


def decide(facts: Facts) -> Outcome:
    """R29, R31: no MR, CT, PET or bone scan of the spine for more than 16 weeks; R30 comes first.

    New pain or a deficit calls for imaging now and by other rules: then this one waits for the result.
    """
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",))
    settled = care.comfort_focused(facts)
    if settled:
        return NotApplicable("comfort-focused care: no surveillance imaging is proposed", settled)
    pending = imaging.pending(facts, *ON_ORDER)
    if pending:
        return NotApplicable("imaging of the spine is on order", pending)
    urgent = urgent_imaging(facts)
    if urgent:
        return CannotTell(("what the imaging for new pain or a deficit shows: it comes first",), because=urgent)
    return _by_last_imaging(facts, (*metastases, *cancer.primaries(facts)[:1]))


@asked_once
def urgent_imaging(facts: Facts) -> tuple[Fact, ...]:
    """Why imaging is wanted now, not at an interval: back pain not yet imaged, a new deficit, new compression."""
    days = KNOWLEDGE.value("new_deficit")
    pain = spine_mri_for_pain.decide(facts)
    compression = tuple(
        f
        for f in neurology.suspected_compression(facts)
        if neurology.is_new(f, facts, days) and not imaging.answered_by(facts, f, "MR", "CT")
    )
    return (*(pain.because if isinstance(pain, Recommend) else ()), *neurology.new_deficits(facts, days), *compression)


def of_spine(facts: Facts) -> tuple[Imaging, ...]:
    """Studies that show the spine. PET shows it whatever region was noted."""
    return tuple(i for i in facts.imaging if i.modality == "PT" or (i.modality in ("MR", "CT", "NM") and i.regions))


def graded(facts: Facts) -> tuple[Assessment, ...]:
    """ESCC grades: they are read from an MRI, so that there was one, wherever it is kept."""
    return tuple(a for a in facts.assessed("escc") if a.value in compression.GRADES)


def _by_last_imaging(facts: Facts, because: tuple[Fact, ...]) -> Outcome:
    interval = KNOWLEDGE.value("interval")
    studies: tuple[Imaging | Assessment, ...] = (*of_spine(facts), *graded(facts))
    recent = tuple(s for s in studies if s.when and s.when.surely_within(interval, facts.as_of))
    if recent:
        missing = "whether anything is new since the spine was imaged, and imaging at {interval_weeks}"
        return CannotTell((missing.format_map(KNOWLEDGE.thresholds),), because=recent)
    unclear = tuple(s for s in studies if s.when is None or s.when.maybe_within(interval, facts.as_of))
    if unclear:
        return CannotTell(("the exact date of the last imaging of the spine",), ask=True, because=unclear)
    if not facts.knows("imaging studies"):
        return CannotTell(("when the spine was last imaged: imaging studies are not fully available",), because=studies)
    return _overdue(facts, studies, because)


def _overdue(facts: Facts, studies: tuple[Imaging | Assessment, ...], because: tuple[Fact, ...]) -> Recommend:
    trend = facts.assessed("disease_status")[:2]
    sbrt = _recent_sbrt(facts)
    last = max((s for s in studies if s.when), key=lambda s: s.when.latest if s.when else facts.as_of, default=None)
    scan = imaging.modality(facts)
    text = KNOWLEDGE.card(
        "none" if last is None else "overdue" if isinstance(last, Imaging) else "graded",
        grade=compression.grade(last) if isinstance(last, Assessment) else "",
        cancer=cancer.name(facts),
        when=last.when.text if last and last.when else "",
        scan=scan,
        cord="which alone shows the cord" if scan == "MRI" else "with myelography if the cord must be seen",
    )
    pace = KNOWLEDGE.text(_pace([a.value for a in trend]))
    after_sbrt = (KNOWLEDGE.text("after_sbrt", scan=scan),) if sbrt else ()
    because = (*because, *((last,) if last else ()), *trend, *sbrt)
    return Recommend(
        because=because,
        says=Wording(
            text.indicator,
            text.summary,
            (*text.do, pace, *after_sbrt, *proposals.spine_imaging_lines(facts)),
            text.why,
            text.why_not,
        ),
        missing=_missing(facts, bool(trend)),
        suggestions=proposals.spine_imaging(facts, "routine", because),
    )


def _pace(trend: list[str | None]) -> str:
    """R31: sooner when the disease has worsened, later when it was twice stable or better."""
    if trend[:1] == ["worsened"]:
        return "worsened"
    return "quiet" if len(trend) == 2 and set(trend) <= {"stable", "improved"} else "unknown_pace"


def _recent_sbrt(facts: Facts) -> tuple[Fact, ...]:
    days = KNOWLEDGE.value("after_sbrt")
    done = treatment.done(facts, "stereotactic_radiosurgery")
    return tuple(p for p in done if p.when and p.when.maybe_within(days, facts.as_of))[:1]


def _missing(facts: Facts, trend: bool) -> tuple[str, ...]:
    other = [
        i
        for i in facts.imaging
        if i.modality in ("MR", "CT", "NM")
        and not i.regions
        and i.when
        and i.when.maybe_within(KNOWLEDGE.value("interval"), facts.as_of)
    ]
    lines = [
        f"whether the {i.modality} of {i.when.text} covered the spine: its region is not stated"
        for i in other[:1]
        if i.when
    ]
    return (*lines, *(() if trend else ("disease status: stable, improved or worsened",)))
