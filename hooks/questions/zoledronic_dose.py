"""Zoledronic acid and the kidneys: the dose for a clearance, the limit, and creatinine since the last dose."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hooks import knowledge
from hooks.facts import Fact, Facts, Measurement, Medication
from hooks.questions import bone_agents, labs

TABLE = knowledge.load("bone_modifying_agent")


def dose(clearance: labs.Clearance | None) -> Decimal | None:
    """The dose in mg for an unrounded clearance; None when it is too low, not known, or not the same at both ends."""
    if clearance is None:
        return None
    doses = {dose_for(value) for value in (clearance.low, clearance.high)}
    return doses.pop() if len(doses) == 1 else None


def dose_for(clearance_ml_min: Decimal) -> Decimal | None:
    """The label's table as half-open steps on the unrounded clearance; None below the lowest step."""
    value = TABLE.value
    if clearance_ml_min > value("clearance_full"):
        return value("dose_full")
    for step in ("50", "40", "30"):
        if clearance_ml_min >= value(f"clearance_{step}"):
            return value(f"dose_{step}")
    return None


def fresh_clearance(facts: Facts, days: Decimal) -> labs.Clearance | None:
    """A clearance that is recent enough to choose a dose by; none in dialysis, where creatinine tells another thing."""
    clearance = labs.creatinine_clearance(facts)
    if clearance is None or facts.finding("dialysis") or labs.stale(clearance.because, days, facts):
        return None
    return clearance


def too_low(facts: Facts, limit: Decimal) -> tuple[Fact, ...]:
    """What says that the kidneys are surely below a limit: dialysis, or results behind a clearance, however old."""
    clearance = labs.creatinine_clearance(facts)
    low = clearance.because if clearance and clearance.high < limit else ()
    return (*facts.finding("dialysis"), *low)


def kidneys(facts: Facts, fresh_days: Decimal) -> str:
    """The state of the kidneys in words; a clearance that rests on an older blood sample with its date."""
    clearance = labs.creatinine_clearance(facts)
    if facts.finding("dialysis") or clearance is None:
        return "dialysis"
    shown = str(clearance) if clearance.low == clearance.high else f"up to {clearance.upper()}"
    old = old_sample(facts, fresh_days)
    return f"creatinine clearance {shown}" + (f" of {old.when.text}" if old and old.when else "")


def old_sample(facts: Facts, fresh_days: Decimal) -> Measurement | None:
    """The blood sample behind the clearance if it is not recent; the age of the body weight changes little."""
    clearance = labs.creatinine_clearance(facts)
    old = labs.older(clearance.because[:1], fresh_days, facts) if clearance and not facts.finding("dialysis") else ()
    return old[0] if old else None


@dataclass(frozen=True, slots=True)
class Course:
    """The last dose before the one being ordered, creatinine at that time, and the newest one taken since."""

    last: Medication
    baseline: Measurement | None
    now: Measurement | None


def course(facts: Facts, days: Decimal) -> Course | None:
    """The treatment that a new dose continues, or None: a dose longer ago than `days` belongs to an earlier one.

    An active order stands for the last dose where no dose is recorded as given.
    """
    last = _last(facts, days)
    if last is None or last.when is None:
        return None
    dated = tuple((m, m.when) for m in facts.measurements if m.name == "creatinine" and m.when)
    baseline = next((m for m, when in dated if when.latest <= last.when.latest), None)
    newest = next((m for m, when in dated[:1] if when.latest > last.when.latest), None)
    return Course(last, baseline, newest)


def _last(facts: Facts, days: Decimal) -> Medication | None:
    given = (m for m in bone_agents.doses_given(facts, "zoledronic_acid"))
    recent = (m for m in given if m.when and m.when.maybe_within(days, facts.as_of))
    running = (m for m in bone_agents.ordered(facts, "zoledronic_acid") if not m.draft and m.when)
    return next(recent, None) or next(running, None)
