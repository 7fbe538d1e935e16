"""Two patients: one with a painful, unstable spinal metastasis of whom most rules speak, and one without any cancer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.bench import us_core
from tests.bench.concepts import OURS, one
from tests.bench.us_core import Resource

AGE_YEARS = 64
BREAST_CANCER = one(
    "condition",
    ("sct", "254837009", "Malignant neoplasm of breast"),
    ("icd", "C50.911", "Malignant neoplasm of unspecified site of right female breast"),
)
METASTASIS = one(
    "condition",
    ("sct", "94274006", "Metastatic malignant neoplasm to thoracic vertebral column"),
    ("icd", "C79.51", "Secondary malignant neoplasm of bone"),
)
BACK_PAIN = one("condition", ("sct", "161891005", "Backache"), ("icd", "M54.6", "Pain in thoracic spine"))
MRI = one("imaging", ("lnc", "42698-1", "MR Cervical and thoracic and lumbar spine"), modality="MR")
PAIN = one("survey", ("lnc", "72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported"))
ECOG = one("survey", ("lnc", "89247-1", "ECOG Performance Status score"))
T8 = one("site", ("sct", "11068009", "Bone structure of T8"))
CALCIUM, ALBUMIN, CREATININE, ALP, VITAMIN_D = OURS["laboratory"]
WEIGHT, HEIGHT = OURS["vital"]


def metastatic(rng: Random, day: date) -> Iterator[Resource]:
    """The resources that decide what is said; an EHR sends them among hundreds of others."""

    def ago(days: int) -> date:
        return day - timedelta(days=days)

    site = [us_core.concept(T8)]
    yield us_core.condition(rng, "breast-cancer", BREAST_CANCER, ago(1400))
    yield us_core.condition(rng, "spine-metastasis", METASTASIS, ago(20), bodySite=site)
    yield us_core.condition(rng, "back-pain", BACK_PAIN, ago(25))
    yield us_core.imaging(rng, "spine-mri", MRI, ago(20))
    yield us_core.observation(rng, "pain-now", PAIN, ago(2), valueInteger=8)
    yield us_core.observation(rng, "pain-before", PAIN, ago(16), valueInteger=6)
    yield us_core.observation(rng, "ecog", ECOG, ago(9), valueInteger=2)
    yield _assessed(rng, "sins", ago(9), valueInteger=11, bodySite=site[0])
    yield _assessed(rng, "escc", ago(9), valueCodeableConcept=_answer("escc-1a"), bodySite=site[0])
    yield _assessed(rng, "frankel", ago(9), valueCodeableConcept=_answer("frankel-e"))
    yield us_core.observation(rng, "calcium", CALCIUM, ago(6), 9.3)
    yield us_core.observation(rng, "albumin", ALBUMIN, ago(6), 4.1)
    yield us_core.observation(rng, "creatinine", CREATININE, ago(6), 1.3)
    yield us_core.observation(rng, "alp", ALP, ago(6), 164)
    yield us_core.observation(rng, "weight", WEIGHT, ago(9), 62)


def drafts(rng: Random, day: date) -> Iterator[Resource]:
    """What the clinician is about to sign: an MRI of one region, a bone scan, radiotherapy, zoledronic acid."""
    for name, code in (
        ("draft-mri", ("lnc", "24968-0", "MR Lumbar spine")),
        ("draft-scan", ("lnc", "39818-0", "NM Whole body Bone Views")),
        ("draft-radiotherapy", ("sct", "1156506007", "External beam radiation therapy using photons")),
    ):
        yield us_core.service(rng, name, one("service", code), day, status="draft")
    agent = one("medication", ("rxn", "77655", "zoledronic acid"))
    dose = [{"text": "4 mg intravenously", "doseAndRate": [{"doseQuantity": _milligrams(4)}]}]
    yield us_core.medication(rng, "draft-zoledronic-acid", agent, day, status="draft", dosageInstruction=dose)


def _milligrams(amount: float) -> Resource:
    return {"value": amount, "unit": "mg", "system": us_core.UCUM, "code": "mg"}


def _assessed(rng: Random, code: str, day: date, **more: Any) -> Resource:
    return us_core.observation(rng, code, one("survey", ("ours", code, code.upper())), day, **more)


def _answer(code: str) -> Resource:
    return us_core.concept(one("answer", ("ours", code, code)))
