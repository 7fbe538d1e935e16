"""What a rule reads is found in its code; what a foreign code may mean is only hinted at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from cds_service import doctor_capabilities, doctor_rules
from cds_service.doctor_hints import nearest
from cds_service.services import SERVICES
from fhir_mappings import codes, origins, results
from fhir_mappings.answers import Given, Unavailable
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
    """A new field of Facts that rules may read must be entered in `origins`."""
    facts = replace(Facts(date(2026, 11, 24)), **{name: (name,) for name in (*origins.FIELDS, *origins.RESULTS)})
    assert set(facts.all()) == {*origins.FIELDS, *origins.RESULTS} - {"patient"}


def test_limits() -> None:
    rule = RULES["bone_agent_duplicate"]
    lost = frozenset({"medicationRequests", "medicationAdministrations", "procedures"})
    assert doctor_rules.limits([rule, rule], lost, frozenset()) == (
        doctor_rules.Limits("bone_agent_duplicate", ("medications",), (), ()),
    )
    (partly,) = doctor_rules.limits([rule], lost - {"procedures"}, frozenset({"medications"}))
    assert (partly.never, partly.partly, partly.not_seen) == ((), ("medications",), ())


@pytest.mark.parametrize(
    ("display", "observed", "value_set"),
    [
        ("Secondary malignant neoplasm of bone (disorder)", False, "bone_metastasis"),
        ("Calcium, serum", True, "lab_calcium_total"),
        ("CREATININE LEVEL", True, "lab_creatinine"),
        ("Creatinin im Serum", True, "lab_creatinine"),  # another language, one letter less
        ("Low back pain", False, "back_pain"),
        ("Glucose [Mass/volume] in Serum or Plasma", True, None),  # differs in the one word that counts
        ("Malignant neoplasm of nose", False, None),
        ("Viral sinusitis (disorder)", False, None),
        ("Essential hypertension", False, None),
        ("Age-related osteoporosis without current pathological fracture, vertebra", False, None),  # ours say "with"
        ("", False, None),
        ("???", False, None),
    ],
)
def test_hints(display: str, observed: bool, value_set: str | None) -> None:
    hint = nearest(display, observed)
    assert (hint.concept if hint else None) == value_set


def test_a_label_of_our_own_is_its_own_hint() -> None:
    for concept in ("back_pain", "spinal_metastasis"):
        for _, _, label in codes.codings(concept):
            hint = nearest(label)
            assert hint is None or hint.likeness == 1.0 or hint.concept == concept


def test_capabilities_of_a_server_that_says_little() -> None:
    found = doctor_capabilities.read(Given(()))
    assert (found.problem, found.lacks("Condition?patient=1")) == ("nothing came", None)
    assert doctor_capabilities.read(Unavailable("HTTP 404")).problem == "HTTP 404"
    assert doctor_capabilities.read(None).problem == "nothing came"
