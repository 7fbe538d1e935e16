"""A painful spinal metastasis, stable and without deficit: is radiotherapy the treatment, and of which kind?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, histology, imaging, neurology, noms, stability, treatment

KNOWLEDGE = knowledge.load(__name__)
VARIANTS = {9: "conventional", 10: "stereotactic", 11: "short"}


def decide(facts: Facts) -> Outcome:
    """R3, R4, R5, R6: NOMS rows 9 to 11. Offers a treatment, so it needs every axis known and fresh."""
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",), because=cancer.bone_metastases(facts))
    pain = _pain(facts)
    if not pain:
        return CannotTell(("whether a spinal metastasis is painful",), because=metastases)
    infected = advice.infected(facts)
    if infected:
        missing = "whether the spinal infection is over and an abscess excluded: until then no radiotherapy"
        return CannotTell((missing,), ask=True, because=(*infected, *pain))
    asked = _asked(facts)
    if asked:
        return NotApplicable("radiotherapy is ordered, or the radiation oncologist has been asked lately", asked)
    ask = not care.comfort_focused(facts)  # no scores and images for a treatment that is not proposed by itself then
    earlier = treatment.irradiated(facts)
    if earlier:
        return CannotTell((_before(facts),), ask=ask, because=(*earlier, *pain))
    table = noms.of(facts)
    if table.row is None:
        return CannotTell(table.missing, ask=ask, because=(*metastases, *pain, *table.because))
    if table.row.number not in VARIANTS:
        return CannotTell((f"what is decided first: {table.row.says}",), because=(*pain, *table.because))
    open_question = _surgeon(facts)
    if open_question:
        return CannotTell(open_question, ask=ask, because=(*pain, *table.because))
    because = each_once((*metastases, *pain, *table.because))
    return Recommend(
        because=because,
        says=_wording(facts, table.row.number, table.line()),
        suggestions=proposals.consult(facts, "consult_radiation_oncology", because, "asap"),
    )


def _pain(facts: Facts) -> tuple[Fact, ...]:
    """A pain score of lately, or pain of back or bone on record that is not old."""
    window = KNOWLEDGE.value("recent_pain")
    score = care.pain_at_least(facts, KNOWLEDGE.value("pain"), window)
    named = facts.finding("back_pain", "bone_pain", "neoplasm_related_pain")
    return (*((score,) if score else ()), *(f for f in named if neurology.is_new(f, facts, window)))


def _asked(facts: Facts) -> tuple[Fact, ...]:
    recent = KNOWLEDGE.value("recent_consult")
    consults = care.placed(facts, ("consult_radiation_oncology",))
    lately = tuple(
        o for o in consults if o.status != "completed" or (o.when and o.when.surely_within(recent, facts.as_of))
    )
    ordered = (o for o in imaging.pending(facts, *treatment.RADIOTHERAPY) if not o.elsewhere)
    return (*ordered, *lately)


def _before(facts: Facts) -> str:
    """What the specialist needs of the earlier radiotherapy; what the record has is not asked for."""
    if not treatment.dosed(facts):
        return "site, dose and date of the earlier radiotherapy: a second course is a specialist decision"
    known, unknown = treatment.again(facts)[0], " and ".join(treatment.not_recorded(facts))
    ask = f"; not on record: {unknown}" if unknown else ""
    return f"a specialist's review of the earlier radiotherapy ({known}{ask}) before a second course"


def _surgeon(facts: Facts) -> tuple[str, ...]:
    """SINS 7 to 12: radiotherapy only after the surgeon has spoken."""
    worst = stability.worst(facts)
    if worst is None or worst.score.band() == "stable":
        return ()
    seen = [
        o
        for o in care.placed(facts, care.CONSULTS["spine surgery"])
        if o.status == "completed"
        and o.when
        and worst.assessment.when
        and o.when.earliest >= worst.assessment.when.latest
    ]
    return () if seen else (f"a spine surgeon's opinion on SINS {worst.score}{worst.at}, before radiotherapy alone",)


def _wording(facts: Facts, row: int, line: str) -> Wording:
    if care.comfort_focused(facts):
        return KNOWLEDGE.card("comfort", cancer=cancer.name(facts))
    text = KNOWLEDGE.card(VARIANTS[row], cancer=cancer.name(facts))
    remembered = () if histology.radiosensitivity(facts).checked else (KNOWLEDGE.text("remembered"),)
    background = KNOWLEDGE.card("background").why
    return Wording(text.indicator, text.summary, (*text.do, line), (*text.why, *remembered, *background), text.why_not)
