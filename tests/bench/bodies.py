"""The bodies that are sent: CDS Hooks calls with a whole chart as prefetch, made from a seed and a day.

The same seed, day, size and patient give the same bytes. Of 100 resources 60 are Observations, 12 Conditions,
10 MedicationRequests, 8 Procedures, 7 ServiceRequests and 3 ImagingStudies, of about 2.0 kB each:

    S 50 resources, 0.10 MB - M 300, 0.61 MB - L 3,000, 5.99 MB - XL 5,000, 10.03 MB

Half of the observations are of the kinds that the service asks for by code; the others come from servers that search by
category. Each body also holds the Patient and, for order-sign, four draft orders.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from random import Random
from types import MappingProxyType

from tests.bench import patients, us_core
from tests.bench.concepts import OTHER, OURS
from tests.bench.us_core import BASE, PATIENT, Resource

SEED = 20261123
MIX: Mapping[str, float] = MappingProxyType(
    {"Condition": 0.12, "MedicationRequest": 0.10, "Procedure": 0.08, "ServiceRequest": 0.07, "ImagingStudy": 0.03}
)  # the rest are Observations
SIZES: Mapping[str, int] = MappingProxyType({"S": 50, "M": 300, "L": 3_000, "XL": 5_000})
OURS_SHARE = 0.5  # of the filling observations, whose kinds the service reads
VITAL_SHARE = 0.2
YEARS = 6  # over which the filling resources are spread
KEYS = {
    "Condition": "conditions",
    "ImagingStudy": "imaging",
    "MedicationRequest": "medicationRequests",
    "ServiceRequest": "serviceRequests",
    "Procedure": "procedures",
}
HOOK_INSTANCE = "0f4c7d2e-6a53-4b0e-9c1d-5f0a3b7e2d11"
PATIENT_VIEW, ORDER_SIGN = "patient-view", "order-sign"


@dataclass(frozen=True)
class Call:
    """A hook call without what it asks about: hook, size, and which patient."""

    hook: str = PATIENT_VIEW
    resources: int = SIZES["M"]
    in_scope: bool = True
    spoilt: bool = False  # one procedure of many cannot be read


def counts(resources: int) -> dict[str, int]:
    """How many resources of each type a chart of that size has."""
    counted = {kind: round(resources * share) for kind, share in MIX.items()}
    return {"Observation": resources - sum(counted.values()), **counted}


def chart(call: Call, day: date, seed: int = SEED) -> list[Resource]:
    """The resources of the chart: those that decide first, then ordinary ones until the mix is full."""
    rng = Random(f"{seed} {call.resources} {call.in_scope}")
    told = list(patients.metastatic(rng, day)) if call.in_scope else []
    there = Counter(one["resourceType"] for one in told)
    for kind, wanted in counts(call.resources).items():
        told += islice(_ordinary(rng, kind, day), wanted - there[kind])
    return told


def body(call: Call, day: date, seed: int = SEED) -> bytes:
    """The whole call as compact JSON."""
    prefetch: dict[str, list[Resource]] = {
        key: [] for key in (*KEYS.values(), "laboratory", "assessments", "medicationAdministrations")
    }
    for resource in chart(call, day, seed):
        prefetch[_key(resource)].append(resource)
    if call.spoilt:
        prefetch["procedures"][-1]["code"] = "not a concept"
    rng = Random(seed)
    who = us_core.patient(rng, day - timedelta(days=round(365.25 * patients.AGE_YEARS)))
    whole = {
        "hook": call.hook,
        "hookInstance": HOOK_INSTANCE,
        "context": _context(call, day, rng),
        "prefetch": {"patient": who, **{key: _searchset(key, found) for key, found in prefetch.items()}},
    }
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def _context(call: Call, day: date, rng: Random) -> Resource:
    context: Resource = {"userId": "Practitioner/bench-doctor", "patientId": PATIENT, "encounterId": "visit-1"}
    if call.hook == ORDER_SIGN:
        entry = [{"resource": draft} for draft in patients.drafts(rng, day)]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entry}
    return context


def _searchset(key: str, resources: list[Resource]) -> Resource:
    entry = [
        {"fullUrl": f"{BASE}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    link = [{"relation": "self", "url": f"{BASE}?bench={key}"}]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entry), "link": link, "entry": entry}


def _key(resource: Resource) -> str:
    if resource["resourceType"] != "Observation":
        return KEYS[resource["resourceType"]]
    category = resource["category"][0]["coding"][0]["code"]
    return "laboratory" if category == "laboratory" else "assessments"


def _ordinary(rng: Random, kind: str, day: date) -> Iterator[Resource]:
    """Without end: what a chart of many years holds beside the disease, newest first as servers sort it."""
    number = 0
    while True:
        number += 1
        when = day - timedelta(days=30 + rng.randrange(365 * YEARS))
        name = f"{kind.lower()}-{number}"
        if kind == "Observation":
            yield _ordinary_result(rng, name, when)
        else:
            build, table = _BUILDERS[kind]
            yield build(rng, name, rng.choice(OTHER[table]), when)


def _ordinary_result(rng: Random, name: str, when: date) -> Resource:
    kinds = OURS if rng.random() < OURS_SHARE else OTHER
    of = rng.choice(kinds["vital" if rng.random() < VITAL_SHARE else "laboratory"])
    return us_core.observation(rng, name, of, when)


_BUILDERS = {
    "Condition": (us_core.condition, "condition"),
    "MedicationRequest": (us_core.medication, "medication"),
    "Procedure": (us_core.procedure, "procedure"),
    "ServiceRequest": (us_core.service, "service"),
    "ImagingStudy": (us_core.imaging, "imaging"),
}
