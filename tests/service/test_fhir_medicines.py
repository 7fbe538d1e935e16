"""Drugs that are named by reference only: fetched where that may be done, named as not known where it cannot."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import pytest
from conftest import RunningServer, call_body
from test_fhir_search import access, request

from cds_service import fhir_client
from cds_service.fhir_client import Connections, complete
from cds_service.fhir_medicines import BATCH, MEDICINES, MOST, MOST_READ, wanted
from cds_service.services import BY_HOOK
from fhir_mappings import chart, facts
from fhir_mappings.answers import Given, Unavailable, understand
from fhir_mappings.drug_references import Nameless
from hooks.facts import Facts
from tests.fhir_stub import FhirServer, Reply, reply, searchset, silent

RX = "http://www.nlm.nih.gov/research/umls/rxnorm"
TODAY = date(2026, 11, 24)
ME = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-05-05"}
TEMPLATES = {
    "medicationRequests": "MedicationRequest?patient={{context.patientId}}",
    "medicationAdministrations": "MedicationAdministration?patient={{context.patientId}}",
}
NOT_KNOWN = "drug not known, not checked"


def medication(name: str, code: str = "77655", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": name, "code": {"coding": [{"system": RX, "code": code}]}, **more}


def order(number: int, reference: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"r{number}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": f"2026-11-{number % 20 + 1:02}",
        "medicationReference": {"reference": reference},
        **more,
    }


def infusion(number: int, reference: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": f"a{number}",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": f"2026-11-{number:02}",
        "medicationReference": {"reference": reference},
        **more,
    }


def bundle(*resources: Any, **addresses: str) -> bytes:
    entry = [
        {"resource": one, **({"fullUrl": addresses[one["id"]]} if one["id"] in addresses else {})} for one in resources
    ]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entry}).encode()


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    opened = fhir_client.connect()
    yield opened
    opened.close()


Read = Callable[..., Facts]


@pytest.fixture
def read(fhir_server: FhirServer, connections: Connections) -> Read:
    """The facts of a call with this prefetch, completed from the stub."""

    def reading(*orders: Any, drafts: bytes | None = None, limits: Any = None, **changes: Any) -> Facts:
        sent = {"medicationRequests": bundle(*orders), "medicationAdministrations": b"null"}
        given = {"prefetch": sent, "draft_orders": drafts, **changes}
        call = request(fhir_server.url, **given)
        answers = complete(call, TEMPLATES, limits or access(fhir_server.url), connections)
        answers |= {"patient": understand(json.dumps(ME).encode()), "conditions": None}
        return facts.facts(chart.read(answers, "p1", call.fhir_server, call.draft_orders), TODAY)

    return reading


def asked_ids(server: FhirServer) -> list[str]:
    return [
        name for path, _ in server.asked for name in parse_qs(path.partition("?")[2]).get("_id", [""])[0].split(",")
    ]


def by_id(*medications: dict[str, Any]) -> Callable[[BaseHTTPRequestHandler], Reply]:
    """A server that knows these Medications, and both ways to ask for them."""
    known = {one["id"]: one for one in medications}

    def answer(handler: BaseHTTPRequestHandler) -> Reply:
        path, _, query = handler.path.partition("?")
        if query:
            return reply(searchset(*(known[n] for n in parse_qs(query)["_id"][0].split(",") if n in known)))
        name = path.rpartition("/")[2]
        return reply(known[name]) if name in known else reply({"resourceType": "OperationOutcome"}, 404)

    return answer


def test_the_drugs_of_orders_and_infusions_are_fetched(read: Read, fhir_server: FhirServer) -> None:
    fhir_server.replies["Medication"] = by_id(medication("m1"), medication("m2", "993449"))
    found = read(order(1, "Medication/m1"), order(2, "Medication/m1"), infusion(5, "Medication/m2"))
    assert [(one.source, sorted(one.concepts)) for one in found.medications] == [
        ("MedicationAdministration/a5", ["denosumab"]),
        ("MedicationRequest/r2", ["zoledronic_acid"]),
        ("MedicationRequest/r1", ["zoledronic_acid"]),
    ]
    assert [path for path, _ in fhir_server.asked] == ["/fhir/Medication?_id=m2,m1&_count=2"]
    assert all(headers["Authorization"] == "Bearer planted" for _, headers in fhir_server.asked)
    assert (found.incomplete, found.unreadable) == ((), ())


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/m1",
        "Medication/m1/_history/7",
        "{own}/Medication/m1",
        "{own}/Medication/m1/_history/7",
        "{named}/Medication/m1",
    ],
)
def test_every_name_of_a_medication_of_this_server(read: Read, fhir_server: FhirServer, reference: str) -> None:
    fhir_server.replies["Medication"] = by_id(medication("m1"))
    named = fhir_server.url.replace("http:", "HTTP:")
    found = read(order(1, reference.format(own=fhir_server.url, named=named)))
    assert [one.concepts for one in found.medications] == [{"zoledronic_acid"}]


def test_the_drugs_of_draft_orders_are_fetched(read: Read, fhir_server: FhirServer) -> None:
    """As they come from an EHR whose drafts bring no Medications: what is about to be signed is then known."""
    fhir_server.replies["Medication"] = by_id(medication("m1"))
    found = read(drafts=bundle(order(1, f"{fhir_server.url}/Medication/m1", status="draft")))
    assert [(one.draft, one.concepts) for one in found.medications] == [(True, {"zoledronic_acid"})]
    assert found.unreadable == ()


@pytest.mark.parametrize(
    "given",
    [
        {"medicationCodeableConcept": {"coding": [{"system": RX, "code": "77655"}]}},
        {
            "medicationReference": {"reference": "#m"},
            "contained": [medication("m")],
        },
        {"status": "stopped"},
        {"status": "entered-in-error"},
        {"intent": "proposal"},
        {"doNotPerform": True},
        {"medicationReference": {"display": "by word only"}},
        {"medicationReference": {"reference": ""}},
    ],
)
def test_what_need_not_be_fetched(read: Read, fhir_server: FhirServer, given: dict[str, Any]) -> None:
    assert read(order(1, "Medication/m1", **given)).incomplete == ()
    assert fhir_server.asked == []


def test_a_medication_that_came_along_is_not_fetched(read: Read, fhir_server: FhirServer) -> None:
    for name, address in (
        ("Medication/m1", {}),
        (f"{fhir_server.url}/Medication/m1", {"m1": f"{fhir_server.url}/Medication/m1"}),
    ):
        sent = bundle(order(1, name), medication("m1"), **address)
        found = read(prefetch={"medicationRequests": sent, "medicationAdministrations": b"null"})
        assert [one.concepts for one in found.medications] == [{"zoledronic_acid"}]
        assert [one.concepts for one in read(drafts=sent).medications] == [{"zoledronic_acid"}]
    assert fhir_server.asked == []


# Servers that cannot be searched, or not asked at all.


@pytest.mark.parametrize("status", [400, 403, 404, 405, 422, 501])
def test_without_the_search_they_are_read_one_by_one(read: Read, fhir_server: FhirServer, status: int) -> None:
    known = by_id(medication("m1"), medication("m2", "993449"))
    fhir_server.replies["Medication"] = lambda h: reply({}, status) if "?" in h.path else known(h)
    found = read(order(1, "Medication/m1"), order(2, "Medication/m2"), order(3, "Medication/m3"))
    assert {concept for one in found.medications for concept in one.concepts} == {"zoledronic_acid", "denosumab"}
    assert {path for path, _ in fhir_server.asked[1:]} == {f"/fhir/Medication/m{n}" for n in (1, 2, 3)}
    assert found.why_incomplete == {
        "medication requests": "1 of unknown drug, since the Medication did not come: HTTP 404 from the FHIR server"
    }
    assert found.unreadable == (f"MedicationRequest/r3: {NOT_KNOWN}",)


def test_a_server_that_ignores_the_ids(read: Read, fhir_server: FhirServer) -> None:
    """It lists its own Medications; none of these is taken for one that was asked for."""
    known = by_id(medication("m1"))
    listed = reply(searchset(*(medication(f"x{n}") for n in range(20)), {"resourceType": "Medication", "id": [1]}))
    fhir_server.replies["Medication"] = lambda h: listed if "?" in h.path else known(h)
    found = read(order(1, "Medication/m1"))
    assert [one.concepts for one in found.medications] == [{"zoledronic_acid"}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply({}, 401), "HTTP 401 from the FHIR server"),
        (reply({}, 500), "HTTP 500 from the FHIR server"),
        (reply({}, 429, Retry_After="60"), "HTTP 429 from the FHIR server, which asks to wait for 60 s"),
        (reply({}, 302, Location="http://127.0.0.1:9/"), "HTTP 302 from the FHIR server"),
        (reply({"resourceType": "OperationOutcome"}), "the EHR reported an error"),
        (reply([]), "the EHR sent something that is not a FHIR resource"),
        (silent, "timed out after 2 s"),
    ],
)
def test_a_drug_that_could_not_be_fetched_is_named(
    read: Read, fhir_server: FhirServer, answer: Any, reason: str
) -> None:
    fhir_server.replies["Medication"] = answer
    found = read(
        order(1, "Medication/m1"),
        infusion(2, "Medication/m2"),
        drafts=bundle(order(9, "Medication/m9", status="draft")),
        limits=access(fhir_server.url, timeout_seconds=2.0),
    )
    assert found.medications == ()
    assert found.unreadable == (
        f"draft order MedicationRequest/r9: {NOT_KNOWN}",
        f"MedicationRequest/r1: {NOT_KNOWN}",
        f"MedicationAdministration/a2: {NOT_KNOWN}",
    )
    assert found.why_incomplete == {
        "medication requests": f"2 of unknown drug, since the Medication did not come: {reason}"
    }
    assert not found.knows("medication requests")
    assert len(fhir_server.asked) == 1  # and not read one by one from a server in trouble


def test_where_nobody_may_be_asked_it_is_named_too(read: Read, fhir_server: FhirServer) -> None:
    for changes in ({"fhir_server": None}, {"access_token": None}, {"fhir_server": "https://other.example.org/fhir"}):
        found = read(order(1, "Medication/m1"), **changes)
        assert found.unreadable == (f"MedicationRequest/r1: {NOT_KNOWN}",)
        assert found.incomplete == ("medication requests",)
    assert fhir_server.asked == []


def test_a_partial_answer_keeps_its_own_reason(read: Read, fhir_server: FhirServer) -> None:
    sent = json.loads(bundle(order(1, "Medication/m1")))
    sent |= {"total": 7}
    sent["entry"].append(5)
    found = read(prefetch={"medicationRequests": json.dumps(sent).encode(), "medicationAdministrations": b"null"})
    why = found.why_incomplete["medication requests"]
    assert "some entries cannot be read" in why
    assert "1 of unknown drug" in why


def test_a_medication_without_a_code_is_known_to_be_uncoded(read: Read, fhir_server: FhirServer) -> None:
    fhir_server.replies["Medication"] = by_id({"resourceType": "Medication", "id": "m1", "code": {"text": "a herb"}})
    found = read(order(1, "Medication/m1"))
    assert (found.medications, found.incomplete, found.unreadable) == ((), (), ())


# How much is asked.


def test_the_drafts_and_the_newest_are_asked_for_first_and_not_without_end(read: Read, fhir_server: FhirServer) -> None:
    orders = [order(n, f"Medication/m{n}", authoredOn=f"{2000 + n // 12:04}-{n % 12 + 1:02}-01") for n in range(150)]
    fhir_server.replies["Medication"] = by_id(*(medication(f"m{n}") for n in range(150)))
    found = read(*orders, drafts=bundle(order(999, "Medication/m0", status="draft")))
    assert len(fhir_server.asked) == MOST / BATCH
    assert set(asked_ids(fhir_server)) == {"m0", *(f"m{n}" for n in range(51, 150))}
    assert found.why_incomplete == {
        "medication requests": "50 of unknown drug, since the Medication did not come: more than 100 are named"
    }


def test_of_a_server_without_the_search_few_are_read(read: Read, fhir_server: FhirServer) -> None:
    fhir_server.replies["Medication"] = reply({}, 404)
    read(*(order(n, f"Medication/m{n}") for n in range(40)))
    assert sum("?" not in path for path, _ in fhir_server.asked) == MOST_READ


def test_long_ids_are_posted(read: Read, fhir_server: FhirServer) -> None:
    fhir_server.answer("Medication", searchset(*(medication(f"{n:064}") for n in range(40))))
    found = read(*(order(n, f"Medication/{n:064}") for n in range(40)))
    assert len(found.medications) == 40
    ((path, form),) = fhir_server.posted
    assert path == "/fhir/Medication/_search"
    assert len(parse_qs(form)["_id"][0].split(",")) == 40


def test_the_deadline_is_that_of_the_whole_call(fhir_server: FhirServer, connections: Connections) -> None:
    """The searches before have used up the time: no Medication is asked for, and the call is not late."""

    def slow(_: BaseHTTPRequestHandler) -> Reply:
        time.sleep(0.8)
        return reply(searchset())

    fhir_server.replies["MedicationAdministration"] = slow
    call = request(fhir_server.url, prefetch={"medicationRequests": bundle(order(1, "Medication/m1"))})
    found = complete(call, TEMPLATES, access(fhir_server.url, timeout_seconds=0.5), connections)
    assert isinstance(found["medicationRequests"], Given)
    assert found["medicationRequests"].reason.endswith("timed out after 0.5 s")
    assert not [path for path, _ in fhir_server.asked if "Medication?" in path]


def test_a_slow_search_for_something_else_does_not_cost_the_drugs(
    fhir_server: FhirServer, connections: Connections
) -> None:
    """The drugs are known although the orders never come: they are asked for as soon as the medications are there."""
    asked = threading.Event()
    waited: list[bool] = []

    def orders(handler: BaseHTTPRequestHandler) -> None:
        waited.append(asked.wait(20))  # until the Medication has been asked for; then nothing comes
        handler.close_connection = True

    def drugs(handler: BaseHTTPRequestHandler) -> Reply:
        asked.set()
        return by_id(medication("m1"))(handler)

    fhir_server.answer("MedicationRequest", searchset(order(1, "Medication/m1")))
    fhir_server.answer("MedicationAdministration", searchset())
    fhir_server.replies |= {"ServiceRequest": orders, "Medication": drugs}
    templates = {"serviceRequests": "ServiceRequest?patient={{context.patientId}}", **TEMPLATES}
    found = complete(request(fhir_server.url), templates, access(fhir_server.url, timeout_seconds=20), connections)
    assert waited[0]
    assert isinstance(found["serviceRequests"], Unavailable)
    assert isinstance(found["medicationRequests"], Given)
    assert not found["medicationRequests"].partial
    assert isinstance(found[MEDICINES], Given)


def test_the_bytes_are_those_of_the_whole_call(read: Read, fhir_server: FhirServer) -> None:
    fhir_server.replies["Medication"] = by_id(medication("m1", text="x" * 5000))
    found = read(order(1, "Medication/m1"), limits=access(fhir_server.url, max_bytes=4000))
    assert "too large" in found.why_incomplete["medication requests"]


# What somebody could try who writes the references, or the answers.

BASE = "https://ehr.example.org:443/fhir"
FOREIGN = [
    "https://evil.org/fhir/Medication/m1",
    "http://ehr.example.org/fhir/Medication/m1",
    "https://ehr.example.org:8443/fhir/Medication/m1",
    "https://ehr.example.org/other/Medication/m1",
    "https://ehr.example.org/Medication/m1",
    "https://ehr.example.org/fhir2/Medication/m1",
    "https://ehr.example.org/fhir/../Medication/m1",
    "https://ehr.example.org/fhir/../../Medication/m1",
    "https://ehr.example.org/fhir/./Medication/m1",
    "https://ehr.example.org/fhir/%2e%2e/Medication/m1",
    "https://ehr.example.org@evil.org/fhir/Medication/m1",
    "https://user@ehr.example.org/fhir/Medication/m1",
    "https://ehr.example.org\\@evil.org/fhir/Medication/m1",
    "https://ehr.example.org.evil.org/fhir/Medication/m1",
    "https://ehr.example.org./fhir/Medication/m1",
    "//evil.org/fhir/Medication/m1",
    "//ehr.example.org/fhir/Medication/m1",
    "/fhir/Medication/m1",
    "/Medication/m1",
    "./Medication/m1",
    "../Medication/m1",
    "fhir/Medication/m1",
    "urn:uuid:6f3c1f7e-0c5b-4f0e-9d0d-0d9f5a5a5a5a",
    "urn:oid:1.2.3",
    "file:///etc/passwd",
    "javascript:Medication/m1",
    "Medication/",
    "Medication",
    "Medication/.",
    "Medication/..",
    "Medication/...",
    "Medication/../Patient/p2",
    "Medication/m1/../../Patient/p2",
    "Medication/m1/$everything",
    "Medication/$everything",
    "Medication/m1?x=1",
    "Medication/m1&patient=p2",
    "Medication/m1,m2",
    "Medication/m1#x",
    "Medication/m1%2f..",
    "Medication/m1/",
    "Medication//m1",
    "Medication/m 1",
    "Medication/m1\r\nHost: evil.org",
    "Medication/m1\x00",
    "Medication/{{context.patientId}}",
    "Medication/\u00e9",
    "Medication/\uff4d1",
    f"Medication/{'m' * 65}",
    "Medication?identifier=x|y",
    "Medication?_id=m1",
    "medication/m1",
    "MEDICATION/m1",
    " Medication/m1",
    "Medication/m1 ",
    "Patient/p2",
    "Observation/o1",
    "https://ehr.example.org/fhir/Patient/p2",
    "https://ehr.example.org/fhir/Medication/m1?x=1",
    "https://ehr.example.org/fhir/Medication/m1#x",
    "https://ehr.example.org/fhir/Medication/m1/$everything",
    "https://ehr.example.org/fhir/$export",
    "https://ehr.example.org/fhir",
]


@pytest.mark.parametrize("name", FOREIGN, ids=ascii)
def test_names_of_which_nothing_is_asked(name: str) -> None:
    use = Nameless("medicationRequests", name.partition("/_history/")[0], "")
    assert wanted([use], BASE) == []


def test_an_id_that_another_server_has_too_is_not_asked_for() -> None:
    """What came would be taken for the drug of both."""
    names = ("Medication/m1", "Medication/m2", "https://evil.org/fhir/Medication/m1")
    assert wanted([Nameless("medicationRequests", name, "") for name in names], BASE) == ["m2"]


def test_a_reference_to_another_server_is_never_followed(
    read: Read, fhir_server: FhirServer, other_server: FhirServer
) -> None:
    fhir_server.replies["Medication"] = other_server.replies["Medication"] = by_id(medication("m1"), medication("m2"))
    found = read(order(1, f"{other_server.url}/Medication/m1"), order(2, "Medication/m2"))
    assert [one.source for one in found.medications] == ["MedicationRequest/r2"]
    assert found.unreadable == (f"MedicationRequest/r1: {NOT_KNOWN}",)
    assert other_server.asked == []
    assert asked_ids(fhir_server) == ["m2"]


def test_a_page_of_medications_elsewhere_is_not_read(
    read: Read, fhir_server: FhirServer, other_server: FhirServer
) -> None:
    fhir_server.answer("Medication", searchset(medication("m1"), following=f"{other_server.url}/Medication?page=2"))
    found = read(order(1, "Medication/m1"), order(2, "Medication/m2"))
    assert [one.source for one in found.medications] == ["MedicationRequest/r1"]
    assert other_server.asked == []
    assert found.incomplete == ("medication requests",)


def test_nothing_but_the_medications_asked_for_is_taken(read: Read, fhir_server: FhirServer) -> None:
    """A server cannot bring in another patient, a diagnosis or a drug under another name this way."""
    cancer = {"coding": [{"system": "http://snomed.info/sct", "code": "94222008"}]}
    extra = [
        {"resourceType": "Condition", "id": "m1", "subject": {"reference": "Patient/p1"}, "code": cancer},
        {**ME, "gender": "male"},
        medication("m2"),
        order(7, "Medication/m1"),
    ]
    fhir_server.answer("Medication", searchset(medication("m1"), *extra))
    found = read(order(1, "Medication/m1"))
    assert [one.source for one in found.medications] == ["MedicationRequest/r1"]
    assert (found.findings, found.patient.sex, found.unreadable) == ((), "female", ())


def test_a_key_of_the_caller_under_our_name_is_kept(fhir_server: FhirServer, connections: Connections) -> None:
    fhir_server.replies["Medication"] = by_id(medication("m1"))
    prefetch = {
        "medicationRequests": bundle(order(1, "Medication/m1"), order(2, "Medication/m2")),
        MEDICINES: bundle(medication("m2", "993449")),
    }
    found = complete(request(fhir_server.url, prefetch=prefetch), TEMPLATES, access(fhir_server.url), connections)
    assert isinstance(found[MEDICINES], Given)
    assert len(found[MEDICINES].entries) == 2


def test_a_chart_of_a_server_that_calls_itself_otherwise_stays_whole(
    fhir_server: FhirServer, connections: Connections
) -> None:
    """Behind a proxy every fullUrl may have another name of it; what is fetched must not look like a second server."""
    inside = "http://internal:8080/fhir"
    prefetch = {"medicationRequests": bundle(order(1, "Medication/m1"), r1=f"{inside}/MedicationRequest/r1")}
    fhir_server.replies["Medication"] = by_id(medication("m1"))
    answers = complete(request(fhir_server.url, prefetch=prefetch), TEMPLATES, access(fhir_server.url), connections)
    answers |= {"patient": understand(json.dumps(ME).encode()), "conditions": None}
    record = chart.read(answers, "p1", fhir_server.url)
    assert [one.concepts for one in facts.facts(record, TODAY).medications] == [{"zoledronic_acid"}]


# The whole service.


def test_a_bone_agent_that_runs_under_a_reference_is_seen(server: RunningServer, fhir_server: FhirServer) -> None:
    """Without the Medication the card would offer what the patient has already."""
    body = call_body()
    patient = body["context"]["patientId"]
    drug = {
        **order(1, "Medication/m1", authoredOn=date.today().isoformat()),
        "subject": {"reference": f"Patient/{patient}"},
    }
    body["prefetch"]["medicationRequests"] = json.loads(bundle(drug))
    body["prefetch"]["medicationAdministrations"] = None
    body["fhirServer"] = fhir_server.url
    offered = {"rule": "bone_modifying_agent"}

    def rules(cards: list[dict[str, Any]]) -> list[str]:
        return [one["rule"] for card in cards for one in card.get("extension", {}).get("org.spine-cds.rules", [])]

    fhir_server.replies["Medication"] = reply({}, 500)
    without = server.post(body).json()["cards"]
    assert offered["rule"] in rules(without)
    closing = without[-1]["detail"].replace("\\", "")
    assert "medication requests: only a part was sent (1 of unknown drug, since the Medication did not come" in closing
    fhir_server.replies["Medication"] = by_id(medication("m1"))
    assert offered["rule"] not in rules(server.post(body).json()["cards"])


def test_both_services_of_orders_check_a_draft_by_reference(server: RunningServer, fhir_server: FhirServer) -> None:
    for service in ("spine-order-select", "spine-order-sign"):
        body = call_body(service)
        drafts = body["context"]["draftOrders"]["entry"]
        drugs = [one["resource"] for one in drafts if one["resource"]["resourceType"] == "MedicationRequest"]
        for drug in drugs:
            concept = drug.pop("medicationCodeableConcept")
            drug["medicationReference"] = {"reference": f"{fhir_server.url}/Medication/m1"}
            fhir_server.replies["Medication"] = by_id({"resourceType": "Medication", "id": "m1", "code": concept})
        if not drugs:
            continue
        plain = server.post(call_body(service), service).json()["cards"]
        fetched = server.post({**body, "fhirServer": fhir_server.url}, service).json()["cards"]
        assert [card["summary"] for card in fetched] == [card["summary"] for card in plain]
        assert fhir_server.asked
    assert BY_HOOK["order-sign"].takes_orders
