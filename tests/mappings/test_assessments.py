"""What the companion writes is valid for two validators, and is read back by the mapping as what was meant."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import fhirkit
import pytest

from cds_service.smart import form
from cds_service.smart.form import sections
from cds_service.smart.writing import effective
from fhir_mappings import assessments, codes, prefetch
from fhir_mappings.assessments import Filled, NotValid
from hooks.facts import Assessment, Measurement
from hooks.questions import stability
from hooks.scores import answers, sins
from tests.mappings.charts import SCT, TODAY, coded, condition, facts

ITEMS = (("location", 3), ("pain", 3), ("lesion", 2), ("alignment", 0), ("collapse", 3), ("posterolateral", 3))
WRITTEN = (
    Filled("sins", 14, "T12", ITEMS),
    Filled("escc", "escc-1c", "T5"),
    Filled("frankel", "frankel-c"),
    Filled("ais", "ais-e"),
    Filled("life-expectancy", Decimal("7.5")),
    Filled("ecog", 2),
    Filled("kps", 70),
    Filled("tokuhashi", 9, None, (("primary", 5),)),
    Filled("tomita", 4),
    Filled("bauer", 3),
    Filled("nesms", 2),
    Filled("katagiri", 0),
)


MEASURED = {"life-expectancy": "life_expectancy", "ecog": "ecog", "kps": "kps"}


def written(filled: Filled) -> dict[str, object]:
    resource = assessments.observation(filled, "p1", "Practitioner/7", "2026-11-23T10:00:00+01:00", "an-identifier")
    return {**json.loads(json.dumps(resource)), "id": "new"}


@pytest.mark.parametrize("filled", WRITTEN, ids=lambda one: one.name)
def test_what_is_written_is_valid_and_read_back(filled: Filled) -> None:
    resource = written(filled)
    assert fhirkit.validate(resource) == []
    found = facts(resource)
    assert found.unreadable == ()
    if filled.name in MEASURED:
        (measured,) = found.measurements
        assert isinstance(measured, Measurement)
        assert (measured.name, measured.value) == (MEASURED[filled.name], filled.value)
        return
    (read,) = found.assessments
    assert isinstance(read, Assessment)
    assert (read.name, read.value, read.level) == (filled.name, str(filled.value), filled.level)
    assert read.items == (ITEMS if filled.name == "sins" else ())
    assert read.when is not None
    assert read.when.text == "2026-11-23"


def test_every_assessment_that_is_asked_for_can_be_written() -> None:
    assert {one.name for one in WRITTEN} == {*prefetch.OWN, *assessments.PERFORMANCE} == set(form.SECTIONS)


@pytest.mark.parametrize("level", assessments.levels())
def test_every_level_is_read_back(level: str) -> None:
    (read,) = facts(written(Filled("sins", 7, level))).assessments
    assert read.level == level
    assert sins.location_points(level) is not None


def test_sacrum_and_occiput_can_be_scored_and_a_skull_metastasis_is_none_of_the_spine() -> None:
    assert {sins.location_points(level) for level in ("occiput", "S1")} == {3}
    assert [sins.location_points(f"S{n}") for n in range(2, 6)] == [0] * 4
    assert {"occiput", "S1", "S5"} <= set(assessments.levels())
    (skull,) = facts(condition(coded(SCT, "94222008"), bodySite=[assessments.site("occiput")])).findings
    assert "spinal_metastasis" not in skull.concepts
    assert not skull.levels
    (sacral,) = facts(condition(coded(SCT, "94222008"), bodySite=[assessments.site("S2")])).findings
    assert sacral.levels == {"S2"}


@pytest.mark.parametrize("filled", [Filled("pain", 3), Filled("escc", "escc-9")])
def test_what_has_no_code_is_not_sent(filled: Filled) -> None:
    with pytest.raises(NotValid):
        written(filled)


def test_the_words_of_the_items_are_those_of_the_published_codes() -> None:
    """Both say which points there are; a table that was changed in one place only fails here."""
    concepts = {one["code"]: one for one in codes.code_systems()["assessment"]["concept"]}
    for one in concepts["sins"]["concept"]:
        item = next(i for i in answers.FORMS["sins"].items if f"sins-{i.key}" == one["code"])
        assert set(item.answers) == {int(part.strip()[0]) for part in split(one["definition"])}


def split(definition: str) -> list[str]:
    """The answers of a definition: each begins with its points, after a comma that is not within brackets."""
    found, depth = [""], 0
    for letter in definition:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [part for part in found if part.strip()[0].isdigit()]


# -- the form


def ready(**given: str) -> dict[str, str]:
    """What is missing of each section that was begun, by its key; the empty string where it can be written."""
    cleaned = form.answers({name.replace("__", "."): value for name, value in given.items()})
    return {one.key: "; ".join(one.missing) for one in sections(cleaned, TODAY) if one.missing or one.filled}


OF = {"sins__date": "2026-11-20"}


@pytest.mark.parametrize(("name", "value", "code"), [
    *(("ecog", value, "89247-1") for value in answers.SCALES["ecog"].answers),
    *(("kps", value, "89243-0") for value in answers.SCALES["kps"].answers),
])  # fmt: skip
def test_performance_status_is_written_as_mcode_profiles_it(name: str, value: int, code: str) -> None:
    resource = assessments.observation(Filled(name, value), "p1", "", "2026-11-23", "an-identifier")
    assert resource["code"]["coding"] == [{"system": codes.LOINC, "code": code, "display": resource["code"]["text"]}]
    assert resource["valueInteger"] == value
    (answer,) = resource["interpretation"][0]["coding"]
    assert codes.score(answer["system"], answer["code"]) == value
    assert resource["category"][0]["coding"][0]["code"] == "survey"


def test_a_value_that_the_scale_has_not_is_not_sent() -> None:
    with pytest.raises(NotValid):
        assessments.observation(Filled("ecog", 7), "p1", "", "2026-11-23", "an-identifier")


OPEN = {name: str(points) for name, points in ITEMS if name != "alignment"}  # 14 to 18, whatever the alignment


def test_a_score_that_is_unstable_whatever_is_missing_is_written_without_a_total() -> None:
    given = form.answers({**{f"sins.{name}": one for name, one in OPEN.items()}, "sins.level": "T12", **DATED})
    (section,) = [one for one in sections(given, TODAY) if one.filled]
    assert section.unstable
    assert section.words == (
        "SINS at T12: 14 to 18, unstable (1 of 6 items open), the items without a total, of 2026-11-20"
    )
    assert section.filled is not None
    assert "Radiographic spinal alignment: not assessed, not written" in form.item_words(section.filled)
    resource = written(section.filled)
    assert fhirkit.validate(resource) == []
    assert not [key for key in resource if key.startswith("value")]
    (read,) = facts(resource).assessments
    found = stability.of(read)
    assert found is not None
    assert (str(found.score), found.score.band()) == ("14 to 18", "unstable")


def test_it_is_unstable_before_it_can_be_written() -> None:
    (section,) = [one for one in sections({f"sins.{name}": one for name, one in OPEN.items()}, TODAY) if one.missing]
    assert section.unstable
    assert section.filled is None


def test_a_score_that_may_still_be_stable_waits_for_its_items() -> None:
    given = form.answers({"sins.pain": "3", "sins.location": "3", "sins.level": "T12", **DATED})
    (section,) = [one for one in sections(given, TODAY) if one.missing]
    assert (section.filled, section.unstable, len(section.missing)) == (None, False, 4)


DATED = {"sins.date": "2026-11-20"}
WHOLE = {f"sins__{name}": str(points) for name, points in ITEMS}


@pytest.mark.parametrize(("given", "missing"), [
    ({}, {}),
    ({"sins__date": "2026-11-20"}, {}),
    ({**WHOLE, "sins__level": "T12", **OF}, {"sins": ""}),
    ({**WHOLE, **OF}, {"sins": "Level of the spine"}),
    ({**WHOLE, "sins__level": "T12"}, {"sins": "Date of the images"}),
    ({**WHOLE, "sins__level": "T5", **OF}, {"sins": "Location: the level T5 scores 1, not 3"}),
    ({**WHOLE, "sins__level": "T12", "sins__pain": "2", **OF}, {"sins": "Pain"}),  # no answer of the form
    ({**WHOLE, "sins__level": "T12", "sins__date": "2026-11-25"}, {"sins": "Date: lies in the future"}),
    ({**WHOLE, "sins__level": "T12", "sins__date": "yesterday"}, {"sins": "Date as year-month-day"}),
    ({"escc__grade": "escc-2", "escc__level": "T5"}, {"escc": "Date of the MRI"}),
    ({"escc__grade": "escc-2", "escc__level": "T5", "escc__date": "2026-11-20"}, {"escc": ""}),
    ({"escc__grade": "escc-2", "escc__level": "L3", "escc__date": "2026-11-20"},
     {"escc": "ESCC grades the cord, and there is none at L3"}),
    ({"life-expectancy__months": "7,5"}, {"life-expectancy": ""}),
    ({"life-expectancy__months": "0"}, {"life-expectancy": ""}),
    ({"life-expectancy__months": "601"}, {"life-expectancy": "Months between 0 and 600, with one decimal at most"}),
    ({"life-expectancy__months": "-1"}, {"life-expectancy": "Months as a number"}),
    ({"life-expectancy__months": "NaN"}, {"life-expectancy": "Months as a number"}),
    ({"life-expectancy__months": "soon"}, {"life-expectancy": "Months as a number"}),
    ({"bauer__not_lung": "0", "bauer__favourable_primary": "1"}, {"bauer": "These answers contradict each other"}),
    ({"tomita__primary": "1", "tomita__visceral": "0"}, {"tomita": "Bone metastases"}),
    ({"tomita__primary": "1", "tomita__visceral": "0", "tomita__bone": "2"}, {"tomita": ""}),
    ({"made__up": "1", "frankel__grade": "frankel-z"}, {}),
])  # fmt: skip
def test_what_can_be_written_and_what_is_missing(given: dict[str, str], missing: dict[str, str]) -> None:
    assert ready(**given) == missing


def test_a_blank_item_is_never_zero() -> None:
    for key, one in answers.FORMS.items():
        for item in one.items:
            whole = {other.key: max(other.answers) for other in one.items if other.key != item.key}
            assert answers.result(key, whole).total is None
            assert item.name in answers.result(key, whole).missing


@pytest.mark.parametrize(("total", "meaning"), [
    (6, "stable"), (7, "potentially unstable (indeterminate)"),
    (12, "potentially unstable (indeterminate)"), (13, "unstable"),
])  # fmt: skip
def test_the_bands_of_sins_at_their_edges(total: int, meaning: str) -> None:
    left, points = total, {}
    for item in answers.FORMS["sins"].items:
        points[item.key] = max(one for one in item.answers if one <= left)
        left -= points[item.key]
    assert left == 0
    assert (answers.result("sins", points).text, answers.result("sins", points).meaning) == (str(total), meaning)


def test_of_today_it_is_of_this_moment_and_else_of_the_day() -> None:
    now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    (today, *_), (before, *_) = (
        sections(form.answers({"frankel.grade": "frankel-e", "frankel.date": day}), date(2026, 11, 24))[2:]
        for day in ("2026-11-24", "2026-11-20")
    )
    assert effective(today, now) == "2026-11-24T09:30:00+00:00"
    assert effective(before, now) == "2026-11-20"
