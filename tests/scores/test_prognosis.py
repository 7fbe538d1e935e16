"""Survival scores from the facts of a patient: ranges, never zeros out of gaps."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from hooks.facts import Assessment, Facts, Finding, Measurement, When
from hooks.questions import prognosis

TODAY = When.on(date(2026, 11, 24))


def facts(*concepts: str, ecog: int | None = None, albumin: str | None = None, frankel: str | None = None) -> Facts:
    measured = [("ecog", str(ecog))] if ecog is not None else []
    measured += [("albumin", albumin)] if albumin else []
    return Facts(
        as_of=TODAY.latest,
        findings=tuple(Finding(f"Condition/{n}", frozenset({concept})) for n, concept in enumerate(concepts)),
        measurements=tuple(Measurement(f"Observation/{n}", n, Decimal(v), TODAY) for n, v in measured),
        assessments=(Assessment("Observation/f", "frankel", f"frankel-{frankel}", TODAY),) if frankel else (),
    )


def test_nothing_known_offers_nothing() -> None:
    assert prognosis.lines(facts()) == ()


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (facts("primary_breast"), "Revised Tokuhashi 5 to 15"),
        (facts("primary_breast", ecog=1), "Revised Tokuhashi 6 to 15"),  # ECOG 1 is Karnofsky 70 or 80: 1 or 2 points
        (facts("primary_lung", ecog=3, frankel="a"), "Revised Tokuhashi 0 to 6"),
        (facts("primary_lung", "visceral_or_brain_metastasis"), "Tomita 7 to 10"),
        (facts("primary_lung"), "NESMS 0 to 2"),
        (facts("primary_breast", albumin="3.4"), "NESMS 0 to 3"),
        (facts("primary_myeloma"), "not calibrated for this disease"),
    ],
)
def test_what_is_known_narrows_the_range(known: Facts, line: str) -> None:
    assert line in "\n".join(prognosis.lines(known))


def test_what_is_missing_is_named_in_words() -> None:
    (nesms, *_) = prognosis.lines(facts("primary_breast", albumin="4.0"))
    assert nesms == "NESMS 1 to 3 (0 to 3, higher is better); still needed: modified Bauer score, walking without help."
