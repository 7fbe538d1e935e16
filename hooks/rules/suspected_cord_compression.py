"""Cancer and a new neurological deficit: is the cord or cauda equina being compressed?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.asked_once import asked_once
from hooks.facts import Assessment, Fact, Facts, Finding, Imaging, When
from hooks.outcomes import CannotTell, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, compression, imaging, neurology, noms, treatment

KNOWLEDGE = knowledge.load(__name__)
SURGEON = "consult_spine_neurosurgery"
Found = tuple[Finding | Assessment, ...]


@asked_once
def decide(facts: Facts) -> Outcome:
    """R25 A, R21, R32, E1, E3, E4, E7, E13: past or present cancer and a deficit that began or was recorded lately.

    Fires on partial data: an unknown onset counts as new, and imaging that is not known counts as not done.
    """
    window = KNOWLEDGE.value("new_deficit")
    found = neurology.new_deficits(facts, window) + _new_compression(facts)
    if not found:
        return _no_deficit(facts)
    start = _start(found, facts)
    imaged = imaging.whole_spine_mri_since(facts, start)
    if imaged:
        return _imaged(facts, imaged, found)
    operated = treatment.done_since(facts, start, *treatment.SURGERY)
    if operated:
        missing = f"operated {_date(operated[0])}: whether the deficit is new or worse since"
        return CannotTell((missing,), ask=not facts.ordering(), because=(*operated, *found))
    because = each_once((*found, *neurology.grades_before(facts, found), *_context(facts)))
    return Recommend(
        because=because,
        says=_wording(facts, found, start),
        missing=_missing(facts, found),
        suggestions=(
            *proposals.spine_imaging(facts, "stat", because),
            *proposals.consult(facts, SURGEON, because, "stat"),
        ),
    )


def _context(facts: Facts) -> tuple[Fact, ...]:
    """What the advice rests on beside the deficit: infection, a steroid, a recent grade, the cancer, MRI on order."""
    signs: tuple[Fact, ...] = (*advice.infected(facts), *advice.steroids_running(facts), *noms.fresh_grade(facts))
    return (*signs, *cancer.any_cancer(facts)[:2], *imaging.pending_whole_spine_mri(facts))


def _no_deficit(facts: Facts) -> Outcome:
    """Nothing new: silent, but for a metastasis of cord or meninges that is new, whose first sign is awaited."""
    window = KNOWLEDGE.value("new_deficit")
    old: Found = (*neurology.deficits(facts), *neurology.suspected_compression(facts), *neurology.grades(facts))
    inside = tuple(f for f in facts.finding("intradural_metastasis") if neurology.is_new(f, facts, window))
    newest = care.newest(*(f.when for f in inside)) if all(f.when for f in inside) else None
    answered: tuple[Fact, ...] = (*care.comfort_focused(facts), *imaging.whole_spine_mri_since(facts, newest))
    if not inside or answered:
        treated = treatment.done(facts, *treatment.SURGERY, *treatment.RADIOTHERAPY)
        because: tuple[Fact, ...] = (*old, *inside, *answered, *treated)
        return CannotTell(("whether there is a new neurological deficit",), because=because)
    return Recommend(
        because=inside,
        says=KNOWLEDGE.card("meninges", study=proposals.study(facts)),
        missing=("neurological examination",),
        suggestions=proposals.spine_imaging(facts, "urgent", inside),
    )


def _imaged(facts: Facts, imaged: tuple[Imaging, ...], found: Found) -> CannotTell:
    """The spine was imaged since: asked for a week what it showed, unless something on record tells."""
    if facts.ordering() or _result_known(facts, imaged[0]) or not _lately(facts, imaged[0].when):
        missing = f"whether a deficit is new or worse since the whole-spine MRI of {_date(imaged[0])}"
        return CannotTell((missing,), because=(*imaged, *found))
    since = _start(found, facts)
    deficit = f"the deficit of {since.text}" if since else "the deficit"
    missing = (
        f"whole-spine MRI of {_date(imaged[0])} answers {deficit}: its result (ESCC and level), or another "
        "explanation, is not on record"
    )
    return CannotTell((missing,), ask=True, because=(*imaged, *found))


def _lately(facts: Facts, when: When | None) -> bool:
    return when is None or when.maybe_within(KNOWLEDGE.value("result_within"), facts.as_of)


def _result_known(facts: Facts, study: Imaging) -> bool:
    """A grade, a diagnosis of compression, a surgeon asked or a treatment since the study was made."""
    if compression.current(facts, KNOWLEDGE.value("new_deficit")):
        return True  # the other rule speaks of it
    named = (date for f in neurology.suspected_compression(facts) for date in (f.onset, f.recorded))
    asked = (o.when for o in care.placed(facts, care.CONSULTS["spine surgery"]))
    treated = (p.when for p in treatment.done(facts, *treatment.SURGERY, *treatment.RADIOTHERAPY))
    dates = (*(a.when for a in facts.assessed("escc")), *named, *asked, *treated)
    return any(when and study.when and when.earliest >= study.when.earliest for when in dates)


def _date(one: Fact) -> str:
    when = one.when
    return when.text if when else "an unknown date"


def _new_compression(facts: Facts) -> tuple[Finding, ...]:
    """Compression that is new, confirmed or suspected; once operated on or irradiated it is suspected no more."""
    window = KNOWLEDGE.value("new_deficit")
    new = (f for f in neurology.suspected_compression(facts) if neurology.is_new(f, facts, window))
    return tuple(f for f in new if not compression.treated(facts, f, neurology.began(f, facts, window)))


def _start(found: Found, facts: Facts) -> When | None:
    """When the newest of the deficits began; None if that is not known of any one, so that no MRI can answer for it."""
    starts = [neurology.began(one, facts, KNOWLEDGE.value("new_deficit")) for one in found]
    return care.newest(*starts) if all(starts) else None


def _wording(facts: Facts, found: Found, start: When | None) -> Wording:
    comfort = care.comfort_focused(facts)
    graded = () if advice.infected(facts) else noms.fresh_grade(facts)  # an abscess is excluded by an image of now
    no_mri = bool(imaging.mri_contraindicated(facts))
    variant = "comfort" if comfort else "graded" if graded else "emergency_ct" if no_mri else "emergency"
    grade = compression.grade(graded[0]) if graded else ""
    texts = (
        KNOWLEDGE.card(variant, deficit=deficit, cancer=name, study=proposals.study(facts), grade=grade)
        for name in cancer.names(facts)
        for deficit in _deficit_words(found)
    )
    text = advice.that_fits(texts)
    began = start or care.newest(*(one.when for one in found))
    return Wording(
        indicator=text.indicator,
        summary=text.summary,
        do=(
            *advice.infection(facts),
            *text.do,
            *(advice.until_agreed() if comfort else advice.immobilise(facts)),
            *proposals.spine_imaging_lines(facts, began, ct_said=True),
            *proposals.old_referral_lines(facts, began, "spine surgery"),
            *advice.steroid(facts),
        ),
        why=text.why,
        why_not=text.why_not,
    )


def _deficit_words(found: Found) -> tuple[str, ...]:
    """A code of compression is on record, a deficit is new."""
    return tuple(word if word.endswith("on record") else f"new {word}" for word in neurology.wordings(found))


def _missing(facts: Facts, found: Found) -> tuple[str, ...]:
    lines = []
    if any(not one.when for one in found):
        lines.append("when the deficit began: taken as new")
    if not facts.knows("imaging studies"):
        lines.append("whether the spine was imaged already: imaging studies are not fully available")
    elif imaging.spine_studies(facts, "MR"):
        newest = imaging.spine_studies(facts, "MR")[0]
        lines.append(
            f"whether the MRI of {_date(newest)} answers for this deficit: not the whole spine, or not after its start"
        )
    return tuple(lines)
