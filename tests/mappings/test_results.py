"""Observations: units, limits, statuses, scores."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings import units
from tests.mappings.charts import LNC, SCT, UCUM, coded, facts, observation, quantity

CALCIUM, CREATININE, ALP, WEIGHT = (coded(LNC, code) for code in ("17861-6", "2160-0", "6768-6", "29463-7"))
OURS = "urn:spine-cds:assessment"
SINS = coded(OURS, "sins")


@pytest.mark.parametrize(
    ("code", "sent", "value"),
    [
        (CALCIUM, quantity(9.4, "mg/dL"), "9.4"),
        (coded(LNC, "2000-8"), quantity(2.35, "mmol/L"), "9.40"),
        (coded(LNC, "2000-8"), quantity(2.0, "mmol/L"), "8.0"),
        (CREATININE, quantity(1.1, "mg/dL"), "1.1"),
        (coded(LNC, "14682-9"), quantity(88.4, "umol/L"), "1"),
        (coded(LNC, "14682-9"), {"value": 88.4, "unit": "µmol/L"}, "1"),
        (coded(LNC, "1751-7"), quantity(38, "g/L"), "3.8"),
        (coded(LNC, "1989-3"), quantity(50, "nmol/L"), "20.0"),
        (WEIGHT, quantity(150, "[lb_av]"), "68.0388555"),
        (WEIGHT, {"value": "70.5", "unit": "kg"}, "70.5"),
        (WEIGHT, {"value": 70, "unit": "Kilogramm", "system": UCUM, "code": "kg"}, "70"),
        (coded(LNC, "72514-3"), {"value": 7, "unit": "{score}", "system": UCUM, "code": "{score}"}, "7"),
        (coded(LNC, "72514-3"), {"value": 7}, "7"),
        (coded(LNC, "72514-3"), quantity(7, "{0-10}"), "7"),
    ],
)
def test_a_known_unit_is_converted_exactly(code: dict[str, Any], sent: dict[str, Any], value: str) -> None:
    (measured,) = facts(observation(code, valueQuantity=sent)).measurements
    assert measured.value == Decimal(value)


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        (CALCIUM, {"value": 9.4}),
        (CALCIUM, quantity(9.4, "mg/L")),
        (CALCIUM, quantity(4.7, "meq/L")),
        (coded(LNC, "1751-7"), quantity(2.0, "g/dL", comparator="<")),
        (coded(LNC, "1989-3"), quantity(30, "ng/mL", comparator="<")),
        (ALP, quantity(100, "U/L", comparator="<")),
        (CREATININE, {"value": 1.1, "unit": "mg/dL", "system": UCUM, "code": "furlong"}),
        (coded(LNC, "72514-3"), quantity(70, "mm")),
        (coded(LNC, "72514-3"), {"value": 11}),
        (WEIGHT, quantity(-3, "kg")),
    ],
)
def test_an_unknown_unit_a_comparator_or_an_impossible_value_is_refused_by_name(
    code: Any, sent: dict[str, Any]
) -> None:
    found = facts(observation(code, valueQuantity=sent))
    assert found.measurements == ()
    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith("Observation/o1: ")


@pytest.mark.parametrize(
    ("code", "value", "comparator", "bound"),
    [
        (CALCIUM, 15, ">", ">"),
        (CALCIUM, 15, ">=", ">"),
        (CALCIUM, 5, "<", "<"),
        (CREATININE, 8, ">", ">"),
        (CREATININE, 0.2, "<", ""),  # counts as the number: the worst that it can be
    ],
)
def test_a_bound_beyond_which_it_is_worse_stays_a_bound(code: Any, value: float, comparator: str, bound: str) -> None:
    found = facts(observation(code, valueQuantity=quantity(value, "mg/dL", comparator=comparator)))
    (measured,) = found.measurements
    assert (measured.bound, found.unreadable) == (bound, ())


def test_a_bound_is_no_limit_of_the_laboratory() -> None:
    limits = {"low": quantity(8.6, "mg/dL", comparator=">"), "high": quantity(10.2, "mg/dL")}
    (measured,) = facts(observation(CALCIUM, valueQuantity=quantity(9, "mg/dL"), referenceRange=[limits])).measurements
    assert (measured.low, measured.high) == (None, Decimal("10.2"))


@pytest.mark.parametrize("status", ["preliminary", "registered", "cancelled", "entered-in-error", "unknown", None])
def test_only_final_results_count(status: str | None) -> None:
    resource = observation(CALCIUM, valueQuantity=quantity(9.4, "mg/dL"), status=status)
    assert facts(resource).measurements == ()


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_corrected_results_count(status: str) -> None:
    assert facts(observation(CALCIUM, valueQuantity=quantity(9.4, "mg/dL"), status=status)).measurements


@pytest.mark.parametrize(
    ("ranges", "low", "high"),
    [
        ([{"low": quantity(2.1, "mmol/L"), "high": quantity(2.6, "mmol/L")}], "8.4", "10.4"),
        ([{"high": quantity(2.6, "mmol/L")}], None, "10.4"),
        ([{"low": {"value": 2.1}}], None, None),
        ([{"low": quantity(2.1, "mmol/L")}, {"low": quantity(1.0, "mmol/L")}], None, None),
        (
            [{"low": quantity(2.1, "mmol/L")}, {"type": coded("x", "critical"), "low": quantity(1, "mmol/L")}],
            "8.4",
            None,
        ),
        ([], None, None),
    ],
)
def test_the_laboratorys_own_limits_in_our_unit(ranges: list[Any], low: str | None, high: str | None) -> None:
    resource = observation(coded(LNC, "2000-8"), valueQuantity=quantity(2.3, "mmol/L"), referenceRange=ranges)
    (measured,) = facts(resource).measurements
    assert measured.low == (None if low is None else Decimal(low))
    assert measured.high == (None if high is None else Decimal(high))


def test_members_of_a_panel_count() -> None:
    panel = observation(
        coded(LNC, "24323-8"),
        component=[
            {"code": CALCIUM, "valueQuantity": quantity(9.1, "mg/dL")},
            {"code": CREATININE, "valueQuantity": quantity(0.9, "mg/dL")},
        ],
    )
    assert {m.name: m.value for m in facts(panel).measurements} == {
        "calcium": Decimal("9.1"),
        "creatinine": Decimal("0.9"),
    }


def test_the_newest_result_comes_first_whatever_the_zone() -> None:
    found = facts(
        observation(CREATININE, id="a", valueQuantity=quantity(1, "mg/dL"), effectiveDateTime="2026-11-20T08:00:00Z"),
        observation(
            CREATININE, id="b", valueQuantity=quantity(2, "mg/dL"), effectiveDateTime="2026-11-20T04:30:00-05:00"
        ),
        observation(CREATININE, id="c", valueQuantity=quantity(3, "mg/dL"), effectiveDateTime="2026-11-19"),
    )
    newest = found.measured("creatinine")
    assert newest is not None
    assert newest.source == "Observation/b"


def test_equal_times_are_settled_by_the_reference_and_not_by_chance() -> None:
    pair = [observation(CREATININE, id=name, valueQuantity=quantity(n, "mg/dL")) for n, name in enumerate("ab", 1)]
    assert facts(*pair).measurements == facts(*reversed(pair)).measurements


@pytest.mark.parametrize(
    "answered",
    [
        {"valueInteger": 2},
        {"valueQuantity": {"value": 2, "unit": "{score}", "system": UCUM, "code": "{score}"}},
        {"valueCodeableConcept": coded(LNC, "LA9624-3")},
        {"interpretation": [coded(LNC, "LA9624-3")]},
    ],
)
def test_ecog_in_each_form_that_is_sent(answered: dict[str, Any]) -> None:
    (measured,) = facts(observation(coded(LNC, "89247-1"), **answered)).measurements
    assert (measured.name, measured.value) == ("ecog", 2)


def test_egfr_is_never_a_clearance() -> None:
    assert facts(observation(coded(LNC, "98979-8"), valueQuantity=quantity(55, "mL/min/{1.73_m2}"))).measurements == ()


def test_sins_with_parts_and_level() -> None:
    resource = observation(
        coded(OURS, "sins"),
        valueInteger=13,
        bodySite=coded(SCT, "23215003"),
        component=[{"code": coded(OURS, "sins-pain"), "valueInteger": 3}],
    )
    (assessed,) = facts(resource).assessments
    assert (assessed.name, assessed.number, assessed.level, assessed.items) == ("sins", 13, "T12", (("pain", 3),))


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("escc", "escc-2", "escc-2"),
        ("frankel", "frankel-c", "frankel-c"),
        ("ais", "ais-d", "ais-d"),
    ],
)
def test_graded_examinations(name: str, value: str, read: str) -> None:
    resource = observation(coded(OURS, name), valueCodeableConcept=coded(OURS, value))
    (assessed,) = facts(resource).assessments
    assert (assessed.name, assessed.value) == (name, read)


@pytest.mark.parametrize(
    "more",
    [
        {"valueInteger": 19},
        {"valueInteger": -1},
        {"valueString": "19"},
        {},
        {"valueCodeableConcept": coded(OURS, "escc-2")},
    ],
)
def test_a_score_outside_its_scale_is_refused(more: dict[str, Any]) -> None:
    found = facts(observation(coded(OURS, "sins"), **more))
    assert found.assessments == ()
    assert found.unreadable


def test_life_expectancy_in_months() -> None:
    (measured,) = facts(observation(coded(OURS, "life-expectancy"), valueQuantity=quantity(6, "mo"))).measurements
    assert (measured.name, measured.value) == ("life_expectancy", 6)


def test_disease_status() -> None:
    resource = observation(coded(LNC, "97509-4"), valueCodeableConcept=coded(SCT, "271299001"))
    assert facts(resource).assessments[0].value == "worsened"


@pytest.mark.parametrize("codes", [("268910001", "271299001"), ("271299001", "359746009", "268910001")])
def test_of_several_disease_statuses_the_gravest_counts(codes: tuple[str, ...]) -> None:
    several = {"coding": [{"system": SCT, "code": code} for code in codes]}
    resource = observation(coded(LNC, "97509-4"), valueCodeableConcept=several)
    assert facts(resource).assessments[0].value == "worsened"


# Scores sent as text

PAIN, ECOG, KPS = (coded(LNC, code) for code in ("72514-3", "89247-1", "89243-0"))
NO_INTEGERS = (
    "2 - ambulatory, up more than half of the day",  # may be half of a range
    "2-3",
    "2 or 3",
    "ECOG 2",
    "two",
    "2.0",
    "2,5",
    "+2",
    "-2",
    "02",
    ">2",
    "2/10",
    "\u0662",  # an Arabic digit: a number to Python, a letter to us
    "9" * 5000,
    "",
)


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        (PAIN, "0", "pain_score"),
        (PAIN, "10", "pain_score"),
        (ECOG, "2", "ecog"),
        (ECOG, " 5 ", "ecog"),
        (KPS, "70", "kps"),
    ],
)
def test_a_text_that_is_a_whole_number_is_a_score(code: dict[str, Any], text: str, name: str) -> None:
    (measured,) = facts(observation(code, valueString=text)).measurements
    assert (measured.name, measured.value) == (name, Decimal(text.strip()))


@pytest.mark.parametrize("text", NO_INTEGERS)
@pytest.mark.parametrize(("code", "name"), [(PAIN, "pain score"), (ECOG, "ecog"), (KPS, "kps"), (SINS, "sins")])
def test_every_other_text_is_no_score_and_named(code: dict[str, Any], name: str, text: str) -> None:
    found = facts(observation(code, valueString=text))
    assert (found.measurements, found.assessments) == ((), ())
    assert found.unreadable == (f"Observation/o1: {name}: a score in words",)


@pytest.mark.parametrize(("code", "text"), [(PAIN, "11"), (ECOG, "6"), (KPS, "101"), (KPS, "999")])
def test_a_text_outside_the_scale_is_refused(code: dict[str, Any], text: str) -> None:
    found = facts(observation(code, valueString=text))
    assert found.measurements == ()
    assert found.unreadable[0].endswith("outside its scale")


@pytest.mark.parametrize("code", [PAIN, ECOG, KPS, SINS])
def test_a_concept_of_words_alone_is_no_score_even_when_they_are_a_number(code: dict[str, Any]) -> None:
    found = facts(observation(code, valueCodeableConcept={"text": "2"}))
    assert (found.measurements, found.assessments) == ((), ())
    assert found.unreadable[0].endswith("a score in words")


def test_a_coded_answer_counts_beside_words() -> None:
    answered = {"valueString": "ECOG two", "interpretation": [coded(LNC, "LA9624-3")]}
    assert [m.value for m in facts(observation(ECOG, **answered)).measurements] == [2]


@pytest.mark.parametrize("text", ["1.1", "1", "1 mg/dL", "normal"])
def test_a_laboratory_result_as_text_has_no_unit_and_is_refused(text: str) -> None:
    found = facts(observation(CREATININE, valueString=text))
    assert found.measurements == ()
    assert found.unreadable == ("Observation/o1: creatinine: value not understood",)


@pytest.mark.parametrize(
    ("name", "highest"),
    [("sins", 18), ("tokuhashi", 15), ("tomita", 10), ("bauer", 4), ("nesms", 3), ("katagiri", 10)],
)
def test_each_numbered_score_may_come_as_text(name: str, highest: int) -> None:
    (assessed,) = facts(observation(coded(OURS, name), valueString=str(highest))).assessments
    assert (assessed.name, assessed.number) == (name, highest)
    assert facts(observation(coded(OURS, name), valueString=str(highest + 1))).assessments == ()


def test_items_of_sins_as_text_and_those_in_words_are_named_where_no_total_stands() -> None:
    parts = [
        {"code": coded(OURS, "sins-pain"), "valueString": "3"},
        {"code": coded(OURS, "sins-collapse"), "valueString": "more than half"},
        {"code": {"text": "remark"}, "valueString": "seen with the surgeons"},
    ]
    found = facts(observation(SINS, component=parts))
    assert [a.items for a in found.assessments] == [(("pain", 3),)]
    assert found.unreadable == ("Observation/o1: sins: a score in words",)
    assert "sins" in found.doubtful
    assert facts(observation(SINS, valueInteger=9, component=parts)).unreadable == ()
    assert facts(observation(SINS, component=[parts[0], parts[2]])).unreadable == ()


def test_a_grade_in_words_is_refused() -> None:
    found = facts(observation(coded(OURS, "frankel"), valueString="C"))
    assert found.assessments == ()
    assert found.unreadable == ("Observation/o1: frankel: a score in words",)


def test_words_make_an_older_score_doubtful() -> None:
    old = observation(PAIN, id="old", valueInteger=0, effectiveDateTime="2026-11-18")
    found = facts(old, observation(PAIN, id="new", valueString="severe"))
    assert [m.value for m in found.measurements] == [0]
    assert found.doubtful == {"pain_score"}


def test_a_value_that_should_be_text_and_is_none_is_named() -> None:
    found = facts(observation(PAIN, valueString={"value": 3}))
    assert found.measurements == ()
    assert "Observation/o1: valueString not understood" in found.unreadable


# Units as people write them

ALBUMIN, VITAMIN_D, HEIGHT = (coded(LNC, code) for code in ("1751-7", "1989-3", "8302-2"))
MOLAR_CALCIUM, MOLAR_CREATININE, CLEARANCE = (coded(LNC, code) for code in ("2000-8", "14682-9", "35591-7"))


@pytest.mark.parametrize(
    ("code", "value", "unit", "read"),
    [
        *(
            (CALCIUM, 9.4, unit, "9.4")
            for unit in ("MG/DL", "mg/dl", "mg%", "mg %", "mg/100mL", "mg/100 ml", "mg / dL")
        ),
        *((CALCIUM, 9.4, unit, "9.4") for unit in (" mg/dL ", "mg/\u00a0dL", "mg\u2009/\u2009dL")),
        *((MOLAR_CALCIUM, 2.5, unit, "10.00") for unit in ("mmol/l", "MMOL/L", "mmol / L")),
        *(
            (MOLAR_CREATININE, 88.4, unit, "1")
            for unit in ("micromol/L", "\u00b5mol/L", "\u03bcmol/L", "umol/l", "UMOL/L", "mcmol/L", "\u00b5mol /l")
        ),
        *((ALBUMIN, 3.8, unit, "3.8") for unit in ("gm/dL", "G/DL", "GM/DL", "g/dl")),
        *((ALBUMIN, 38, unit, "3.8") for unit in ("G/L", "gm/L", "g / l")),
        *((ALP, 80, unit, "80") for unit in ("units/L", "IU/L", "UNITS/L", "u/l", "Units / L")),
        *((VITAMIN_D, 50, unit, "20.0") for unit in ("nmol/l", "NMOL/L")),
        *((VITAMIN_D, 20, unit, "20") for unit in ("ng/ml", "NG/ML", "\u00b5g/L", "mcg/L")),
        *((CLEARANCE, 55, unit, "55") for unit in ("ml/min", "ML/MIN", "mL / min")),
        *((WEIGHT, 70, unit, "70") for unit in ("Kg", "KG", "kgs", "kilograms")),
        *((WEIGHT, 100, unit, "45.359237") for unit in ("lbs", "LBS", "lb", "pounds")),
        *((HEIGHT, 70, unit, "177.80") for unit in ("in", "IN", "inches")),
        (HEIGHT, 170, "CM", "170"),
    ],
)
def test_a_unit_as_people_write_it(code: dict[str, Any], value: float, unit: str, read: str) -> None:
    """Printed alone, and, as some systems do, written where the code belongs."""
    for sent in ({"value": value, "unit": unit}, quantity(value, unit)):
        (measured,) = facts(observation(code, valueQuantity=sent)).measurements
        assert measured.value == Decimal(read)


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        *((CALCIUM, 9.4, unit) for unit in ("Mg/dL", "Mg/DL", "mG/dL", "MG/dL", "mgdL", "g/dL", "ug/dL", "%", "meq/L")),
        *((MOLAR_CALCIUM, 2.5, unit) for unit in ("Mmol/L", "mMol/L", "mmol", "mol/L", "nmol/L", "mmol/mL")),
        *((MOLAR_CREATININE, 88, unit) for unit in ("Umol/L", "umol", "nmol/L", "IU/L")),
        *((CREATININE, 1.1, unit) for unit in ("U/L", "mL/min", "mg/g")),
        *((ALP, 80, unit) for unit in ("mU/L", "U/mL", "kU/L", "U", "mg/dL")),
        *((VITAMIN_D, 30, unit) for unit in ("pg/mL", "pmol/L", "IU/L", "units/L", "IU")),
        *((CLEARANCE, 55, unit) for unit in ("mL/min/1.73m2", "mL/min/1.73 m2", "mL/min/{1.73_m2}", "mL/s", "ML/min")),
        *((WEIGHT, 70, unit) for unit in ("mg", "oz", "st", "K g m", "cm")),
        *((HEIGHT, 170, unit) for unit in ("ft", "mm", "M", "kg")),
    ],
)
def test_a_unit_that_is_not_known_for_a_measurement_is_no_evidence(
    code: dict[str, Any], value: float, unit: str
) -> None:
    for sent in ({"value": value, "unit": unit}, quantity(value, unit)):
        found = facts(observation(code, valueQuantity=sent))
        assert found.measurements == ()
        assert found.unreadable[0].endswith("unit not understood")


@pytest.mark.parametrize("unit", ["mmol / L", "MMOL/L", "g / dL"])
def test_other_spellings_contradict_a_code_as_the_plain_one_does(unit: str) -> None:
    found = facts(observation(CALCIUM, valueQuantity=quantity(9.4, "mg/dL") | {"unit": unit}))
    assert found.unreadable == ("Observation/o1: calcium: unit and code contradict each other",)


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        (CALCIUM, 2.4, "MG/DL"),
        (MOLAR_CALCIUM, 9.5, "mmol / L"),
        (CREATININE, 88, "mg %"),
        (MOLAR_CREATININE, 1.1, "\u00b5mol/l"),
        (ALBUMIN, 38, "gm/dL"),
        (ALBUMIN, 3.8, "G/L"),
        (WEIGHT, 70000, "KG"),
        (HEIGHT, 1.7, "CM"),
    ],
)
def test_a_number_that_belongs_to_another_unit_is_not_plausible(code: dict[str, Any], value: float, unit: str) -> None:
    found = facts(observation(code, valueQuantity={"value": value, "unit": unit}))
    assert found.measurements == ()
    assert found.unreadable[0].endswith("not plausible")


def test_each_spelling_means_a_unit_of_the_tables_and_none_is_one_itself() -> None:
    assert set(units.SPELLINGS.values()) <= units.KNOWN
    assert not units.KNOWN & set(units.SPELLINGS)
    assert all("".join(written.split()) == written for written in units.SPELLINGS)


def test_letters_are_folded_in_whole_words_and_all_capital_forms_only() -> None:
    """Two texts that differ in their letters alone mean one unit; and a milli is never written as a mega."""
    by_letters: dict[str, set[str]] = {}
    for written in (*units.KNOWN, *units.SPELLINGS):
        by_letters.setdefault(written.lower(), set()).add(units.spelt(written))
    assert all(len(meant) == 1 for meant in by_letters.values())
    mixed = [written for written in units.SPELLINGS if written.startswith("M") and not written.isupper()]
    assert mixed == ["Months"]


def test_a_panel_is_no_result_that_could_not_be_read_unless_words_stand_in_it() -> None:
    member = {"code": CREATININE, "valueQuantity": quantity(0.9, "mg/dL")}
    heading = facts(observation(CALCIUM, component=[member]))
    assert ([m.name for m in heading.measurements], heading.unreadable) == (["creatinine"], ())
    worded = facts(observation(CALCIUM, component=[member], valueString="low"))
    assert worded.unreadable == ("Observation/o1: calcium: value not understood",)
