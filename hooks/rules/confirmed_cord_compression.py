"""Compression of the cord or cauda equina is confirmed and nothing has been done yet: who treats, in which order?"""

from __future__ import annotations

from datetime import timedelta

from hooks import advice, knowledge, proposals
from hooks.asked_once import asked_once
from hooks.facts import Assessment, Fact, Facts, Finding, When
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion, Wording, each_once
from hooks.questions import cancer, care, compression, histology, imaging, levels, neurology, noms, treatment

KNOWLEDGE = knowledge.load(__name__)
SURGEON, RADIOTHERAPY = "consult_spine_neurosurgery", "consult_radiation_oncology"
LOCAL = (*treatment.SURGERY, *treatment.RADIOTHERAPY)
SENSITIVE, UNFIT = 4, 7  # NOMS rows in which radiotherapy comes first
Found = tuple[Finding | Assessment, ...]


@asked_once
def decide(facts: Facts) -> Outcome:
    """R6, R8, R10, E3, E4, E8, E13, E14: confirmed compression that was not treated since, new or old.

    Adds urgency, so it fires on partial data: an unknown date counts as new, a treatment without a date as not given.
    """
    window = KNOWLEDGE.value("new_compression")
    found = compression.confirmed(facts)
    if not found:
        return _none(facts)
    open_now = compression.current(facts, window)
    late = () if open_now else compression.overdue(facts, window)
    if not open_now and not late:
        return _answered(facts, found)
    placed = _placed(facts, open_now)
    table = noms.of(facts)
    context = (*advice.infected(facts), *treatment.irradiated(facts), *advice.steroids_running(facts))
    limits = tuple(one for one, _ in _complete(facts))
    because: tuple[Fact, ...] = (*open_now, *late, *neurology.signs(facts), *limits, *context, *placed)
    because = (*because, *cancer.primaries(facts)[:1], *(() if late else table.because))
    return Recommend(
        because=each_once(because),
        says=_late(facts, late) if late else _wording(facts, open_now, table, placed),
        missing=_missing(facts, (*open_now, *late), None if late else table),
        suggestions=_late_orders(facts, because) if late else _orders(facts, table, because, bool(placed)),
    )


def _none(facts: Facts) -> CannotTell:
    """No compression of the cord; a grade at a level of roots alone leaves the question of the cauda equina."""
    roots = compression.below_cord(facts)
    missing = compression.roots_unknown(facts)
    because: tuple[Fact, ...] = (*neurology.suspected_compression(facts), *roots)
    return CannotTell(missing or ("whether the cord is compressed",), ask=bool(roots), because=because)


def _answered(facts: Facts, found: Found) -> CannotTell:
    """Treated: settled only until something changes, recorded or not."""
    treated = tuple(p for p in treatment.done(facts, *LOCAL) if not p.elsewhere)
    since = f"since the {treatment.words(treated)}" if treated else "since it was recorded"
    return CannotTell((f"whether compression is new or worse {since}",), because=(*treated, *found))


def _placed(facts: Facts, found: Found) -> tuple[Fact, ...]:
    """Surgery or radiotherapy that is ordered since, and not recorded as done."""
    began = _began(facts, found)
    return treatment.ordered_since(facts, began, *LOCAL) if began else ()


def _began(facts: Facts, found: Found) -> When | None:
    """When the newest began; None where one has no date."""
    starts = [neurology.began(one, facts, KNOWLEDGE.value("new_compression")) for one in found]
    return care.newest(*starts) if starts and all(starts) else None


def _late(facts: Facts, late: Found) -> Wording:
    """Known for longer than counts as new, and never treated as far as the record goes."""
    comfort = care.comfort_focused(facts)
    since = min((one.when for one in late if one.when), key=lambda when: when.earliest)
    undated = any(not p.when and not p.elsewhere for p in treatment.done(facts, *LOCAL))
    treated = "no dated treatment on record" if undated else "no treatment on record"
    text = KNOWLEDGE.card("late_comfort" if comfort else "late", what=_what(late), since=since.text, treated=treated)
    still = advice.until_agreed() if comfort else advice.immobilise(facts)
    lines = (*advice.infection(facts), *text.do, *still, *advice.steroid(facts), *advice.again(facts))
    return Wording(text.indicator, text.summary, lines, text.why, text.why_not)


