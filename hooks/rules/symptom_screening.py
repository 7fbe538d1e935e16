"""Bone metastases: have pain and function been measured lately, and has function fallen?"""

from __future__ import annotations

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.facts import Assessment, Fact, Facts, Finding, Measurement
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, each_once
from hooks.questions import cancer, care, imaging, neurology

KNOWLEDGE = knowledge.load(__name__)
KIND = "assessments and vital signs"


def decide(facts: Facts) -> Outcome:
    """R22: no pain score within 30 days, or no neurological or functional grade within 90. E16: function has fallen."""
    metastases = cancer.bone_metastases(facts)
    if not metastases:
        return CannotTell(("whether there are bone metastases",))
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: no systematic screening is proposed", comfort)
    fallen = _fallen(facts)
    if fallen:
        return _recommend(facts, "fallen", (*fallen, *cancer.spinal_metastases(facts)[:1]))
    gaps = _gaps(facts)
    lacking = tuple(KNOWLEDGE.text(f"{gap}_gap") for gap in gaps)
    if not gaps:
        return CannotTell(
            ("whether symptoms or function have changed since they were measured",),
            because=(*_measured(facts), *_compared(facts)),
        )
    if not facts.knows(KIND):
        return CannotTell((f"{' and '.join(lacking)}: {KIND} are not fully available",), because=_compared(facts))
    variant = gaps[0] if len(gaps) == 1 else "screen"
    return _recommend(facts, variant, (*metastases[:1], *_measured(facts)), " or ".join(lacking))


def _fallen(facts: Facts) -> tuple[Fact, ...]:
    """E16: in spinal metastases, ECOG worse than before, or newly in bed or a wheelchair, and not examined since.

    A new deficit is the emergency rule's patient.
    """
    if not cancer.spinal_metastases(facts) or neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit")):
        return ()
    bound = tuple(
        f
        for f in facts.finding("bed_or_wheelchair_dependence")
        if f.when and f.when.maybe_within(KNOWLEDGE.value("new_deficit"), facts.as_of)
    )
    worse = _worse_ecog(facts)
    return (
        *(f for f in bound if not _examined_since(facts, f)),
        *(worse if worse and not _examined_since(facts, worse[0]) else ()),
    )


def _worse_ecog(facts: Facts) -> tuple[Measurement, ...]:
    """The newest ECOG and the one before, if it is worse and of late."""
    grades = [m for m in facts.measurements if m.name == "ecog" and m.when]
    if len(grades) < 2 or grades[0].value - grades[1].value < KNOWLEDGE.value("ecog_worse"):
        return ()
    recent = grades[0].when and grades[0].when.maybe_within(KNOWLEDGE.value("function"), facts.as_of)
    return tuple(grades[:2]) if recent else ()


def _examined_since(facts: Facts, one: Finding | Measurement) -> bool:
    """A graded examination or MRI of the spine on that day or later."""
    start = care.newest(one.when)
    graded = any(start and g.when and g.when.earliest >= start.latest for g in neurology.grades(facts))
    return graded or bool(imaging.since(imaging.spine_studies(facts, "MR"), start))


def _compared(facts: Facts) -> tuple[Fact, ...]:
    """What the answer "has not fallen" rests on: without any one of these it would be open again."""
    ecog = tuple(m for m in facts.measurements if m.name == "ecog")
    deficits = neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit"))
    return (*ecog, *neurology.grades(facts), *deficits, *imaging.spine_studies(facts, "MR"))


@asked_once
def _function(facts: Facts) -> tuple[Measurement | Assessment, ...]:
    """Frankel, ASIA, ECOG or Karnofsky values of late."""
    values: tuple[Measurement | Assessment, ...] = (
        *neurology.grades(facts),
        *(m for m in facts.measurements if m.name in ("ecog", "kps")),
    )
    return tuple(v for v in values if v.when and v.when.maybe_within(KNOWLEDGE.value("function"), facts.as_of))


def _gaps(facts: Facts) -> tuple[str, ...]:
    """Which of the two has not been measured of late."""
    pain = () if care.pain_scores(facts, KNOWLEDGE.value("pain")) else ("pain",)
    return (*pain, *(() if _function(facts) else ("function",)))


def _measured(facts: Facts) -> tuple[Fact, ...]:
    return (*care.pain_scores(facts, KNOWLEDGE.value("pain")), *_function(facts))


def _recommend(facts: Facts, variant: str, because: tuple[Fact, ...], lacking: str = "") -> Recommend:
    text = KNOWLEDGE.card(variant, lacking=lacking, scan=imaging.modality(facts))
    return Recommend(because=each_once(because), says=text)
