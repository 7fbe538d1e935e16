"""Age, sex, and whether the patient is alive."""

from __future__ import annotations

from datetime import date

from fhir_mappings import dates
from fhir_mappings.chart import Chart
from fhir_mappings.lifetime import Lifetime
from hooks import facts

SEXES = ("female", "male")
OLDEST = 120  # years; ours: an earlier birth is a slip of the pen, and would make any kidney look bad


def read(chart: Chart, life: Lifetime) -> facts.Patient:
    """The patient at the day of evaluation. A birth date that is only a year gives the highest age it allows.

    The highest, because the lowest could take an adult for a child and silence an emergency, and would make kidneys
    look better than they are (Cockcroft-Gault).
    """
    patient = chart.patient
    if patient is None:
        return facts.Patient()
    return facts.Patient(
        source=f"Patient/{chart.patient_id}",
        age_years=_age(patient.birthDate, life.as_of),
        sex=patient.gender if patient.gender in SEXES else None,
        deceased=bool(patient.deceasedBoolean) or _died(patient.deceasedDateTime, life),
    )


def doubt(chart: Chart, life: Lifetime) -> str:
    """What is wrong with a recorded date of death that does not count: it would silence every rule."""
    if chart.patient is None or chart.patient.deceasedDateTime is None:
        return ""
    day = dates.when(chart.patient.deceasedDateTime)
    if day is None:
        return "the date of death cannot be read"
    if life.before(day):
        return "the date of death is too early to be true"
    return "" if life.holds(day) else "the date of death lies in the future"


def _died(text: str | None, life: Lifetime) -> bool:
    day = dates.when(text)
    return day is not None and life.holds(day)


def _age(birth_date: str | None, as_of: date) -> int | None:
    born = dates.when(birth_date)
    if born is None or born.earliest > as_of:
        return None
    first = born.earliest
    age = as_of.year - first.year - ((as_of.month, as_of.day) < (first.month, first.day))
    return age if age <= OLDEST else None
