"""Spinal metastases: have the specialists who decide together been asked?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Order, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion, Wording
from hooks.questions import cancer, care, neurology, stability
from hooks.questions.care import CONSULTS

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R1, R2, R21, R24: spinal metastases that are new, worse or symptomatic need surgery, radiotherapy and oncology.

    A consult counts when it was placed since the metastasis was found, and since it last got worse or became painful.
    """
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(
            ("whether the spine is affected",),
            ask=bool(cancer.bone_metastases(facts)),
            because=cancer.bone_metastases(facts),
        )
    symptoms = _symptoms(facts)
    since = _since(facts)
    open_consults = [name for name, kinds in CONSULTS.items() if not _asked(facts, kinds, since)]
    if not open_consults:
        return _all_asked(facts)
    because = (*metastases, *cancer.primaries(facts)[:1], *symptoms, *_worse(facts), *_consults(facts))
    text = KNOWLEDGE.card(
        "symptomatic" if symptoms else "review",
        cancer=cancer.name(facts),
        consults=" and ".join(open_consults) if len(open_consults) < 3 else "the three specialties",
    )
    return Recommend(
        because=tuple(dict.fromkeys(because)),
        says=Wording(text.indicator, text.summary, (*text.do, *_grid(facts)), text.why, text.why_not),
        missing=_missing(facts),
        suggestions=_suggest(facts, open_consults, because, "asap" if symptoms else "routine"),
    )


def _all_asked(facts: Facts) -> Outcome:
    """Asked lately is settled; asked long ago is settled only until something changes, recorded or not."""
    recent = KNOWLEDGE.value("recent_consult")
    consults = _consults(facts)
    if all(
        any(o.concepts & set(kinds) and o.when and o.when.surely_within(recent, facts.as_of) for o in consults)
        for kinds in CONSULTS.values()
    ):
        return NotApplicable(
            "spine surgery, radiation oncology and medical oncology have all been asked lately", consults
        )
    return CannotTell(("whether anything has changed since the three specialties were asked",), because=consults)


def _symptoms(facts: Facts) -> tuple[Fact, ...]:
    pain = care.pain_at_least(facts, KNOWLEDGE.value("pain"), KNOWLEDGE.value("recent"))
    return (*((pain,) if pain else ()), *neurology.new_deficits(facts, KNOWLEDGE.value("recent")))


def _worse(facts: Facts) -> tuple[Fact, ...]:
    newest = facts.assessed("disease_status")[:1]
    return tuple(a for a in newest if a.value == "worsened")


def _since(facts: Facts) -> When | None:
    """The last event that asks for a fresh look: found, progressed, a deficit. Pain scores recur daily and do not."""
    deficits = neurology.new_deficits(facts, KNOWLEDGE.value("recent"))
    return care.newest(*(fact.when for fact in (*cancer.spinal_metastases(facts), *_worse(facts), *deficits)))


def _asked(facts: Facts, kinds: tuple[str, ...], since: When | None) -> bool:
    recent = KNOWLEDGE.value("recent_consult")
    return any(
        o.status != "completed"
        or since is None
        or o.when is None
        or o.when.latest >= since.earliest
        or o.when.maybe_within(recent, facts.as_of)
        for o in care.placed(facts, kinds)
    )


def _consults(facts: Facts) -> tuple[Order, ...]:
    return care.placed(facts, tuple(kind for kinds in CONSULTS.values() for kind in kinds))


def _suggest(facts: Facts, consults: list[str], because: tuple[Fact, ...], priority: str) -> tuple[Suggestion, ...]:
    return tuple(s for name in consults for s in proposals.consult(facts, CONSULTS[name][0], because, priority))


def _grid(facts: Facts) -> tuple[str, ...]:
    """The four NOMS axes as they stand, each empty cell named."""
    escc, worst, fitness = facts.assessed("escc")[:1], stability.worst(facts), stability.performance(facts)
    deficits = neurology.deficits(facts)
    neuro = f"ESCC {escc[0].value.removeprefix('escc-')}" if escc and escc[0].value else "ESCC not recorded"
    return (
        f"Neurologic: {neuro}; {neurology.words(deficits) if deficits else 'no deficit recorded'}.",
        f"Oncologic: {cancer.name(facts)}.",
        f"Mechanical: {f'SINS {worst.score}{worst.at}' if worst else 'SINS not recorded'}.",
        f"Systemic: {f'{fitness.name.upper()} {fitness.value}' if fitness else 'performance status not recorded'}.",
    )


def _missing(facts: Facts) -> tuple[str, ...]:
    return tuple(
        word
        for word, known in (
            ("epidural compression (ESCC) from MRI", facts.assessed("escc")),
            ("SINS, level by level", stability.worst(facts)),
            ("performance status (ECOG or Karnofsky)", stability.performance(facts)),
            ("primary tumour", cancer.primary_sites(facts)),
            ("estimate of life expectancy", facts.measured("life_expectancy")),
        )
        if not known
    )
