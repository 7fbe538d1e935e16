"""Spinal metastases with a deficit or spine surgery: has rehabilitation been asked?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Assessment, Fact, Facts, Finding, Order, Procedure, When
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging, neurology, stability, treatment
from hooks.questions.care import CONSULTS

KNOWLEDGE = knowledge.load(__name__)
REHABILITATION = ("consult_rehab",)
Reason = Finding | Assessment | Procedure | Order


def decide(facts: Facts) -> Outcome:
    """R19, R32: a neurological deficit, or spine surgery done or on order, and no rehabilitation referral for it."""
    affected = (*cancer.spinal_metastases(facts), *neurology.confirmed_compression(facts))
    if not affected:
        return CannotTell(("whether the spine is affected",))
    asked = imaging.pending(facts, *REHABILITATION)
    if asked:
        return NotApplicable("a rehabilitation referral is open", asked)
    reasons = _reasons(facts)
    old = tuple(one for one in neurology.signs(facts) if _long_unchanged(facts, one))
    if not reasons and old:
        return CannotTell(
            ("whether the deficit, on record for more than {old_deficit}, is worse".format_map(KNOWLEDGE.thresholds),),
            because=(*old, *neurology.grades(facts)),
        )
    if not reasons:
        missing = ("whether there is a neurological deficit, or surgery of the spine",)
        return CannotTell(missing, because=neurology.newest_grades(facts))
    seen = _seen_since(facts, reasons)
    if seen:
        missing = ("whether function has changed since rehabilitation was asked",)
        return CannotTell(missing, because=(*seen, *reasons, *neurology.newest_grades(facts)))
    return _recommend(facts, reasons, affected)


def _reasons(facts: Facts) -> tuple[Reason, ...]:
    """Deficits, unless they are old and unchanged; surgery of late, or on order."""
    recent = KNOWLEDGE.value("recent_surgery")
    operated = tuple(
        p
        for p in treatment.done(facts, *treatment.SURGERY)
        if p.when is None or p.when.maybe_within(recent, facts.as_of)
    )
    signs = tuple(one for one in neurology.signs(facts) if not _long_unchanged(facts, one))
    return (*signs, *operated, *imaging.pending(facts, *treatment.SURGERY))


def _long_unchanged(facts: Facts, one: Finding | Assessment) -> bool:
    """A deficit with an onset long ago; a grade that was no better then. What is worse shows as a grade of its own."""
    start = one.onset if isinstance(one, Finding) else _not_better_since(facts, one)
    return bool(start and not start.maybe_within(KNOWLEDGE.value("old_deficit"), facts.as_of))


def _not_better_since(facts: Facts, newest: Assessment) -> When | None:
    """The date of the first grade in the unbroken run, up to the newest, that was as bad or worse."""
    since = newest.when
    for grade in facts.assessed(newest.name):
        if (grade.value or "z") > (newest.value or ""):  # letters run from a (complete) to e (normal)
            break
        since = grade.when
    return since


def _seen_since(facts: Facts, reasons: tuple[Reason, ...]) -> tuple[Order, ...]:
    """Referrals placed on or after the day of the newest reason, and completed; an undated reason is not answered."""
    starts = [reason.when for reason in reasons]
    since = care.newest(*starts) if all(starts) else None
    return tuple(o for o in care.placed(facts, REHABILITATION) if since and o.when and o.when.latest >= since.earliest)


def _recommend(facts: Facts, reasons: tuple[Reason, ...], affected: tuple[Fact, ...]) -> Recommend:
    unstable = _unstable(facts)
    because: tuple[Fact, ...] = each_once((*reasons, *unstable, *affected[:1]))
    variant = "comfort" if care.comfort_focused(facts) else "unstable" if unstable else "refer"
    disease = "Spinal metastases" if cancer.spinal_metastases(facts) else "Cord compression"
    text = KNOWLEDGE.card(variant, reason=_words(reasons), disease=disease)
    bowel = (
        (KNOWLEDGE.text("bowel"),)
        if any(isinstance(r, Finding) and "bowel_dysfunction" in r.concepts for r in reasons)
        else ()
    )
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*text.do, *bowel), text.why, text.why_not),
        missing=()
        if facts.knows("orders and referrals")
        else ("whether rehabilitation was asked: orders and referrals are not fully available",),
        suggestions=() if unstable else proposals.consult(facts, "consult_rehab", because),
    )


def _unstable(facts: Facts) -> tuple[Fact, ...]:
    """An unstable spine on which no surgeon has decided yet."""
    worst = stability.worst(facts)
    if worst is None or worst.score.lowest < KNOWLEDGE.value("unstable"):
        return ()
    since = worst.assessment.when
    seen = tuple(
        o
        for o in facts.orders
        if o.concepts & set(CONSULTS["spine surgery"])
        and o.status == "completed"
        and since
        and o.when
        and o.when.earliest >= since.latest
    )
    operated = treatment.done_since(facts, since, *treatment.SURGERY)
    return () if seen or operated else (worst.assessment,)


def _words(reasons: tuple[Reason, ...]) -> str:
    deficits = tuple(r for r in reasons if isinstance(r, Finding | Assessment))
    if deficits:
        return neurology.words(deficits)
    return "spine surgery done" if any(isinstance(r, Procedure) for r in reasons) else "spine surgery on order"
