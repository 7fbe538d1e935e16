"""The specification of the value sets: well-formed codes, one label each, evidence, known traps, how codes match."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.valueset import ValueSet

from fhir_mappings import codes, terminology

VALUE_SETS = codes.value_sets()
LISTED = sorted({coding for name in VALUE_SETS for coding in codes.codings(name)})
PACKAGE = Path(codes.__file__).parent

# Codes that public lists give for our ideas, and what they mean or why they are not ours.
TRAPS = {
    (codes.SNOMED, "94503003"): "metastasis to the prostate, taken for metastasis to the spine",
    (codes.SNOMED, "314990009"): "metastasis FROM a bone tumour",
    (codes.SNOMED, "5765005"): "leishmaniasis, taken for decompression of the cord",
    (codes.SNOMED, "241686006"): "not CT of the spine",
    (codes.SNOMED, "84028004"): "not CT of the spine",
    (codes.SNOMED, "109355002"): "carcinoma in situ, taken for cancer",
    (codes.LOINC, "18281-6"): "calcium corrected for total protein, not for albumin",
    (codes.LOINC, "2164-2"): "measured clearance, taken for Cockcroft-Gault",
    (codes.LOINC, "14635-7"): "vitamin D, labelled contradictorily",
    (codes.ICD_10_CM, "R33.0"): "drug-induced retention is no sign of compression",
}


def filters() -> list[tuple[str, dict]]:
    return [
        (name, entry)
        for name, resource in VALUE_SETS.items()
        for part in resource["compose"]["include"]
        for entry in part.get("filter", ())
    ]


def entries() -> list[tuple[str, dict]]:
    listed = [
        (name, entry)
        for name, resource in VALUE_SETS.items()
        for part in resource["compose"]["include"]
        for entry in part.get("concept", ())
    ]
    return listed + filters()


def extension(entry: dict, url: str) -> object:
    return next(
        (value for item in entry["extension"] if item["url"] == url for value in item.values() if value != url), None
    )


# Resources


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_file_is_a_valid_fhir_value_set(name: str) -> None:
    resource = VALUE_SETS[name]
    assert ValueSet.model_validate(resource).status == "active"
    assert resource["url"] == "urn:spine-cds:value-set:" + resource["id"]
    assert resource["name"].lower() == name.replace("_", "").lower()
    assert len(resource["id"]) <= 64


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_value_set_says_why_it_exists_what_it_leaves_out_and_whose_codes_it_uses(name: str) -> None:
    resource = VALUE_SETS[name]
    assert resource["description"].strip()
    assert "Leaves out" in resource["purpose"] or "leaves out" in resource["purpose"]
    assert resource["copyright"].strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", resource["version"])


def test_the_url_of_a_value_set_is_its_own() -> None:
    assert len({resource["url"] for resource in VALUE_SETS.values()}) == len(VALUE_SETS)


def test_the_assessment_code_system_is_valid_complete_and_counts_its_codes() -> None:
    resource = codes.code_systems()["assessment"]
    assert CodeSystem.model_validate(resource).content == "complete"
    found, waiting = [], list(resource["concept"])
    for entry in waiting:
        assert entry["display"]
        assert entry["definition"]
        found.append(entry["code"])
        waiting += entry.get("concept", [])
    assert len(found) == len(set(found)) == resource["count"]
    assert resource["url"] == codes.ASSESSMENT
    assert {"sins", "sins-posterolateral", "escc-1c", "frankel-a", "ais-e", "life-expectancy", "katagiri"} <= set(found)


def test_assessment_codes_have_labels() -> None:
    assert codes.label(codes.ASSESSMENT, "escc-2") == "ESCC grade 2"
    assert codes.concepts(codes.ASSESSMENT, "escc-2") == frozenset()


# Codes


def verhoeff_holds(digits: str) -> bool:
    """The check digit of SNOMED CT identifiers: products in the dihedral group of order ten, permuted by position."""

    def product(a: int, b: int) -> int:
        return (a + b) % 5 + 5 * (b // 5) if a < 5 else (a - b) % 5 + 5 * (1 - b // 5)

    shift = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for position, digit in enumerate(map(int, reversed(digits))):
        for _ in range(position % 8):
            digit = shift[digit]
        check = product(check, digit)
    return check == 0


def modulus_10_digit(text: str) -> str:
    """The check digit of LOINC codes and answer codes; a letter counts by its distance from "0" in ASCII."""
    values = [ord(character) - ord("0") for character in reversed(text)]
    doubled = sum(2 * value - 9 * (value // 5) for value in values[::2])
    return str(-(doubled + sum(values[1::2])) % 10)


def well_formed(system: str, code: str) -> bool:
    if system == codes.SNOMED:
        return bool(re.fullmatch(r"[1-9]\d{5,17}", code)) and verhoeff_holds(code)
    if system == codes.LOINC:
        match = re.fullmatch(r"((?:LA)?\d{1,7})-(\d)", code)
        return match is not None and modulus_10_digit(match[1]) == match[2]
    return bool(re.fullmatch(FORMATS[system], code))


FORMATS = {
    codes.ICD_10_CM: r"[A-TV-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
    codes.RXNORM: r"[1-9]\d{0,7}",
    codes.HCPCS: r"[A-V]\d{4}",
    codes.CPT: r"\d{5}",
    codes.ATC: r"[A-V]\d{2}[A-Z]{2}(\d{2})?",
    codes.DICOM: r"[A-Z]{2,16}",
    codes.DICOM_BODY_PART: r"[A-Z]{2,16}",
    codes.ICD_O_3: r"[89]\d{3}/[0-9]",
    codes.AJCC_STAGE: r"[0-4]",
    codes.ASSESSMENT: r"[a-z0-9-]+",
}


@pytest.mark.parametrize(("system", "code", "display"), LISTED)
def test_every_code_has_the_form_and_check_digit_of_its_system(system: str, code: str, display: str) -> None:
    assert well_formed(system, code), display


def test_the_check_digits_notice_a_wrong_digit() -> None:
    assert verhoeff_holds("94602001")
    assert not verhoeff_holds("94602002")
    assert not verhoeff_holds("94620001")
    assert modulus_10_digit("30855") == "1"
    assert modulus_10_digit("30585") != "1"
    assert modulus_10_digit("LA9622") == "7"
    assert modulus_10_digit("LA9262") != "7"


@pytest.mark.parametrize(("name", "entry"), filters())
def test_categories_are_icd_10_cm_and_never_emitted(name: str, entry: dict) -> None:
    assert re.fullmatch(FORMATS[codes.ICD_10_CM], entry["value"])
    assert (entry["property"], entry["op"]) == ("concept", "is-a")
    assert entry["value"] not in {code for _, code, _ in codes.codings(name)}


def test_a_code_has_one_label_wherever_it_stands() -> None:
    assert len({(system, code) for system, code, _ in LISTED}) == len(LISTED)


def test_no_label_carries_a_remark_of_ours() -> None:
    remark = re.compile(r"not billable|match descendants|NOT |own short|resolve in|\(HPO|^$")
    assert [coding for coding in LISTED if remark.search(coding[2])] == []


@pytest.mark.parametrize(("name", "entry"), entries())
def test_every_code_and_category_shows_evidence_of_level_a_or_b(name: str, entry: dict) -> None:
    assert re.match(r"[AB]: \w", str(extension(entry, terminology.EVIDENCE_EXTENSION)))


@pytest.mark.parametrize(("system", "code"), TRAPS, ids=[code for _, code in TRAPS])
def test_traps_are_never_shipped(system: str, code: str) -> None:
    assert codes.concepts(system, code) == frozenset()
    assert codes.label(system, code) is None


# How codes match


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("C50.911", {"primary_breast"}),
        ("C50", {"primary_breast"}),
        ("C90.00", {"primary_myeloma"}),
        ("C90.01", {"myeloma_in_remission"}),
        ("C90.10", {"primary_myeloma"}),
        ("C90.11", {"myeloma_in_remission"}),
        ("C90.20", {"primary_other"}),
        ("C90.30", {"plasmacytoma_solitary"}),
        ("D47.2", {"mgus"}),
        ("C79.51", {"bone_metastasis", "secondary_cancer"}),
        ("C79.52", {"bone_marrow_metastasis", "secondary_cancer"}),
        ("C79.49", {"intradural_metastasis", "secondary_cancer"}),
        ("C78.01", {"visceral_or_brain_metastasis", "secondary_cancer"}),
        ("C44.91", set()),
        ("C22.0", {"primary_liver_hcc"}),
        ("C22.1", {"primary_biliary"}),
        ("C20", {"primary_colorectal", "rectal_cancer"}),
        ("C86.60", {"primary_lymphoma"}),
        ("C92.00", {"primary_leukaemia"}),
        ("C76.0", {"primary_head_neck"}),
        ("C76.1", {"primary_other"}),
        ("C71.9", {"primary_other"}),
        ("C80.1", {"primary_unknown"}),
        ("M84.58XA", {"pathological_vertebral_fracture_neoplastic"}),
        ("M84.551A", set()),
        ("M46.46", {"infection_of_spine"}),
        ("G89.3", {"neoplasm_related_pain"}),
        ("R33.0", set()),
        ("R33.9", {"bladder_dysfunction"}),
        ("Z80.3", {"family_history_of_cancer"}),
        ("Z85.3", {"personal_history_of_cancer"}),
        ("Z85.79", {"personal_history_of_cancer"}),
        ("Z85.820", {"personal_history_of_cancer"}),
        ("Z85.821", {"personal_history_of_cancer"}),
        ("Z85.828", set()),
        ("G82.21", {"paraplegia_paraparesis", "paraplegia_complete"}),
        ("Z51.5", {"palliative_care"}),
        ("O09.523", {"pregnancy"}),
        ("C", set()),
        ("C5", set()),
        ("", set()),
    ],
)
def test_icd_10_cm_matches_by_declared_category(code: str, expected: set[str]) -> None:
    assert codes.concepts(codes.ICD_10_CM, code) == expected


@pytest.mark.parametrize("spelling", ["C79.51", "c79.51", "C7951", "c7951", " C79.51 "])
def test_icd_10_cm_matches_however_it_is_typed(spelling: str) -> None:
    assert "bone_metastasis" in codes.concepts(codes.ICD_10_CM, spelling)
    assert codes.label(codes.ICD_10_CM, spelling) == "Secondary malignant neoplasm of bone"


def test_other_systems_match_the_whole_code_only() -> None:
    assert codes.concepts(codes.SNOMED, "94602001") == {"spinal_metastasis", "secondary_cancer"}
    assert codes.concepts(codes.SNOMED, "946020012") == frozenset()
    assert codes.concepts(codes.SNOMED, "94602") == frozenset()
    assert codes.concepts(codes.LOINC, " la9624-3 ") == {"ecog_answer"}


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("urn:oid:2.16.840.1.113883.6.96", "94602001"),
        ("https://snomed.info/sct", "94602001"),
        ("http://snomed.info/sct/", "94602001"),
        ("urn:oid:2.16.840.1.113883.6.90", "C79.51"),
        ("https://hl7.org/fhir/sid/icd-10-cm", "C79.51"),
        ("urn:oid:2.16.840.1.113883.6.1", "30855-1"),
        ("https://loinc.org/", "30855-1"),
        ("urn:oid:2.16.840.1.113883.6.88", "77655"),
        ("urn:oid:2.16.840.1.113883.6.12", "72148"),
        ("urn:oid:2.16.840.1.113883.6.285", "J3489"),
        ("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "J0897"),
        ("urn:dicom:body-part-examined", "TSPINE"),
    ],
)
def test_the_ways_ehrs_spell_a_system_are_understood(system: str, code: str) -> None:
    assert codes.concepts(system, code)
    assert codes.label(system, code)


@pytest.mark.parametrize(
    "system",
    [None, "", "urn:local", "http://hl7.org/fhir/sid/icd-10", "http://fhir.de/CodeSystem/bfarm/icd-10-gm"],
    ids=["none", "empty", "local", "who", "german"],
)
def test_an_unknown_system_says_nothing(system: str | None) -> None:
    assert codes.concepts(system, "C79.51") == frozenset()
    assert codes.label(system, "C79.51") is None
    assert codes.level(system, "23215003") is None
    assert codes.score(system, "LA9624-3") is None


def test_a_missing_code_says_nothing() -> None:
    assert codes.concepts(codes.SNOMED, None) == frozenset()
    assert codes.label(codes.SNOMED, None) is None
    assert codes.level(codes.SNOMED, None) is None
    assert codes.score(codes.LOINC, None) is None


def test_a_code_without_a_display_of_its_own_takes_that_of_its_category() -> None:
    assert codes.label(codes.ICD_10_CM, "C50.911") == "Malignant neoplasm of breast"
    assert codes.label(codes.ICD_10_CM, "C90.02") == "Multiple myeloma in relapse"
    assert codes.label(codes.ICD_10_CM, "I10") is None


def test_every_vertebra_has_its_level() -> None:
    levels = {codes.level(system, code) for system, code, _ in codes.codings("site_vertebra")}
    regions = (("C", 7), ("T", 12), ("L", 5), ("S", 5))
    assert levels == {f"{region}{n}" for region, last in regions for n in range(1, last + 1)}
    assert codes.level(codes.SNOMED, "23215003") == "T12"
    assert codes.level(codes.SNOMED, "421060004") == "spine"
    assert codes.level(codes.SNOMED, "122495006") == "thoracic"
    assert codes.level(codes.SNOMED, "254837009") is None


def test_answers_have_their_scores() -> None:
    assert [codes.score(system, code) for system, code, _ in codes.codings("ecog_answer")] == [0, 1, 2, 3, 4, 5]
    assert codes.score(codes.LOINC, "LA29176-7") == 90
    assert codes.score(codes.LOINC, "89247-1") is None


def test_codings_are_what_an_order_may_carry() -> None:
    display = "MR Cervical and thoracic and lumbar spine WO and W contrast IV"
    assert (codes.LOINC, "30855-1", display) in codes.codings("mri_whole_spine")
    assert codes.codings("primary_melanoma")[0][0] == codes.SNOMED


def test_a_misspelt_value_set_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(KeyError):
        codes.codings("mri_hole_spine")


# A file that is not right stops the service before it starts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind, name in (("value_sets", "mgus"), ("value_sets", "primary_myeloma"), ("code_systems", "assessment")):
        (tmp_path / kind).mkdir(exist_ok=True)
        shutil.copy(PACKAGE / kind / f"{name}.json", tmp_path / kind)
    return tmp_path


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_folder_that_is_right_is_read(folder: Path) -> None:
    assert set(terminology.read(folder).value_sets) == {"mgus", "primary_myeloma"}


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("value_sets/mgus.json", '"resourceType"', "resourceType", r"value_sets/mgus\.json: not JSON"),
        ("value_sets/mgus.json", "ValueSet", "ConceptMap", r"value_sets/mgus\.json: resourceType"),
        ("value_sets/mgus.json", '"id": "mgus"', '"id": "smouldering"', r"value_sets/mgus\.json: id"),
        ("value_sets/mgus.json", '"include"', '"includes"', r"value_sets/mgus\.json: compose: .*include"),
        ("value_sets/mgus.json", codes.ICD_10_CM, "urn:x", r"value_sets/mgus\.json: compose\.include\[0\]: .*urn:x"),
        ("value_sets/mgus.json", '"display"', '"label"', r"value_sets/mgus\.json: compose\.include\[0\]: .*display"),
        ("value_sets/mgus.json", "A: ICD", "C: ICD", r"value_sets/mgus\.json: compose\.include\[0\]: evidence"),
        ("value_sets/mgus.json", '"D47.2"', "47", r"value_sets/mgus\.json: compose\.include\[0\]: "),
        (
            "value_sets/primary_myeloma.json",
            '"is-a"',
            '"descendent-of"',
            r"primary_myeloma.*: compose\.include\[\d\]: filter",
        ),
        (
            "value_sets/primary_myeloma.json",
            '"code": "C90.01"',
            '"x": "C90.01"',
            r"primary_myeloma.*: compose\.exclude\[0\]: .*code",
        ),
        (
            "code_systems/assessment.json",
            '"code": "sins"',
            '"x": "sins"',
            r"code_systems/assessment\.json: concept: .*code",
        ),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_element(
    folder: Path, file: str, old: str, new: str, complaint: str
) -> None:
    spoil(folder / file, old, new)
    with pytest.raises(ValueError, match=complaint):
        terminology.read(folder)


def test_a_second_label_for_a_code_is_refused(folder: Path) -> None:
    other = json.loads((folder / "value_sets/mgus.json").read_text(encoding="utf-8"))
    other["id"] = "zebra"
    other["compose"]["include"][0]["concept"][0]["display"] = "Something else"
    (folder / "value_sets/zebra.json").write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(ValueError, match=r"zebra\.json.*display: D472"):
        terminology.read(folder)


def test_only_codes_of_icd_10_cm_can_be_taken_out(folder: Path) -> None:
    path = folder / "value_sets/primary_myeloma.json"
    resource = json.loads(path.read_text(encoding="utf-8"))
    resource["compose"]["exclude"][0]["system"] = codes.SNOMED
    path.write_text(json.dumps(resource), encoding="utf-8")
    with pytest.raises(ValueError, match=r"compose\.exclude\[0\]: only single codes"):
        terminology.read(folder)


# Nothing that was verified is lost on the way here

KNOWLEDGE = Path(__file__).parents[2] / "shared" / "knowledge" / "codes.csv"
CSV_SYSTEMS = {
    "ICD10CM": codes.ICD_10_CM,
    "SCT": codes.SNOMED,
    "LNC": codes.LOINC,
    "LNC-LA": codes.LOINC,
    "RXN": codes.RXNORM,
    "ATC": codes.ATC,
    "CPT": codes.CPT,
    "HCPCS": codes.HCPCS,
    "DCM": codes.DICOM,
    "DICOM-BPE": codes.DICOM_BODY_PART,
}
LEFT_OUT = TRAPS


def test_where_there_are_no_verified_codes_none_are_looked_for() -> None:
    assert bool(verified_rows()) == KNOWLEDGE.is_file()


def verified_rows() -> list[tuple[str, str]]:
    if not KNOWLEDGE.is_file():
        return []
    with KNOWLEDGE.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["level"] in ("A", "B")]
    return sorted({(CSV_SYSTEMS[row["system"]], row["code"]) for row in rows})


@pytest.mark.shared_data
@pytest.mark.parametrize(("system", "code"), verified_rows())
def test_every_verified_code_is_shipped_or_left_out_for_a_reason(system: str, code: str) -> None:
    assert bool(codes.concepts(system, code)) != bool(LEFT_OUT.get((system, code)))
