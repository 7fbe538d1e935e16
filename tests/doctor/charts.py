"""Charts that the tests make themselves, with what real records bring: local codes, words, odd units, old statuses.

Names, ids and texts hold the mark `zyzzyva`, which no report may repeat.
"""

from __future__ import annotations

from typing import Any

MARK = "zyzzyva"
SCT, LNC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
LOCAL = "urn:site:lab"
UCUM = "http://unitsofmeasure.org"
Resource = dict[str, Any]


def coded(system: str, code: str, display: str | None = None, text: str | None = None) -> Resource:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


class Person:
    """One patient and the resources about them."""

    def __init__(self, name: str) -> None:
        self.id = f"{MARK}-{name}"
        self.resources: list[Resource] = [
            {
                "resourceType": "Patient",
                "id": self.id,
                "name": [{"family": f"{MARK}son", "given": [f"{MARK}a"]}],
                "gender": "female",
                "birthDate": "1960-05-05",
            }
        ]

    def add(self, kind: str, **content: Any) -> Person:
        number = len(self.resources)
        one = {"resourceType": kind, "id": f"{self.id}-{number}", "subject": {"reference": f"Patient/{self.id}"}}
        self.resources.append({**one, "text": narrative(), **content})
        return self

    def condition(self, code: Resource, **more: Any) -> Person:
        return self.add("Condition", code=code, **{"note": [{"text": f"said {MARK}"}], **more})

    def observation(self, code: Resource, value: Any = None, unit: str | None = None, **more: Any) -> Person:
        quantity = {"valueQuantity": {"value": value, "unit": unit, "code": unit, "system": UCUM}} if unit else {}
        given = {"status": "final", "effectiveDateTime": "2026-11-20", **quantity, **more}
        return self.add("Observation", code=code, **given)


def narrative() -> Resource:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{MARK}</div>'}


METASTASIS = coded(SCT, "94222008", "Secondary malignant neoplasm of bone", text=f"mets, see {MARK}")
BREAST = coded(ICD, "C50.911", "Malignant neoplasm of unspecified site of right female breast")
CREATININE = coded(LNC, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma")
CALCIUM = coded(LNC, "17861-6", "Calcium [Mass/volume] in Serum or Plasma")


def clean() -> Person:
    """Nothing that is not understood."""
    person = Person("clean").condition(METASTASIS).condition(BREAST)
    return person.observation(CREATININE, 0.9, "mg/dL").observation(CALCIUM, 9.4, "mg/dL")


def whole() -> Person:
    """Something under every search, and nothing that is not understood."""
    person = Person("whole").condition(METASTASIS).condition(BREAST)
    person.observation(CREATININE, 0.9, "mg/dL").observation(CALCIUM, 9.4, "mg/dL")
    person.observation(coded(LNC, "72514-3", "Pain severity - 0-10 verbal numeric rating"), 3, "{score}")
    person.add("ImagingStudy", status="available", started="2026-11-01", modality=[{"code": "MR"}])
    zoledronate = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "77655", "zoledronic acid")
    person.add("MedicationRequest", status="active", intent="order", medicationCodeableConcept=zoledronate)
    person.add(
        "MedicationAdministration",
        status="completed",
        effectiveDateTime="2026-11-01",
        medicationCodeableConcept=zoledronate,
    )
    consult = coded(SCT, "306256000", "Referral to radiotherapist")
    person.add("ServiceRequest", status="active", intent="order", code=consult, authoredOn="2026-11-01")
    radiotherapy = coded(SCT, "169345006", "Bone tumor/metastasis irradiation")
    return person.add("Procedure", status="completed", code=radiotherapy, performedDateTime="2026-10-01")


def messy() -> Person:
    """One of everything that a site has to mend."""
    person = clean()
    person.id, old = f"{MARK}-messy", person.id
    person.resources = [renamed(one, old, person.id) for one in person.resources]
    for number in range(3):
        person.observation(coded(LOCAL, "CA", "Calcium, serum"), 9 + number, "mg/dL")
    person.observation(coded(LOCAL, "XYZ", "Froth index"), 1, "1")
    person.observation(CREATININE, 80, "umol")
    person.observation(CREATININE, 80, None, valueQuantity={"value": 80, "unit": f"as {MARK} said it was"})
    person.observation(CALCIUM, 9.0, "mg/dL", status="preliminary")
    person.condition({"text": f"back pain since the fall, {MARK}"})
    person.condition(coded("urn:site:problems", "BP", "Backache"))
    person.condition(METASTASIS, verificationStatus=coded("x", "entered-in-error"))
    person.add("Procedure", code=coded(SCT, "1", "Froth removal"), status="not-done")
    person.add(
        "MedicationRequest", status="active", intent="order", medicationReference={"reference": "Medication/elsewhere"}
    )
    return person


def renamed(resource: Resource, old: str, new: str) -> Resource:
    changed = {**resource, "id": resource["id"].replace(old, new)}
    return changed | ({"subject": {"reference": f"Patient/{new}"}} if "subject" in resource else {})


def crowded(conditions: int) -> Person:
    """More problems than fit on one page."""
    person = clean()
    person.id, old = f"{MARK}-crowded", person.id
    person.resources = [renamed(one, old, person.id) for one in person.resources]
    for number in range(conditions):
        person.condition(coded(ICD, f"J{number:03}", "Something else"))
    return person
