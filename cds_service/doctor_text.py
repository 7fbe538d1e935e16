"""The doctor's report as text, to read in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cds_service.doctor_report import FINE, GAPS, HINT_NOTE, UNUSABLE, Report

VERDICT = {
    FINE: "FINE: everything that the services ask for was answered and understood.",
    GAPS: "WORKS WITH GAPS: what is listed below narrows the advice.",
    UNUSABLE: "CANNOT BE USED",
}
LINES = 15  # of each list; JSON has all
MAP_NOTE = "--format json holds a ConceptMap of them to decide on."


def as_text(report: Report) -> str:
    """The whole report."""
    return "\n\n".join("\n".join(part) for part in _parts(report) if part)


def _parts(report: Report) -> Iterator[list[str]]:
    server = report["server"]
    yield [_headline(report)]
    yield [
        f"Server: {server['software'] or 'not named'}, FHIR {server['fhir_version'] or 'not stated'}; "
        f"CapabilityStatement: {server['capability_statement']}",
        f"Patients tried: {report['patients_tried']}. With a cancer that was understood: "
        f"{report['patients_with_cancer_understood']}. Time budget of a whole call: {report['budget_seconds']:g} s",
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
    if report["imaging_reports"]:
        counts = report["imaging_reports"]
        yield [f"Imaging reports read: {counts['read']}, of these with a conclusion: {counts['with_a_conclusion']}"]
    units = [f"{u['times']:>5}x {u['measurement']}: {u['unit']}" for u in report["units_not_understood"]]
    yield _titled("Units not understood", units)
    yield _titled("Values refused", _counted(report["values_refused"]))
    yield _titled("Resources refused", _counted(report["resources_refused"]))
    yield _titled("Left out on purpose", _counted(report["ignored_on_purpose"]))
    if report["patients_tried"]:
        yield _titled("What a rule could never know here, or only in part", list(_rule_lines(report["rules"])))
        yield _titled("Met in none of these charts, and by how many rules it is asked", _not_met(report["rules"]))


def _headline(report: Report) -> str:
    code = report["exit_code"]
    if code == UNUSABLE:
        return f"{VERDICT[code]}: {report['cannot_be_used']}"
    if not report["patients_with_cancer_understood"]:
        return f"{VERDICT[code]} NO CANCER WAS UNDERSTOOD for any of the {report['patients_tried']} patients."
    return VERDICT[code]


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
            f"waited {one['waited_ms']} ms" if one["waited_ms"] else "",
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
    yield _titled("Of these, worded like one of ours", [*hinted[:LINES], HINT_NOTE, MAP_NOTE] if hinted else [])


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
