"""What the core gives the companion: the grid, the forms of the scores, what the chart settles, and who leads to it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from hooks import cards, companion, order_select, patient_view
from hooks.facts import Assessment, Facts, Finding, Measurement, When
from hooks.knowledge import KnowledgeError
from hooks.questions import grid, prognosis
from hooks.scores import answers, katagiri, nesms, tomita
from tests.read_vignettes import all_vignettes

TODAY = date(2026, 11, 24)
NOW = When.on(TODAY - timedelta(days=3))
SPINE = Finding("Condition/spine", frozenset({"spinal_metastasis", "secondary_cancer"}), recorded=NOW)
KIDNEY = Finding("Condition/kidney", frozenset({"primary_kidney_rcc"}), recorded=NOW)
URL = "https://cds.example.org/smart/launch"


def assessed(name: str, value: str, level: str | None = None) -> Assessment:
    return Assessment(f"Observation/{name}", name, value, NOW, level)


def measured(name: str, value: str) -> Measurement:
    return Measurement(f"Observation/{name}", name, Decimal(value), NOW)


def states(facts: Facts) -> dict[str, str]:
    return {one.name: one.state for one in grid.of(facts)}


def test_of_an_empty_chart_nothing_is_known_and_everything_asked_for() -> None:
    axes = grid.of(Facts(TODAY))
    assert [one.name for one in axes] == ["Neurologic", "Oncologic", "Mechanical", "Systemic"]
    assert {one.state for one in axes} == {"Not known"}
    assert all(one.missing and not one.facts for one in axes)


@pytest.mark.parametrize(("found", "axis", "state"), [
    ([assessed("escc", "escc-1b", "T5"), assessed("frankel", "frankel-e")], "Neurologic",
     "No or low-grade compression, no deficit"),
    ([assessed("escc", "escc-1c", "T5")], "Neurologic", "ESCC 1c, function not known"),
    ([assessed("frankel", "frankel-c")], "Neurologic", "Compression not known, deficit"),
    ([assessed("escc", "escc-3", "T5")], "Neurologic", "Compression, function not known"),
    ([assessed("sins", "6", "T5")], "Mechanical", "Stable"),
    ([assessed("sins", "7", "T5")], "Mechanical", "Potentially unstable"),
    ([assessed("sins", "12", "T5")], "Mechanical", "Potentially unstable"),
    ([assessed("sins", "13", "T5")], "Mechanical", "Unstable"),
])  # fmt: skip
def test_an_assessment_moves_its_axis_alone(found: list[Assessment], axis: str, state: str) -> None:
    facts = Facts(TODAY, findings=(SPINE,), assessments=tuple(found))
    said = states(facts)
    assert said.pop(axis) == state
    assert set(said.values()) == {"Not known"}
    shown = next(one for one in grid.of(facts) if one.name == axis)
    assert {fact.source for fact in found} <= {fact.source for fact in shown.facts}


@pytest.mark.parametrize(("ecog", "months", "state"), [
    ("1", "6", "Fit for surgery"), ("3", "6", "Not fit for surgery"), ("1", "2", "Not fit for surgery"),
])  # fmt: skip
def test_the_systemic_axis(ecog: str, months: str, state: str) -> None:
    facts = Facts(TODAY, measurements=(measured("ecog", ecog), measured("life_expectancy", months)))
    assert states(facts)["Systemic"] == state


def test_the_oncologic_axis_names_the_tumour() -> None:
    axis = grid.of(Facts(TODAY, findings=(KIDNEY,)))[1]
    assert (axis.state, axis.facts, axis.missing) == ("Radioresistant", (KIDNEY,), ())


# -- the scores


def test_what_the_chart_settles_of_each_score() -> None:
    facts = Facts(TODAY, findings=(KIDNEY,), assessments=(assessed("frankel", "frankel-c"),))
    settled = prognosis.settled(facts)
    assert settled["tokuhashi"] == {"primary": (3,), "palsy": (1,)}
    assert settled["tomita"] == {"primary": (2,)}
    assert settled["bauer"] == {"not_lung": (1,), "favourable_primary": (1,)}
    assert all(set(items) <= {one.key for one in answers.FORMS[key].items} for key, items in settled.items())
    assert not any(prognosis.settled(Facts(TODAY)).values())


GOOD = {"s": {"title": "S", "scale": "0 to 1", "one": {"name": "One", "0": "no", "1": "yes"}}}


@pytest.mark.parametrize("data", [
    {}, {"s": {**GOOD["s"], "two": {}}}, {"s": {"title": "S", "scale": ""}},
    {"s": {**GOOD["s"], "one": {"name": "One", "0": "no"}}}, {"s": {**GOOD["s"], "one": {"0": "no", "1": "yes"}}},
    {"s": {**GOOD["s"], "one": {"name": "One", "0": "no", "1": "yes", "2": "more"}}},
])  # fmt: skip
def test_words_that_do_not_fit_the_points_are_refused(data: dict[str, object]) -> None:
    assert answers.read(GOOD, {"s": {"one": (0, 1)}})["s"].items[0].answers == {0: "no", 1: "yes"}
    with pytest.raises(KnowledgeError, match=r"answers\.toml"):
        answers.read(data, {"s": {"one": (0, 1)}})


@pytest.mark.parametrize(("score", "known", "text", "meaning"), [
    ("nesms", {"bauer": 2, "ambulatory": 1, "albumin": 1}, "3", ""),
    ("katagiri", {}, "0 to 10", ""),
    ("katagiri", {"primary": 3, "visceral": 2, "laboratory": 2}, "7 to 10", "risk: high"),
    ("bauer", {"not_lung": 0, "no_visceral": 0}, "0 to 1", "historical strategy: supportive care, no surgery"),
    ("tokuhashi", {"primary": 0, "organs": 0, "extraspinal": 0, "vertebral": 0}, "0 to 4",
     "historical estimate: under 6 months"),
])  # fmt: skip
def test_a_score_so_far(score: str, known: dict[str, int], text: str, meaning: str) -> None:
    found = answers.result(score, known)
    assert (found.text, found.meaning) == (text, meaning)
    still = len(answers.FORMS[score].items) - len(known)
    assert found.words.endswith(f"({still} of {len(answers.FORMS[score].items)} items open)") == bool(still)


def test_a_range_that_is_one_number_still_says_what_is_open() -> None:
    assert answers.result("nesms", {"bauer": 2, "ambulatory": 1}).words == "3 (1 of 3 items open)"
    assert answers.result("sins", {"pain": 3, "location": 3, "lesion": 2, "alignment": 4, "collapse": 2}).words == (
        "14 to 17, unstable (1 of 6 items open)"
    )


def words_of(score: str, item: str) -> dict[int, str]:
    return {k: v.lower() for one in answers.FORMS[score].items if one.key == item for k, v in one.answers.items()}


CALLED = {"primary_liver_hcc": "liver", "primary_colorectal": "colon or rectum", "primary_esophagus": "oesophagus",
          "primary_kidney_rcc": "kidney", "primary_biliary": "gallbladder", "primary_sarcoma_soft_tissue": "sarcoma",
          "primary_cervix_uteri": "cervix", "primary_head_neck": "head and neck",
          "plasmacytoma_solitary": "plasmacytoma", "myeloma_in_remission": "myeloma", "myeloma_smouldering": "myeloma",
          "small_cell_lung": "lung", "non_small_cell_lung": "lung", "primary_bone_tumour": "sarcoma"}  # fmt: skip
OTHERS = {"primary_testis_seminoma", "primary_neuroendocrine_carcinoid", "primary_mesothelioma", "primary_other"}


def test_the_groups_of_the_form_are_those_of_the_scores() -> None:
    groups = {"tomita": {site: (one,) for site, one in tomita.PRIMARY.items()}, "katagiri": katagiri.PRIMARY}
    for score, primaries in groups.items():
        said = words_of(score, "primary")
        for site, points in primaries.items():
            word = "others" if site in OTHERS else CALLED.get(site, site.removeprefix("primary_"))
            assert word in said[points[0]], (score, site)


def test_the_laboratory_limits_of_the_form_are_those_of_the_score() -> None:
    said = words_of("katagiri", "laboratory")
    for points, limits in ((1, katagiri.ABNORMAL), (2, katagiri.CRITICAL)):
        for test, below, from_ in limits:
            number = f"{int(below):,}".replace(",", " ") if below and below.isdigit() else below or from_
            assert f"below {number}" in said[points] if below else f"{number} " in said[points], test


def test_what_was_not_confirmed_says_so() -> None:
    notes = {one.key: one.note for one in answers.FORMS["katagiri"].items}
    assert not katagiri.ITEM_LIMITS_CHECKED
    assert not tomita.GROUPS_CHECKED
    assert not nesms.CUT_OFFS_CHECKED
    assert "not confirmed" in notes["primary"]
    assert "not confirmed" in notes["laboratory"]
    assert "not confirmed" in answers.FORMS["nesms"].caveat


def test_a_total_has_its_caveats_beside_it() -> None:
    assert answers.caveats("tokuhashi", {"primary_myeloma"})[0] == "Not calibrated for this disease."
    assert "too pessimistic" in answers.caveats("tokuhashi", {"primary_breast"})[0]
    assert "69 operated" in answers.caveats("bauer", set())[0]
    assert answers.caveats("sins", {"primary_myeloma"}) == ()
    assert answers.caveats("katagiri", ())[0].startswith("Most of its 808")


# -- the way to it


def links(facts: Facts, client: cards.Client) -> list[tuple[str, dict[str, str]]]:
    """(summary, link) of each card that leads to the companion, of both hooks."""
    built = [
        card
        for hook in (patient_view, order_select)
        for card in cards.build(hook.decide(facts), facts, lambda _: None, client, b"x")
    ]
    return [(one["summary"], link) for one in built for link in one.get("links", ()) if link["type"] == "smart"]


def test_cards_lead_to_it_where_something_that_it_takes_is_missing() -> None:
    to_it = [one for vignette in all_vignettes() for one in links(vignette.facts, cards.Client(smart_url=URL))]
    assert len(to_it) > 100
    assert {link["url"] for _, link in to_it} == {URL}
    assert any("appContext" in link for _, link in to_it)
    assert any(summary.startswith("Not assessed") for summary, _ in to_it)


def test_nowhere_without_a_companion() -> None:
    assert not [one for vignette in all_vignettes() for one in links(vignette.facts, cards.Client())]


def test_an_unstable_spine_leads_to_it_and_a_jaw_does_not() -> None:
    unstable = Facts(TODAY, findings=(SPINE, KIDNEY), assessments=(assessed("sins", "14", "T5"),))
    assert any("SINS 14" in summary for summary, _ in links(unstable, cards.Client(smart_url=URL)))
    assert not companion.completes(["dental examination", "total calcium"])
    assert companion.completes(["SINS item pain at T5"])
    assert companion.completes(["performance status within 30 days (ECOG or Karnofsky)"])


def test_the_link_does_not_change_which_card_it_is() -> None:
    """Feedback names a card by its uuid: it stays the same when a site adds the companion."""
    facts = Facts(TODAY, findings=(SPINE, KIDNEY), assessments=(assessed("sins", "14", "T5"),))
    plain, linked = (
        cards.build(patient_view.decide(facts), facts, lambda _: None, client, b"x")
        for client in (cards.Client(), cards.Client(smart_url=URL))
    )
    assert [one["uuid"] for one in plain] == [one["uuid"] for one in linked]
