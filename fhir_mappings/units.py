"""Numbers with units, turned into the one unit that the rules use, or refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from importlib import resources
from math import isfinite
from types import MappingProxyType

from fhir_mappings.resources import Quantity

UCUM = "http://unitsofmeasure.org"


def _multiply(factor: Decimal, value: Decimal) -> Decimal:
    return value * factor


def _divide(factor: Decimal, value: Decimal) -> Decimal:
    return value / factor


def _as_it_is(value: Decimal) -> Decimal:
    return value


def _conversion(entry: str | Mapping[str, str]) -> Callable[[Decimal], Decimal]:
    if entry == "1":
        return _as_it_is
    if isinstance(entry, str):
        return partial(_multiply, Decimal(entry))
    return partial(_divide, Decimal(entry["divide"]))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a quantity gives no number, in words for the reader."""

    reason: str


NO_VALUE = Problem("value not understood")
COMPARATOR = Problem("has a comparator")
CONTRADICTION = Problem("unit and code contradict each other")
UNIT = Problem("unit not understood")
IMPLAUSIBLE = Problem("not plausible")


_Tables = dict[str, dict[str, Callable[[Decimal], Decimal]]]


def _load() -> tuple[_Tables, dict[str, str], dict[str, tuple[Decimal, Decimal]]]:
    tables = tomllib.loads((resources.files("fhir_mappings") / "units.toml").read_text(encoding="utf-8"))
    spellings, plausible = tables.pop("spellings"), tables.pop("plausible")
    return (
        {name: {unit: _conversion(entry) for unit, entry in table.items()} for name, table in tables.items()},
        spellings,
        {name: (Decimal(lowest), Decimal(highest)) for name, (lowest, highest) in plausible.items()},
    )


_tables, _spellings, _plausible = _load()
CONVERSIONS: Mapping[str, Mapping[str, Callable[[Decimal], Decimal]]] = MappingProxyType(_tables)
SPELLINGS: Mapping[str, str] = MappingProxyType(_spellings)
PLAUSIBLE: Mapping[str, tuple[Decimal, Decimal]] = MappingProxyType(_plausible)
KNOWN = frozenset(written for table in CONVERSIONS.values() for written in table)
SCORES = frozenset(name for name, table in CONVERSIONS.items() if "{score}" in table)


def unit(name: str, quantity: Quantity) -> str | Problem:
    """The UCUM unit of a quantity as our table for `name` lists it, or why there is none.

    A UCUM code counts before the printed unit, but where both are known they must mean the same: which of them the
    writer meant is not ours to guess. A quantity without any unit is accepted for scores alone.
    """
    printed, system = quantity.unit, quantity.system
    written = (quantity.code if system == UCUM or not system else None) or printed
    if not written:
        return "1" if name in SCORES else UNIT
    if name in SCORES and written.startswith("{"):
        return "{score}"  # UCUM annotations such as {0-10} carry no dimension
    table = _tables[name]
    found = written if written in table else spelt(written)
    if found not in table:
        return UNIT
    if printed == written or not printed:
        return found
    printed = spelt(printed)
    return CONTRADICTION if printed in KNOWN and not _alike(name, found, printed) else found


def spelt(written: str) -> str:
    """The unit as our tables list it, whatever spaces it was written with; an unknown one comes back without them."""
    if written in KNOWN:
        return written
    plain = "".join(written.split())
    return plain if plain in KNOWN else SPELLINGS.get(plain, plain)


def _alike(name: str, one: str, other: str) -> bool:
    """Are both units of that measurement, of the same size ("U/L" and "[IU]/L")?"""
    table = CONVERSIONS[name]
    return one == other or (other in table and table[one](Decimal(1)) == table[other](Decimal(1)))


# A bound ("> 60", "< 0.2") counts as the number itself only where the number is then the worst that the true value can
# be for every rule that reads it: a clearance above 60 is judged as 60, a creatinine below 0.2 as 0.2, a life
# expectancy above 6 months as 6. Not vitamin D "< 30", which may be 4; not alkaline phosphatase, where a high reading
# asks for a scan and a low one speaks against it.
SAFE_BOUNDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "creatinine": ("<", "<="),
        "creatinine_clearance": (">", ">="),
        "vitamin_d": (">", ">="),
        "life_expectancy": (">", ">="),
    }
)

# Beyond these the truth may be worse than the number, so that it may warn and must not reassure: a calcium above 15 is
# an emergency, though nobody knows how high it is; one above 8 says nothing. Facts carry such a bound with the number.
WARNING_BOUNDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "calcium": (">", ">=", "<", "<="),
        "calcium_corrected": (">", ">=", "<", "<="),
        "calcium_ionised": (">", ">=", "<", "<="),
        "creatinine": (">", ">="),
    }
)


def bound(name: str, quantity: Quantity | None) -> str:
    """ ">" or "<" where the number only warns; "" for a number, and for a bound that counts as one."""
    comparator = quantity.comparator if quantity is not None else None
    return comparator[:1] if comparator and comparator in WARNING_BOUNDS.get(name, ()) else ""


def convert(name: str, quantity: Quantity | None) -> Decimal | None:
    """The value in the unit of the rules; None for everything that `understand` names as a problem."""
    found = understand(name, quantity)
    return None if isinstance(found, Problem) else found


def understand(name: str, quantity: Quantity | None) -> Decimal | Problem:
    """The value in the unit of the rules, or why there is none: no finite number, an unsafe bound, a wrong unit."""
    number = quantity.value if quantity is not None else None
    if quantity is None or number is None or not isfinite(number):
        return NO_VALUE  # JSON knows no NaN, but a number may come as a string
    if quantity.comparator and quantity.comparator not in (*SAFE_BOUNDS.get(name, ()), *WARNING_BOUNDS.get(name, ())):
        return COMPARATOR
    found = unit(name, quantity)
    if isinstance(found, Problem):
        return found
    # repr gives the digits that were sent, where the float would add its own
    value, limits = _tables[name][found](Decimal(repr(number))), _plausible.get(name)
    return value if limits is None or limits[0] <= value <= limits[1] else IMPLAUSIBLE  # in a living adult
