"""One problem recorded twice, here as active and there as over: settled by dates where they settle it, else shown.

An encounter diagnosis is repeated for years by billing and often carries a mere suspicion; the problem list is kept by
somebody. So a problem-list item that is over answers for an encounter diagnosis of the same thing, but only where its
recorded end lies on or after the last day that the diagnosis speaks of: what is diagnosed after the end is new. Nothing
else turns "active" into "past". Alone, an encounter diagnosis counts as it is recorded, suspicion included. What dates
do not settle stays active and names the entry that says otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_mappings import clinical_dates, dates, extensions
from fhir_mappings.lifetime import Lifetime
from fhir_mappings.resources import Condition
from hooks.facts import Finding, When

PROBLEM_LIST, ENCOUNTER = "problem-list-item", "encounter-diagnosis"
HISTORY = "personal_history_of_cancer"  # "past" by its meaning, not by its status: it contradicts nothing
# Value sets that hold many diseases: two entries are the same thing only if they also share a code.
BROAD = frozenset({"secondary_cancer", "visceral_or_brain_metastasis", "primary_other", "cancer_unspecified"})
LABEL_ROOM = 50  # cards cut a label at 80 characters; the remark must survive


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding with the condition that made it."""

    condition: Condition
    finding: Finding


def settle(entries: Sequence[Entry], life: Lifetime) -> tuple[Finding, ...]:
    """The findings in their order; those that another entry contradicts are past or disputed."""
    over: dict[frozenset[str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.finding.status == "past" and HISTORY not in entry.finding.concepts:
            over[entry.finding.concepts].append(entry)
    if not over:
        return tuple([entry.finding for entry in entries])
    return tuple(
        _judge(entry, [one for one in over.get(entry.finding.concepts, ()) if _same(entry, one)], life)
        if entry.finding.status == "active"
        else entry.finding
        for entry in entries
    )


def _judge(active: Entry, over: Sequence[Entry], life: Lifetime) -> Finding:
    """The finding as it is; past where the problem list ended it; disputed where an end may concern it."""
    finding = active.finding
    if not over:
        return finding
    if _is(active, ENCOUNTER) and any(_is(one, PROBLEM_LIST) and _ended_since(one, finding, life) for one in over):
        return replace(finding, status="past", label=_remark(finding, "ended on the problem list"))
    rivals = sorted(one.finding.source for one in over if not _earlier(one, finding, life))
    if rivals:
        return replace(finding, disputed_by=rivals[0], label=_remark(finding, "over in another entry"))
    return finding


def _remark(finding: Finding, remark: str) -> str:
    label = finding.label if len(finding.label) <= LABEL_ROOM else f"{finding.label[: LABEL_ROOM - 1]}…"
    return f"{label}; {remark}" if label else remark


def _is(entry: Entry, category: str) -> bool:
    concepts = extensions.concepts(entry.condition.category)
    return any(coding.code == category for concept in concepts for coding in concept.coding or ())


def _ended_since(over: Entry, finding: Finding, life: Lifetime) -> bool:
    """A recorded end, surely not before the last day that the other entry speaks of. No date that can be, no answer."""
    end, last = ended(over.condition, life), _last(finding)
    return bool(end and last and not life.before(last) and end.earliest >= last.latest)


def _earlier(over: Entry, finding: Finding, life: Lifetime) -> bool:
    """Was that episode surely over, or at least last spoken of, before this one began?"""
    known = ended(over.condition, life) or _last(over.finding)
    return bool(known and finding.when and known.latest < finding.when.earliest)


def ended(condition: Condition, life: Lifetime) -> When | None:
    """When it ended; None where no date can be read, or none that can be.

    It may not lie after the day of evaluation, nor surely before birth or before the problem began. Without an onset it
    began when it was recorded: who records what is over says when it was.
    """
    period = condition.abatementPeriod
    end = dates.when(condition.abatementDateTime or (period.end if period else None))
    if end is None or end.latest > life.as_of or life.before(end):
        return None
    begun = dates.when(clinical_dates.recorded(condition))
    return None if begun and end.latest < begun.earliest else end


def _last(finding: Finding) -> When | None:
    known = [when for when in (finding.onset, finding.recorded) if when]
    return max(known, key=lambda when: when.latest) if known else None


def _same(one: Entry, other: Entry) -> bool:
    """Of the same concepts already; and not of two levels, two sides, or two diseases of one broad value set."""
    levels = one.finding.levels, other.finding.levels
    sides = one.finding.laterality, other.finding.laterality
    if (all(levels) and not levels[0] & levels[1]) or (all(sides) and sides[0] != sides[1]):
        return False
    return not one.finding.concepts <= BROAD or bool(_codes(one) & _codes(other))


def _codes(entry: Entry) -> frozenset[tuple[str, str]]:
    codings = (entry.condition.code.coding or ()) if entry.condition.code else ()
    return frozenset((one.system or "", one.code) for one in codings if one.code)
