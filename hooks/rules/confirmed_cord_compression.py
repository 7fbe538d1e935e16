"""Compression of the cord or cauda equina is confirmed and nothing has been done yet: who treats, in which order?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.facts import Assessment, Fact, Facts, Finding
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion, Wording
from hooks.questions import cancer, care, compression, neurology, noms, treatment

KNOWLEDGE = knowledge.load(__name__)
SURGEON_FIRST = ("consult_spine_neurosurgery", "consult_radiation_oncology")
LOCAL = (*treatment.SURGERY, *treatment.RADIOTHERAPY)


def decide(facts: Facts) -> Outcome:
    """R6, R8, R10, E3, E4, E14: confirmed compression that is new or newly recorded and not treated since.

    Adds urgency, so it fires on partial data: an unknown date counts as new, a treatment without a date as not given.
    """
    window = KNOWLEDGE.value("new_compression")
    found = compression.confirmed(facts)
    if not found:
        return CannotTell(("whether the cord is compressed",), because=neurology.suspected_compression(facts))
    open_now = compression.current(facts, window)
    if not open_now:
        return _answered(facts, found)
    placed = _placed(facts, open_now)
    because: tuple[Fact, ...] = (*open_now, *neurology.signs(facts), *cancer.primaries(facts)[:1], *placed)
    table = noms.of(facts)
    return Recommend(
        because=tuple(dict.fromkeys((*because, *table.because))),
        says=_wording(facts, open_now, table, placed),
        missing=_missing(facts, open_now, table),
        suggestions=_consults(facts, table, because),
    )


def _answered(facts: Facts, found: tuple[Finding | Assessment, ...]) -> CannotTell:
    """Treated, or long known: settled only until something changes, recorded or not."""
    treated = treatment.done(facts, *LOCAL)
    since = f"since the {treatment.words(treated)}" if treated else "since it was recorded"
    return CannotTell((f"whether compression is new or worse {since}",), because=(*treated, *found))


def _placed(facts: Facts, found: tuple[Finding | Assessment, ...]) -> tuple[Fact, ...]:
    """Surgery or radiotherapy that is ordered since, and not recorded as done."""
    window = KNOWLEDGE.value("new_compression")
    starts = [neurology.began(one, facts, window) for one in found]
    return treatment.ordered_since(facts, care.newest(*starts), *LOCAL) if all(starts) else ()


def _wording(
    facts: Facts, found: tuple[Finding | Assessment, ...], table: noms.Noms, placed: tuple[Fact, ...]
) -> Wording:
    comfort = care.comfort_focused(facts)
    variant = "comfort" if comfort else "ordered" if placed else "untreated"
    text = KNOWLEDGE.card(variant, what=_what(found), cancer=cancer.name(facts))
    careful = (*advice.steroid(facts), *advice.infection(facts))
    lines = (*text.do, *careful)
    if not comfort:
        later = (KNOWLEDGE.text("schedules"), KNOWLEDGE.text("standing"))
        lines = (*text.do, table.line(), *advice.immobilise(), *careful, *later)
    return Wording(text.indicator, text.summary, lines, text.why, text.why_not)


def _what(found: tuple[Finding | Assessment, ...]) -> str:
    if any(isinstance(one, Finding) and "cauda_equina" in one.concepts for one in found):
        return "cauda equina compression"
    graded = [one for one in found if isinstance(one, Assessment)]
    return f"cord compression ({compression.grade(graded[0])})" if graded else "cord compression"


def _consults(facts: Facts, table: noms.Noms, because: tuple[Fact, ...]) -> tuple[Suggestion, ...]:
    """In the order of the NOMS row; without a row both, the surgeon first; in hospice care radiotherapy only."""
    concepts = table.row.consults if table.row else SURGEON_FIRST
    if care.comfort_focused(facts):
        concepts = ("consult_radiation_oncology",)
    return tuple(s for concept in concepts for s in proposals.consult(facts, concept, because, "stat"))


def _missing(facts: Facts, found: tuple[Finding | Assessment, ...], table: noms.Noms) -> tuple[str, ...]:
    undated = ("when the compression was found: taken as new",) if any(not one.when for one in found) else ()
    unknown = () if facts.knows("procedures") else ("whether it was treated: procedures are not fully available",)
    return (*undated, *unknown, *table.missing)
