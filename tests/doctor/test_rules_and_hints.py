"""What a rule reads is found in its code; what a foreign code may mean is only hinted at."""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
from dataclasses import replace
from importlib import resources

import pytest

from cds_service import doctor_capabilities, doctor_hints, doctor_rules
from cds_service.doctor_hints import READ_FROM, SITES, nearest
from cds_service.services import SERVICES
from fhir_mappings import codes, origins, results
from fhir_mappings.answers import Given, Unavailable
from fhir_mappings.kinds import KINDS
from fhir_mappings.patient_view import PREFETCH
from hooks.facts import Facts, Patient
from hooks.outcomes import Outcome
from tests import read_vignettes
from tests.read_vignettes import Vignette

RULES = {rule.KNOWLEDGE.rule: rule for service in SERVICES for rule in service.rules}
VIGNETTES = [one for one in read_vignettes.all_vignettes() if one.rule in RULES]


def only(facts: Facts, kinds: set[str]) -> Facts:
    """The facts of these kinds and names alone."""
    return replace(
        facts,
        patient=facts.patient if "patient" in kinds else Patient(facts.patient.source),
        **{kind: getattr(facts, kind) if kind in kinds else () for kind in origins.FIELDS if kind != "patient"},
        measurements=tuple(m for m in facts.measurements if m.name in kinds),
        assessments=tuple(a for a in facts.assessments if a.name in kinds),
    )


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_a_rule_reads_nothing_but_what_was_found_in_its_code(vignette: Vignette) -> None:
    """Whatever else is taken away, its answer stays the same; so the list is never too short."""
    rule = RULES[vignette.rule]
    read = set(doctor_rules.reads(rule))
    answers: list[Outcome] = [rule.decide(facts) for facts in (vignette.facts, only(vignette.facts, read))]
    assert answers[0] == answers[1]


def test_a_rule_that_reads_little() -> None:
    assert doctor_rules.reads(RULES["bone_agent_duplicate"]) == {
        "medications": ("medicationRequests", "medicationAdministrations", "procedures")
    }


def test_every_rule_reads_something() -> None:
    assert all(doctor_rules.reads(rule) for rule in RULES.values())


def test_every_origin_is_a_prefetch_key() -> None:
    keys = {key for keys in origins.FIELDS.values() for key in keys} | set(origins.NAMED.values())
    assert keys == set(PREFETCH)
    assert set(results.MEASUREMENTS.values()) <= set(origins.NAMED)
    assert set(origins.FIELDS) | set(origins.RESULTS) <= set(Facts.__dataclass_fields__)


def test_every_kind_of_fact_has_an_origin() -> None:
    """A new field of Facts that rules may read must be entered in `origins`, an index of one in the doctor's table."""
    fields = {field.name: field for field in dataclasses.fields(Facts)}
    kinds = {
        name for name in fields if any(f"self.{name}" in line for line in inspect.getsource(Facts.all).splitlines())
    }
    assert kinds == {*origins.FIELDS, *origins.RESULTS} - {"patient"}
    assert {name for name, field in fields.items() if not field.init} == set(doctor_rules.INDEXES)
    assert set(doctor_rules.INDEXES.values()) <= kinds


def test_limits() -> None:
    rule = RULES["bone_agent_duplicate"]
    lost = frozenset({"medicationRequests", "medicationAdministrations", "procedures"})
    assert doctor_rules.limits([rule, rule], lost, frozenset()) == (
        doctor_rules.Limits("bone_agent_duplicate", ("medications",), (), ()),
    )
    (partly,) = doctor_rules.limits([rule], lost - {"procedures"}, frozenset({"medications"}))
    assert (partly.never, partly.partly, partly.not_seen) == ((), ("medications",), ())
    (never_whole,) = doctor_rules.limits([rule], frozenset(), frozenset({"medications"}), frozenset({"procedures"}))
    assert (never_whole.never, never_whole.partly) == ((), ("medications",))


PROBLEM, RESULT, ORDER = "Condition.code", "Observation.code", "ServiceRequest.code"
DRUG, SITE, ANSWER = "MedicationRequest.medication", "Condition.bodySite", "Observation.valueCodeableConcept"


