"""A site's own unit texts: which count, which are refused, and that no coded unit is overruled by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings import chart, local_codes, local_units
from fhir_mappings import facts as mapping
from fhir_mappings.local_units import LocalUnitsError
from hooks.facts import Facts
from tests.mappings.charts import LNC, ME, TODAY, UCUM, answer, bundle, coded, observation

CALCIUM, ECOG = coded(LNC, "17861-6"), coded(LNC, "89247-1")
OWN = {"MGDL": "mg/dL", "MILLIMOL": "mmol/L", "grade of WHO": "{score}"}


def facts(*resources: Any, own: Mapping[str, str] = OWN) -> Facts:
    local = replace(local_codes.NONE, units=local_units.read(own))
    given = {"patient": answer(ME), "conditions": answer(bundle(*resources))}
    return mapping.facts(chart.read(given, "p1", local=local), TODAY)


def values(sent: dict[str, Any], code: dict[str, Any] = CALCIUM, **more: Any) -> list[Decimal]:
    return [m.value for m in facts(observation(code, valueQuantity=sent), **more).measurements]


@pytest.mark.parametrize(
    "sent",
    [
        {"unit": "MGDL"},
        {"unit": " MG DL "},
        {"unit": "MGDL", "system": UCUM},
        {"unit": "MGDL", "system": "urn:here:units", "code": "17"},
        {"code": "MGDL"},
        {"code": "MGDL", "unit": "mg/dL"},
        {"code": "MGDL", "system": "urn:here:units"},
    ],
)
def test_a_text_of_the_site_is_the_unit_that_it_says(sent: dict[str, Any]) -> None:
    assert values({"value": 9.4, **sent}) == [Decimal("9.4")]
    assert values({"value": 9.4, **sent}, own={}) == []


def test_it_is_converted_like_any_other() -> None:
    assert values({"value": 2.5, "unit": "MILLIMOL"}) == [Decimal("10.00")]
    assert values({"value": 2, "unit": "grade of WHO"}, ECOG) == [Decimal(2)]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"unit": "MGDL", "system": UCUM, "code": "furlong"}, "unit not understood"),  # a UCUM code counts, even so
        ({"unit": "MGDL", "code": "furlong"}, "unit not understood"),
        ({"unit": "mmol/L", "code": "MGDL"}, "unit and code contradict each other"),
        ({"unit": "mgdl"}, "unit not understood"),  # letters are the site's own, none is folded
        ({"unit": "grade of WHO"}, "unit not understood"),  # a known unit, but none of calcium
    ],
)
def test_what_stays_refused(sent: dict[str, Any], why: str) -> None:
    found = facts(observation(CALCIUM, valueQuantity={"value": 9.4, **sent}))
    assert found.measurements == ()
    assert found.unreadable == (f"Observation/o1: calcium: {why}",)


def test_a_ucum_code_wins_over_the_text_of_the_site() -> None:
    coded_one = {"value": 2.5, "unit": "MGDL", "system": UCUM, "code": "mmol/L"}
    assert values(coded_one) == [Decimal("10.00")]


def test_a_map_that_is_wrong_is_caught_where_the_number_is_not_plausible() -> None:
    found = facts(observation(CALCIUM, valueQuantity={"value": 2.4, "unit": "CA"}), own={"CA": "mg/dL"})
    assert found.unreadable == ("Observation/o1: calcium: not plausible",)


def test_limits_and_members_of_a_panel_too() -> None:
    of_site = {"unit": "MGDL"}
    limits = [{"low": {"value": 8.5, **of_site}, "high": {"value": 10.5, **of_site}}]
    member = {"code": CALCIUM, "valueQuantity": {"value": 9.1, **of_site}, "referenceRange": limits}
    (measured,) = facts(observation(coded(LNC, "24323-8"), component=[member])).measurements
    assert (measured.value, measured.low, measured.high) == (Decimal("9.1"), Decimal("8.5"), Decimal("10.5"))


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"MGDL": "mg/DL"}, "'MGDL': 'mg/DL' is none of the units that are understood: "),
        ({"MGDL": "MG/DL"}, "'MGDL': 'MG/DL' is none of the units"),
        ({"MGDL": ""}, "'MGDL': '' is none of the units"),
        ({" ": "mg/dL"}, "' ' is no unit text"),
        ({"": "mg/dL"}, "'' is no unit text"),
        ({"g/L": "g/dL"}, "'g/L' is understood as g/L already and keeps its meaning"),
        ({"mg %": "mmol/L"}, "'mg %' is understood as mg/dL already and keeps its meaning"),
        ({"MG DL": "mg/dL", "MGDL": "mmol/L"}, "'MGDL' is mapped to two units: mg/dL and mmol/L"),
    ],
)
def test_an_entry_that_cannot_be_relied_on_is_named(own: dict[str, str], said: str) -> None:
    with pytest.raises(LocalUnitsError) as refused:
        local_units.read(own)
    assert str(refused.value).startswith(said)


def test_what_is_said_twice_alike_is_no_contradiction() -> None:
    assert local_units.read({"MG DL": "mg/dL", "MGDL": "mg/dL", "mg%": "mg/dL"})["MGDL"] == "mg/dL"
