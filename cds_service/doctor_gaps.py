"""What the doctor found wanting at a site: each gap in a line, and whether the service could be of any use there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from cds_service.doctor import WIDE, Examined
from cds_service.doctor_census import CONCLUDED, READ, Census
from fhir_mappings.chart import NEEDED

ANSWERED = ("Observation.valueCodeableConcept", "Observation.interpretation")
NO_CANCER = "no cancer was understood for any of the {} patients tried: hardly any rule would speak for them"


def lost(examined: Examined) -> frozenset[str]:
    """The prefetch keys that could be had for no patient."""
    return frozenset(tried.key for tried in examined.queries if tried.results and not tried.worked)


def in_part(examined: Examined) -> frozenset[str]:
    """The prefetch keys that came in full for no patient, and at least in part for one."""
    return frozenset(tried.key for tried in examined.queries if tried.results and not tried.in_full) - lost(examined)


def gaps(examined: Examined) -> list[str]:
    """What would narrow the advice at this site, each as a line."""
    told = examined.capabilities.problem
    statement = [f"CapabilityStatement: {told}"] if told else []
    lacking = [f"{reason}: nothing can be said of {n} patients" for reason, n in examined.unusable.most_common()]
    nobody = [NO_CANCER.format(examined.census.charts)] if no_cancer(examined) else []
    found = [*_query_gaps(examined), *_content_gaps(examined.census)]
    if examined.unplaced:
        found.append(
            f"orders without a preference-list code, by which the EHR places them: {', '.join(examined.unplaced)}"
        )
    return [*nobody, *statement, *lacking, *found]


def no_cancer(examined: Examined) -> bool:
    """Were charts read, and no cancer understood in any of them?"""
    return examined.census.charts > 0 and not examined.census.with_cancer


def _query_gaps(examined: Examined) -> Iterable[str]:
    budget = examined.budget_seconds * 1000
    for tried in examined.queries:
        if tried.key != WIDE:
            yield from (f"{tried.key}: {reason} ({times}x)" for reason, times in tried.problems.most_common())
            if tried.worked and not tried.resources:
                yield f"{tried.key}: found nothing for anybody; a search that is ignored would look the same"
            if tried.slowest > budget:
                over = sum(one.milliseconds > budget for one in tried.results)
                yield (
                    f"{tried.key}: too slow {over} of {len(tried.results)} times, up to {tried.slowest} ms; "
                    f"the budget of a whole call is {budget:g} ms"
                )
            if waits := [one.waited for one in tried.results if one.waited]:
                yield (
                    f"{tried.key}: too many requests or out of service {len(waits)} of {len(tried.results)} times; "
                    f"{sum(waits)} ms were waited, of the budget of each call"
                )
            if any(one.post_refused for one in tried.results):
                yield f"{tried.key}: is refused as POST, so that each call asks twice, the second time by a long URL"


def _content_gaps(census: Census) -> Iterable[str]:
    counts: Mapping[str, int] = {
        "resources refused": census.refused.total(),
        "values with a unit that is not understood": census.units.total(),
        "conditions in words only": census.text_only["Condition"],
        "answers in codes that are not understood": _unread_answers(census),
        "local codes mapped to what is never read from their kind of resource": census.misplaced.total(),
        "drugs named only by a Medication that did not come": census.drugs_elsewhere,
    }
    yield from (f"{what}: {number}" for what, number in counts.items() if number)
    if census.resources["Condition"] and not census.kept["Condition"]:
        yield f"conditions: {census.resources['Condition']} read and none understood; are their codes local ones?"
    if census.reports[READ] and not census.reports[CONCLUDED]:
        yield f"imaging reports: {census.reports[READ]} read and none with a conclusion, the only text that is searched"


def _unread_answers(census: Census) -> int:
    return sum(times for entry, times in census.unmapped.items() if entry.element in ANSWERED)


def cannot_be_used(examined: Examined) -> str:
    """Why the service could do nothing at this site; the empty string when it could."""
    capabilities, charts = examined.capabilities, examined.census.charts
    if not charts:
        return f"no patient to try: {examined.no_patients}"
    if not capabilities.problem and not capabilities.is_r4:
        return f"the server speaks FHIR {capabilities.fhir_version or 'of no stated version'}, not R4"
    if examined.unusable.total() == charts:
        return f"{' and '.join(NEEDED)} are needed and could be had of no patient: {_first(examined.unusable)}"
    return ""


def _first(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0]
