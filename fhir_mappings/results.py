"""Observations become measurements in one unit and assessments; what cannot be understood is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from fhir_mappings import coded, codes, replacing, same_day, scored, units
from fhir_mappings.chart import Chart
from fhir_mappings.lifetime import Lifetime
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import CodeableConcept, Component, Observation, Quantity, ReferenceRange
from fhir_mappings.scored import GRADED as GRADED
from fhir_mappings.scored import GRADES as GRADES
from fhir_mappings.scored import NUMBERED as NUMBERED
from fhir_mappings.scored import PREGNANCY_ANSWERS as PREGNANCY_ANSWERS
from fhir_mappings.scored import PREGNANCY_TEST as PREGNANCY_TEST
from fhir_mappings.scored import PSYCHOSOCIAL as PSYCHOSOCIAL
from fhir_mappings.scored import TRENDS as TRENDS
from fhir_mappings.scored import UNDATED, NotRead
from fhir_mappings.units import Problem
from hooks.facts import Assessment, Measurement, When

MEASUREMENTS = {
    "lab_calcium_total": "calcium",
    "lab_calcium_corrected_albumin": "calcium_corrected",
    "lab_calcium_ionised": "calcium_ionised",
    "lab_albumin": "albumin",
    "lab_creatinine": "creatinine",
    "lab_crcl_cockcroft_gault": "creatinine_clearance",
    "lab_alp": "alp",
    "lab_vitamin_d_25oh": "vitamin_d",
    "body_weight": "body_weight",
    "body_height": "body_height",
    "pain_score_0_10": "pain_score",
    "ecog_score": "ecog",
    "kps_score": "kps",
}
RANGES: dict[str, tuple[int, int]] = {"pain_score": (0, 10), "ecog": (0, 5), "kps": (0, 100)}
# Between two values that a score can have. Karnofsky's scale has tens; the fives between them are written too.
STEPS = {"ecog": 1, "kps": 5}
ANSWERS = {"ecog": "ecog_answer", "kps": "kps_answer"}
CANNOT_BE_REPLACED = "another result says that it replaces it, and cannot"
NOTHING = Decimal(0)
_ORDER = tuple(MEASUREMENTS.values())  # which name comes first where a code has several

Limits = tuple[Decimal | None, Decimal | None]
NO_LIMITS: Limits = (None, None)


def read(chart: Chart, life: Lifetime) -> tuple[tuple[Measurement, ...], tuple[Assessment, ...], tuple[NotRead, ...]]:
    """Measurements and assessments, newest first, and what could not be read, with its reason.

    Only final, amended and corrected results are in a chart, of one id the newest version alone. A correction sent as a
    result of its own replaces the one that it names; what is said to be replaced and cannot be counts, and is in doubt.
    """
    reading, (replaced, disputed) = _Reading(), replacing.read(chart, life)
    for kept in chart.of(Observation):
        if kept.reference not in replaced:
            reading.take(kept)
    if disputed:
        reading.doubt(disputed)
    return (
        same_day.measurements(reading.measured, reading.measured_by),
        same_day.assessments(reading.assessed, reading.assessed_by),
        tuple(reading.not_read),
    )


def doubtful(known: Iterable[Measurement | Assessment], not_read: Sequence[NotRead]) -> frozenset[str]:
    """Names of which a result that could not be read may be newer than the newest that could.

    The older one must then not reassure. It still warns: what was wrong may still be.
    """
    if not not_read:
        return frozenset()
    newest: dict[str, When] = {}
    for fact in known:
        if fact.when and (fact.name not in newest or fact.when.latest > newest[fact.name].latest):
            newest[fact.name] = fact.when
    return frozenset(
        one.name
        for one in not_read
        if one.when is None or one.name not in newest or one.when.latest >= newest[one.name].earliest
    )


class _Reading:
    """What the results of one chart say, collected in their order, each with the observation that says it.

    These stand in lists of their own: a pair for each result would be one object more for the garbage collector.
    """

    def __init__(self) -> None:
        self.measured: list[Measurement] = []
        self.measured_by: list[Observation] = []
        self.assessed: list[Assessment] = []
        self.assessed_by: list[Observation] = []
        self.not_read: list[NotRead] = []
        # A chart repeats the laboratory's range with every result of a name: the last of each name, and what it says.
        self._ranges: dict[str, tuple[ReferenceRange, Limits]] = {}

    def take(self, kept: Kept[Observation]) -> None:
        """One observation: its value, those components that are measurements of their own, and what is scored."""
        observation = kept.resource
        if observation.component:
            for name, valued in measured(observation):
                self._measure(kept, name, valued)
        elif names := _names(kept.concepts):  # without components they are those of its code
            self._measure(kept, names[0], observation)
        for found in scored.read(kept, observation):
            if isinstance(found, Measurement):
                self.measured.append(found)
                self.measured_by.append(observation)
            elif isinstance(found, Assessment):
                self.assessed.append(found)
                self.assessed_by.append(observation)
            else:
                self.not_read.append(found)

    def doubt(self, disputed: frozenset[str]) -> None:
        """Names those of these results that were read."""
        facts: tuple[Measurement | Assessment, ...] = (*self.measured, *self.assessed)
        for fact in facts:
            if fact.source in disputed:
                self.not_read.append(NotRead(fact.source, fact.name, CANNOT_BE_REPLACED, fact.when))

    def _measure(self, kept: Kept[Observation], name: str, valued: Observation | Component) -> None:
        """What one element says: one measurement, or several where a number and its coded answers contradict."""
        observation, reference, when, quantity = kept.resource, kept.reference, kept.when, valued.valueQuantity
        if quantity is not None and quantity.comparator and quantity.value is not None:
            label, bound = _reported(quantity), units.bound(name, quantity)
        else:
            label, bound = coded.label(valued.code), ""
        low, high = self._limits(name, valued.referenceRange) if valued.referenceRange else NO_LIMITS
        for value in _values(name, valued, observation) if name in ANSWERS else (_number(name, valued),):
            if isinstance(value, Problem):
                if valued is not observation or not _only_a_heading(observation):
                    self.not_read.append(NotRead(reference, name, value.reason, when))
            elif not _on_scale(name, value):
                self.not_read.append(NotRead(reference, name, "outside its scale", when))
            else:
                self.measured.append(Measurement(reference, name, value, when, low, high, label, (), bound))
                self.measured_by.append(observation)
                if when is None:
                    self.not_read.append(NotRead(reference, name, UNDATED))

    def _limits(self, name: str, ranges: list[ReferenceRange]) -> Limits:
        """Low and high of the normal range: the one called "normal", or the only one without a type."""
        if len(ranges) > 1 or ranges[0].type is not None:
            ranges = [r for r in ranges if r.type is None or coded.first_code(r.type) == "normal"]
        if len(ranges) != 1:
            return NO_LIMITS
        usual, before = ranges[0], self._ranges.get(name)
        if before is not None and before[0] == usual:
            return before[1]
        limits = _limit(name, usual.low), _limit(name, usual.high)
        self._ranges[name] = usual, limits
        return limits


def _limit(name: str, quantity: Quantity | None) -> Decimal | None:
    return None if units.bound(name, quantity) else units.convert(name, quantity)


def measured(observation: Observation) -> list[tuple[str, Observation | Component]]:
    """The names of what an observation measures, each with the element that holds its value."""
    names = _names(coded.concepts(observation.code))
    found: list[tuple[str, Observation | Component]] = [(names[0], observation)] if names else []
    if observation.component:
        for component in observation.component:
            found += [(name, component) for name in _names(coded.concepts(component.code))]
    return found


def _names(concepts: frozenset[str]) -> list[str]:
    """Hardly ever more than one."""
    names = []
    for concept in concepts:
        if concept in MEASUREMENTS:
            names.append(MEASUREMENTS[concept])
    if len(names) > 1:
        names.sort(key=_ORDER.index)
    return names


def _on_scale(name: str, value: Decimal) -> bool:
    """Can the score have this value? Of what is no score, only that it is not negative."""
    scale = RANGES.get(name)
    if scale is None:
        return value >= NOTHING
    return scale[0] <= value <= scale[1] and (name not in STEPS or value % STEPS[name] == 0)


def _only_a_heading(observation: Observation) -> bool:
    """A panel carries its numbers in its components."""
    return bool(observation.component) and observation.valueQuantity is None and observation.valueString is None


def _reported(bounded: Quantity) -> str:
    """A bound that counts as its number is said as it was reported, not in the record's words for the result."""
    return f"reported as {bounded.comparator} {bounded.value:g} {bounded.unit or bounded.code or ''}".rstrip()


