"""Imaging that was performed, from studies, procedures and completed orders: modality and part of the spine."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from datetime import date
from typing import Any

from fhir_mappings import coded, codes, extensions, versions
from fhir_mappings.chart import Chart
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import ImagingStudy, Procedure, ServiceRequest
from hooks.facts import Imaging

MODALITIES = {
    "modality_mr": "MR",
    "modality_ct": "CT",
    "modality_nuclear_medicine": "NM",
    "modality_plain_film": "XR",
    "pet_ct": "PT",
}
RANK = ("ImagingStudy", "Procedure", "ServiceRequest")  # which record of one examination tells most of it
CODED = {  # value set of the procedure -> modality, regions
    "mri_whole_spine": ("MR", {"whole"}),
    "mri_cervical": ("MR", {"cervical"}),
    "mri_thoracic": ("MR", {"thoracic"}),
    "mri_lumbar": ("MR", {"lumbar"}),
    "mri_cervical_thoracic": ("MR", {"cervical", "thoracic"}),
    "mri_spine_unspecified_region": ("MR", {"spine"}),
    "ct_spine": ("CT", {"spine"}),
    "ct_myelogram": ("CT", {"spine"}),
    "ct_cervical": ("CT", {"cervical"}),
    "ct_thoracic": ("CT", {"thoracic"}),
    "ct_lumbar": ("CT", {"lumbar"}),
    "xray_spine": ("XR", {"spine"}),
    "bone_scan": ("NM", {"spine"}),
    "pet_ct": ("PT", {"spine"}),
}
REGIONS = {
    "C": {"cervical"},
    "T": {"thoracic"},
    "L": {"lumbar"},
    "S": {"sacral"},
    "cervical": {"cervical"},
    "thoracic": {"thoracic"},
    "lumbar": {"lumbar"},
    "sacral": {"sacral"},
    "spine": {"spine"},
    "cervico-thoracic": {"cervical", "thoracic"},
    "thoraco-lumbar": {"thoracic", "lumbar"},
    "lumbo-sacral": {"lumbar", "sacral"},
}
NO_LINKS: frozenset[str] = frozenset()
_Code = tuple[str | None, str | None]  # system and code


def read(chart: Chart) -> tuple[Imaging, ...]:
    """Every performed study of a modality that we know, newest first, each once. Free text never tells the region."""
    found = _once(
        chart,
        (
            *(imaging for kept in chart.of(ImagingStudy) for imaging in _study(kept)),
            *(imaging for kept in chart.of(Procedure) for imaging in _performed(kept)),
            *(imaging for kept in chart.of(ServiceRequest) for imaging in _ordered(kept)),
        ),
    )
    found.sort(key=lambda i: (i.when.latest.isoformat() if i.when else "", i.source), reverse=True)
    return tuple(found)


def _study(kept: Kept[ImagingStudy]) -> list[Imaging]:
    study = kept.resource
    codings, sites = set[_Code](), set[_Code]()  # each once: all series of a study say much the same
    for one in study.modality or ():
        codings.add((one.system, one.code))
    for series in study.series or ():
        if series.modality:
            codings.add((series.modality.system, series.modality.code))
        if series.bodySite:
            sites.add((series.bodySite.system, series.bodySite.code))
    regions: dict[str, set[str]] = {}
    for concept in kept.concepts & CODED.keys():
        regions.setdefault(CODED[concept][0], set()).update(CODED[concept][1])
    named = {modality for system, code in codings if (modality := _modality(system, code))}
    shown, label = _regions(sites), _label(study)
    return [
        Imaging(
            kept.reference,
            modality,
            frozenset(regions[modality] | shown if modality in regions else shown),
            kept.when,
            label,
        )
        for modality in sorted(named | regions.keys())
    ]


def _label(study: ImagingStudy) -> str:
    return study.description or next((text for c in study.procedureCode or () if (text := coded.label(c))), "")


def _modality(system: str | None, code: str | None) -> str | None:
    """DICOM modality codes are short and unmistakable: they are taken without a system too, as many EHRs send them."""
    if code == "PT":
        return "PT"
    ours = MODALITIES.keys() & codes.concepts(system or codes.DICOM, code)
    return MODALITIES[min(ours)] if ours else None


def _regions(sites: Iterable[_Code]) -> set[str]:
    found: set[str] = set()
    for system, code in sites:
        level = codes.level(system or codes.DICOM_BODY_PART, code)
        if level:
            found |= REGIONS.get(level) or REGIONS[level[0]]
    return found


def _performed(kept: Kept[Procedure]) -> Iterator[Imaging]:
    procedure = kept.resource
    if procedure.status == "completed":
        yield from _from_codes(kept, coded.label(procedure.code))


def _ordered(kept: Kept[ServiceRequest]) -> Iterator[Imaging]:
    """A completed order was performed on or after the day it was written, which is all that the rules ask."""
    order = kept.resource
    if order.status == "completed" and not order.doNotPerform:
        yield from _from_codes(kept, coded.label(order.code), coded.concepts(order.code))


def _from_codes(kept: Kept[Any], label: str, concepts: frozenset[str] | None = None) -> Iterator[Imaging]:
    for concept in sorted((kept.concepts if concepts is None else concepts) & CODED.keys()):
        modality, regions = CODED[concept]
        yield Imaging(kept.reference, modality, frozenset(regions), kept.when, label)


def _once(chart: Chart, found: Iterable[Imaging]) -> list[Imaging]:
    """One examination that is on record as study, procedure and order: told once, by the first of these.

    It is the same when one names the other (based on, procedure reference), or, of the same modality and the same known
    day, when one shows no more than the other. Two parts of the spine on one day are two examinations. The regions of
    both are kept: a study's series often name one body part where the procedure's code says "whole spine".
    """
    ranked = sorted(found, key=lambda i: (RANK.index(_kind(i)), i.source, i.modality))
    links = _links(chart, {one.source for one in ranked})
    told = _Told()
    for one in ranked:
        told.add(one, links.get(one.source, NO_LINKS))
    return told.examinations


def _kind(one: Imaging) -> str:
    """The type of the record: "Type/id", or "Type without id" and where it came."""
    return one.source.partition("/")[0].partition(" ")[0]


class _Told:
    """The examinations found so far, each to be met again by what it comes from, or by day, kind of record and regions.

    There are few sets of regions, however many images were taken on one day: each is compared once.
    """

    def __init__(self) -> None:
        self.examinations: list[Imaging] = []
        self._by_origin: dict[tuple[str, str], list[int]] = {}
        self._by_day: dict[_Day, dict[str, dict[frozenset[str], list[int]]]] = {}  # kind of record -> regions -> places

    def add(self, one: Imaging, origins: frozenset[str]) -> None:
        """A new examination, or more of one that is known."""
        place = min(self._twins(one), default=len(self.examinations))
        if place == len(self.examinations):
            self.examinations.append(one)
        else:
            known = self.examinations[place]
            self._alike(known)[known.regions].remove(place)
            self.examinations[place] = replace(known, regions=known.regions | one.regions)
        known = self.examinations[place]
        insort(self._alike(known).setdefault(known.regions, []), place)
        for origin in origins:
            self._by_origin.setdefault((one.modality, origin), []).append(place)

    def _twins(self, one: Imaging) -> Iterator[int]:
        """Where the same examination may stand: the first of each group that it fits."""
        for place in self._by_origin.get((one.modality, one.source), ()):
            if self.examinations[place].source != one.source:
                yield place
        if one.when is None or one.when.earliest != one.when.latest:
            return
        own = _kind(one)
        for kind, by_regions in self._by_day.get(_day(one), {}).items():
            for regions, places in by_regions.items() if kind != own else ():
                if places and (_covers(one.regions, regions) or _covers(regions, one.regions)):
                    yield places[0]

    def _alike(self, one: Imaging) -> dict[frozenset[str], list[int]]:
        """Of one modality, day and kind of record: places by regions."""
        return self._by_day.setdefault(_day(one), {}).setdefault(_kind(one), {})


_Day = tuple[str, date | None, date | None]


def _day(one: Imaging) -> _Day:
    return (one.modality, one.when.earliest, one.when.latest) if one.when else (one.modality, None, None)


def _links(chart: Chart, sources: Set[str]) -> dict[str, frozenset[str]]:
    """What those of the studies and procedures say that they come from, if they say it."""
    performed: tuple[Kept[Any], ...] = (*chart.of(ImagingStudy), *chart.of(Procedure))
    found: dict[str, frozenset[str]] = {}
    for kept in performed:
        if kept.reference in sources:
            done = kept.resource
            named = extensions.references(done.basedOn)
            if isinstance(done, ImagingStudy):
                named += extensions.references(done.procedureReference)
            if named:
                found[kept.reference] = frozenset([versions.resolved(chart.names, reference) for reference in named])
    return found


def fulfilled(chart: Chart, performed: Iterable[Imaging]) -> frozenset[str]:
    """Orders of which performed imaging shows every part that they ask for: done, whatever their status still says.

    `performed` is all of it, as read from the chart. An order that stays "active" after its examination would keep the
    next one from being proposed.
    """
    orders = chart.of(ServiceRequest)
    if not orders:
        return frozenset()
    shown: dict[str, set[str]] = {}
    links = _links(chart, {one.source for one in performed})
    for one in performed:
        for order in links.get(one.source, NO_LINKS):
            shown.setdefault(order, set()).update(one.regions)
    asked = {
        kept.reference: set().union(*(CODED[c][1] for c in kept.concepts & CODED.keys()))
        for kept in orders
        if kept.reference in shown
    }
    return frozenset(order for order, regions in asked.items() if regions and _covers(shown[order], regions))


def _covers(shown: Set[str], asked: Set[str]) -> bool:
    whole = "whole" in shown or shown >= {"cervical", "thoracic", "lumbar"}
    return whole or asked <= shown
