"""Observations become measurements in one unit and assessments; what cannot be understood is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from fhir_mappings import coded, codes, extensions, same_day, scored, units, versions
from fhir_mappings.chart import Chart
from fhir_mappings.extensions import CORE
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import ABSENT, CodeableConcept, Component, Observation, Quantity, ReferenceRange
from fhir_mappings.same_day import Stated
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
REPLACES = f"{CORE}observation-replaces"
_ORDER = tuple(MEASUREMENTS.values())  # which name comes first where a code has several

Limits = tuple[Decimal | None, Decimal | None]
# A chart repeats the laboratory's range with every result of a name: the last of each name that was read, with what it
# said. Lives as long as one reading of one chart.
LastRanges = dict[str, tuple[ReferenceRange, Limits]]
NO_LIMITS: Limits = (None, None)


def read(chart: Chart) -> tuple[tuple[Measurement, ...], tuple[Assessment, ...], tuple[NotRead, ...]]:
    """Measurements and assessments, newest first, and what could not be read, with its reason.

    Only final, amended and corrected results are in a chart, of one id the newest version alone. A correction sent as a
    result of its own replaces the one that it names.
    """
    taken: list[Stated[Measurement]] = []
    assessed: list[Stated[Assessment]] = []
    not_read: list[NotRead] = []
    ranges: LastRanges = {}
    replaced = _replaced(chart)
    for kept in chart.of(Observation):
        if kept.reference in replaced:
            continue
        observation = kept.resource
        for found in (*_measure(kept, observation, ranges), *scored.read(kept, observation)):
            if isinstance(found, Measurement):
                taken.append((observation, found))
            elif isinstance(found, Assessment):
                assessed.append((observation, found))
            else:
                not_read.append(found)
    return same_day.measurements(taken), same_day.assessments(assessed), tuple(not_read)


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


def _replaced(chart: Chart) -> frozenset[str]:
    """Results that another result says it replaces (FHIR R4 core extension observation-replaces)."""
    named = [
        one.valueReference.reference
        for kept in chart.of(Observation)
        if kept.resource.extension is not ABSENT  # most carry none
        for one in extensions.named(kept.resource.extension, REPLACES)
        if one.valueReference and one.valueReference.reference
    ]
    return frozenset([versions.resolved(chart.names, reference) for reference in named])


def _measure(kept: Kept[Observation], observation: Observation, ranges: LastRanges) -> list[Measurement | NotRead]:
    """The value itself, and those components of a panel that are measurements of their own."""
    own = None if observation.component else kept.concepts  # without components they are those of its code
    found: list[Measurement | NotRead] = []
    for name, valued in measured(observation, own):
        interpretation = observation.interpretation if valued is observation else None
        found += _one(kept, observation, name, valued, interpretation, ranges)
    return found


def measured(
    observation: Observation, concepts: frozenset[str] | None = None
) -> list[tuple[str, Observation | Component]]:
    """The names of what an observation measures, each with the element that holds its value.

    `concepts` of its code, where they are known already.
    """
    names = _names(coded.concepts(observation.code) if concepts is None else concepts)
    found: list[tuple[str, Observation | Component]] = [(names[0], observation)] if names else []
    for component in observation.component or ():
        found += [(name, component) for name in _names(coded.concepts(component.code))]
    return found


def _names(concepts: frozenset[str]) -> list[str]:
    names = [MEASUREMENTS[concept] for concept in concepts if concept in MEASUREMENTS]
    if len(names) > 1:
        names.sort(key=_ORDER.index)
    return names


def _one(
    kept: Kept[Observation],
    observation: Observation,
    name: str,
    valued: Observation | Component,
    interpretation: list[CodeableConcept] | None,
    ranges: LastRanges,
) -> list[Measurement | NotRead]:
    """What one element says: one measurement, or several where a number and its coded answers contradict each other."""
    found: list[Measurement | NotRead] = []
    when, label = kept.when, _labelled(valued)
    low, high = _limits(name, valued.referenceRange, ranges) if valued.referenceRange else NO_LIMITS
    for value in _values(name, valued, interpretation):
        if isinstance(value, Problem):
            if valued is not observation or not _only_a_heading(observation):
                found.append(NotRead(kept.reference, name, value.reason, when))
        elif not _on_scale(name, value):
            found.append(NotRead(kept.reference, name, "outside its scale", when))
        else:
            bound = units.bound(name, valued.valueQuantity)
            found.append(Measurement(kept.reference, name, value, when, low, high, label, (), bound))
            if when is None:
                found.append(NotRead(kept.reference, name, UNDATED))
    return found


def _on_scale(name: str, value: Decimal) -> bool:
    """Can the score have this value? Of what is no score, only that it is not negative."""
    lowest, highest = RANGES.get(name, (0, None))
    if value < lowest or (highest is not None and value > highest):
        return False
    return name not in STEPS or value % STEPS[name] == 0


def _only_a_heading(observation: Observation) -> bool:
    """A panel carries its numbers in its components."""
    return bool(observation.component) and observation.valueQuantity is None and observation.valueString is None


def _labelled(valued: Observation | Component) -> str:
    """The record's words; a bound that counts as its number is said with them."""
    label, quantity = coded.label(valued.code), valued.valueQuantity
    if quantity is None or not quantity.comparator:
        return label
    return f"reported as {quantity.comparator} {quantity.value:g} {quantity.unit or quantity.code or ''}".rstrip()


def _values(
    name: str, valued: Observation | Component, interpretation: list[CodeableConcept] | None
) -> tuple[Decimal | Problem, ...]:
    """What is stated; for performance status also coded answers, as value or, in mCODE, as interpretation.

    A number and a code of the same meaning are one value; those that contradict each other all count, as results of the
    same moment. A score may come as a text that is a whole number and nothing else.
    """
    if name not in ANSWERS:
        return (_number(name, valued),)
    answers = _answers(name, valued, interpretation)
    numeric = valued.valueQuantity is not None or valued.valueInteger is not None
    if answers and not numeric:
        return answers
    if not answers:
        return (_number(name, valued),)
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


def _limits(name: str, ranges: list[ReferenceRange], last: LastRanges) -> Limits:
    """Low and high of the normal range: the one called "normal", or the only one without a type."""
    usual = [r for r in ranges if r.type is None or coded.first_code(r.type) == "normal"]
    if len(usual) != 1:
        return NO_LIMITS
    before = last.get(name)
    if before is not None and before[0] == usual[0]:
        return before[1]
    limits = _limit(name, usual[0].low), _limit(name, usual[0].high)
    last[name] = usual[0], limits
    return limits


def _limit(name: str, quantity: Quantity | None) -> Decimal | None:
    return None if units.bound(name, quantity) else units.convert(name, quantity)
