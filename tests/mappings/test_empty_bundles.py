"""A Bundle without entries: which of them say "none found", and which say nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings import chart
from fhir_mappings.answers import Given, Unavailable
from fhir_mappings.chart import EMPTY, FOUND, PARTIAL, UNAVAILABLE
from tests.mappings.charts import ME, SCT, answer, bundle, coded, condition

BREAST = condition(coded(SCT, "254837009"), id="breast")


def state(value: Any) -> str:
    return chart.read({"patient": answer(ME), "conditions": answer(value)}, "p1").sources["conditions"].state


@pytest.mark.parametrize("more", [{}, {"total": 0}, {"entry": []}, {"entry": None}, {"total": 0, "entry": []}])
@pytest.mark.parametrize("kind", [{"type": "searchset"}, {"type": "collection"}, {"type": None}, {}])
def test_none_found(kind: dict[str, Any], more: dict[str, Any]) -> None:
    assert isinstance(answer({"resourceType": "Bundle", **kind, **more}), Given)
    assert state({"resourceType": "Bundle", **kind, **more}) == EMPTY


STRANGE = ["batch", "batch-response", "transaction", "transaction-response", "history", "document", "message"]


@pytest.mark.parametrize("kind", [*STRANGE, "subscription-notification", "Searchset", "searchset ", "", "error"])
@pytest.mark.parametrize("more", [{}, {"total": 0}, {"entry": []}])
def test_no_answer_to_a_search(kind: str, more: dict[str, Any]) -> None:
    said = answer({"resourceType": "Bundle", "type": kind, **more})
    assert said == Unavailable("the EHR sent a Bundle that is no answer to a search")
    assert state({"resourceType": "Bundle", "type": kind, **more}) == UNAVAILABLE


@pytest.mark.parametrize("kind", [5, ["searchset"], {"code": "searchset"}, True])
def test_a_type_that_is_no_word_leaves_the_key_in_doubt(kind: Any) -> None:
    assert state({"resourceType": "Bundle", "type": kind, "total": 0}) in (PARTIAL, UNAVAILABLE)


@pytest.mark.parametrize("kind", [*STRANGE, "searchset"])
def test_what_is_in_it_is_read_whatever_it_is_called(kind: str) -> None:
    assert state(bundle(BREAST) | {"type": kind}) == FOUND