@pytest.mark.parametrize(
    ("display", "element", "value_set"),
    [
        ("Secondary malignant neoplasm of bone (disorder)", PROBLEM, "bone_metastasis"),
        ("Spinal metastasis", PROBLEM, "spinal_metastasis"),
        ("Vertebral mets", PROBLEM, "spinal_metastasis"),
        ("Bone metastases", PROBLEM, "bone_metastasis"),
        ("Breast Ca", PROBLEM, "primary_breast"),
        ("MSCC", PROBLEM, "spinal_cord_compression"),
        ("Low back pain", PROBLEM, "back_pain"),
        ("NSCLC", PROBLEM, "non_small_cell_lung"),
        ("Calcium, serum", RESULT, "lab_calcium_total"),
        ("Ca, ionized", RESULT, "lab_calcium_ionised"),
        ("Corrected calcium", RESULT, "lab_calcium_corrected_albumin"),
        ("CREATININE LEVEL", RESULT, "lab_creatinine"),
        ("Creatinin im Serum", RESULT, "lab_creatinine"),  # another language, one letter less
        ("Alk Phos", RESULT, "lab_alp"),
        ("ALP", RESULT, "lab_alp"),
        ("Vitamin D 25-OH", RESULT, "lab_vitamin_d_25oh"),
        ("25-OH Vitamin D", RESULT, "lab_vitamin_d_25oh"),
        ("Vitamin D (25-OH)", RESULT, "lab_vitamin_d_25oh"),
        ("Weight", RESULT, "body_weight"),
        ("SINS total score", RESULT, "sins"),
        ("MRI whole spine", ORDER, "mri_whole_spine"),
        ("MRI total spine w/wo contrast", ORDER, "mri_whole_spine"),
        ("MRI L-spine without contrast", ORDER, "mri_lumbar"),
        ("MR spine", ORDER, "mri_spine_unspecified_region"),
        ("Bone scan", "ImagingStudy.procedureCode", "bone_scan"),
        ("Consult to neurosurgery", ORDER, "consult_spine_neurosurgery"),
        ("Zometa 4 mg", DRUG, "zoledronic_acid"),
        ("Lumbar spine", SITE, "dicom_body_part"),
        # What differs in the one word that counts, or stands where its like is never read from.
        ("Glucose [Mass/volume] in Serum or Plasma", RESULT, None),
        ("Creatinine, urine", RESULT, None),
        ("Albumin/Creatinine ratio", RESULT, None),
        ("1,25-dihydroxyvitamin D", RESULT, None),
        ("Vitamin B12", RESULT, None),
        ("Phosphate", RESULT, None),
        ("Hemoglobin", RESULT, None),
        ("MRI knee", ORDER, None),
        ("CT abdomen", ORDER, None),
        ("Spinal metastasis", ORDER, None),
        ("Alk Phos", PROBLEM, None),
        ("Malignant neoplasm of nose", PROBLEM, None),
        ("Viral sinusitis (disorder)", PROBLEM, None),
        ("Essential hypertension", PROBLEM, None),
        ("Age-related osteoporosis without current pathological fracture, vertebra", PROBLEM, None),  # ours say "with"
        ("No metastasis", PROBLEM, None),
        ("Metastasis", PROBLEM, None),
        ("Backache", "Goal.description", None),
        ("", PROBLEM, None),
        ("???", PROBLEM, None),
    ],
)
def test_hints(display: str, element: str, value_set: str | None) -> None:
    hint = nearest(display, element)
    assert (hint.concept if hint else None) == value_set


@pytest.mark.parametrize("grade", range(5))
def test_in_an_answer_the_number_counts(grade: int) -> None:
    hint = nearest(f"ECOG {grade}", ANSWER)
    assert hint is not None
    assert hint.code is not None
    assert codes.score(*hint.code[:2]) == grade


def test_an_order_is_hinted_at_by_the_code_that_we_propose() -> None:
    hint = nearest("MRI whole spine", ORDER)
    assert hint is not None
    assert hint.code is not None
    assert hint.code[:2] == ("http://loinc.org", "42698-1")


@pytest.mark.parametrize("element", [*READ_FROM, SITE])
def test_a_label_of_our_own_is_its_own_hint(element: str) -> None:
    """Or has none: where two value sets share a label, or nothing is left of it, nobody is led astray."""
    kinds = READ_FROM.get(element, SITES)
    for concept in sorted(concept for kind in kinds for concept in KINDS[kind].concepts):
        for system, code, label in codes.codings(concept):
            hint = nearest(label, element)
            assert hint is None or hint.likeness > 0.9 or hint.concept == concept, (label, hint)
            if hint and element == ANSWER and hint.code:
                assert codes.score(*hint.code[:2]) == codes.score(system, code)


def test_the_words_of_hospitals_lead_to_words_of_ours() -> None:
    """An expansion to a word that no label holds would be of no use, and one of an unknown kind is never read."""
    tables = tomllib.loads((resources.files("cds_service") / "doctor_words.toml").read_text(encoding="utf-8"))
    del tables["strangers"]
    assert set(tables) <= {*KINDS, "any"}
    every = {word for kinds in (*READ_FROM.values(), SITES) for word in doctor_hints._vocabulary(kinds)}
    for kind, table in tables.items():
        kinds = next((kinds for kinds in READ_FROM.values() if kind in kinds), ())
        known = set(doctor_hints._vocabulary(kinds)) if kinds else every
        for theirs, ours in table.items():
            assert not {word for word in ours.split() if len(word) >= doctor_hints.SHORTEST} - known, (kind, theirs)


def test_capabilities_of_a_server_that_says_little() -> None:
    found = doctor_capabilities.read(Given(()))
    assert (found.problem, found.lacks("Condition?patient=1")) == ("nothing came", None)
    assert doctor_capabilities.read(Unavailable("HTTP 404")).problem == "HTTP 404"
    assert doctor_capabilities.read(None).problem == "nothing came"
