"""Drugs that no code tells: those in words only, and those in a site's own code whose words name a drug of ours."""

from __future__ import annotations

import re

from fhir_mappings import codes
from fhir_mappings.resources import CodeableConcept
from hooks.questions.bone_agents import AGENTS

OURS = (*sorted(AGENTS), "dexamethasone")
NDC = frozenset({"http://hl7.org/fhir/sid/ndc", "urn:oid:2.16.840.1.113883.6.69"})
# A display begins with the substance, and ends with the brand in brackets; acid and salt are one drug.
NAME = re.compile(r"(?:^|\[)([a-z]{5,}?)(?:ic|ate)?(?![a-z])", re.IGNORECASE)


def _names() -> re.Pattern[str]:
    displays = (display for concept in OURS for _, _, display in codes.codings(concept))
    stems = {stem.lower() for display in displays for stem in NAME.findall(display)}
    return re.compile(rf"\b(?:{'|'.join(sorted(stems))})", re.IGNORECASE)


_NAMES = _names()


def untold(drug: CodeableConcept | None) -> bool:
    """May the drug be one of ours, although no code says so?

    In words only, or not stated at all, it may be any. With a code of a system for drugs that everybody reads it is
    what that code says. With a code of the site's own, its words decide: else a site that codes everything its own way
    would have nothing but unknown drugs.
    """
    has_code = False
    for one in drug.coding or () if drug else ():
        if one.code:
            if codes.is_known(one.system) or one.system in NDC:
                return False
            has_code = True
    return not has_code or named(drug)


def named(drug: CodeableConcept | None) -> bool:
    """Do the words of the record name a drug of ours, by substance or brand?"""
    words = (drug.text, *(one.display for one in drug.coding or ())) if drug else ()
    return any(_NAMES.search(one) for one in words if one)
