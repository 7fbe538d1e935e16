"""Prints for each folder of ../shared/data what share of its resources became facts, and why others did not.

    PYTHONPATH=. python -m tests.patients.coverage_of_shared_data

mapped: the resource is the source of a fact. ignored on purpose: its status, intent or subject excludes it, or a code
that we know says nothing that a rule asks. of another subject: coded, and no code is in our value sets; mostly that is
the rest of medicine, but a code that we ought to know would be counted here too. not understood: it cannot be read,
has no code at all, or carries a value that we cannot take (unit, scale, bound, a diagnosis as an observation's value).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from fhir_mappings.relevance import LeftOut
from tests.patients.mcode_examples import TODAY
from tests.patients.shared_charts import SharedChart, all_charts, answers_of

OUTSIDE = "codes outside our value sets"
MAPPED, IGNORED, OTHER, NOT_UNDERSTOOD = "mapped", "ignored on purpose", "of another subject", "not understood"
SUBJECTS = ("another patient or an unknown subject", "no subject")
Verdict = tuple[str, str, str]  # resource type, share, reason


def verdicts(one: SharedChart) -> list[Verdict]:
    """What became of each resource of one patient."""
    answers, patient_id = answers_of(one), one.request["context"]["patientId"]
    known = mapping.facts(chart.read(answers, patient_id), TODAY)
    sources = {fact.source for fact in known.all()}
    refused = dict(line.partition(": ")[::2] for line in known.unreadable)
    found: dict[str, Verdict] = {}
    for reference, resource, verdict in chart.judged(answers, patient_id):
        found[reference] = (type(resource).__name__, *_share(reference, resource, verdict, sources, refused))
    for reference, reason in refused.items():
        if reference not in found:
            found[reference] = (reference.partition("/")[0], NOT_UNDERSTOOD, reason)
    return list(found.values())


def _share(reference: str, resource: Any, verdict: Any, sources: set[str], refused: dict[str, str]) -> tuple[str, str]:
    if reference in sources:
        return MAPPED, ""
    if reference in refused:
        reason = refused[reference]
        return (IGNORED, reason) if reason in SUBJECTS or "future" in reason else (NOT_UNDERSTOOD, reason)
    if isinstance(verdict, LeftOut):
        if verdict.reason == OUTSIDE and not _is_coded(resource):
            return NOT_UNDERSTOOD, "text alone, or no code at all"
        return (OTHER if verdict.reason == OUTSIDE else IGNORED), verdict.reason
    return IGNORED, "known code, but nothing that a rule reads"


def _is_coded(resource: Any) -> bool:
    concepts = [getattr(resource, "code", None), getattr(resource, "medicationCodeableConcept", None)]
    concepts += getattr(resource, "procedureCode", None) or []
    return any(coding.code for concept in concepts if concept for coding in concept.coding or ())


def main() -> None:
    counted: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for one in all_charts():
        counted[one.folder].update(verdicts(one))
    for folder, counts in counted.items():
        total = counts.total()
        print(f"\n{folder}: {total} resources of the types we read")
        shares: Counter[str] = Counter()
        reasons: Counter[tuple[str, str]] = Counter()
        mapped: Counter[str] = Counter()
        for (kind, share, reason), number in counts.items():
            shares[share] += number
            if share == MAPPED:
                mapped[kind] += number
            else:
                reasons[share, reason] += number
        for share in (MAPPED, IGNORED, OTHER, NOT_UNDERSTOOD):
            print(f"  {share:<20}{shares[share]:>8}  {shares[share] / total:>6.1%}")
            if share == MAPPED:
                print("      " + ", ".join(f"{kind} {number}" for kind, number in mapped.most_common()))
            for (of, reason), number in reasons.most_common():
                if of == share:
                    print(f"      {number:>8}  {reason}")


if __name__ == "__main__":
    main()
