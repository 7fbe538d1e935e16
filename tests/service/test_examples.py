"""The bundled calls: valid CDS Hooks requests of valid FHIR R4, that never grow old."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service import examples
from cds_service.hook_request import parse
from cds_service.services import BY_HOOK


def resources(name: str) -> Iterator[dict[str, Any]]:
    body = json.loads(examples.text(name))
    for value in (*body["prefetch"].values(), body["context"].get("draftOrders")):
        if value is not None:
            yield value
            yield from (entry["resource"] for entry in value.get("entry", ()))


@pytest.mark.parametrize("name", examples.NAMES)
def test_every_resource_is_valid_r4(name: str) -> None:
    for resource in resources(name):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert fhirkit.validate(resource) == [], resource["id"]


@pytest.mark.parametrize("name", examples.NAMES)
def test_the_request_has_what_its_service_asks_for(name: str) -> None:
    service = BY_HOOK[examples.hook(name)]
    request = parse(examples.read(name, date.today()), service)
    assert set(request.prefetch) == set(service.prefetch)


@pytest.mark.parametrize("name", examples.NAMES)
def test_all_dates_move_by_the_same_number_of_days(name: str) -> None:
    later = examples.WRITTEN_ON + timedelta(days=500)
    moved = examples.read(name, later).decode()
    assert moved != examples.text(name)
    assert len(moved) == len(examples.text(name))
    assert examples.read(name, examples.WRITTEN_ON).decode() == examples.text(name)


def test_days_are_told_from_other_digits() -> None:
    text = examples.read("patient_view", examples.WRITTEN_ON + timedelta(days=1)).decode()
    assert '"birthDate": "1964-05-10"' in text
    assert '"effectiveDateTime": "2026-11-21T08:40:00+01:00"' in text
    assert json.loads(examples.text("patient_view"))["hookInstance"] in text
