"""A site's own unit texts: a quantity that carries one, and no UCUM code, gets the code that the site says it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_mappings import units
from fhir_mappings.resources import Observation, Quantity
from fhir_mappings.units import UCUM


class LocalUnitsError(ValueError):
    """An entry that cannot be relied on; the message names it."""


def read(stated: Mapping[str, str]) -> dict[str, str]:
    """Own text, without its spaces -> UCUM code. Raises LocalUnitsError for the first entry that cannot be used.

    A text that we know keeps its meaning: "g/L" for g/dL would be a slip that turns results into others, unnoticed.
    """
    own: dict[str, str] = {}
    for written, code in stated.items():
        plain = units.spelt(written)
        if not plain:
            raise LocalUnitsError(f"{written!r} is no unit text")
        if code not in units.KNOWN:
            known = ", ".join(sorted(units.KNOWN))
            raise LocalUnitsError(f"{written!r}: {code!r} is none of the units that are understood: {known}")
        if plain in units.KNOWN and plain != code:
            raise LocalUnitsError(f"{written!r} is understood as {plain} already and keeps its meaning")
        if own.setdefault(plain, code) != code:
            raise LocalUnitsError(f"{written!r} is mapped to two units: {own[plain]} and {code}")
    return own


def add_codes(resource: object, own: Mapping[str, str]) -> None:
    """Codes the quantities of a decoded observation, limits and components included, that carry a text of the site."""
    for quantity in _quantities(resource) if isinstance(resource, Observation) else ():
        meant = own.get(units.spelt(_written(quantity)))
        if meant:
            quantity.system, quantity.code = UCUM, meant


def _quantities(observation: Observation) -> Iterator[Quantity]:
    for valued in (observation, *(observation.component or ())):
        yield from (valued.valueQuantity,) if valued.valueQuantity else ()
        for limits in valued.referenceRange or ():
            yield from (limit for limit in (limits.low, limits.high) if limit)


def _written(quantity: Quantity) -> str:
    """What may be the site's text: not beside a UCUM code; a code without a system counts before the printed unit."""
    if quantity.code and quantity.system == UCUM:
        return ""
    if quantity.code and not quantity.system:
        return quantity.code
    return quantity.unit or quantity.code or ""
