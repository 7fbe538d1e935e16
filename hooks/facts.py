"""What is known about one patient: each statement with its date and the resource that made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from typing import Any

from hooks.sealed import sealed


@sealed(order=True)
class When:
    """A point in time as exactly as the record states it: "2026" is any day of that year.

    `at`: the moment in UTC by a string that sorts, empty where the record gives no time with its zone. It tells only
    what came first on one day.
    """

    earliest: date
    latest: date
    text: str = field(compare=False)
    at: str = field(default="", compare=False)

    @classmethod
    def on(cls, day: date) -> When:
        return cls(day, day, day.isoformat())

    def surely_since(self, start: When) -> bool:
        """On a later day than `start`, or on the same day and not known to be earlier by the clock."""
        earlier = self.at and start.at and self.at < start.at
        return self.earliest >= start.latest and not earlier

    def surely_within(self, days: Decimal | int, as_of: date) -> bool:
        """Even its earliest reading lies at most `days` back. For rules that relax."""
        return (as_of - self.earliest).days <= days

    def maybe_within(self, days: Decimal | int, as_of: date) -> bool:
        """Its latest reading lies at most `days` back. For rules that add urgency."""
        return (as_of - self.latest).days <= days


@sealed()
class Patient:
    """Age in whole years at the day of evaluation; sex as administratively recorded; None where not recorded."""

    source: str = ""
    age_years: int | None = None
    sex: str | None = None  # "female" | "male"; anything else is kept as None: formulas then show both
    deceased: bool = False


@sealed()
class Finding:
    """A problem, diagnosis or symptom. `concepts` are value-set names; `levels` where in the spine it is sited.

    `primary` is the source of the primary cancer that a metastasis is said to come from. `disputed_by` names an entry
    that says otherwise of the same thing (resolved against active) where the record does not settle it.
    """

    source: str
    concepts: frozenset[str]
    label: str = ""
    onset: When | None = None
    recorded: When | None = None
    status: str = "active"  # "active" (also when no status is given) | "past"
    certain: bool = True  # False: unconfirmed, provisional or differential
    levels: frozenset[str] = frozenset()
    laterality: str | None = None  # "left" | "right" | "bilateral"
    primary: str | None = None
    disputed_by: str | None = None

    @property
    def when(self) -> When | None:
        return self.onset or self.recorded


@sealed()
class Measurement:
    """A number in the unit that the rules use for its name (`units`), with the laboratory's own limits in that unit."""

    source: str
    name: str
    value: Decimal
    when: When | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    label: str = ""
    others: tuple[Decimal, ...] = ()  # different values of the same time: nobody can tell which of them is right
    bound: str = ""  # ">" or "<": the true value lies beyond the number, which so may warn and must not reassure


@sealed()
class Assessment:
    """A score or graded examination, of one vertebral level where it has one. `items` are a score's parts by name."""

    source: str
    name: str
    value: str | None = None  # "14", "escc-2", "frankel-c", "worsened"
    when: When | None = None
    level: str | None = None
    items: tuple[tuple[str, int], ...] = ()
    label: str = ""

    @property
    def number(self) -> int | None:
        return int(self.value) if self.value is not None and self.value.isdigit() else None


@sealed()
class Imaging:
    """An imaging study that was performed. `regions`: cervical, thoracic, lumbar, sacral, whole, spine (not stated)."""

    source: str
    modality: str  # "MR" | "CT" | "NM" | "PT" | "XR"
    regions: frozenset[str] = frozenset()
    when: When | None = None
    label: str = ""


@sealed()
class Order:
    """A request for imaging, a consult or a procedure; `draft` when it belongs to the ordering session of this call."""

    source: str
    concepts: frozenset[str]
    status: str = "active"  # FHIR request status
    when: When | None = None
    label: str = ""
    draft: bool = False
    selected: bool = False  # the order that the clinician has just picked, or any draft when signing
    levels: frozenset[str] = frozenset()
    elsewhere: bool = False  # a body site is stated, and it lies outside the spine


@sealed()
class Medication:
    """A drug ordered or given. `dose_mg` as written, None when not stated; `concepts` are the agents.

    `every_weeks`: weeks between doses as written, None when not stated, or when what is written is not a plain number
    of weeks; then `interval_unread`.
    """

    source: str
    concepts: frozenset[str]
    status: str = "active"
    kind: str = "order"  # "order" | "given"
    dose_mg: Decimal | None = None
    when: When | None = None
    label: str = ""
    draft: bool = False
    selected: bool = False
    every_weeks: int | None = None
    interval_unread: bool = False


@sealed()
class Irradiated:
    """The total dose that one volume received in a course of radiotherapy; `levels` where it met the spine."""

    dose_cgy: Decimal
    fractions: int | None = None
    levels: frozenset[str] = frozenset()  # empty: outside the spine, or the volume is not described
    label: str = ""


