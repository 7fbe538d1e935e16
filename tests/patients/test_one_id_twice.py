"""One id on two different entries, from FHIR to cards: neither hides the other where nobody can say which is newer."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from tests.mappings.charts import status
from tests.patients.test_riskiest_points import BONE, BREAST, MRI, PAIN, SPINE, WEAK, critical
from tests.patients.whole_patients import LNC, drug, lab, opened, service, signing

ZOLEDRONATE, DENOSUMAB = "77655", "993449"
CALCIUM = lab("calcium", "17861-6", 14.4, "mg/dL", low=8.6, high=10.2)
ALBUMIN = lab("albumin", "1751-7", 4.0, "g/dL", low=3.5, high=5)
FAILING = lab("kidneys", "35591-7", 19.7, "mL/min")
SEVERAL = "several versions, which is newer is not known"
DAY, LATER = {"lastUpdated": "2026-11-20T08:00:00Z"}, {"lastUpdated": "2026-11-21T08:00:00Z"}
UNTOLD: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    (DAY, DAY),
    ({}, {"lastUpdated": "2020-01-01T00:00:00Z"}),
    ({"versionId": "abc"}, {"versionId": "abd"}),
    ({"lastUpdated": "24.11.2026", "versionId": "9"}, {"lastUpdated": "2020-01-01T00:00:00Z", "versionId": "1"}),
    ({**DAY, "versionId": "1"}, DAY),
]


def at(resource: dict[str, Any], meta: dict[str, str], **more: Any) -> dict[str, Any]:
    return {**resource, "meta": meta, **more}


def calcium_of_9(**more: Any) -> dict[str, Any]:
    return {**CALCIUM, "valueQuantity": {**CALCIUM["valueQuantity"], "value": 9.0}, **more}


class TestDraftWithTheIdOfAnOrderOnRecord:
    """The session's version of an order stands for the record's; another order it does not hide."""

    RECORD = (BREAST, BONE, drug("x", DENOSUMAB, 120, authoredOn="2026-11-01"))

    def test_of_another_drug_both_count(self) -> None:
        answer = signing(drug("x", ZOLEDRONATE, 4, status="draft"), record=self.RECORD)
        assert answer.card("bone_agent_duplicate") is not None

    def test_of_the_same_drug_it_is_that_order(self) -> None:
        answer = signing(drug("x", DENOSUMAB, 120, status="draft"), record=self.RECORD)
        assert answer.card("bone_agent_duplicate") is None

    def test_an_order_for_a_consult_does_not_hide_the_mri_that_waits(self) -> None:
        mri = service("x", LNC, "30855-1")
        consult = service("x", "http://snomed.info/sct", "308481009", status="draft")
        assert not MRI & set(signing(consult, record=(BREAST, SPINE, WEAK, mri)).offered())


class TestTwoDraftsOfOneId:
    """Both are checked."""

    def test_the_critical_one_is_not_hidden_by_the_other(self) -> None:
        pair = drug("x", ZOLEDRONATE, 4, status="draft"), drug("x", DENOSUMAB, 120, status="draft")
        for drafts in permutations(pair):
            answer = signing(*drafts, record=(BREAST, BONE, FAILING))
            assert any("zoledronic acid" in summary for summary in critical(answer))
            assert SEVERAL in answer.text

    def test_of_one_content_they_are_one(self) -> None:
        draft = drug("x", ZOLEDRONATE, 4, status="draft")
        record = (BREAST, BONE, FAILING)
        assert (
            signing(draft, at(draft, DAY), record=record).cards[0]["detail"]
            == (signing(draft, record=record).cards[0]["detail"])
        )


class TestTwoVersionsOnRecord:
    """The cautious one counts as long as nobody can say that it is the older."""

    @pytest.mark.parametrize(("first", "second"), UNTOLD)
    def test_of_two_calcium_values_the_one_that_warns(self, first: dict[str, str], second: dict[str, str]) -> None:
        for metas in ((first, second), (second, first)):
            pair = at(CALCIUM, metas[0]), at(calcium_of_9(), metas[1])
            for labs in permutations(pair):
                answer = opened(BREAST, BONE, ALBUMIN, *labs)
                assert any("14.4 mg/dL" in summary for summary in critical(answer))
                assert SEVERAL in answer.text

    @pytest.mark.parametrize(("old", "new"), [(DAY, LATER), ({**DAY, "versionId": "9"}, {**DAY, "versionId": "10"})])
    def test_what_is_surely_older_is_gone(self, old: dict[str, str], new: dict[str, str]) -> None:
        for labs in permutations((at(CALCIUM, old), at(calcium_of_9(), new))):
            answer = opened(BREAST, BONE, ALBUMIN, *labs)
            assert not critical(answer)
            assert SEVERAL not in answer.text

    def test_one_content_under_two_dates_of_writing_is_one(self) -> None:
        answer = opened(BREAST, BONE, ALBUMIN, CALCIUM, at(CALCIUM, DAY))
        assert critical(answer)
        assert SEVERAL not in answer.text

    @pytest.mark.parametrize("end", [{}, {"abatementDateTime": "2026-11-22"}])
    def test_a_deficit_that_is_active_and_resolved_is_an_emergency(self, end: dict[str, Any]) -> None:
        active = {**WEAK, "clinicalStatus": status("active")}
        resolved = {**WEAK, "clinicalStatus": status("resolved"), **end}
        for pair in permutations((active, resolved)):
            assert critical(opened(BREAST, SPINE, PAIN, *pair))
