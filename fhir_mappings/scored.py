"""Scores, grades and answers of examinations and questionnaires; what cannot be understood is refused by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from fhir_mappings import coded, codes, findings, same_day, units
from fhir_mappings.chart import Refused
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import Component, Observation
from fhir_mappings.units import Problem
from hooks.facts import Assessment, Measurement, When
from hooks.scores import sins

LIFE_EXPECTANCY = "life-expectancy"
GRADED = ("escc", "frankel", "ais")
# The grades that exist, and no others; the gravest first, which is the one that counts of several.
GRADES = {name: same_day.ORDER[name] for name in GRADED}
NUMBERED = {"sins": 18, "tokuhashi": 15, "tomita": 10, "bauer": 4, "nesms": 3, "katagiri": 10}  # highest possible
OCCIPUT = "site_occiput"
PREGNANCY_TEST = "lab_pregnancy_test"
PSYCHOSOCIAL = "psychosocial_screening"
HIGHEST_SCREEN = 100  # no questionnaire that we know reaches it
UNDATED = "no date that can be read"
PREGNANCY_ANSWERS = {
    "pregnancy": "positive",
    "pregnancy_answer_positive": "positive",
    "not_pregnant": "negative",
    "pregnancy_answer_negative": "negative",
}
TRENDS = {"disease_improved": "improved", "disease_stable": "stable", "disease_worsened": "worsened"}
WORDS = Problem("a score in words")
WHOLE = re.compile(r"0|[1-9][0-9]{0,2}")  # "2 - ambulatory" may be half of "2-3", and "2.5" is no grade


@dataclass(frozen=True, slots=True)
class NotRead:
    """A result of a known name that gave no usable number, grade or date; `when` it was taken, if that is known."""

    reference: str
    name: str
    reason: str
    when: When | None = None

    def refused(self) -> Refused:
        return Refused(self.reference, f"{self.name.replace('_', ' ')}: {self.reason}")


def whole(valued: Observation | Component) -> int | None:
    """The value as a whole number, sent as such or as a text that is nothing else."""
    if valued.valueInteger is not None or valued.valueString is None:
        return valued.valueInteger
    text = valued.valueString.strip()
    return int(text) if WHOLE.fullmatch(text) else None


def written(valued: Observation | Component) -> Decimal | Problem:
    """A score that came as no quantity, no integer and no code that we know."""
    number = whole(valued)
    if number is not None:
        return Decimal(number)
    return WORDS if _in_words(valued) else units.NO_VALUE


def _in_words(valued: Observation | Component) -> bool:
    """Is there a text where a number or a code should be?"""
    concept = valued.valueCodeableConcept
    uncoded = concept is not None and bool(concept.text) and not any(one.code for one in concept.coding or ())
    return (valued.valueString is not None and whole(valued) is None) or uncoded


def read(kept: Kept[Observation], observation: Observation) -> Iterable[Assessment | Measurement | NotRead]:
    """Our own assessment codes, mCODE's cancer disease status, pregnancy tests and psychosocial screening."""
    if PSYCHOSOCIAL in kept.concepts:
        return _screening(kept)
    if PREGNANCY_TEST in kept.concepts:
        return _pregnancy(kept)
    if "disease_status_code" in kept.concepts:
        return _trend(kept)
    name = coded.first_assessment(observation.code)
    if name is None:  # as most: a measurement, which is read elsewhere
        return ()
    return _life_expectancy(kept, observation) if name == LIFE_EXPECTANCY else _scored(kept, observation, name)


def _trend(kept: Kept[Observation]) -> Iterator[Assessment]:
    trend = [TRENDS[c] for c in coded.concepts(kept.resource.valueCodeableConcept) if c in TRENDS]
    if trend:
        gravest = min(trend, key=same_day.ORDER["disease_status"].index)
        yield Assessment(kept.reference, "disease_status", gravest, kept.when)


