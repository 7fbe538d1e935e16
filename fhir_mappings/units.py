"""Numbers with units, turned into the one unit that the rules use, or refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from importlib import resources
from types import MappingProxyType

from fhir_mappings.resources import Quantity

UCUM = "http://unitsofmeasure.org"


def _multiply(factor: Decimal, value: Decimal) -> Decimal:
    return value * factor


def _divide(factor: Decimal, value: Decimal) -> Decimal:
    return value / factor


def _conversion(entry: str | Mapping[str, str]) -> Callable[[Decimal], Decimal]:
    if isinstance(entry, str):
        return partial(_multiply, Decimal(entry))
    return partial(_divide, Decimal(entry["divide"]))


def _load() -> tuple[dict[str, dict[str, Callable[[Decimal], Decimal]]], dict[str, str]]:
    tables = tomllib.loads((resources.files("fhir_mappings") / "units.toml").read_text(encoding="utf-8"))
    spellings = tables.pop("spellings")
    return {
        name: {unit: _conversion(entry) for unit, entry in table.items()} for name, table in tables.items()
    }, spellings


_tables, _spellings = _load()
CONVERSIONS: Mapping[str, Mapping[str, Callable[[Decimal], Decimal]]] = MappingProxyType(_tables)
SPELLINGS: Mapping[str, str] = MappingProxyType(_spellings)
SCORES = frozenset(name for name, table in CONVERSIONS.items() if "{score}" in table)


def unit(name: str, quantity: Quantity) -> str | None:
    """The UCUM unit of a quantity as our table for `name` lists it; None when it is not listed or contradicts itself.

    A UCUM code counts before the printed unit. A quantity without any unit is accepted for scores alone.
    """
    if quantity.system and quantity.system != UCUM and quantity.code:
        written = quantity.unit
    else:
        written = quantity.code or quantity.unit
    if not written:
        return "1" if name in SCORES else None
    if name in SCORES and written.startswith("{"):
        return "{score}"  # UCUM annotations such as {0-10} carry no dimension
    table = CONVERSIONS[name]
    return written if written in table else SPELLINGS.get(written) if SPELLINGS.get(written) in table else None


# A bound ("> 60", "< 0.2") counts as the number itself only where the number is then the worst that the true value can
# be for every rule that reads it: a clearance above 60 is judged as 60, a creatinine below 0.2 as 0.2, a life
# expectancy above 6 months as 6. Not vitamin D "< 30", which may be 4; not calcium, which is harmful on either side;
# not alkaline phosphatase, where a high reading asks for a scan and a low one speaks against it.
SAFE_BOUNDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "creatinine": ("<", "<="),
        "creatinine_clearance": (">", ">="),
        "vitamin_d": (">", ">="),
        "life_expectancy": (">", ">="),
    }
)


def convert(name: str, quantity: Quantity | None) -> Decimal | None:
    """The value in the unit of the rules; None for no value, an unsafe bound, or a unit that is not understood."""
    if quantity is None or quantity.value is None:
        return None
    if quantity.comparator and quantity.comparator not in SAFE_BOUNDS.get(name, ()):
        return None
    found = unit(name, quantity)
    # repr gives the digits that were sent, where the float would add its own
    return None if found is None else CONVERSIONS[name][found](Decimal(repr(quantity.value)))