def _wording(facts: Facts, found: Found, table: noms.Noms, placed: tuple[Fact, ...]) -> Wording:
    variant = _variant(facts, found, table, bool(placed))
    texts = (
        KNOWLEDGE.card(variant, what=what, cancer=name, study=proposals.study(facts))
        for name in cancer.names(facts)
        for what in (_what(found), _what(found).partition(" (")[0])
    )
    text = advice.that_fits(texts)
    if care.comfort_focused(facts):
        lines = (*advice.infection(facts), *text.do, *advice.until_agreed(), *advice.steroid(facts))
        return Wording(text.indicator, text.summary, (*lines, *advice.again(facts)), text.why, text.why_not)
    kind = histology.radiosensitivity(facts).kind
    resistant = () if kind == "sensitive" or advice.infected(facts) else (KNOWLEDGE.text("resistant"),)
    lines = (
        *advice.infection(facts),
        *text.do,
        *_plan(facts, found, table, bool(placed)),
        *advice.immobilise(facts),
        *proposals.old_referral_lines(facts, _began(facts, found), "spine surgery", "radiation oncology"),
        *advice.steroid(facts),
        *_schedules(facts),
        KNOWLEDGE.text("standing"),
    )
    return Wording(text.indicator, text.summary, lines, text.why, (*text.why_not, *resistant))


def _variant(facts: Facts, found: Found, table: noms.Noms, placed: bool) -> str:
    if care.comfort_focused(facts):
        return "comfort"
    if advice.infected(facts):
        return "infection"
    if placed:
        return "ordered"
    if _unimaged(facts, found):
        return "unimaged"
    return {SENSITIVE: "sensitive", UNFIT: "unfit"}.get(table.row.number if table.row else 0, "untreated")


def _unimaged(facts: Facts, found: Found) -> bool:
    """A diagnosis alone, and no MRI or CT of the spine on record that it could rest on."""
    return not any(isinstance(one, Assessment) for one in found) and not imaging.spine_studies(facts, "MR", "CT")


def _plan(facts: Facts, found: Found, table: noms.Noms, placed: bool) -> tuple[str, ...]:
    """The NOMS row with the limits of the trial behind it; no row while infection is open or the plan is made."""
    if advice.infected(facts) or (placed and table.row and table.row.number == 1):
        return ()
    again = KNOWLEDGE.text("repeat", study=proposals.study(facts))
    repeat = (again,) if noms.fresh_grade(facts) and noms.not_imaged_since(facts) else ()
    return (table.line(), *repeat, *_limits(facts, found))


def _limits(facts: Facts, found: Found) -> tuple[str, ...]:
    """R8: for whom the trial of decompression does not speak."""
    places = frozenset().union(*(compression.sites(one) for one in found))
    known = (
        ("complete", bool(_complete(facts))),
        ("levels", levels.apart(places)),
        ("roots", all(isinstance(one, Finding) and _only_roots(one) for one in found)),
    )
    return tuple(KNOWLEDGE.text(name) for name, applies in known if applies)


def _only_roots(finding: Finding) -> bool:
    return "cauda_equina" in finding.concepts and "spinal_cord_compression" not in finding.concepts


def _complete(facts: Facts) -> tuple[tuple[Finding | Assessment, When], ...]:
    """Complete paraplegia that has surely lasted longer than the trial allowed; a day is the finest date."""
    limit = facts.as_of - timedelta(hours=int(KNOWLEDGE.value("paraplegia")))
    return tuple((one, since) for one, since in neurology.complete_since(facts) if since.latest < limit)


def _schedules(facts: Facts) -> tuple[str, ...]:
    if advice.infected(facts):
        return ()
    return advice.again(facts) or (KNOWLEDGE.text("schedules"),)


def _what(found: Found) -> str:
    if any(isinstance(one, Finding) and "cauda_equina" in one.concepts for one in found):
        return "cauda equina compression"
    graded = [one for one in found if isinstance(one, Assessment)]
    return f"cord compression ({compression.grade(graded[0])})" if graded else "cord compression"


def _late_orders(facts: Facts, because: tuple[Fact, ...]) -> tuple[Suggestion, ...]:
    return () if care.comfort_focused(facts) else proposals.consult(facts, SURGEON, because, "urgent")


def _orders(facts: Facts, table: noms.Noms, because: tuple[Fact, ...], placed: bool) -> tuple[Suggestion, ...]:
    """In the order of the NOMS row; without a row both, the surgeon first; in hospice care radiotherapy only.

    Until infection is excluded the surgeon alone. Compression that nothing has imaged: the image first.
    """
    comfort, infected = care.comfort_focused(facts), advice.infected(facts)
    concepts = table.row.consults if table.row else (SURGEON, RADIOTHERAPY)
    if comfort:
        concepts = (RADIOTHERAPY,)
    if infected:
        concepts = () if comfort else (SURGEON,)
    first = table.row is not None and table.row.number == 1 and not comfort and not placed
    image = proposals.spine_imaging(facts, "stat", because) if first else ()
    return (*image, *(s for concept in concepts for s in proposals.consult(facts, concept, because, "stat")))


def _missing(facts: Facts, found: Found, table: noms.Noms | None) -> tuple[str, ...]:
    undated = ("when the compression was found: taken as new",) if any(not one.when for one in found) else ()
    unknown = () if facts.knows("procedures") else ("whether it was treated: procedures are not fully available",)
    return (*undated, *unknown, *(table.missing if table else ()))
