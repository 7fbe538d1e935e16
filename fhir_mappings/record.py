"""What is kept of one patient's record, and how the parts of it that came separately become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from fhir_mappings import rivals
from fhir_mappings.relevance import Kept, R
from fhir_mappings.resources import BodyStructure, Medication, Meta, Patient
from fhir_mappings.versions import version, written

FOUND, EMPTY, PARTIAL, UNAVAILABLE = "found", "empty", "partial", "unavailable"
NEEDED = ("patient", "conditions")
DRAFTS = "context.draftOrders"

_BY_DATE = attrgetter("dated", "reference")


@dataclass(frozen=True, slots=True)
class Source:
    """How the answer to one prefetch key came: found, empty, partial (a further page was not had) or unavailable."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A resource that could not be read or must not be used, and why; holds no content of it."""

    reference: str
    reason: str
    lost: tuple[str, ...] = ()  # the prefetch keys whose data this is, by its type, else by where it came


@dataclass(frozen=True, slots=True)
class Chart:
    """What is kept of one patient's record. `merge` of parts gives the same chart in any order.

    `rivals` are further versions of what is kept, by name, where nobody can say which is the newer; so of the drafts.
    `names` are the resources that have another name within a Bundle (urn:uuid). `overruled` says of resources that were
    left out when they were last written: an older version that would have counted was withdrawn or recoded since.
    """

    patient_id: str
    patient: Patient | None = None
    kept: Mapping[str, Kept[Any]] = field(default_factory=dict)
    rivals: Mapping[str, tuple[Kept[Any], ...]] = field(default_factory=dict)
    drafts: Mapping[str, Kept[Any]] = field(default_factory=dict)
    draft_rivals: Mapping[str, tuple[Kept[Any], ...]] = field(default_factory=dict)
    medicines: Mapping[str, tuple[Medication, ...]] = field(default_factory=dict)  # every version that came
    volumes: Mapping[str, BodyStructure] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    overruled: Mapping[str, Meta | None] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)  # reason -> how many were left out on purpose
    selections: frozenset[str] | None = None  # None: every draft order is meant, as when signing
    _of_type: Mapping[type, tuple[Kept[Any], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_type: dict[type, list[Kept[Any]]] = {}
        for one in self.kept.values():
            by_type.setdefault(type(one.resource), []).append(one)
        for name, others in self.rivals.items():
            by_type[type(self.kept[name].resource)] += rivals.differing(self.kept[name], others)
        for found in by_type.values():
            found.sort(key=_BY_DATE, reverse=True)
        object.__setattr__(self, "_of_type", {kind: tuple(found) for kind, found in by_type.items()})

    def needed_but_missing(self) -> tuple[tuple[str, str], ...]:
        """Prefetch keys without which nothing can be said, each with the reason."""
        missing = [
            (key, source.reason)
            for key in NEEDED
            if (source := self.sources.get(key, Source(UNAVAILABLE, "not sent"))).state == UNAVAILABLE
        ]
        if self.patient is None and not any(key == "patient" for key, _ in missing):
            missing.insert(0, ("patient", "the resource sent is not this patient's"))
        return tuple(missing)

    def versions(self, references: Iterable[str]) -> dict[str, str]:
        """The versionId of those of these resources that have one."""
        found = ((name, self.kept.get(name) or self.drafts.get(name)) for name in references)
        metas = ((name, one.resource.meta) for name, one in found if one is not None)
        return {name: meta.versionId for name, meta in metas if meta is not None and meta.versionId}

    def of(self, kind: type[R]) -> tuple[Kept[R], ...]:
        """Everything kept of one resource type, newest first, undated last; equal dates by reference."""
        return self._of_type.get(kind, ())

    def proposed(self) -> tuple[Kept[Any], ...]:
        """Every draft order of the session, by name."""
        return tuple(
            one
            for name, first in sorted(self.drafts.items())
            for one in (first, *rivals.differing(first, self.draft_rivals.get(name, ())))
        )

    def undecided(self) -> Iterator[Refused]:
        """What is on record in several versions, of which each counts, or proposed so."""
        for first, others in ((self.kept, self.rivals), (self.drafts, self.draft_rivals)):
            for name in sorted(others):
                if any(rivals.differing(first[name], others[name])):
                    yield Refused(first[name].reference, rivals.UNDECIDED)


def merge(first: Chart, second: Chart) -> Chart:
    """The chart of both parts of one patient's record; of two versions of a resource the newer is kept."""
    overruled = {
        **first.overruled,
        **{name: later(first.overruled.get(name, meta), meta) for name, meta in second.overruled.items()},
    }
    kept = rivals.united(first.kept, first.rivals, second.kept, second.rivals)
    drafts = rivals.united(first.drafts, first.draft_rivals, second.drafts, second.draft_rivals)
    kept, drafts = rivals.standing(*kept, overruled), rivals.standing(*drafts, overruled, DRAFTS)
    return Chart(
        patient_id=first.patient_id,
        patient=newer_patient(first.patient, second.patient),
        kept=kept[0],
        rivals=kept[1],
        drafts=drafts[0],
        draft_rivals=drafts[1],
        medicines=versions_of(first.medicines, second.medicines),
        volumes=_union(first.volumes, second.volumes),
        names=_newest(first.names, second.names),
        overruled=overruled,
        sources=_worse(first.sources, second.sources),
        refused=in_order({*first.refused, *second.refused}),
        ignored={
            reason: first.ignored.get(reason, 0) + second.ignored.get(reason, 0)
            for reason in sorted({*first.ignored, *second.ignored})
        },
        selections=first.selections if second.selections is None else second.selections,
    )


def newer_patient(first: Patient | None, second: Patient | None) -> Patient | None:
    """Of two versions of the patient the newer; None where there is none."""
    return max((patient for patient in (first, second) if patient), key=version, default=None)


def _union(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both by name; of two versions under one name the newer."""
    both = {**first, **second}
    for name in first.keys() & second.keys():
        both[name] = max(first[name], second[name], key=version)
    return both


def _newest(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Both by name; of two strings under one name the greater."""
    return {**first, **{name: max(first.get(name, other), other) for name, other in second.items()}}


def versions_of(
    first: Mapping[str, tuple[Medication, ...]], second: Mapping[str, tuple[Medication, ...]]
) -> dict[str, tuple[Medication, ...]]:
    """Both by name; under one name each different version once."""
    both = {**first}
    for name, there in second.items():
        by_content = {version(one): one for one in (*both.get(name, ()), *there)}
        both[name] = tuple(one for _, one in sorted(by_content.items(), key=lambda item: item[0]))
    return both


def in_order(refused: Iterable[Refused]) -> tuple[Refused, ...]:
    """The same order whichever part came first."""
    return tuple(sorted(refused, key=lambda r: (r.reference, r.reason, r.lost)))


def later(one: Meta | None, other: Meta | None) -> Meta | None:
    """Of two times of writing the later one, whichever comes first."""
    return max(one, other, key=lambda meta: (written(meta), repr(meta)))


def _worse(first: Mapping[str, Source], second: Mapping[str, Source]) -> dict[str, Source]:
    """Of two answers to one question the less complete one stands."""
    order = (FOUND, EMPTY, PARTIAL, UNAVAILABLE)
    both = dict(first)
    for key, source in second.items():
        there = both.get(key, source)
        both[key] = max(there, source, key=lambda s: (order.index(s.state), s.reason))
    return both
