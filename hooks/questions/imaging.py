"""What imaging of the spine was done, and does it answer for a finding?"""

from __future__ import annotations

from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding, Imaging, Order, When

MRI_WHOLE = ("mri_whole_spine",)
MRI_REGIONS = {
    "mri_cervical": frozenset({"cervical"}),
    "mri_thoracic": frozenset({"thoracic"}),
    "mri_lumbar": frozenset({"lumbar"}),
    "mri_cervical_thoracic": frozenset({"cervical", "thoracic"}),
    "mri_spine_unspecified_region": frozenset({"spine"}),
}
WHOLE = frozenset({"cervical", "thoracic", "lumbar"})
CT_ORDERS = ("ct_spine", "ct_cervical", "ct_thoracic", "ct_lumbar", "ct_myelogram")


@asked_once
def spine_studies(facts: Facts, *modalities: str) -> tuple[Imaging, ...]:
    """Performed studies of any part of the spine, newest first."""
    return tuple(i for i in facts.imaging if i.modality in modalities and i.regions)


def since(studies: tuple[Imaging, ...], start: When | None) -> tuple[Imaging, ...]:
    """Those surely performed on or after `start`; none when either date is not known."""
    return tuple(s for s in studies if start and s.when and s.when.surely_since(start))


def whole_spine(studies: tuple[Imaging, ...]) -> bool:
    """Do the studies together show cervical, thoracic and lumbar spine?"""
    shown = frozenset().union(*(s.regions for s in studies))
    return "whole" in shown or shown >= WHOLE


def whole_spine_mri_since(facts: Facts, start: When | None) -> tuple[Imaging, ...]:
    """MR studies on or after `start` that together show the whole spine, else nothing."""
    studies = since(spine_studies(facts, "MR"), start)
    return studies if whole_spine(studies) else ()


def answered_by(facts: Facts, finding: Finding, *modalities: str) -> tuple[Imaging, ...]:
    """Studies of the spine that followed a finding: after its start and not before it was last recorded as such."""
    return since(spine_studies(facts, *modalities), finding.when)


def pending(facts: Facts, *concepts: str) -> tuple[Order, ...]:
    """Orders of that kind that are active or in draft, this session's included."""
    return tuple([o for o in _open(facts) if not o.concepts.isdisjoint(concepts)])


@asked_once
def _open(facts: Facts) -> tuple[Order, ...]:
    """Of every kind; few of the orders of many years."""
    return tuple([o for o in facts.orders if o.status in ("active", "draft")])


@asked_once
def pending_whole_spine_mri(facts: Facts) -> tuple[Order, ...]:
    """Whole-spine MRI on order, as one order or as three regions."""
    whole = pending(facts, *MRI_WHOLE)
    if whole:
        return whole
    regional = pending(facts, *MRI_REGIONS)
    shown = frozenset().union(*(ordered_regions(o) for o in regional))
    return regional if shown >= WHOLE else ()


def ordered_regions(order: Order) -> frozenset[str]:
    """The regions that an MRI order covers; empty when it is no spine MRI."""
    return frozenset().union(*(MRI_REGIONS.get(concept, frozenset()) for concept in order.concepts))


@asked_once
def mri_contraindicated(facts: Facts) -> tuple[Finding, ...]:
    """A recorded contraindication, which is more than an implant that asks for a check."""
    return facts.finding("mri_contraindicated")


def modality(facts: Facts) -> str:
    """The word for a text that asks for images of the spine: MRI, or CT where MRI is recorded as contraindicated."""
    return "CT" if mri_contraindicated(facts) else "MRI"


def mri_caution(facts: Facts) -> tuple[Finding, ...]:
    return facts.finding("implant_mri_caution")
