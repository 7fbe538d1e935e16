"""Mechanical pain from a collapsed vertebra, without compression: would cement help?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import cancer, care, compression, imaging, neurology, noms, stability, treatment
from hooks.scores import sins

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R15, NOMS row 12. Offers a treatment, so SINS, ESCC, examination and pain must all be known and fresh.

    "Without instability" is read as SINS not 13 or more and no translation; from 7 to 12 the surgeon must agree.
    """
    collapse = _collapse(facts)
    if not collapse:
        return CannotTell(
            ("whether a vertebra with a metastasis has collapsed",), because=cancer.spinal_metastases(facts)
        )
    pain = care.pain_at_least(facts, KNOWLEDGE.value("pain"), KNOWLEDGE.value("fresh"))
    if pain is None:
        return CannotTell(
            ("pain of {pain} of 10 or more within {fresh}".format_map(KNOWLEDGE.thresholds),), because=collapse
        )
    against = facts.finding("infection_of_spine")
    if against:
        return NotApplicable("a spinal infection is on record: no cement", against)
    done = _done(facts)
    if done:
        return CannotTell(("whether the pain is from another level than the one treated",), because=(*done, pain))
    basis = (*collapse, pain)
    contra = _contraindication(facts)
    if contra:
        return CannotTell(("what is decided first: deficit, compression or instability",), because=(*contra, *basis))
    worst, graded = stability.worst(facts), compression.worst(facts)
    missing = _missing(facts)
    if missing or worst is None:
        return CannotTell(missing, ask=not care.comfort_focused(facts), because=basis)
    variant = "comfort" if care.comfort_focused(facts) else "stable" if worst.score.band() == "stable" else "surgeon"
    because = (
        *basis,
        worst.assessment,
        *((graded,) if graded else ()),
        *neurology.intact(facts, KNOWLEDGE.value("fresh")),
    )
    return Recommend(
        because=because,
        says=KNOWLEDGE.card(variant, sins=str(worst.score), at=worst.at, cancer=cancer.name(facts)),
        missing=("INR, platelets, anticoagulants and whether the posterior wall holds: check by hand",),
        suggestions=proposals.consult(facts, "consult_spine_neurosurgery", because, "asap"),
    )


def _collapse(facts: Facts) -> tuple[Fact, ...]:
    """A fracture through a metastasis, a collapsed vertebra beside one, or collapse among the SINS items."""
    metastases = cancer.spinal_metastases(facts)
    found = tuple(f for f in facts.finding("pathological_vertebral_fracture_neoplastic") if f.certain)
    neoplastic = tuple(f for f in found if f.levels or metastases)
    other = tuple(f for f in facts.finding("collapsed_vertebra") if f.certain and metastases)
    scored = tuple(
        i.assessment
        for i in stability.by_level(facts)
        if dict(i.assessment.items).get("collapse", 0) > 1 and metastases
    )
    return (*neoplastic, *other, *scored)


def _done(facts: Facts) -> tuple[Fact, ...]:
    return (*treatment.done(facts, *treatment.AUGMENTATION), *imaging.pending(facts, *treatment.AUGMENTATION))


def _contraindication(facts: Facts) -> tuple[Fact, ...]:
    """A deficit, compression from 1c up, an unstable spine: at any age, since only what reassures goes stale."""
    graded = tuple(a for a in compression.by_level(facts) if a.value not in compression.LOW)
    unstable, scored, _ = noms.stable(facts)
    levels = [i.assessment for i in stability.by_level(facts)]
    translated = tuple(a for a in levels if dict(a.items).get("alignment") == max(sins.ITEMS["alignment"]))
    deficits = (*neurology.deficits(facts), *neurology.signs(facts))
    return (*deficits, *neurology.confirmed_compression(facts), *graded, *(scored if unstable else ()), *translated)


def _missing(facts: Facts) -> tuple[str, ...]:
    fresh = KNOWLEDGE.value("fresh")
    _, _, lines = noms.stable(facts)
    worst = stability.worst(facts)
    mechanical = worst is not None and worst.pain == sins.MECHANICAL_PAIN
    graded = compression.by_level(facts)
    known = graded and all(a.when and a.when.surely_within(fresh, facts.as_of) for a in graded)
    return (
        *lines,
        *(() if known else ("ESCC grade from an MRI within {fresh}".format_map(KNOWLEDGE.thresholds),)),
        *(() if neurology.intact(facts, fresh) else (noms.EXAMINATION,)),
        *(() if mechanical else ("whether the pain is mechanical (SINS pain item): worse upright, eased lying",)),
    )
