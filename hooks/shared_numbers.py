"""Numbers by which a rule decides and that are kept beside a question or score which several rules share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import ModuleType

from hooks.knowledge import Threshold
from hooks.questions import care, noms, stability, zoledronic_dose
from hooks.run import Rule
from hooks.scores import sins

STEPS = ("clearance_", "dose_")


@dataclass(frozen=True, slots=True)
class Shared:
    """One number, and the file that it is kept in."""

    number: Threshold
    kept_in: str


def of_rule(rule: Rule) -> dict[str, Shared]:
    """The numbers of the questions that a rule's module asks by itself, by name; rather too many than too few."""
    asked = [one for one in vars(rule).values() if isinstance(one, ModuleType)]
    files = {kept_in: numbers for one, kept_in, numbers in _kept() if one in asked}
    own = f"hooks/rules/{rule.KNOWLEDGE.rule}.toml"
    return {
        name: Shared(number, kept_in)
        for kept_in, numbers in files.items()
        if kept_in != own
        for name, number in numbers.items()
    }


def _kept() -> Iterator[tuple[ModuleType, str, Mapping[str, Threshold]]]:
    yield sins, "hooks/scores/sins.py", _sins()
    yield stability, "hooks/scores/sins.py", _sins()
    yield noms, "hooks/questions/noms.toml", {f"noms_{name}": one for name, one in noms.TABLE.thresholds.items()}
    table = zoledronic_dose.TABLE
    # A dose is only stated where it is proposed; whoever asks this question compares an order with it.
    steps = {n: replace(one, decides=True) for n, one in table.thresholds.items() if n.startswith(STEPS)}
    yield zoledronic_dose, f"hooks/rules/{table.rule}.toml", steps
    yield care, "hooks/questions/care.toml", care.THRESHOLDS


def _sins() -> dict[str, Threshold]:
    """The bands as the score module has them; the points are those of the first score of each band."""
    words = {
        "sins_potentially_unstable": (sins.STABLE_MAX + 1, "From here on potentially unstable; below it stable."),
        "sins_unstable": (sins.INDETERMINATE_MAX + 1, "From here on unstable."),
        "sins_mechanical_pain": (sins.MECHANICAL_PAIN, "Points of mechanical pain."),
    }
    return {name: Threshold(Decimal(points), "{score}", "sins-2010", note) for name, (points, note) in words.items()}
