"""The doctor's report, as plain values for JSON and as text. Holds counts and codes, nothing of any patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from cds_service import doctor_gaps, doctor_rules
from cds_service.doctor import Examined, Tried
from cds_service.doctor_census import Census, UnmappedCode
from cds_service.doctor_hints import nearest
from cds_service.services import SERVICES

FINE, GAPS, UNUSABLE = 0, 1, 2  # exit codes
VERDICT = {
    FINE: "FINE: everything that the services ask for was answered and understood.",
    GAPS: "WORKS WITH GAPS: what is listed below narrows the advice.",
    UNUSABLE: "CANNOT BE USED",
}
HINTED = 5_000  # of the most frequent codes; a hint costs a comparison with all our labels
LINES = 15  # of each list in the text; JSON has all
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
        "budget_seconds": examined.budget_seconds,
        "queries": [_query(tried, examined.budget_seconds * 1000) for tried in examined.queries],
        "resources": {kind: {"read": n, "kept": census.kept[kind]} for kind, n in census.resources.most_common()},
        "in_words_only": _shares(census),
        "codes_not_mapped": [_code(entry, times, n) for n, (entry, times) in enumerate(_by_frequency(census.unmapped))],
        "hints": HINT_NOTE,
        "units_not_understood": [
            {"measurement": name, "unit": unit, "times": times} for (name, unit), times in census.units.most_common()
        ],
        "values_refused": dict(census.values.most_common()),
        "resources_refused": dict(census.refused.most_common()),
        "drugs_not_named": census.drugs_elsewhere,
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
    hint = nearest(entry.display, entry.element.startswith("Observation")) if rank < HINTED else None
    return {
        "times": times,
        "element": entry.element,
        "system": entry.system,
        "code": entry.code,
        "display": entry.display,
        "hint": {"value_set": hint.concept, "label": hint.label, "likeness": hint.likeness} if hint else None,
    }


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
        for one in doctor_rules.limits(on, doctor_gaps.lost(examined), seen)
    ]


def _words(names: Sequence[str]) -> list[str]:
    return [KINDS.get(name, name.replace("_", " ")) for name in names]


def as_text(report: Report) -> str:
    """The same, to read in a terminal."""
    return "\n\n".join("\n".join(part) for part in _parts(report) if part)


def _parts(report: Report) -> Iterator[list[str]]:
    code, server = report["exit_code"], report["server"]
    yield [f"{VERDICT[code]}: {report['cannot_be_used']}" if code == UNUSABLE else VERDICT[code]]
    yield [
        f"Server: {server['software'] or 'not named'}, FHIR {server['fhir_version'] or 'not stated'}; "
        f"CapabilityStatement: {server['capability_statement']}",
        f"Patients tried: {report['patients_tried']}. Time budget of a whole call: {report['budget_seconds']:g} s",
    ]
    yield from _query_parts(report["queries"])
    yield _titled("Gaps", [f"- {gap}" for gap in report["gaps"]])
    yield _titled(
        "Resources (read, of these kept as evidence)",
        [f"{kind:<26} {n['read']:>6} {n['kept']:>6}" for kind, n in report["resources"].items()],
    )
    shares = report["in_words_only"].items()
    yield _titled("In words only, without any code", [f"{k:<26} {n['count']} of {n['of']}" for k, n in shares])
    yield from _code_parts(report["codes_not_mapped"])
    units = [f"{u['times']:>5}x {u['measurement']}: {u['unit']}" for u in report["units_not_understood"]]
    yield _titled("Units not understood", units)
    yield _titled("Values refused", _counted(report["values_refused"]))
    yield _titled("Resources refused", _counted(report["resources_refused"]))
    yield _titled("Left out on purpose", _counted(report["ignored_on_purpose"]))
    if report["patients_tried"]:
        yield _titled("What a rule could never know here, or only in part", list(_rule_lines(report["rules"])))
        yield _titled("Met in none of these charts, and by how many rules it is asked", _not_met(report["rules"]))


def _titled(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _counted(counts: dict[str, int]) -> list[str]:
    return [f"{times:>5}x {reason}" for reason, times in counts.items()]


def _query_parts(queries: list[Report]) -> Iterator[list[str]]:
    head = ("query", "verdict", "declared", "ok", "median", "slowest", "found", "pages", "notes")
    lines = ["{:<26} {:<19} {:<9} {:<7} {:>7} {:>8} {:>6} {:>5}  {}".format(*head)]
    for one in queries:
        declared = {None: "unknown", True: "yes", False: "no"}[one["declared"]]
        times = "      -        -" if one["median_ms"] is None else f"{one['median_ms']:>5}ms {one['slowest_ms']:>6}ms"
        notes = [
            one["slow"].upper(),
            f"not declared: {', '.join(one['not_declared'])}" if one["not_declared"] else "",
            "POST refused" if one["post_refused"] else one["method"] if one["method"] == "POST" else "",
        ]
        lines.append(
            f"{one['key']:<26} {one['verdict']:<19} {declared:<9} {one['answered']:>3}/{one['tried']:<3} {times} "
            f"{one['resources']:>6} {one['most_pages']:>5}  {'; '.join(filter(None, notes))}".rstrip()
        )
    yield _titled("Queries", lines)


def _code_parts(codes: list[Report]) -> Iterator[list[str]]:
    lines = [_code_line(one) for one in codes[:LINES]]
    if len(codes) > LINES:
        lines.append(f"... and {len(codes) - LINES} more; --format json lists all")
    yield _titled("Codes seen but not mapped, most frequent first", lines)
    hinted = [
        f"{_code_line(one)}\n         like ours: {one['hint']['label']} ({one['hint']['value_set']}, "
        f"{one['hint']['likeness']:.2f})"
        for one in codes
        if one["hint"]
    ]
    yield _titled("Of these, worded like one of ours", [*hinted[:LINES], HINT_NOTE] if hinted else [])


def _code_line(one: Report) -> str:
    return (
        f"{one['times']:>5}x {one['element']}: {one['system'] or 'no system'}|{one['code']} {one['display']}".rstrip()
    )


def _rule_lines(rules: list[Report]) -> Iterator[str]:
    titles = {"could_never_know": "never", "knows_in_part": "in part"}
    for one in rules:
        parts = [f"{title}: {', '.join(one[key])}" for key, title in titles.items() if one[key]]
        if parts:
            yield f"{one['rule']:<28} {'; '.join(parts)}"


def _not_met(rules: list[Report]) -> list[str]:
    return _counted(dict(Counter(what for one in rules for what in one["not_seen_in_these_charts"]).most_common()))
