"""What a site's maps hold and what of it will do nothing: lines for the analyst who starts the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from fhir_mappings import kinds, orderables, spellings
from fhir_mappings.code_maps import PLACED_BY
from fhir_mappings.kinds import ANSWERS, ASSESSMENTS, KINDS, LABS, OF_OBSERVATIONS, ORDERS, PROBLEMS, UNREAD
from fhir_mappings.local_codes import Code, Entry, LocalCodes, concepts, searchable

COUNTED = (LABS, PROBLEMS, ORDERS, ANSWERS)  # said even where there is none: a zero is news
SHOWN = 8  # codes in one line; the others are counted
DRUGS, SITES, MODALITIES = "drugs", "sites", "modalities"
READ_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Condition": frozenset({PROBLEMS, ANSWERS, SITES}),  # mCODE writes the morphology beside the diagnosis
        "Observation": OF_OBSERVATIONS | {SITES},
        "ServiceRequest": frozenset({ORDERS, PROBLEMS, SITES}),  # problems as reasons
        "Procedure": frozenset({ORDERS, SITES}),
        "ImagingStudy": frozenset({ORDERS, MODALITIES, SITES}),
        "MedicationRequest": frozenset({DRUGS}),
        "MedicationAdministration": frozenset({DRUGS}),
        "Medication": frozenset({DRUGS}),
        "BodyStructure": frozenset({SITES}),
    }
)


def summary(local: LocalCodes, files: int) -> str:
    """How many local codes of which kind, in one line."""
    found = Counter(_kind(code, ours) for code, ours in local.ours.items())
    counts = ", ".join(f"{name} {found[name]}" for name in KINDS if name in COUNTED or found[name])
    return f"{_number(len(local.ours), 'local code')} from {_number(files, 'file')}: {counts}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _kind(local: Code, ours: Iterable[Code]) -> str:
    if local[0] in PLACED_BY:
        return ORDERS
    read = _read_from(ours)
    return next((name for name in KINDS if name in read), UNREAD)


def _read_from(ours: Iterable[Code]) -> frozenset[str]:
    return frozenset().union(*(kinds.of(*one) for one in ours))


def warnings(local: LocalCodes) -> Iterator[str]:
    """What of the maps can do nothing, or not what it seems to; nothing for a map without such lines."""
    yield from _line("these maps are marked experimental, not for real use", local.trials)
    unread = (_said(one) for one in _once(local) if _kind(one.local, [one.ours]) == UNREAD)
    yield from _line("no rule reads what these local codes are mapped to", unread)
    what = "these local codes are read from another kind of record than their system or file suggests"
    yield from _line(what, _elsewhere(local))
    asked = {LABS, ASSESSMENTS}
    unasked = (one for one in _once(local) if kinds.of(*one.ours) & asked and not searchable(one.local))
    yield from _line("no search can name these local codes, so that they are read only where sent unasked", unasked)
    placed = {(code.system, code.code) for codes_of in local.orders.values() for code in codes_of}
    wider = (one for one in _once(local) if one.system in PLACED_BY and one.local not in placed)
    yield from _line("these are mapped to something wider (wider, subsumes), and so stand in no order", wider)
    yield from _line("several codes for one order, written in this sequence", _several(local))


def _line(what: str, found: Iterable[object]) -> Iterator[str]:
    named = list(dict.fromkeys(map(str, found)))
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    if named:
        yield f"{what}: {', '.join(named[:SHOWN])}{more}"


def _once(local: LocalCodes) -> Iterable[Entry]:
    return {one.local: one for one in local.entries}.values()


def _said(entry: Entry) -> str:
    meant = ", ".join(sorted(kinds.meanings(*entry.ours)))
    where = " or ".join(KINDS[name].where for name in KINDS if name in kinds.of(*entry.ours))
    return f"{entry} -> {meant} (read from {where})" if where else f"{entry} -> {meant}"


def _elsewhere(local: LocalCodes) -> Iterator[str]:
    """Codes that differ from most of their system in where they are read, or from what system and file are called.

    A body site may stand on every record, whatever else its system holds.
    """
    usual = _usual(local)
    for one in _once(local):
        read = _read_from(local.ours[one.local])
        if not read or SITES in read or one.system in PLACED_BY:
            continue
        ours = spellings.known(one.system)
        called = kinds.called(one.file.rpartition("/")[2], one.system)
        if (called and not read & kinds.beside(called)) or (not ours and not read & usual[spellings.key(one.system)]):
            yield _said(one)


def _usual(local: LocalCodes) -> dict[str, frozenset[str]]:
    """System -> from where most of its codes are read; of equally many kinds the first that we know."""
    counts: dict[str, Counter[str]] = {}
    for (system, _), ours in local.ours.items():
        counts.setdefault(spellings.key(system), Counter()).update(kinds.beside(_read_from(ours)))
    return {system: kinds.beside(frozenset({max(KINDS, key=found.__getitem__)})) for system, found in counts.items()}


def _several(local: LocalCodes) -> Iterator[str]:
    for concept, found in local.orders.items():
        named = [one.code for one in found if one.system in PLACED_BY]
        if len(named) > 1:
            yield f"{concept} ({' '.join(named)})"


def orderables_without(local: LocalCodes, system_prefix: str) -> tuple[str, ...]:
    """The orderables (value sets of order_codes.toml) that have no code of a system that begins like this."""
    return tuple(
        concept
        for concept in orderables.CODINGS
        if not any(one.system.startswith(system_prefix) for one in local.orders.get(concept, ()))
    )


def misplaced(resource: object, local: LocalCodes) -> tuple[Code, ...]:
    """The local codes of a decoded resource whose meaning is never read from a resource of this type."""
    read = READ_OF.get(type(resource).__name__, frozenset())
    found = (
        (coding.system or "", coding.code or "")
        for concept in concepts(resource)
        for coding in (concept.coding or () if concept else ())
        if (ours := local.means(coding.system, coding.code)) and not _read_from(ours) & read
    )
    return tuple(dict.fromkeys(found))