def _scored(kept: Kept[Observation], observation: Observation, name: str) -> Iterator[Assessment | NotRead]:
    """A total, its items, or both; without a total, what of it came in words is named beside what could be read."""
    value = _graded(name, observation)
    parts = tuple(_parts(observation.component or ())) if name == "sins" else ()
    items = tuple((item, points) for item, part in parts if (points := whole(part)) is not None)
    in_words = _in_words(observation) or any(_in_words(part) for _, part in parts)
    if value is None and in_words:
        yield NotRead(kept.reference, name, WORDS.reason, kept.when)
    elif value is None and not items:
        yield NotRead(kept.reference, name, "no value that the score can have", kept.when)
    if value is None and not items:
        return
    when, label = kept.when, coded.label(observation.code)
    yield Assessment(kept.reference, name, value, when, _level(observation), items, label)
    if when is None:
        yield NotRead(kept.reference, name, UNDATED)


def _life_expectancy(kept: Kept[Observation], observation: Observation) -> Iterator[Measurement | NotRead]:
    months, name = units.understand("life_expectancy", observation.valueQuantity), "life_expectancy"
    if isinstance(months, Problem):
        yield NotRead(kept.reference, name, months.reason, kept.when)
    else:
        yield Measurement(kept.reference, name, months, kept.when, label=coded.label(observation.code))


def _screening(kept: Kept[Observation]) -> Iterator[Assessment | NotRead]:
    """That a questionnaire was scored, and when; an entry without a score says that it was not."""
    observation = kept.resource
    score = whole(observation)
    value = observation.valueQuantity.value if observation.valueQuantity else None
    if score is None and value is not None:
        score = int(value) if isfinite(value) else -1
    if score is not None and 0 <= score <= HIGHEST_SCREEN:
        yield Assessment(kept.reference, PSYCHOSOCIAL, str(score), kept.when, label=coded.label(observation.code))
    elif score is not None:
        yield NotRead(kept.reference, PSYCHOSOCIAL, "outside its scale", kept.when)
    elif _in_words(observation):
        yield NotRead(kept.reference, PSYCHOSOCIAL, WORDS.reason, kept.when)


def _pregnancy(kept: Kept[Observation]) -> Iterator[Assessment]:
    """A coded answer that is one of ours; "unknown", free text and contradictory codes are no answer."""
    observation = kept.resource
    concepts = coded.concepts(observation.valueCodeableConcept)
    answers = {PREGNANCY_ANSWERS[concept] for concept in concepts if concept in PREGNANCY_ANSWERS}
    if len(answers) == 1:
        label = coded.label(observation.code)
        yield Assessment(kept.reference, "pregnancy", answers.pop(), kept.when, label=label)


def _graded(name: str, observation: Observation) -> str | None:
    if name in NUMBERED:
        number = whole(observation)
        if number is None and observation.valueQuantity is not None:
            quantity = units.convert("pain_score", observation.valueQuantity)  # any unit that a bare score may carry
            number = int(quantity) if quantity is not None and quantity == int(quantity) else None
        return str(number) if number is not None and 0 <= number <= NUMBERED[name] else None
    codings = observation.valueCodeableConcept.coding if observation.valueCodeableConcept else None
    answers = {one.code for one in codings or () if one.system == codes.ASSESSMENT}
    return next((grade for grade in GRADES.get(name, ()) if grade in answers), None)


def _parts(components: Iterable[Component]) -> Iterator[tuple[str, Component]]:
    for component in components:
        code = coded.first_assessment(component.code)
        if code and code.startswith("sins-"):
            yield code.removeprefix("sins-"), component


def _level(observation: Observation) -> str | None:
    """One vertebra or region. The occiput is a level of SINS alone: no finding of the skull is one of the spine."""
    found = findings.levels([observation.bodySite] if observation.bodySite else None)
    return min(found) if found else sins.OCCIPUT if OCCIPUT in coded.concepts(observation.bodySite) else None
