"""The doctor's report as plain values, for JSON. Holds counts and codes, nothing of any patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from cds_service import doctor_gaps, doctor_map, doctor_rules
from cds_service.doctor import Examined, Tried
from cds_service.doctor_census import CODE, CONCLUDED, READ, SYSTEM, Census, UnmappedCode
from cds_service.doctor_hints import Hint, nearest
from cds_service.services import SERVICES

FINE, GAPS, UNUSABLE = 0, 1, 2  # exit codes
HINTED = 5_000  # of the most frequent codes; a hint costs a comparison with all our labels
HINT_NOTE = "A hint is only the nearest of our labels, for a person to judge; nothing is ever mapped by it."
KINDS = {
    "patient": "age and sex",
    "findings": "conditions",
    "imaging": "imaging",
    "orders": "orders and referrals",
    "medications": "medications",
    "procedures": "procedures",
}
Report = dict[str, Any]


def as_dict(examined: Examined) -> Report:
    """Everything that the report says."""
    why_not, gaps = doctor_gaps.cannot_be_used(examined), doctor_gaps.gaps(examined)
    census, told = examined.census, examined.capabilities
    unmapped = [_code(entry, times, n) for n, (entry, times) in enumerate(_by_frequency(census.unmapped))]
    return {
        "exit_code": UNUSABLE if why_not else GAPS if gaps else FINE,
        "cannot_be_used": why_not or None,
        "gaps": gaps,
        "server": {
            "capability_statement": told.problem or "read",
            "fhir_version": told.fhir_version or None,
            "software": told.software or None,
        },
        "patients_tried": census.charts,
        "patients_with_cancer_understood": census.with_cancer,
        "budget_seconds": examined.budget_seconds,
        "queries": [_query(tried, examined.budget_seconds * 1000) for tried in examined.queries],
        "resources": {kind: {"read": n, "kept": census.kept[kind]} for kind, n in census.resources.most_common()},
        "in_words_only": _shares(census),
        "codes_not_mapped": unmapped,
        "hints": HINT_NOTE,
        "concept_map_to_decide_on": doctor_map.skeleton(unmapped),
        "local_codes_misplaced": [
            {"system": system, "code": code, "times": times} for (system, code), times in census.misplaced.most_common()
        ],
        "orders_without_a_code_of_the_ehr": list(examined.unplaced),
        "units_not_understood": [
            {"measurement": name, "unit": unit, "times": times} for (name, unit), times in census.units.most_common()
        ],
        "values_refused": dict(census.values.most_common()),
        "resources_refused": dict(census.refused.most_common()),
        "drugs_not_named": census.drugs_elsewhere,
        "imaging_reports": _reports(census) if examined.tenant.text.mentions else None,
        "ignored_on_purpose": dict(census.ignored.most_common()),
        "rules": _rules(examined),
    }


def _query(tried: Tried, budget: float) -> Report:
    times = [one.milliseconds for one in tried.results]
    slow = "too slow" if tried.slowest > budget else "slow" if tried.slowest > budget / 2 else ""
    return {
        "key": tried.key,
        "services": list(tried.services),
        "query": tried.query,
        "verdict": _verdict(tried),
        "declared": None if tried.lacks is None else not tried.lacks,
        "not_declared": list(tried.lacks or ()),
        "tried": len(times),
        "answered": tried.worked,
        "problems": dict(tried.problems.most_common()),
        "median_ms": round(median(times)) if times else None,
        "slowest_ms": max(times, default=None),
        "slow": slow,
        "waited_ms": sum(one.waited for one in tried.results),
        "resources": tried.resources,
        "most_pages": max((one.pages for one in tried.results), default=0),
        "method": next((one.methods[0] for one in tried.results if one.methods), None),
        "post_refused": any(one.post_refused for one in tried.results),
    }


def _verdict(tried: Tried) -> str:
    """By what was observed; the CapabilityStatement only says whether that was to be expected."""
    if not tried.results:
        return "not tried"
    if not tried.worked:
        return "not supported" if tried.lacks else "failed"
    if tried.problems:
        return "in part"
    if not tried.resources:
        return "found nothing"
    return "works, not declared" if tried.lacks else "supported"


def _shares(census: Census) -> dict[str, Report]:
    return {
        kind: {"count": census.text_only[kind], "of": n, "share": round(census.text_only[kind] / n, 3)}
        for kind, n in census.resources.most_common()
        if kind == "Condition" or census.text_only[kind]
    }


def _by_frequency(unmapped: Counter[UnmappedCode]) -> list[tuple[UnmappedCode, int]]:
    return sorted(unmapped.items(), key=lambda item: (-item[1], item[0].element, item[0].system, item[0].code))


def _code(entry: UnmappedCode, times: int, rank: int) -> Report:
    hint = nearest(entry.display, entry.element) if rank < HINTED else None
    return {
        "times": times,
        "element": entry.element,
        "system": entry.system,
        "code": entry.code,
        "display": entry.display,
        "whole": len(entry.system) < SYSTEM and len(entry.code) < CODE,
        "hint": _hint(hint) if hint else None,
    }


def _hint(hint: Hint) -> Report:
    names = ("system", "code", "display")
    target = dict(zip(names, hint.code, strict=True)) if hint.code else None
    return {"value_set": hint.concept, "label": hint.label, "likeness": hint.likeness, "target": target}


def _reports(census: Census) -> Report:
    return {"read": census.reports[READ], "with_a_conclusion": census.reports[CONCLUDED]}


def _rules(examined: Examined) -> list[Report]:
    """Only those that are not switched off."""
    rules = (rule for service in SERVICES for rule in service.rules)
    on = [rule for rule in rules if examined.tenant.mode(rule.KNOWLEDGE.rule) != "off"]
    seen = frozenset(examined.census.seen)
    return [
        {
            "rule": one.rule,
            "could_never_know": _words(one.never),
            "knows_in_part": _words(one.partly),
            "not_seen_in_these_charts": _words(one.not_seen),
        }
        for one in doctor_rules.limits(on, doctor_gaps.lost(examined), seen, doctor_gaps.in_part(examined))
    ]


def _words(names: Sequence[str]) -> list[str]:
    return [KINDS.get(name, name.replace("_", " ")) for name in names]