def _values(name: str, valued: Observation | Component, observation: Observation) -> tuple[Decimal | Problem, ...]:
    """Of performance status: the number, and coded answers, as value or, in mCODE, as interpretation of the whole.

    A number and a code of the same meaning are one value; those that contradict each other all count, as results of the
    same moment. A score may come as a text that is a whole number and nothing else.
    """
    interpretation = observation.interpretation if valued is observation else None
    answers = _answers(name, valued, interpretation)
    numeric = valued.valueQuantity is not None or valued.valueInteger is not None
    if answers and not numeric:
        return answers
    return tuple(dict.fromkeys((_number(name, valued), *answers)))


def _number(name: str, valued: Observation | Component) -> Decimal | Problem:
    if valued.valueQuantity is not None:
        return units.understand(name, valued.valueQuantity)
    if valued.valueInteger is not None:
        return Decimal(valued.valueInteger) if name in units.SCORES else units.UNIT
    return scored.written(valued) if name in units.SCORES else units.NO_VALUE


def _answers(
    name: str, valued: Observation | Component, interpretation: list[CodeableConcept] | None
) -> tuple[Decimal, ...]:
    """The scores of the coded answers, each once."""
    codings = (
        coding
        for concept in (valued.valueCodeableConcept, *(interpretation or ()))
        for coding in (concept.coding or () if concept else ())
        if ANSWERS[name] in codes.concepts(coding.system, coding.code)
    )
    scores = (codes.score(coding.system, coding.code) for coding in codings)
    return tuple(dict.fromkeys(Decimal(score) for score in scores if score is not None))
