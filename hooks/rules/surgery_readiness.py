"""Spine surgery for a metastasis is being ordered: is recorded what the decision must rest on?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, noms, prognosis, readiness

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """R2, R9, R11, R19, R23, R24: names what is missing; never stops the order, and never delays an emergency."""
    drafts = facts.selected_orders("spine_surgery")
    if not drafts:
        return CannotTell(("an order for spine surgery",))
    tumour = each_once((*readiness.spinal_tumour(facts), *cancer.bone_metastases(facts)))
    if not tumour:
        return CannotTell(("whether the operation is for a spinal metastasis",), because=drafts)
    window = KNOWLEDGE.value("fresh")
    estimate = readiness.estimated(facts, window)
    emergency = readiness.emergency(facts, window)
    scores = readiness.survival_scores(facts, window)
    gaps = _gaps(facts)
    short = estimate is not None and estimate.value < KNOWLEDGE.value("survival")
    first = _radiotherapy_first(facts) if emergency else None
    because = (*drafts, *tumour[:2], *emergency, *((estimate,) if estimate else ()), *scores)
    because = (*because, *(noms.of(facts).because if first else ()))
    variant = first or _variant(facts, bool(emergency), short, gaps)
    return Recommend(
        because=each_once(because),
        says=_wording(facts, variant, gaps),
        longest_rest=KNOWLEDGE.rests.get(variant),
        missing=(
            *(f"{gap} within {KNOWLEDGE.thresholds['fresh']}" for gap in gaps),
            "what the patient wants: preferences are not read by this service",
        ),
        suggestions=(
            *(proposals.consult(facts, "consult_radiation_oncology", tumour[:2], "stat") if first else ()),
            *proposals.consult(facts, "consult_rehab", tumour[:2]),
            *(() if _oncology(facts) else proposals.consult(facts, "consult_medical_oncology", tumour[:2])),
        ),
    )


def _gaps(facts: Facts) -> tuple[str, ...]:
    """Which of the three grounds that a record can hold are not there, or not fresh."""
    window = KNOWLEDGE.value("fresh")
    prognosis: tuple[Fact, ...] = readiness.survival_scores(facts, window)
    estimate = readiness.estimated(facts, window)
    return tuple(
        word
        for word, known in (
            ("SINS", readiness.scored(facts, window)),
            ("neurological status", readiness.examined(facts, window)),
            ("life expectancy", prognosis or estimate),
        )
        if not known
    )


def _oncology(facts: Facts) -> bool:
    return readiness.oncology_asked(facts, KNOWLEDGE.value("oncology"))


def _radiotherapy_first(facts: Facts) -> str | None:
    """NOMS rows in which a cord in danger is irradiated before, or instead of, an operation."""
    row = noms.of(facts).row
    comfort = care.comfort_focused(facts)
    return {4: "sensitive", 7: "unfit"}.get(row.number) if row and not comfort else None


def _variant(facts: Facts, emergency: bool, short: bool, gaps: tuple[str, ...]) -> str:
    """An emergency is told first not to wait; a short life is a reason to think again, but only after that."""
    if emergency:
        return "emergency"
    if care.comfort_focused(facts):
        return "comfort"
    return "short" if short else "gaps" if gaps else "complete"


def _held_still(facts: Facts) -> tuple[str, ...]:
    """In hospice care, with a deficit or an unstable spine: how to lie and turn until it is agreed what is done."""
    unstable, _, _ = noms.stable(facts)
    return advice.until_agreed() if unstable or readiness.emergency(facts, KNOWLEDGE.value("fresh")) else ()


def _wording(facts: Facts, variant: str, gaps: tuple[str, ...]) -> Wording:
    text = KNOWLEDGE.card(variant, gaps=", ".join(gaps), cancer=cancer.name(facts))
    table = noms.of(facts)
    lines = [*text.do, *((table.line(),) if table.row else ()), KNOWLEDGE.text("goals")]
    if care.comfort_focused(facts):
        lines += _held_still(facts)
    if "life expectancy" in gaps and variant not in ("emergency", "sensitive", "unfit"):
        lines.append(KNOWLEDGE.text("scores"))
        lines += prognosis.lines(facts)
    if not _oncology(facts):
        lines.append(KNOWLEDGE.text("oncology"))
    return Wording(text.indicator, text.summary, (*lines, KNOWLEDGE.text("rehab")), text.why, text.why_not)
