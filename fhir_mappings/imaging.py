"""Imaging that was performed, from studies, procedures and completed orders: modality and part of the spine."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from typing import Any

from fhir_mappings import coded, codes, extensions, versions
from fhir_mappings.chart import Chart
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import Coding, ImagingStudy, Procedure, ServiceRequest
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
    return tuple(sorted(found, key=lambda i: (i.when.latest.isoformat() if i.when else "", i.source), reverse=True))


def _study(kept: Kept[ImagingStudy]) -> Iterator[Imaging]:
    study = kept.resource
    label = _label(study)
    series = study.series or ()
    sites = _sites(one.bodySite for one in series if one.bodySite)
    regions: dict[str, set[str]] = {}
    for concept in kept.concepts & CODED.keys():
        regions.setdefault(CODED[concept][0], set()).update(CODED[concept][1])
    named = (_modality(one) for one in (*(study.modality or ()), *(s.modality for s in series if s.modality)))
    for modality in sorted({modality for modality in named if modality} | regions.keys()):
        yield Imaging(kept.reference, modality, frozenset(regions.get(modality, set()) | sites), kept.when, label)


def _label(study: ImagingStudy) -> str:
    return study.description or next((text for c in study.procedureCode or () if (text := coded.label(c))), "")


def _modality(coding: Coding) -> str | None:
    """DICOM modality codes are short and unmistakable: they are taken without a system too, as many EHRs send them."""
    concepts = codes.concepts(coding.system or codes.DICOM, coding.code)
    if coding.code == "PT":
        return "PT"
    return next((MODALITIES[concept] for concept in sorted(concepts) if concept in MODALITIES), None)


def _sites(sites: Iterable[Coding]) -> set[str]:
    found: set[str] = set()
    for site in sites:
        level = codes.level(site.system or codes.DICOM_BODY_PART, site.code)
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
    links = dict(_links(chart))
    told = _Told()
    for one in sorted(found, key=lambda i: (RANK.index(i.source.partition("/")[0]), i.source, i.modality)):
        told.add(one, links.get(one.source, frozenset()))
    return told.examinations


class _Told:
    """The examinations found so far, each to be met again by what it comes from, or by day, kind of record and regions.

    There are few sets of regions, however many images were taken on one day: each is compared once.
    """

    def __init__(self) -> None:
        self.examinations: list[Imaging] = []
        self._by_origin: dict[tuple[str, str], list[int]] = {}
        self._by_day: dict[tuple[object, ...], dict[frozenset[str], list[int]]] = {}

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
        own = one.source.partition("/")[0]
        for kind in RANK:
            for regions, places in self._by_day.get((one.modality, one.when, kind), {}).items():
                if kind != own and places and (_covers(one.regions, regions) or _covers(regions, one.regions)):
                    yield places[0]

    def _alike(self, one: Imaging) -> dict[frozenset[str], list[int]]:
        """Of one modality, day and kind of record: places by regions."""
        return self._by_day.setdefault((one.modality, one.when, one.source.partition("/")[0]), {})


def _links(chart: Chart) -> Iterator[tuple[str, frozenset[str]]]:
    """What studies and procedures say that they come from."""
    performed: tuple[Kept[Any], ...] = (*chart.of(ImagingStudy), *chart.of(Procedure))
    for kept in performed:
        done = kept.resource
        named = extensions.references(done.basedOn)
        if isinstance(done, ImagingStudy):
            named += extensions.references(done.procedureReference)
        yield kept.reference, frozenset(versions.resolved(chart.names, reference) for reference in named)


def fulfilled(chart: Chart) -> frozenset[str]:
    """Orders of which performed imaging shows every part that they ask for: done, whatever their status still says.

    An order that stays "active" after its examination would keep the next one from being proposed.
    """
    shown: dict[str, set[str]] = {}
    links = dict(_links(chart))
    for one in read(chart):
        for order in links.get(one.source, frozenset()):
            shown.setdefault(order, set()).update(one.regions)
    asked = {
        kept.reference: set().union(*(CODED[c][1] for c in kept.concepts & CODED.keys()))
        for kept in chart.of(ServiceRequest)
        if kept.reference in shown
    }
    return frozenset(order for order, regions in asked.items() if regions and _covers(shown[order], regions))


def _covers(shown: Set[str], asked: Set[str]) -> bool:
    whole = "whole" in shown or shown >= {"cervical", "thoracic", "lumbar"}
    return whole or asked <= shown
