"""Spinal metastases: have the specialists who decide together been asked?"""

from __future__ import annotations

from hooks import emergency, knowledge, proposals
from hooks.facts import Fact, Facts, Order, Procedure, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion, Wording, each_once
from hooks.questions import cancer, care, compression, neurology, readiness, stability, treatment
from hooks.questions.care import CONSULTS

KNOWLEDGE = knowledge.load(__name__)
PALLIATIVE = ("consult_palliative",)
TREATED_BY = {"spine surgery": treatment.SURGERY, "radiation oncology": treatment.RADIOTHERAPY}  # who treats was asked


def decide(facts: Facts) -> Outcome:
    """R1, R2, R21, R24: spinal metastases that are new, worse or symptomatic need surgery, radiotherapy and oncology.

    A consult counts when it was placed since the metastasis was found, and since it last got worse or became painful;
    so does a treatment of the spine by that specialty, whose date is told in any case.
    """
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(
            ("body site of the bone metastases: spine or elsewhere",),
            ask=bool(cancer.bone_metastases(facts)),
            because=cancer.bone_metastases(facts),
        )
    if care.comfort_focused(facts):
        return _comfort(facts, metastases)
    symptoms, since = _symptoms(facts), _since(facts)
    open_consults = [
        name for name, kinds in CONSULTS.items() if not (_asked(facts, kinds, since) or _treated(facts, name, since))
    ]
    if not open_consults:
        return _all_asked(facts)
    calling = emergency.cards(facts)
    because = each_once(
        (
            *metastases,
            *cancer.primaries(facts)[:1],
            *symptoms,
            *_worse(facts),
            *_consults(facts),
            *_treatments(facts),
            *(fact for one in calling for fact in one.because),
        )
    )
    text = _text(facts, open_consults, symptoms, calling)
    urgency = "stat" if _now(facts, calling) else "asap" if symptoms else "routine"
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*text.do, *_grid(facts)), text.why, text.why_not),
        missing=_missing(facts),
        suggestions=_suggest(facts, open_consults, because, urgency),
        longest_rest=KNOWLEDGE.rests["now"] if urgency == "stat" else None,
    )


def _now(facts: Facts, calling: tuple[Recommend, ...]) -> bool:
    return bool(calling or neurology.new_deficits(facts, KNOWLEDGE.value("recent")))


def _text(facts: Facts, consults: list[str], symptoms: tuple[Fact, ...], calling: tuple[Recommend, ...]) -> Wording:
    """In an emergency only those specialties are named that its own cards do not call."""
    called = {order.concept for one in calling for suggestion in one.suggestions for order in suggestion.create}
    rest = [name for name in consults if not called & set(CONSULTS[name])]
    elective = "symptomatic" if symptoms else "review"
    variant = elective if not _now(facts, calling) else "now" if rest else "called"
    return KNOWLEDGE.card(
        variant,
        cancer=cancer.name(facts),
        trigger=_trigger(facts),
        consults=" and ".join(rest) if len(rest) < len(CONSULTS) else "the three specialties",
    )


def _trigger(facts: Facts) -> str:
    if neurology.new_deficits(facts, KNOWLEDGE.value("recent")):
        return "deficit"
    return "cord compression" if compression.confirmed(facts) else "possible compression"


def _comfort(facts: Facts, metastases: tuple[Fact, ...]) -> Outcome:
    """R1 in hospice care: no round of specialties; with symptoms the goals, and who relieves them."""
    comfort, symptoms = care.comfort_focused(facts), _symptoms(facts)
    if not symptoms:
        return CannotTell(("whether there are symptoms that call for relief",), because=comfort)
    asked = care.recent_orders(facts, PALLIATIVE, KNOWLEDGE.value("recent_consult"))
    if asked:
        return CannotTell(
            ("whether the palliative team knows of anything new",), because=(*asked, *comfort, *_consults(facts))
        )
    because = (*comfort, *symptoms, *metastases[:1])
    text = KNOWLEDGE.card("comfort", cancer=cancer.name(facts))
    lines = (*text.do, *proposals.referral_lines(facts, *PALLIATIVE))
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, lines, text.why, text.why_not),
        suggestions=proposals.consult(facts, PALLIATIVE[0], because, "urgent"),
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
    known: tuple[Fact, ...] = (*consults, *(p for name in TREATED_BY for p in _treated(facts, name, _since(facts))))
    return CannotTell(("whether anything has changed since the three specialties were asked",), because=known)


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