@sealed()
class Procedure:
    """Something done to the patient: surgery, radiotherapy, augmentation, dental care.

    `levels` are those of the procedure and of its irradiated volumes together.
    """

    source: str
    concepts: frozenset[str]
    status: str = "completed"  # "completed" | "in-progress"
    when: When | None = None
    label: str = ""
    levels: frozenset[str] = frozenset()
    doses: tuple[Irradiated, ...] = ()  # highest first
    elsewhere: bool = False  # a body site is stated, and it lies outside the spine


@sealed()
class Mention:
    """An idea (a name in hooks.mentions) that uncoded text affirms. No fact: no rule may read it."""

    source: str
    idea: str
    when: When | None = None


Fact = Finding | Measurement | Assessment | Imaging | Order | Medication | Procedure


@sealed()
class Facts:
    """Everything the rules may know of one patient on one day. Tuples run from newest to oldest, undated last.

    `doubtful` names measurements and assessments of which an entry that may be newer could not be read: the older ones
    must not reassure.

    `unavailable` names the kinds of data that were not delivered (a kind that was delivered empty is not in it);
    `incomplete` those of which only a part came, `why_incomplete` for what reason; `unreadable` says what was refused,
    and why.
    """

    as_of: date
    patient: Patient = Patient()
    findings: tuple[Finding, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    assessments: tuple[Assessment, ...] = ()
    imaging: tuple[Imaging, ...] = ()
    orders: tuple[Order, ...] = ()
    medications: tuple[Medication, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    unavailable: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    why_incomplete: Mapping[str, str] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()  # the kinds of data of which something was refused
    doubtful: frozenset[str] = frozenset()
    mentions: tuple[Mention, ...] = ()  # for the closing card alone, where a site has switched text on
    texts_unread: tuple[str, ...] = ()
    # Rules ask for the same few things again and again; a chart of many years has hundreds of findings and results.
    _active: Mapping[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)
    _newest: Mapping[str, Measurement] = field(init=False, repr=False, compare=False)
    _assessed: Mapping[str, tuple[Assessment, ...]] = field(init=False, repr=False, compare=False)
    _found: dict[object, Any] = field(init=False, repr=False, compare=False)  # and see hooks.asked_once

    def __post_init__(self) -> None:
        active: dict[str, list[int]] = {}
        for place, one in enumerate(self.findings):
            for concept in one.concepts if one.status == "active" else ():
                active.setdefault(concept, []).append(place)
        newest: dict[str, Measurement] = {}
        for measurement in self.measurements:
            if measurement.when and measurement.name not in newest:
                newest[measurement.name] = measurement
        assessed: dict[str, list[Assessment]] = {}
        for assessment in self.assessments:
            assessed.setdefault(assessment.name, []).append(assessment)
        object.__setattr__(self, "_active", {concept: tuple(places) for concept, places in active.items()})
        object.__setattr__(self, "_newest", newest)
        object.__setattr__(self, "_assessed", {name: tuple(found) for name, found in assessed.items()})
        object.__setattr__(self, "_found", {})

    def all(self) -> Iterator[Fact]:
        """Every fact, in no meaningful order."""
        yield from self.findings
        yield from self.measurements
        yield from self.assessments
        yield from self.imaging
        yield from self.orders
        yield from self.medications
        yield from self.procedures

    def finding(self, *concepts: str) -> tuple[Finding, ...]:
        """Active findings that carry one of the concepts."""
        found: tuple[Finding, ...] | None = self._found.get(concepts)
        if found is None:
            places = {place for concept in concepts if concept in self._active for place in self._active[concept]}
            found = self._found[concepts] = tuple([self.findings[place] for place in sorted(places)])
        return found

    def measured(self, name: str) -> Measurement | None:
        """The newest dated result of that name."""
        return self._newest.get(name)

    def assessed(self, name: str) -> tuple[Assessment, ...]:
        """All assessments of that name, newest first."""
        return self._assessed.get(name, ())

    def selected_orders(self, *concepts: str) -> tuple[Order, ...]:
        wanted = frozenset(concepts)
        return tuple(o for o in self.orders if o.selected and o.concepts & wanted)

    def selected_medications(self, *concepts: str) -> tuple[Medication, ...]:
        wanted = frozenset(concepts)
        return tuple(m for m in self.medications if m.selected and m.concepts & wanted)

    def ordering(self) -> bool:
        """Is this call about orders being placed, and not about a chart being opened?"""
        return any(o.draft for o in self.orders) or any(m.draft for m in self.medications)

    def knows(self, kind: str) -> bool:
        """Was this kind of data delivered in full ("conditions", "imaging", "medication requests", ...)?"""
        return kind not in self.unavailable and kind not in self.incomplete
