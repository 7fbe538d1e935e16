"""Dexamethasone runs on after treatment of the spine: has anyone planned its end?"""

from __future__ import annotations

from hooks import knowledge
from hooks.facts import Facts, Finding, Medication, Procedure
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import cancer, care, neurology

KNOWLEDGE = knowledge.load(__name__)
TREATMENT = frozenset(
    {
        "spine_surgery",
        "radiotherapy",
        "external_beam_rt",
        "stereotactic_radiosurgery",
        "rt_course_summary",
        "bone_met_irradiation",
    }
)
STEROID_AS_THERAPY = ("primary_myeloma", "primary_lymphoma", "primary_leukaemia")


def decide(facts: Facts) -> Outcome:
    """E15: an order that has stood unchanged for two weeks, with radiotherapy or surgery of the spine done."""
    running = tuple(
        m for m in facts.medications if "dexamethasone" in m.concepts and m.kind == "order" and m.status == "active"
    )
    if not running:
        return CannotTell(("an active order for dexamethasone",))
    disease = (*cancer.bone_metastases(facts), *neurology.suspected_compression(facts))
    if not disease:
        return CannotTell(("bone metastases or cord compression",), because=running)
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: steroids are led by symptoms", comfort)
    blood = facts.finding(*STEROID_AS_THERAPY)
    if blood:
        return CannotTell(("whether dexamethasone belongs to the cancer treatment",), because=(*running, *blood))
    recent = tuple(m for m in running if m.when is None or m.when.maybe_within(KNOWLEDGE.value("running"), facts.as_of))
    if recent:
        return CannotTell(
            ("an order unchanged for more than {running}".format_map(KNOWLEDGE.thresholds),), because=recent
        )
    treated = _treated(facts)
    if not treated:
        return CannotTell(
            ("radiotherapy or surgery within {treated}".format_map(KNOWLEDGE.thresholds),), because=running
        )
    return _recommend(running, treated, disease[:1])


def _treated(facts: Facts) -> tuple[Procedure, ...]:
    return tuple(
        p
        for p in facts.procedures
        if p.concepts & TREATMENT
        and p.status == "completed"
        and p.when
        and p.when.maybe_within(KNOWLEDGE.value("treated"), facts.as_of)
    )


def _recommend(
    running: tuple[Medication, ...], treated: tuple[Procedure, ...], disease: tuple[Finding, ...]
) -> Recommend:
    since, done = running[-1].when, treated[0].when
    return Recommend(
        because=(*running, *treated, *disease),
        says=KNOWLEDGE.card("review", since=since.text if since else "an unknown date", done=done.text if done else ""),
        missing=("a plan to reduce it: a taper is not readable from the record",),
    )