def _treated(facts: Facts, name: str, since: When | None) -> tuple[Procedure, ...]:
    """Treatments of the spine by that specialty that stand for being asked: since the last event, or just before it.

    After a new deficit only what surely followed it counts: who operated before has not heard of it.
    """
    concepts = TREATED_BY.get(name, ())
    done = tuple((p, p.when) for p in treatment.done(facts, *concepts) if p.when and not p.elsewhere)
    if not done:
        return ()
    if _now(facts, emergency.cards(facts)):
        return tuple(p for p, when in done if since and when.earliest > since.latest)
    recent = KNOWLEDGE.value("recent_consult")
    return tuple(
        p for p, when in done if (since and when.latest >= since.earliest) or when.maybe_within(recent, facts.as_of)
    )


def _treatments(facts: Facts) -> tuple[Procedure, ...]:
    """The newest treatment of the spine by each specialty."""
    kinds = (treatment.done(facts, *concepts) for concepts in TREATED_BY.values())
    return tuple(p for found in kinds for p in [one for one in found if not one.elsewhere][:1])


def _consults(facts: Facts) -> tuple[Order, ...]:
    return care.placed(facts, tuple(kind for kinds in CONSULTS.values() for kind in kinds))


def _suggest(facts: Facts, consults: list[str], because: tuple[Fact, ...], priority: str) -> tuple[Suggestion, ...]:
    return tuple(s for name in consults for s in proposals.consult(facts, CONSULTS[name][0], because, priority))


def _grid(facts: Facts) -> tuple[str, ...]:
    """The four NOMS axes as they stand, each with its date, each empty cell named."""
    worst, fitness = stability.worst(facts), stability.performance(facts)
    return (
        f"Neurologic: {'; '.join(_neurologic(facts))}.",
        f"Oncologic: {cancer.name(facts)}.",
        f"Mechanical: {f'SINS {worst.score}{worst.at}{_on(worst.assessment.when)}' if worst else 'SINS not recorded'}.",
        f"Systemic: {f'{fitness.name.upper()} {fitness.value}{_on(fitness.when)}' if fitness else NO_FITNESS}.",
        *(f"Treated: {treatment.words((one,))}." for one in _treatments(facts)),
    )


NO_FITNESS = "performance status not recorded"


def _neurologic(facts: Facts) -> list[str]:
    """Compression, grades and deficits as recorded; that nothing is coded is no examination."""
    cord, grades, deficits = (
        neurology.suspected_compression(facts),
        neurology.newest_grades(facts),
        neurology.deficits(facts),
    )
    cells = [neurology.words(deficits)] if deficits else []
    if cord:
        first = (neurology.confirmed_compression(facts) or cord)[0]
        what = "cauda equina" if "cauda_equina" in first.concepts else "cord"
        state = "on record" if first.certain else "suspected"
        cells.append(f"{what} compression {state}{f' since {first.when.text}' if first.when else ''}")
    for grade in grades:
        scale = "Frankel" if grade.name == "frankel" else "ASIA"
        cells.append(f"{scale} {(grade.value or '')[-1].upper()}{_on(grade.when)}")
    worst = compression.worst(facts)
    cells.append(f"{compression.grade(worst)}{_on(worst.when)}" if worst else "ESCC not recorded")
    return cells if cord or grades or deficits else ["no deficit coded", *cells]


def _on(when: When | None) -> str:
    return f" ({when.text})" if when else " (no date)"


def _missing(facts: Facts) -> tuple[str, ...]:
    return tuple(
        word
        for word, known in (
            ("epidural compression (ESCC) from MRI", compression.worst(facts)),
            ("SINS, level by level", stability.worst(facts)),
            ("performance status (ECOG or Karnofsky)", stability.performance(facts)),
            ("primary tumour", cancer.primary_sites(facts)),
            (
                "estimate of life expectancy, not older than {life_fresh}".format_map(KNOWLEDGE.thresholds),
                readiness.estimated(facts, KNOWLEDGE.value("life_fresh")),
            ),
        )
        if not known
    )
