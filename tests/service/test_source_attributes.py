"""The source attributes of evidence-based decision support: what they say of patients' data is what the rules do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cds_service import intended_use, source_attributes
from hooks import knowledge, order_select, patient_view, run
from hooks.facts import Facts
from tests.read_vignettes import all_vignettes

CATALOGUE = knowledge.catalogue()
RULES = {rule.KNOWLEDGE.rule: rule for rule in (*patient_view.RULES, *order_select.RULES)}
VIGNETTES = all_vignettes()
Change = Callable[[Facts], Facts]


def of_sex(sex: str | None) -> Change:
    return lambda facts: replace(facts, patient=replace(facts.patient, sex=sex))


def aged(years: int) -> Change:
    return lambda facts: replace(facts, patient=replace(facts.patient, age_years=years))


def without_measurements(*names: str) -> Change:
    return lambda facts: replace(facts, measurements=tuple(m for m in facts.measurements if m.name not in names))


def without_assessments(*names: str) -> Change:
    return lambda facts: replace(facts, assessments=tuple(a for a in facts.assessments if a.name not in names))


def without_pregnancy(facts: Facts) -> Facts:
    kept = tuple(f for f in facts.findings if not any("pregnan" in concept for concept in f.concepts))
    return without_assessments("pregnancy")(replace(facts, findings=kept))


CHANGES: dict[str, tuple[Change, ...]] = {
    "Administrative sex": (of_sex("female"), of_sex("male"), of_sex(None)),
    "Age in creatinine clearance": (aged(30), aged(55), aged(90)),
    "Functional status: performance status": (without_measurements("ecog", "kps"),),
    "Functional status: Frankel": (without_assessments("frankel", "ais"),),
    "Pregnancy status": (without_pregnancy,),
    "Mental status": (without_assessments("psychosocial_screening"),),
}


def declared(begins: str) -> set[str]:
    uses = [use for attribute in source_attributes.regulation().attribute for use in attribute.use]
    (use,) = [use for use in uses if use.what.startswith(begins)]
    return set(use.rules)


@pytest.mark.parametrize("data", CHANGES)
def test_a_rule_whose_answer_depends_on_data_is_declared_to_use_them(data: str) -> None:
    """Changes the data in every vignette. A rule that answers otherwise belongs in source_attributes.toml."""
    depends = set()
    for vignette in VIGNETTES:
        if (vignette.facts.patient.age_years or 0) < 18 or vignette.rule not in RULES:
            continue
        before = run.decide([RULES[vignette.rule]], vignette.facts)
        if any(run.decide([RULES[vignette.rule]], change(vignette.facts)) != before for change in CHANGES[data]):
            depends.add(vignette.rule)
    assert depends <= declared(data), f"{data}: add {sorted(depends - declared(data))} to source_attributes.toml"
    shown_only = {"multidisciplinary_review"}  # states the performance status on its card; no vignette has one
    assert declared(data) - depends <= shown_only


def test_only_rules_that_exist_are_named() -> None:
    for attribute in source_attributes.regulation().attribute:
        for use in attribute.use:
            assert set(use.rules) <= {*CATALOGUE, source_attributes.EVERY_RULE}


@pytest.mark.parametrize("rule", CATALOGUE)
def test_every_attribute_has_a_value_for_every_rule(rule: str) -> None:
    entries = source_attributes.of_rule(CATALOGUE[rule])
    assert [entry["paragraph"] for entry in entries] == list(range(1, 14))
    assert all(entry["value"] for entry in entries)
    by_name = {str(entry["attribute"]): entry for entry in entries}
    assert CATALOGUE[rule].guideline.cite in str(by_name["Bibliographic citation of the intervention"]["value"])
    assert CATALOGUE[rule].version in str(by_name["Release and revision dates"]["value"])
    for never in ("race", "ethnicity", "language", "sexual orientation", "gender identity"):
        assert by_name[f"Use of {never}"]["used"] is False
    assert by_name["Use of date of birth"]["used"] is True


def test_the_position_has_a_date_and_says_what_was_read() -> None:
    said = intended_use.statement()
    assert said.date
    assert all(source.read and source.url.startswith("https://") for source in said.source)
