"""How often a drug is to be given, as far as an order says it in a form that leaves no doubt."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.json import Decoder

from fhir_mappings.answers import NOT_JSON
from fhir_mappings.resources import ABSENT, Dosage

DAYS = {"d": 1, "wk": 7}
LONGEST = 3660  # days; what is written beyond that, or as "NaN", is no interval


class Repeat(Struct, gc=False):
    """The parts of Timing.repeat that tell an interval, and those that make it less plain."""

    frequency: int | None = None
    frequencyMax: int | None = None
    period: float | None = None
    periodMax: float | None = None
    periodUnit: str | None = None
    count: int | None = None


class Timing(Struct, gc=False):
    repeat: Repeat | None = None


_decode = Decoder(Timing, strict=False).decode


def weeks(dosages: Sequence[Dosage]) -> tuple[int | None, bool]:
    """Whole weeks between single doses, or None; and whether an interval may be written that was not understood.

    Free text counts as such: "4 mg every 12 weeks" must not be taken for an order without an interval.
    """
    if len(dosages) == 1 and dosages[0].timing != ABSENT:
        found = _interval(dosages[0])
        return found, found is None
    return None, any(dosage.timing != ABSENT or dosage.text != ABSENT for dosage in dosages)


def _interval(dosage: Dosage) -> int | None:
    try:
        repeat = _decode(dosage.timing).repeat
    except NOT_JSON:
        return None
    if repeat is None or repeat.period is None or repeat.frequency not in (None, 1):
        return None
    if repeat.frequencyMax or repeat.periodMax or repeat.count:
        return None
    days = repeat.period * DAYS.get(repeat.periodUnit or "", 0)
    return int(days) // 7 if 0 < days <= LONGEST and days % 7 == 0 else None
