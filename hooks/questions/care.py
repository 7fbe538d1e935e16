"""Goals of care, pain, consults: what has been said and arranged for the patient as a person."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from importlib import resources

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding, Measurement, Order, Procedure, When

CONSULTS = {
    "spine surgery": ("consult_spine_neurosurgery", "consult_spine_orthopaedic"),
    "radiation oncology": ("consult_radiation_oncology",),
    "medical oncology": ("consult_medical_oncology",),
}
PLACED = ("draft", "active", "completed")


THRESHOLDS = knowledge.read_thresholds(
    "care",
    tomllib.loads((resources.files("hooks.questions") / "care.toml").read_text(encoding="utf-8"), parse_float=Decimal),
    {},
)


@asked_once
def comfort_focused(facts: Facts) -> tuple[Finding | Procedure, ...]:
    """Hospice care that is active. Palliative care and a do-not-resuscitate order alone are not limits of treatment.

    It limits what is offered, so that a procedure counts only while it goes on or its date is surely recent.
    """
    days = THRESHOLDS["hospice_procedure"].value
    done = tuple(
        p
        for p in facts.procedures
        if "hospice_care" in p.concepts
        and (p.status == "in-progress" or (p.when and p.when.surely_within(days, facts.as_of)))
    )
    return facts.finding("hospice_care") + done


def pain_at_least(facts: Facts, score: Decimal, days: Decimal) -> Measurement | None:
    """The newest pain score, if it is that high and not older than `days`."""
    newest = facts.measured("pain_score")
    if newest and newest.when and newest.when.maybe_within(days, facts.as_of) and newest.value >= score:
        return newest
    return None


def placed(facts: Facts, concepts: tuple[str, ...], since: date | None = None) -> tuple[Order, ...]:
    """Orders of a kind that are in draft, active or done; with `since` those authored then or later, or undated."""
    found = [o for o in _placed(facts) if not o.concepts.isdisjoint(concepts)]
    if since is None:
        return tuple(found)
    return tuple([o for o in found if o.when is None or o.when.latest >= since or o.status != "completed"])


@asked_once
def _placed(facts: Facts) -> tuple[Order, ...]:
    return tuple([o for o in facts.orders if o.status in PLACED])


def newest(*dates: When | None) -> When | None:
    """The latest of some dates, leaving out those not known."""
    known = [when for when in dates if when]
    return max(known, key=lambda when: when.latest) if known else None


@asked_once
def pain_scores(facts: Facts, days: Decimal) -> tuple[Measurement, ...]:
    """Dated pain scores not older than `days`, newest first."""
    scores = (m for m in facts.measurements if m.name == "pain_score")
    return tuple(m for m in scores if m.when and m.when.maybe_within(days, facts.as_of))


def recent_orders(facts: Facts, concepts: tuple[str, ...], days: Decimal) -> tuple[Order, ...]:
    """Orders of a kind placed at most `days` ago, or nobody wrote when."""
    return tuple(o for o in placed(facts, concepts) if o.when is None or o.when.maybe_within(days, facts.as_of))
