"""What must be known before a local treatment of the spine is ordered, and is it known and fresh?"""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Assessment, Fact, Facts, Measurement, When
from hooks.outcomes import each_once
from hooks.questions import cancer, care, compression, neurology, stability, treatment

SURVIVAL_SCORES = ("nesms", "tokuhashi", "katagiri", "bauer", "tomita")


def spinal_tumour(facts: Facts) -> tuple[Fact, ...]:
    """Why an order for the spine would be one for a tumour: a metastasis in it, compression, a fracture through one."""
    fractures = tuple(f for f in facts.finding("pathological_vertebral_fracture_neoplastic") if f.levels)
    in_spine = cancer.suspected_spinal_metastases(facts)
    graded = (*compression.confirmed(facts), *compression.below_cord(facts))
    return each_once((*in_spine, *neurology.suspected_compression(facts), *graded, *fractures))


def emergency(facts: Facts, days: Decimal) -> tuple[Fact, ...]:
    """A new deficit or current compression: then no gap may delay the treatment."""
    return each_once((*compression.current(facts, days), *neurology.new_deficits(facts, days)))


def _fresh(when: When | None, facts: Facts, days: Decimal) -> bool:
    return when is not None and when.surely_within(days, facts.as_of)


def scored(facts: Facts, days: Decimal) -> tuple[Assessment, ...]:
    """SINS of each level, if all are usable, fresh, and from after the last operation."""
    levels = stability.by_level(facts)
    usable = all(
        i.score.band()
        and _fresh(i.assessment.when, facts, days)
        and not treatment.before_surgery(facts, i.assessment.when)
        for i in levels
    )
    return tuple(i.assessment for i in levels) if usable and "sins" not in facts.doubtful else ()


def examined(facts: Facts, days: Decimal) -> tuple[Fact, ...]:
    """A fresh Frankel or ASIA grade, or a deficit recorded lately."""
    grades = tuple(g for g in neurology.newest_grades(facts) if _fresh(g.when, facts, days))
    return (*grades, *(f for f in neurology.deficits(facts) if _fresh(f.when, facts, days)))


def estimated(facts: Facts, days: Decimal) -> Measurement | None:
    """A clinician's fresh estimate of life expectancy, in months."""
    found = facts.measured("life_expectancy")
    return found if found and _fresh(found.when, facts, days) else None


def survival_scores(facts: Facts, days: Decimal) -> tuple[Assessment, ...]:
    """Fresh survival scores, the newest of each. SINS is none of them."""
    newest = (facts.assessed(name)[:1] for name in SURVIVAL_SCORES)
    return tuple(a for found in newest for a in found if a.value and _fresh(a.when, facts, days))


def oncology_asked(facts: Facts, days: Decimal) -> bool:
    """A referral to oncology that is open, or was placed within the window."""
    return any(
        o.status != "completed" or (o.when and o.when.maybe_within(days, facts.as_of))
        for o in care.placed(facts, care.CONSULTS["medical oncology"])
    )
