"""A site's ConceptMaps and ValueSets, checked line by line: a line that would do nothing or harm stops start-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fhir_mappings import code_files, codes, conflicts, kinds, orderables, spellings
from fhir_mappings.code_files import LocalCodesError, members, text
from fhir_mappings.local_codes import Code, Entry, LocalCodes, OrderCode

# FHIR R4 ConceptMap equivalences that let a local code count as ours: ours means the same, or something wider.
COUNTS = frozenset({"equal", "equivalent", "wider", "subsumes"})
SAME = frozenset({"equal", "equivalent"})  # and these let ours be written as the local code in an order
NOTHING = frozenset({"unmatched", "disjoint"})
VALUE_SET = "urn:spine-cds:value-set:"
CODE = re.compile(r"\S+( \S+)*")  # FHIR's own rule for codes; an order with another one would not be valid
# What Epic calls the things that it places by an action of a card. It has more such systems, none of them of orders.
EPIC = "urn:com.epic.cdshooks."
PLACED = f"{EPIC}action.code.system."
PREFERENCE_LIST, ORDER_SET = f"{PLACED}preference-list-item", f"{PLACED}orderset-item"
PLACED_BY = (PREFERENCE_LIST, ORDER_SET)


def read(files: Mapping[str, bytes], first: Sequence[str] = ()) -> LocalCodes:
    """The maps of a site, by file name. Raises LocalCodesError for the first line that cannot be used.

    `first`: the systems whose codes stand before all others in an order, in this order.
    """
    resources = {name: code_files.load(name, content) for name, content in files.items()}
    entries = tuple(entry for name, resource in resources.items() for entry in _entries(name, resource))
    known: dict[str, dict[str, tuple[Code, ...]]] = {}
    for entry in entries:
        by_system, key = known.setdefault(entry.code, {}), spellings.key(entry.system)
        meant = by_system.get(key, ())
        _agree(entry, meant)
        by_system[key] = tuple(sorted({*meant, entry.ours}))
    ours = {entry.local: known[entry.code][spellings.key(entry.system)] for entry in entries}
    trials = tuple(name for name, resource in resources.items() if resource.get("experimental") is True)
    return LocalCodes(entries, ours, _orders(entries, first), known, trials)


def _entries(name: str, resource: dict[str, Any]) -> Iterator[Entry]:
    return _concept_map(name, resource) if resource["resourceType"] == "ConceptMap" else _value_set(name, resource)


def _agree(entry: Entry, known: Iterable[Code]) -> None:
    """A local code may stand for several of ours only if these mean the same: else one would be read for another."""
    for other in known:
        contradict = any(
            None not in (here, there) and here != there
            for here, there in zip(_particulars(*entry.ours), _particulars(*other), strict=True)
        )
        if contradict or not kinds.meanings(*entry.ours) & kinds.meanings(*other):
            raise LocalCodesError(f"{entry.file}: {entry} is mapped to two things: {other[1]} and {entry.ours[1]}")


def _particulars(system: str, code: str) -> tuple[object, object, object]:
    """What tells codes of one value set apart: a grade, a vertebra, a strength."""
    return codes.score(system, code), codes.level(system, code), codes.dose_mg(system, code)


def _concept_map(name: str, resource: dict[str, Any]) -> Iterator[Entry]:
    code_files.no_r5(f"{name}: ", resource, code_files.R5_OF_MAPS)
    for place, group in members(f"{name}: ", resource, "group"):
        if "unmapped" in group:
            raise LocalCodesError(f"{place}.unmapped: codes must be mapped one by one")
        source = _source(place, text(place, group, "source"))
        for position, element in _named(members(f"{place}.", group, "element")):
            code_files.no_r5(f"{position}.", element, code_files.R5_OF_ELEMENTS)
            local, display = _local(position, source, element)
            for goal in _targets(position, element):
                target, same = _target(position, group, goal), goal["equivalence"] in SAME
                _placed(position, source, target)
                yield Entry(name, source, local, display, target, same)


def _named(found: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Places with the local code that stands there, which is what the site looks for."""
    return ((f"{place} ({one['code']})" if isinstance(one.get("code"), str) else place, one) for place, one in found)


