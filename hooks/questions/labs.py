"""Calcium corrected once, clearance on unrounded values: what the laboratory results mean together."""

from __future__ import annotations

from decimal import Decimal

from hooks.asked_once import asked_once
from hooks.card_text import BOUND_WORDS
from hooks.facts import Facts, Measurement
from hooks.sealed import sealed

# Zoledronic acid label: corrected Ca (mg/dL) = Ca + 0.8 x (4.0 - albumin g/dL). Cockcroft-Gault: the constants below.
# They are parts of published formulas, not thresholds, and so stand here and not in a knowledge file.
CALCIUM_PER_ALBUMIN = Decimal("0.8")
NORMAL_ALBUMIN_G_DL = Decimal("4.0")
FEMALE_FACTOR = Decimal("0.85")


@sealed()
class Calcium:
    """Calcium as it should be judged. `kind`: "ionised" | "corrected" | "uncorrected" (albumin not known).

    `value`, `low`, `high` are mg/dL, for ionised calcium mmol/L; `because` are the results behind it. `bound`: the true
    value lies above (">") or below ("<") it.
    """

    kind: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    because: tuple[Measurement, ...]

    @property
    def bound(self) -> str:
        return self.because[0].bound

    def __str__(self) -> str:
        beyond = BOUND_WORDS[self.bound]
        if self.kind == "ionised":
            return f"ionised calcium {beyond}{self.value.normalize():f} mmol/L"
        word = "albumin-corrected calcium" if self.kind == "corrected" else "total calcium (albumin not known)"
        return f"{word} {beyond}{round(self.value, 2).normalize():f} mg/dL"


def calcium(
    facts: Facts, days: Decimal | None = None, pairing_days: Decimal | None = None, *, highest: bool = False
) -> Calcium | None:
    """The calcium to judge by: the newest day decides; on one day ionised, then the laboratory's correction, then ours.

    With `days`, results whose date is not surely within them are left out; with `pairing_days`, an albumin further
    than that from its calcium is not used. A result that is already corrected is never corrected again. Of different
    values of one time the lowest counts, or the `highest`, where that is what is feared. A bound that tells nothing of
    what is feared ("> 8" of a low calcium) leaves the calcium unknown, and is not passed over for an older result.
    """
    found = _judged(facts, days, pairing_days, highest)
    return None if found and found.bound == ("<" if highest else ">") else found


@asked_once
def _judged(facts: Facts, days: Decimal | None, pairing_days: Decimal | None, highest: bool) -> Calcium | None:

    def fresh(name: str) -> Measurement | None:
        found = facts.measured(name)
        if found is None or found.when is None:
            return None
        return found if days is None or found.when.surely_within(days, facts.as_of) else None

    ionised, reported, total = fresh("calcium_ionised"), fresh("calcium_corrected"), fresh("calcium")
    if ionised and not _later(reported, ionised) and not _later(total, ionised):
        return Calcium("ionised", _feared(ionised, highest), ionised.low, ionised.high, (ionised,))
    if reported and not _later(total, reported):
        return Calcium("corrected", _feared(reported, highest), reported.low, reported.high, (reported,))
    if total is None:
        return None
    albumin = fresh("albumin")
    if albumin is None or not _together(total, albumin, pairing_days):
        return Calcium("uncorrected", _feared(total, highest), total.low, total.high, (total,))
    # a low albumin means a higher calcium
    value = _feared(total, highest) + CALCIUM_PER_ALBUMIN * (NORMAL_ALBUMIN_G_DL - _feared(albumin, not highest))
    return Calcium("corrected", value, total.low, total.high, (total, albumin))


def _feared(one: Measurement, highest: bool) -> Decimal:
    return (max if highest else min)((one.value, *one.others))


def _later(one: Measurement | None, other: Measurement) -> bool:
    """Was `one` surely taken on a later day? A result of years ago must not stand against that of yesterday."""
    return bool(one and one.when and other.when and one.when.earliest > other.when.latest)


def _together(one: Measurement, other: Measurement, days: Decimal | None) -> bool:
    if days is None or one.when is None or other.when is None:
        return days is None
    return abs((one.when.earliest - other.when.earliest).days) <= days


@sealed()
class Clearance:
    """Creatinine clearance in mL/min, not rounded. Two values when the sex is not recorded; then low < high."""

    low: Decimal
    high: Decimal
    because: tuple[Measurement, ...]

    def __str__(self) -> str:
        beyond = "below " if any(one.bound for one in self.because) else ""  # creatinine is above what it rests on
        if self.low == self.high:
            return f"{beyond}{_one_place(self.low)} mL/min"
        return f"{beyond}{_one_place(self.low)} to {self.upper()} (sex not recorded)"

    def upper(self) -> str:
        """The higher of the two values."""
        return f"{_one_place(self.high)} mL/min"


def _one_place(value: Decimal) -> str:
    """For display, cut and not rounded up: 29.96 must not be shown as 30."""
    return f"{value.quantize(Decimal('0.1'), rounding='ROUND_FLOOR')}"


@asked_once
def creatinine_clearance(facts: Facts) -> Clearance | None:
    """Cockcroft-Gault from age, actual body weight and serum creatinine, or the laboratory's own if that is newer.

    (140 - age) x weight kg / (72 x creatinine mg/dL), x 0.85 for women. eGFR per 1.73 m2 is another quantity and is
    never used. None when an input is not recorded.
    """
    reported = facts.measured("creatinine_clearance")
    creatinine, weight, age = facts.measured("creatinine"), facts.measured("body_weight"), facts.patient.age_years
    newer = creatinine and creatinine.when and reported and reported.when and creatinine.when > reported.when
    if reported and not newer:
        return Clearance(reported.value, reported.value, (reported,))
    if creatinine is None or weight is None or age is None or creatinine.value <= 0 or weight.value <= 0:
        return None
    male = (140 - age) * weight.value / (72 * creatinine.value)
    female = male * FEMALE_FACTOR
    low, high = {"male": (male, male), "female": (female, female)}.get(facts.patient.sex or "", (female, male))
    return Clearance(low, high, (creatinine, weight))


def missing_for_clearance(facts: Facts) -> tuple[str, ...]:
    """What Cockcroft-Gault still needs."""
    return tuple(
        word
        for word, known in (
            ("serum creatinine", facts.measured("creatinine")),
            ("body weight", facts.measured("body_weight")),
            ("date of birth", facts.patient.age_years is not None),
        )
        if not known
    )


def stale(measurements: tuple[Measurement, ...], days: Decimal, facts: Facts) -> tuple[Measurement, ...]:
    """Those that must not reassure: a mere bound, or what `older` names."""
    return tuple([m for m in measurements if m.bound or _is_old(m, days, facts)])


def older(measurements: tuple[Measurement, ...], days: Decimal, facts: Facts) -> tuple[Measurement, ...]:
    """Those whose date is not surely within `days`, or that a newer entry which could not be read may replace."""
    return tuple([m for m in measurements if _is_old(m, days, facts)])


def _is_old(one: Measurement, days: Decimal, facts: Facts) -> bool:
    return one.name in facts.doubtful or not (one.when and one.when.surely_within(days, facts.as_of))
