"""Cancer and a new neurological deficit: is the cord or cauda equina being compressed?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.facts import Assessment, Facts, Finding, Imaging, When
from hooks.outcomes import CannotTell, Outcome, Recommend, Wording
from hooks.questions import cancer, care, imaging, neurology

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R25 A, R21, R32, E1, E3, E4, E13: past or present cancer and a deficit that began or was recorded lately.

    Fires on partial data: an unknown onset counts as new, and imaging that is not known counts as not done.
    """
    window = KNOWLEDGE.value("new_deficit")
    found = neurology.new_deficits(facts, window) + _new_compression(facts)
    if not found:
        old = neurology.deficits(facts) + neurology.suspected_compression(facts)
        return CannotTell(("whether there is a new neurological deficit",), because=(*old, *neurology.grades(facts)))
    imaged = imaging.whole_spine_mri_since(facts, _start(found, facts))
    if imaged:
        return CannotTell(
            (f"whether a deficit is new or worse since the whole-spine MRI of {_shown(imaged)}",),
            because=(*imaged, *found),
        )
    because = (*found, *cancer.any_cancer(facts)[:2], *imaging.pending_whole_spine_mri(facts))
    return Recommend(
        because=because,
        says=_wording(facts, found),
        missing=_missing(facts, found),
        suggestions=(
            *proposals.spine_imaging(facts, "stat", because),
            *proposals.consult(facts, "consult_spine_neurosurgery", because, "stat"),
        ),
    )


def _shown(studies: tuple[Imaging, ...]) -> str:
    return studies[0].when.text if studies[0].when else "an unknown date"


def _new_compression(facts: Facts) -> tuple[Finding, ...]:
    window = KNOWLEDGE.value("new_deficit")
    return tuple(f for f in neurology.suspected_compression(facts) if neurology.is_new(f, facts, window))


def _start(found: tuple[Finding | Assessment, ...], facts: Facts) -> When | None:
    """When the newest of the deficits began; None if that is not known of any one, so that no MRI can answer for it."""
    starts = [neurology.began(one, facts, KNOWLEDGE.value("new_deficit")) for one in found]
    return care.newest(*starts) if all(starts) else None


def _wording(facts: Facts, found: tuple[Finding | Assessment, ...]) -> Wording:
    comfort = care.comfort_focused(facts)
    variant = "comfort" if comfort else "emergency"
    still = () if comfort else advice.immobilise()
    text = KNOWLEDGE.card(variant, deficit=neurology.words(found), cancer=cancer.name(facts))
    return Wording(
        indicator=text.indicator,
        summary=text.summary,
        do=(
            *text.do,
            *still,
            *proposals.spine_imaging_lines(facts),
            *advice.steroid(facts),
            *advice.infection(facts),
        ),
        why=text.why,
        why_not=text.why_not,
    )


def _missing(facts: Facts, found: tuple[Finding | Assessment, ...]) -> tuple[str, ...]:
    lines = []
    if any(not one.when for one in found):
        lines.append("when the deficit began: taken as new")
    if not facts.knows("imaging studies"):
        lines.append("whether the spine was imaged already: imaging studies are not fully available")
    elif imaging.spine_studies(facts, "MR"):
        newest = imaging.spine_studies(facts, "MR")[0]
        when = newest.when.text if newest.when else "an unknown date"
        lines.append(f"whether the MRI of {when} answers for this deficit: not the whole spine, or not after its start")
    return tuple(lines)