def _targets(place: str, element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The targets that count. Conditions that we cannot check, and "means nothing" beside a meaning, are refused."""
    targets = members(f"{place}.", element, "target")
    for position, target in targets:
        code_files.no_r5(f"{position}.", target, code_files.R5_OF_TARGETS)
        equivalence = text(position, target, "equivalence")
        if target.get("dependsOn") or target.get("product"):
            raise LocalCodesError(f"{place}: a target that depends on something else cannot be used")
        if equivalence in NOTHING and len(targets) > 1:
            raise LocalCodesError(f"{place}: unmatched or disjoint beside another target")
        if equivalence not in COUNTS | NOTHING:
            raise LocalCodesError(f"{place}: equivalence {equivalence!r} is not safe to count as ours")
        if equivalence in COUNTS:
            yield target


def _source(place: str, system: str) -> str:
    """The system of the local codes as orders and searches have to write it; other spellings of it are read too."""
    tidied = spellings.tidy(system)
    if tidied in PLACED_BY or tidied.startswith("urn:oid:"):
        return tidied
    if tidied.startswith(EPIC):
        raise LocalCodesError(f"{place}: {system} is no system of orders; those are {' and '.join(PLACED_BY)}")
    if re.search(r"\s", system):
        raise LocalCodesError(f"{place}: a system has no spaces: {system!r}")
    return system


def _local(place: str, system: str, element: dict[str, Any]) -> tuple[str, str]:
    """Code and display of a local code; one that we know already must not be given another meaning."""
    code, display = text(place, element, "code"), element.get("display", "")
    if not CODE.fullmatch(code):
        raise LocalCodesError(f"{place}.code: no code of FHIR, which has single spaces at most: {code!r}")
    if not isinstance(display, str):
        raise LocalCodesError(f"{place}.display: must be a text")
    if codes.concepts(spellings.key(system), code):
        raise LocalCodesError(f"{place}: {system}|{code} is one of our own codes and keeps its meaning")
    return code, display.strip()


def _target(place: str, group: dict[str, Any], goal: dict[str, Any]) -> Code:
    """Our code, as our value sets write it. A map to a code that means nothing to us would be silent for ever."""
    written, code = text(place, group, "target"), text(f"{place}.target", goal, "code")
    system = spellings.known(written)
    if system is None:
        known = ", ".join(sorted(spellings.SYSTEMS))
        raise LocalCodesError(f"{place}: target {written}|{code}: the system is none of ours: {known}")
    if not codes.concepts(system, code) and not _is_assessment(system, code):
        raise LocalCodesError(f"{place}: target {written}|{code} is in none of our value sets")
    return _as_listed(system, code)


def _is_assessment(system: str, code: str) -> bool:
    return system == codes.ASSESSMENT and codes.label(system, code) is not None


def _as_listed(system: str, code: str) -> Code:
    """The code as it is written where it is listed: searches and answers compare letter by letter."""
    listed = (one for concept in codes.concepts(system, code) for one in codes.codings(concept))
    own = ((system, one, "") for one in _assessments()) if system == codes.ASSESSMENT else ()
    for known, one, _ in (*listed, *own):
        if known == system and _letters(one) == _letters(code):
            return known, one
    return system, code  # within an ICD-10-CM category


def _letters(code: str) -> str:
    return code.strip().upper().replace(".", "")


def _assessments() -> Iterator[str]:
    waiting = list(codes.code_systems()["assessment"]["concept"])
    for concept in waiting:
        yield concept["code"]
        waiting += concept.get("concept", ())


def _placed(place: str, source: str, target: Code) -> None:
    """What an EHR places by its own lists must be something that we propose, in a strength that we propose."""
    if source not in PLACED_BY:
        return
    concepts, dose = codes.concepts(*target) & orderables.CODINGS.keys(), codes.dose_mg(*target)
    named = f"{place}: target {target[0]}|{target[1]}"
    if not concepts:
        raise LocalCodesError(
            f"{named} is nothing that is proposed as an order; what is: {', '.join(orderables.CODINGS)}"
        )
    for concept in concepts & orderables.DOSES.keys():
        if source == ORDER_SET:
            raise LocalCodesError(f"{named} is a drug, and Epic places order sets as services only")
        if dose is not None and dose not in orderables.DOSES[concept]:
            raise LocalCodesError(f"{named} is a strength that is never proposed: {dose} mg")


def _value_set(name: str, resource: dict[str, Any]) -> Iterator[Entry]:
    """Local codes that belong to one of our value sets, which the resource names as its url."""
    target = _stand_in(name, str(resource.get("url")))
    compose = resource.get("compose")
    if not isinstance(compose, dict):
        raise LocalCodesError(f"{name}: compose: is needed; an expansion is not read")
    if "exclude" in compose:
        raise LocalCodesError(f"{name}: compose.exclude: list what belongs, one by one")
    for place, include in members(f"{name}: compose.", compose, "include"):
        if "filter" in include or "valueSet" in include or "concept" not in include:
            raise LocalCodesError(f"{place}: local codes must be listed one by one")
        source = _source(place, text(place, include, "system"))
        for position, entry in _named(members(f"{place}.", include, "concept")):
            local, display = _local(position, source, entry)
            _placed(position, source, target)
            yield Entry(name, source, local, display, target, same=True)


def _stand_in(name: str, url: str) -> Code:
    """A code of the value set that means what all its codes mean: no grade, vertebra, strength or subset beyond it."""
    concept = url.removeprefix(VALUE_SET).replace("-", "_")
    if not url.startswith(VALUE_SET) or concept not in codes.value_sets():
        raise LocalCodesError(f"{name}: url: must be the url of one of our value sets, such as {VALUE_SET}back-pain")
    listed = [(system, code) for system, code, _ in codes.codings(concept)]
    if not listed:
        raise LocalCodesError(f"{name}: url: {concept} holds whole categories only; map to one of its codes")
    common = frozenset.intersection(*(codes.concepts(*one) for one in listed))
    plain = (None, None, None)
    found = [one for one in listed if codes.concepts(*one) == common and _particulars(*one) == plain]
    if concept in kinds.KINDS[kinds.UNREAD].concepts:
        raise LocalCodesError(f"{name}: url: {concept} is read by no rule")
    if not found or concept in conflicts.BROAD:
        raise LocalCodesError(
            f"{name}: url: the codes of {concept} mean different things; map each local code to one of them"
        )
    return found[0]


def _orders(entries: Iterable[Entry], first: Sequence[str]) -> dict[str, tuple[OrderCode, ...]]:
    """The site's codes for each orderable: any that means the same as one of its codes, each once."""
    found: dict[str, dict[Code, tuple[Any, OrderCode]]] = {}
    for entry in (one for one in entries if one.same):
        dose = codes.dose_mg(*entry.ours)
        code = OrderCode(entry.system, entry.code, entry.display, None if dose is None else Decimal(dose))
        for concept in sorted(codes.concepts(*entry.ours) & orderables.CODINGS.keys()):
            ranked = (_rank(entry, concept, first), code)
            of_concept = found.setdefault(concept, {})
            of_concept[entry.local] = min(of_concept.get(entry.local, ranked), ranked, key=lambda one: one[0])
    return {
        concept: tuple(code for _, code in sorted(ranked.values(), key=lambda one: one[0]))
        for concept, ranked in found.items()
    }


def _rank(entry: Entry, concept: str, first: Sequence[str]) -> tuple[object, ...]:
    """By what a code is, never by where it stands: systems to come first; what means just what we order; its name."""
    system = first.index(entry.system) if entry.system in first else len(first)
    written = any((one["system"], one["code"]) == entry.ours for one in orderables.CODINGS[concept])
    dose = codes.dose_mg(*entry.ours)
    return system, not (written or dose), dose is None, *entry.local, not entry.display, entry.display
