"""The NOMS table row by row, what an unknown axis does to it, its limits, and the histology classes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest

from hooks.facts import Assessment, Facts, Finding, Imaging, Measurement, Procedure, When
from hooks.knowledge import KnowledgeError
from hooks.questions import cancer, histology, noms, stability

AS_OF = date(2026, 11, 24)
LATELY = When.on(date(2026, 11, 20))
OLD = When.on(date(2026, 10, 24))  # 31 days ago
CLASSES = {"S": "primary_myeloma", "I": "primary_breast", "R": "primary_kidney_rcc", "U": "primary_bladder"}


def patient(
    sins: int | None = 5,
    escc: str | None = "0",
    kind: str | None = "I",
    ecog: int | None = 1,
    months: int | None = 12,
    neuro: str | None = "e",
    when: When = LATELY,
) -> Facts:
    """A patient on the four axes; None for an axis that is not recorded."""
    assessments = [
        Assessment("Observation/sins", "sins", str(sins), when, "T8") if sins is not None else None,
        Assessment("Observation/escc", "escc", f"escc-{escc}", when, "T8") if escc else None,
        Assessment("Observation/frankel", "frankel", f"frankel-{neuro}", when) if neuro else None,
    ]
    measurements = [
        Measurement("Observation/ecog", "ecog", Decimal(ecog), when) if ecog is not None else None,
        Measurement("Observation/le", "life_expectancy", Decimal(months), when) if months is not None else None,
    ]
    return Facts(
        as_of=AS_OF,
        findings=(Finding("Condition/1", frozenset({CLASSES[kind]})),) if kind else (),
        assessments=tuple(a for a in assessments if a),
        measurements=tuple(m for m in measurements if m),
    )


def number(facts: Facts) -> int | None:
    row = noms.of(facts).row
    return row.number if row else None


@pytest.mark.parametrize(
    ("row", "axes"),
    [
        (2, {"sins": 13}),
        (2, {"sins": 18, "escc": "3", "kind": "S"}),
        (3, {"sins": 13, "ecog": 3}),
        (3, {"sins": 13, "months": 2}),
        (4, {"escc": "2", "kind": "S"}),
        (4, {"escc": "3", "kind": "S", "ecog": None, "months": None}),
        (5, {"escc": "2", "kind": "I"}),
        (6, {"escc": "2", "kind": "R"}),
        (6, {"escc": "3", "kind": "R", "sins": 12}),
        (7, {"escc": "2", "kind": "I", "ecog": 4}),
        (7, {"escc": "3", "kind": "R", "months": 2}),
        (8, {"escc": "1c"}),
        (8, {"escc": "1c", "kind": None, "ecog": None, "neuro": "c"}),
        (9, {"kind": "S"}),
        (9, {"kind": "I", "escc": "1b", "ecog": None, "months": None}),
        (9, {"sins": 6}),
        (9, {"sins": 12}),
        (10, {"kind": "R", "escc": "1a"}),
        (10, {"kind": "R", "ecog": 2, "months": 3}),
        (11, {"kind": "R", "ecog": 3}),
        (11, {"kind": "R", "months": 2}),
    ],
)
def test_the_first_row_that_matches(row: int, axes: dict[str, Any]) -> None:
    assert number(patient(**axes)) == row


@pytest.mark.parametrize(
    ("axes", "missing"),
    [
        ({"sins": None}, "SINS"),
        ({"escc": None}, "ESCC"),
        ({"neuro": None}, "neurological examination"),
        ({"kind": None}, "primary tumour"),
        ({"kind": "U"}, "radiation oncologist"),
        ({"kind": "R", "ecog": None}, "performance status"),
        ({"kind": "R", "months": None}, "life expectancy"),
        ({"sins": 13, "months": None}, "life expectancy"),
        ({"escc": "3", "kind": None}, "primary tumour"),
        ({"escc": "3", "kind": "R", "ecog": None}, "performance status"),
    ],
)
def test_an_axis_that_is_not_known_gives_no_row_and_is_named(axes: dict[str, Any], missing: str) -> None:
    found = noms.of(patient(**axes))
    assert found.row is None
    assert any(missing in line for line in found.missing), found.missing
    assert "no row yet" in found.line()


@pytest.mark.parametrize("axes", [{}, {"kind": "R"}, {"escc": "1c"}])
def test_what_is_older_than_thirty_days_is_not_known(axes: dict[str, Any]) -> None:
    assert number(patient(**axes, when=When.on(date(2026, 10, 25)))) is not None
    assert number(patient(**axes, when=OLD)) is None


def test_an_unstable_spine_stays_unstable_however_old_the_score() -> None:
    facts = patient(sins=13)
    old = tuple(replace(a, when=OLD) if a.name == "sins" else a for a in facts.assessments)
    assert number(replace(facts, assessments=old)) == 2


def test_an_operation_ends_what_was_scored_before_it() -> None:
    operated = Procedure("Procedure/1", frozenset({"spine_surgery"}), when=When.on(date(2026, 11, 22)))
    found = noms.of(replace(patient(sins=14), procedures=(operated,)))
    assert found.row is None
    assert "SINS within 30 days" in found.missing


def test_instability_named_by_a_clinician_is_instability() -> None:
    named = Finding("Condition/2", frozenset({"spinal_instability"}))
    assert number(replace(patient(sins=8), findings=(*patient().findings, named))) == 2
    unsure = replace(named, certain=False)
    assert number(replace(patient(sins=8), findings=(*patient().findings, unsure))) == 9


def test_a_new_deficit_that_nothing_has_imaged_is_row_one() -> None:
    weak = Finding("Condition/2", frozenset({"motor_weakness"}), onset=When.on(date(2026, 11, 22)))
    facts = replace(patient(), findings=(*patient().findings, weak))
    assert number(facts) == 1
    imaged = Imaging("ImagingStudy/1", "MR", frozenset({"whole"}), When.on(date(2026, 11, 23)))
    found = noms.of(replace(facts, imaging=(imaged,)))
    assert found.row is None
    assert found.missing == ("why there is a deficit without compression",)


def test_compression_as_a_diagnosis_counts_until_it_is_treated_or_old() -> None:
    compressed = Finding("Condition/2", frozenset({"spinal_cord_compression"}), onset=When.on(date(2026, 11, 1)))
    facts = replace(patient(escc=None, kind="R"), findings=(*patient(kind="R").findings, compressed))
    imaged = Imaging("ImagingStudy/1", "MR", frozenset({"whole"}), LATELY)
    assert number(facts) == 1
    assert number(replace(facts, imaging=(imaged,))) == 6
    long_known = replace(compressed, onset=When.on(date(2025, 1, 1)))
    assert number(replace(facts, findings=(*patient(kind="R").findings, long_known))) is None


def test_a_high_grade_from_before_the_operation_is_not_what_is_there_now() -> None:
    operated = Procedure("Procedure/1", frozenset({"spine_surgery"}), when=When.on(date(2026, 11, 22)))
    found = noms.of(replace(patient(escc="3", kind="R"), procedures=(operated,)))
    assert found.row is None
    assert any("remains after treatment" in line for line in found.missing)


def test_a_grade_that_does_not_exist_is_no_grade() -> None:
    assert number(patient(escc="9")) is None


@pytest.mark.parametrize(("kps", "row"), [(60, 10), (59, None), (50, None), (41, None), (40, 11)])
def test_karnofsky_has_limits_of_its_own_and_is_not_turned_into_ecog(kps: int, row: int | None) -> None:
    facts = patient(kind="R", ecog=None)
    scored = Measurement("Observation/kps", "kps", Decimal(kps), LATELY)
    assert number(replace(facts, measurements=(*facts.measurements, scored))) == row


def test_the_worst_level_decides() -> None:
    facts = patient()
    for more, row in (("sins", "13"), 2), (("escc", "escc-1c"), 8):
        other = Assessment("Observation/9", more[0], more[1], LATELY, "L1")
        assert number(replace(facts, assessments=(*facts.assessments, other))) == row


def test_a_row_says_whether_it_is_our_own_reading() -> None:
    assert "our reading" in noms.of(patient(kind="R", ecog=3)).line()
    assert "our reading" not in noms.of(patient()).line()
    assert {number for number, _ in noms.ROWS} == set(noms.TABLE.rows)


# Histology


def test_every_tumour_of_the_table_is_a_value_set_that_a_card_can_name() -> None:
    assert set(histology.TABLE) - histology.LUNG_TYPES <= cancer.PRIMARY


@pytest.mark.parametrize(
    ("concepts", "kind", "checked"),
    [
        ({"primary_lung", "small_cell_lung"}, "sensitive", True),
        ({"primary_lung", "non_small_cell_lung"}, "resistant", False),
        ({"primary_lung"}, None, True),
        ({"primary_colorectal", "rectal_cancer"}, "resistant", True),
        ({"primary_breast"}, "intermediate", False),
        ({"primary_uterus"}, None, True),
        ({"primary_uterus", "primary_thyroid"}, None, True),  # one entry with codes of two: which it is decides no hash
        ({"primary_thyroid", "primary_kidney_rcc"}, "resistant", True),
        ({"primary_bone_tumour"}, None, True),
        ({"primary_unknown"}, None, True),
    ],
)
def test_the_class_of_a_tumour(concepts: set[str], kind: str | None, checked: bool) -> None:
    found = histology.radiosensitivity(Facts(AS_OF, findings=(Finding("Condition/1", frozenset(concepts)),)))
    assert (found.kind, found.checked) == (kind, checked)
    assert bool(found.missing) == (kind is None)


def file(name: str) -> dict[str, Any]:
    text = (resources.files("hooks.questions") / name).read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(colour="red"),
        lambda d: d["tumour"][0].update({"class": "wild"}),
        lambda d: d["tumour"][0].update(source="nobody"),
        lambda d: d["tumour"].append(d["tumour"][0]),
        lambda d: d["source"][0].pop("url"),
    ],
)
def test_a_bad_histology_file_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    data = deepcopy(file("histology.toml"))
    spoil(data)
    with pytest.raises(KnowledgeError, match=r"histology\.toml"):
        histology.read(data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("row"),
        lambda d: d["row"]["4"].update(source="nobody"),
        lambda d: d["row"]["4"].pop("says"),
        lambda d: d["thresholds"]["months"].update(source="nobody"),
    ],
)
def test_a_bad_noms_file_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    data = deepcopy(file("noms.toml"))
    spoil(data)
    with pytest.raises(KnowledgeError, match=r"noms\.toml"):
        noms.read(data)


def test_sources_of_both_tables_can_be_followed() -> None:
    for name in ("histology.toml", "noms.toml"):
        assert all(source["url"].startswith("https://") for source in file(name)["source"])


def test_of_ecog_and_karnofsky_the_newer_one_is_the_performance_status() -> None:
    def newest(ecog: When, kps: When) -> str | None:
        scores = (
            Measurement("Observation/ecog", "ecog", Decimal(1), ecog),
            Measurement("Observation/kps", "kps", Decimal(40), kps),
        )
        found = stability.performance(Facts(AS_OF, measurements=scores))
        return found and found.name

    assert newest(ecog=LATELY, kps=OLD) == "ecog"
    assert newest(ecog=OLD, kps=LATELY) == "kps"
