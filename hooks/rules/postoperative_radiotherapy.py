"""Spine surgery for a metastasis, days to weeks ago: is radiotherapy arranged?"""

from __future__ import annotations

from datetime import timedelta

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import cancer, care, compression, imaging, treatment

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R12: surgery is followed by radiotherapy; speaks from the tenth day until eight weeks after the operation."""
    operations = tuple(p for p in treatment.done(facts, *treatment.SURGERY) if p.status == "completed")
    if not operations:
        return CannotTell(("an operation of the spine",))
    tumour = _tumour(facts)
    if not tumour:
        ask = bool(cancer.bone_metastases(facts)) and not care.comfort_focused(facts)
        return CannotTell(("whether the operation was for a metastasis of the spine",), ask=ask, because=operations)
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: radiotherapy only for pain, with the palliative team", comfort)
    newest = operations[0]
    if newest.when is None:
        return CannotTell(("the date of the spine operation",), ask=True, because=operations)
    arranged = _arranged(facts, newest.when)
    if arranged:
        return CannotTell(
            ("whether there was another operation since radiotherapy was arranged",), because=(*arranged, newest)
        )
    if not _in_window(newest.when, facts):
        window = "radiotherapy after the operation of {when}: asked about from {from_day} to {until} after it"
        text = window.format_map({**KNOWLEDGE.thresholds, "when": newest.when.text})
        return CannotTell((text,), because=(newest,))
    because = (newest, *tumour[:2])
    late = newest.when.latest < facts.as_of - timedelta(weeks=int(KNOWLEDGE.value("due_until")))
    return Recommend(
        because=because,
        says=KNOWLEDGE.card("overdue" if late else "open", when=newest.when.text, cancer=cancer.name(facts)),
        missing=()
        if facts.knows("procedures")
        else ("whether radiotherapy was given: procedures not fully available",),
        suggestions=proposals.consult(facts, "consult_radiation_oncology", (*tumour[:2],), "urgent"),
    )


def _tumour(facts: Facts) -> tuple[Fact, ...]:
    """What makes it an operation for a tumour: a metastasis in the spine, compression by it, a fracture through it."""
    fractures = tuple(f for f in facts.finding("pathological_vertebral_fracture_neoplastic") if f.certain and f.levels)
    return (*cancer.spinal_metastases(facts), *compression.confirmed(facts), *compression.below_cord(facts), *fractures)


def _arranged(facts: Facts, operated: When) -> tuple[Fact, ...]:
    """Radiotherapy done since, ordered, or asked about: open whenever it was placed, completed only if since."""
    given = treatment.done_since(facts, operated, *treatment.RADIOTHERAPY)
    asked = tuple(
        o
        for o in care.placed(facts, ("consult_radiation_oncology",))
        if o.status != "completed" or (o.when and o.when.earliest >= operated.latest)
    )
    ordered = (o for o in imaging.pending(facts, *treatment.RADIOTHERAPY) if not o.elsewhere)
    return (*given, *ordered, *asked)


def _in_window(operated: When, facts: Facts) -> bool:
    """Any reading of the date counts: the rule adds something to do."""
    begins = facts.as_of - timedelta(days=int(KNOWLEDGE.value("from_day")))
    ends = facts.as_of - timedelta(weeks=int(KNOWLEDGE.value("until")))
    return operated.earliest <= begins and operated.latest >= ends
