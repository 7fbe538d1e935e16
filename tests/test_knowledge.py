"""Knowledge files: complete, sourced, refused when they cannot be relied on, and honest about who has signed."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from datetime import date
from decimal import Decimal
from importlib import resources

import pytest

from hooks import knowledge
from hooks.knowledge import Knowledge, KnowledgeError
from hooks.override_reasons import OVERRIDE_WORDS

CATALOGUE = knowledge.catalogue()


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda k: k.rule)
def test_every_rule_is_governed(rule: Knowledge) -> None:
    assert rule.question.endswith("?")
    assert re.fullmatch(r"\d+\.\d+\.\d+", rule.version)
    assert all((rule.implements, rule.limits, rule.strength, rule.certainty))
    assert all(source.url.startswith("https://") for source in rule.sources)
    assert all(code in OVERRIDE_WORDS for code in rule.override_reasons)
    assert rule.review["checked_by"] == "", "nobody has signed yet; a signature belongs to a named clinician"
    assert date.fromisoformat(rule.review["next_review"]) > date.fromisoformat(rule.review["reviewed"])


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda k: k.rule)
def test_every_threshold_states_value_unit_and_source(rule: Knowledge) -> None:
    ids = {source.id for source in rule.sources}
    for name, threshold in rule.thresholds.items():
        assert threshold.unit, name
        assert threshold.value > 0, name
        assert threshold.source in ids or (threshold.source == "ours" and threshold.note), (
            f"{name}: a number of our own needs a note"
        )


# One number of medicine that several rules decide by, each with a copy in its own file, where it is signed.
SHARED = {
    "childbearing", "current_pain", "mri_pain", "new_compression", "new_deficit", "oncology", "recent_consult",
    "survival", "test_fresh", "unstable",
}  # fmt: skip
# The same word for things of their own: how fresh a result of that kind must be, how severe is severe for that rule.
OF_ITS_RULE = {"fresh", "mri_within", "pain", "recent", "severe", "stop"}


def test_a_number_that_rules_share_is_the_same_in_each() -> None:
    copies: dict[str, set[tuple[Decimal, str, str]]] = {}
    rules_with: dict[str, int] = {}
    for rule in CATALOGUE.values():
        for name, one in rule.thresholds.items():
            copies.setdefault(name, set()).add((one.value, one.unit, one.source))
            rules_with[name] = rules_with.get(name, 0) + 1
    repeated = {name for name, number in rules_with.items() if number > 1}
    assert repeated == SHARED | OF_ITS_RULE, "say of a name that is new here whether it is one number or several"
    assert {name: found for name, found in copies.items() if name in SHARED and len(found) > 1} == {}


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda k: k.rule)
def test_a_source_that_was_only_remembered_is_never_the_only_ground(rule: Knowledge) -> None:
    assert rule.guideline.checked


def test_no_knowledge_file_lies_about_unused() -> None:
    files = {
        file.name.removesuffix(".toml")
        for file in resources.files("hooks.rules").iterdir()
        if file.name.endswith(".toml")
    }
    assert files == set(CATALOGUE)


def good() -> dict:
    text = (resources.files("hooks.rules") / "whole_spine_mri.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (lambda d: d.pop("question"), "question"),
        (lambda d: d.update(colour="red"), "colour"),
        (lambda d: d.update(guideline="nobody"), "guideline"),
        (lambda d: d.update(status="signed"), "status"),
        (lambda d: d["thresholds"]["new_deficit"].update(source="nobody"), "thresholds.new_deficit"),
        (lambda d: d["thresholds"]["new_deficit"].update(value="soon"), "thresholds.new_deficit"),
        (lambda d: d["thresholds"]["new_deficit"].pop("unit"), "thresholds.new_deficit"),
        (lambda d: d["card"]["replace"].update(indicator="loud"), "card.replace"),
        (lambda d: d["card"]["replace"].update(summary="{"), "card.replace"),
        (lambda d: d["review"].pop("checked_by"), "review"),
        (lambda d: d["source"][0].pop("url"), "source"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_key(break_it, named: str) -> None:
    data = deepcopy(good())
    break_it(data)
    with pytest.raises(KnowledgeError, match=named) as caught:
        knowledge.read("whole_spine_mri", data)
    assert "whole_spine_mri.toml" in str(caught.value)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(KnowledgeError, match="no_such_rule"):
        knowledge.load("no_such_rule")
