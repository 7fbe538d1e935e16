"""What is on record already when an assessment is entered: shown, kept in sight, and never calmed down unasked."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from hooks.facts import Assessment, Facts, Measurement, When
from hooks.questions import grid, recorded

TODAY = date(2026, 11, 24)


def on(days: int) -> When:
    return When.on(TODAY - timedelta(days=days))


def assessed(name: str, value: str | None, days: int, level: str | None = None, **items: int) -> Assessment:
    return Assessment(f"Observation/{name}{days}", name, value, on(days), level, tuple(items.items()))


def measured(name: str, value: str, days: int) -> Measurement:
    return Measurement(f"Observation/{name}{days}", name, Decimal(value), on(days))


def axis(facts: Facts, name: str) -> grid.Axis:
    return next(one for one in grid.of(facts) if one.name == name)


def test_an_unstable_score_stays_in_sight_behind_a_stable_one() -> None:
    new, old, other = assessed("sins", "3", 0, "T12"), assessed("sins", "14", 1, "T12"), assessed("sins", "5", 2, "L3")
    mechanical = axis(Facts(TODAY, assessments=(new, old, other)), "Mechanical")
    assert mechanical.state == "Stable now, unstable before"
    assert mechanical.facts == (new, other)
    assert mechanical.earlier == (old,)


def test_what_was_calmer_before_or_is_elsewhere_is_not_kept_in_sight() -> None:
    facts = Facts(TODAY, assessments=(assessed("sins", "14", 0, "T12"), assessed("sins", "3", 1, "T12")))
    assert axis(facts, "Mechanical").earlier == ()
    assert axis(facts, "Mechanical").state == "Unstable"
    facts = Facts(TODAY, assessments=(assessed("escc", "escc-0", 0, "T5"), assessed("escc", "escc-3", 9, "T8")))
    assert axis(facts, "Neurologic").earlier == ()
    worse = assessed("escc", "escc-3", 9, "T5")
    facts = Facts(TODAY, assessments=(assessed("escc", "escc-0", 0, "T5"), worse))
    assert axis(facts, "Neurologic").earlier == (worse,)


def test_recorded_prognosis_scores_and_old_estimates_are_in_the_grid_and_settle_nothing() -> None:
    scores = tuple(assessed(name, "2", 3) for name in ("tokuhashi", "tomita", "bauer", "nesms", "katagiri"))
    old = (measured("ecog", "1", 200), measured("life_expectancy", "8", 400))
    systemic = axis(Facts(TODAY, assessments=scores, measurements=old), "Systemic")
    assert systemic.state == "Not known"
    assert systemic.scores == scores
    assert systemic.old == old
    assert systemic.facts == ()
    fresh = axis(Facts(TODAY, measurements=(measured("life_expectancy", "8", 3),)), "Systemic")
    assert fresh.old == ()
    assert fresh.facts


@pytest.mark.parametrize(("old", "new"), [
    (assessed("sins", "14", 1, "T12"), assessed("sins", "3", 0, "T12")),
    (assessed("sins", "7", 1, "T12"), assessed("sins", "6", 0, "T12")),
    (assessed("sins", None, 1, "T12", pain=3, lesion=2, alignment=4, collapse=3), assessed("sins", "12", 0, "T12")),
    (assessed("escc", "escc-2", 1, "T5"), assessed("escc", "escc-1b", 0, "T5")),
    (assessed("escc", "escc-1c", 1, "T5"), assessed("escc", "escc-1b", 0, "T5")),
    (assessed("frankel", "frankel-c", 1), assessed("frankel", "frankel-d", 0)),
    (assessed("ais", "ais-a", 1), assessed("ais", "ais-e", 0)),
    (measured("life_expectancy", "2", 1), measured("life_expectancy", "3", 0)),
    (measured("ecog", "3", 1), measured("ecog", "1", 0)),
    (measured("kps", "30", 1), measured("ecog", "0", 0)),
    (Assessment("Observation/u", "sins", "14", None, "T12"), assessed("sins", "3", 0, "T12")),
])  # fmt: skip
def test_a_calmer_entry_is_seen(old: Assessment | Measurement, new: Assessment | Measurement) -> None:
    facts = Facts(
        TODAY,
        assessments=(old,) if isinstance(old, Assessment) else (),
        measurements=(old,) if isinstance(old, Measurement) else (),
    )
    assert recorded.graver(facts, new) == (old,)
    assert recorded.newest(facts, new.name) == (old,)


@pytest.mark.parametrize(("old", "new"), [
    (assessed("sins", "14", 1, "T12"), assessed("sins", "13", 0, "T12")),
    (assessed("sins", "3", 1, "T12"), assessed("sins", "14", 0, "T12")),
    (assessed("sins", "14", 1, "T12"), assessed("sins", "3", 0, "L3")),  # takes nothing away at T12
    (assessed("sins", "14", 1, "T12"), assessed("sins", "3", 9, "T12")),  # older than what is on record
    (assessed("frankel", "frankel-e", 1), assessed("frankel", "frankel-d", 0)),
    (assessed("frankel", "frankel-a", 1), assessed("ais", "ais-e", 0)),  # another scale, which has its own newest
    (assessed("tokuhashi", "2", 1), assessed("tokuhashi", "12", 0)),
])  # fmt: skip
def test_what_replaces_nothing_graver_is_not_asked_about(old: Assessment, new: Assessment) -> None:
    assert recorded.graver(Facts(TODAY, assessments=(old,)), new) == ()
