"""What a site's maps hold, and what of them will do nothing: said at start, to whoever has written them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_mappings import codes, imaging, kinds, local_codes, map_review, orderables, results
from fhir_mappings.code_maps import ORDER_SET, PLACED, PREFERENCE_LIST
from fhir_mappings.kinds import KINDS, UNREAD
from fhir_mappings.prefetch import ASSESSMENTS, LABORATORY, OWN
from fhir_mappings.resources import decode
from hooks.questions import cancer, care
from tests.mappings.charts import LNC, SCT, coded, condition, observation
from tests.mappings.maps import LAB, ORDERS, PROBLEMS, RXNORM, concept_map, local, value_set

ROOT = Path(__file__).parents[2]


def warned(*resources: Any, name: str = "{}.json") -> list[str]:
    return list(map_review.warnings(local(*resources, name=name)))


# The table of kinds


def test_every_value_set_is_of_some_kind() -> None:
    listed = {concept for kind in KINDS.values() for concept in kind.concepts}
    assert listed == set(codes.value_sets())
    read = {concept for name, kind in KINDS.items() if name != UNREAD for concept in kind.concepts}
    assert not read & KINDS[UNREAD].concepts


def test_the_kinds_are_those_that_the_mapping_reads() -> None:
    assert KINDS["labs"].concepts == set(LABORATORY)
    assert set(ASSESSMENTS) <= KINDS["assessments"].concepts
    answers = {*results.ANSWERS.values(), *results.TRENDS, *results.PREGNANCY_ANSWERS}
    assert answers <= KINDS["answers"].concepts
    assert KINDS["problems"].concepts >= cancer.PRIMARY | cancer.SECONDARY
    consults = {concept for concepts in care.CONSULTS.values() for concept in concepts}
    assert KINDS["orders"].concepts >= imaging.CODED.keys() | consults
    assert KINDS["modalities"].concepts == set(imaging.MODALITIES)
    assert {c for c in codes.value_sets() if any(codes.level(*one[:2]) for one in codes.codings(c))} <= KINDS[
        "sites"
    ].concepts


def test_what_is_called_unread_is_named_by_no_rule_and_no_mapping() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("hooks", "fhir_mappings")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "proposed_orders.py"  # the routes that it writes
    )
    assert [one for one in sorted(KINDS[UNREAD].concepts) if re.search(rf"[\"']{one}[\"']", code)] == []


def test_the_prefixes_by_which_code_chooses_value_sets_choose_none_that_is_unread() -> None:
    """`mri_` is the only such prefix among value sets that are read for more than their name; see relevance."""
    assert not [one for one in KINDS[UNREAD].concepts if one.startswith(("mri_", "consult_", "primary_"))]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(name, "assessments") for name in (*OWN, "sins-pain")] + [("escc-2", "answers"), ("frankel-a", "answers")],
)
def test_our_own_codes_without_a_value_set_have_a_kind(code: str, expected: str) -> None:
    assert kinds.of(codes.ASSESSMENT, code) == {expected}


# What is said of a map


def test_the_summary_counts_by_kind() -> None:
    known = local(
        concept_map(LAB, LNC, ("CREA", "2160-0"), ("CA", "17861-6"), ("ECOG2", "LA9624-3")),
        concept_map(PROBLEMS, SCT, ("SPMET", "94602001")),
        concept_map(PREFERENCE_LIST, RXNORM, ("77", "993449")),
        concept_map(ORDERS, RXNORM, ("DENO", "993449")),
        concept_map(LAB, LNC, ("GLU", "2345-7"), equivalence="unmatched"),
    )
    said = "6 local codes from 5 files: labs 2, answers 1, problems 1, orders 1, drugs 1"
    assert map_review.summary(known, 5) == said
    assert map_review.summary(local(value_set("back-pain", "BP")), 1) == (
        "1 local code from 1 file: labs 0, answers 0, problems 1, orders 0"
    )


def test_a_map_without_fault_warns_of_nothing() -> None:
    assert not warned(
        concept_map(LAB, LNC, ("CREA", "2160-0"), ("PAIN", "72514-3"), ("ECOG2", "LA9624-3")),
        concept_map(PROBLEMS, SCT, ("SPMET", "94602001"), ("T12", "23215003")),
        concept_map(ORDERS, LNC, ("MR", "42698-1")),
        concept_map(ORDERS, codes.HCPCS, ("INJECTION", "J0897")),  # a drug that is billed as a procedure
        concept_map(PREFERENCE_LIST, LNC, ("77", "42698-1")),
        concept_map("urn:st-elsewhere", SCT, ("W", "26544005")),
        concept_map(SCT, SCT, ("999999999", "26544005"), ("999999998", "241577003")),  # its codes are of every kind
    )


def test_a_laboratory_code_that_is_mapped_to_a_diagnosis() -> None:
    """By what its system is called, by what its file is called, and by what the other codes of its system are."""
    said = "-> motor_weakness (read from Condition.code)"
    for found in (
        warned(concept_map(LAB, SCT, ("CRP", "26544005"))),
        warned(concept_map("urn:oid:1.2.3.4", SCT, ("CRP", "26544005")), name="maps/local-labs-{}.json"),
        warned(
            concept_map("urn:here", LNC, ("CREA", "2160-0"), ("ECOG", "89247-1")),
            concept_map("urn:here", SCT, ("CRP", "26544005")),
        ),
    ):
        (line,) = found
        assert "another kind of record than their system or file suggests" in line
        assert "|CRP -> motor_weakness" in line
        assert said in line


@pytest.mark.parametrize(
    ("system", "target", "where"),
    [
        (PROBLEMS, (LNC, "2160-0"), "Observation.code"),
        ("urn:x:flowsheet", (SCT, "26544005"), "Condition.code"),
        ("urn:x:problems", (LNC, "42698-1"), "ServiceRequest.code"),
        ("urn:x:orders", (RXNORM, "993449"), "MedicationRequest"),
    ],
)
def test_other_codes_that_their_record_never_tells(system: str, target: tuple[str, str], where: str) -> None:
    (line,) = warned(concept_map(system, target[0], ("X", target[1])))
    assert f"{system}|X -> " in line
    assert f"(read from {where}" in line


def test_what_no_rule_reads_is_named() -> None:
    (line,) = warned(concept_map(LAB, LNC, ("EGFR", "62238-1"), ("PSA", "2857-1"), ("CREA", "2160-0")))
    assert line == (f"no rule reads what these local codes are mapped to: {LAB}|EGFR -> lab_egfr, {LAB}|PSA -> lab_psa")


def test_what_no_search_can_name_is_said() -> None:
    (line,) = warned(concept_map(LAB, LNC, ("CREA S", "2160-0")))
    assert "no search can name" in line
    assert line.endswith(f": {LAB}|CREA S")
    assert not warned(concept_map(PROBLEMS, SCT, ("SP MET", "94602001")))  # all conditions are asked for


def test_a_preference_list_item_that_is_never_written_is_named() -> None:
    (line,) = warned(concept_map(PREFERENCE_LIST, LNC, ("77", "42698-1"), equivalence="wider"))
    assert "stand in no order" in line
    assert line.endswith("|77")


def test_several_preference_list_items_for_one_order_are_named_in_their_sequence() -> None:
    (line,) = warned(concept_map(PREFERENCE_LIST, LNC, ("76", "30854-4"), ("77", "42698-1")))
    assert line.endswith("sequence: mri_whole_spine (77 76)")


def test_a_map_that_is_no_more_than_an_example_is_named() -> None:
    (line,) = warned(concept_map(LAB, LNC, ("CREA", "2160-0")) | {"experimental": True})
    assert line == "these maps are marked experimental, not for real use: 0.json"


def test_a_long_list_is_cut_and_counted() -> None:
    (line,) = warned(concept_map(LAB, LNC, *((f"E{n}", "62238-1") for n in range(10))))
    assert line.endswith(f"{LAB}|E7 -> lab_egfr and 2 more")


@pytest.mark.parametrize("prefix", [PLACED, PREFERENCE_LIST, ""])
def test_orderables_without_a_code_of_a_system(prefix: str) -> None:
    known = local(
        concept_map(PREFERENCE_LIST, LNC, ("77", "42698-1")),
        concept_map(PREFERENCE_LIST, LNC, ("78", "39818-0"), equivalence="wider"),
        concept_map(ORDER_SET, SCT, ("79", "306265007")),
        concept_map(ORDERS, LNC, ("CT", "28566-8")),
    )
    covered = {PREFERENCE_LIST: {"mri_whole_spine"}, PLACED: {"mri_whole_spine", "consult_pain"}}.get(
        prefix, {"mri_whole_spine", "consult_pain", "ct_spine"}
    )
    assert map_review.orderables_without(known, prefix) == tuple(c for c in orderables.CODINGS if c not in covered)
    assert map_review.orderables_without(local_codes.NONE, prefix) == tuple(orderables.CODINGS)


def test_a_local_code_on_a_record_that_never_tells_it() -> None:
    known = local(concept_map(LAB, SCT, ("CRP", "26544005")), concept_map(LAB, LNC, ("CREA", "2160-0")))

    def misplaced(resource: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        return map_review.misplaced(decode(msgspec.json.encode(resource)), known)

    assert misplaced(observation(coded(LAB, "CRP"))) == ((LAB, "CRP"),)
    assert misplaced(condition(coded(LAB, "CRP"))) == ()
    assert misplaced(observation(coded(LAB, "CREA"))) == ()
    assert misplaced(condition(coded(LAB, "CREA"))) == ((LAB, "CREA"),)
    assert misplaced(observation(coded(LAB, "UNKNOWN"))) == ()
