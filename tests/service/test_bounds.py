"""Bodies that are small enough and hold too much: too deep, too many, numbers without end. Each has its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import requests
from conftest import RunningServer, call_body

from cds_service import fhir_client, hook_request, services
from cds_service.errors import HookRequestError, TooMuch
from cds_service.json_bounds import Bounds
from cds_service.json_members import MOST_KEYS
from fhir_mappings import answers
from fhir_mappings.answers import Given, Unavailable

JSON = {"Content-Type": "application/json"}
MARK = '"@here@"'
Nest = Callable[[int], str]


def arrays(levels: int) -> str:
    return "[" * levels + "]" * levels


def objects(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def extensions(levels: int) -> str:
    """As FHIR would nest: lists of objects, with a value beside each."""
    pairs = levels // 2
    return '[{"url":"u","extension":' * pairs + "[]" + ',"valueString":"]}"}]' * pairs


def spaced(levels: int) -> str:
    return "[\n\t " * levels + " \r\n]" * levels


NESTS: dict[str, Nest] = {"arrays": arrays, "objects": objects, "extensions": extensions, "spaced": spaced}
# Where it stands -> (service, path in the body, what the refusal names)
PLACES: dict[str, tuple[str, tuple[str | int, ...], str]] = {
    "unknown field": ("patient-view", ("more",), ""),
    "extension of the call": ("patient-view", ("extension",), ""),
    "hook": ("patient-view", ("hook",), "hook"),
    "hookInstance": ("patient-view", ("hookInstance",), "hookInstance"),
    "fhirServer": ("patient-view", ("fhirServer",), "fhirServer"),
    "fhirAuthorization": ("patient-view", ("fhirAuthorization",), "fhirAuthorization"),
    "context": ("patient-view", ("context",), "context"),
    "patientId": ("patient-view", ("context", "patientId"), "context.patientId"),
    "unknown context field": ("patient-view", ("context", "more"), "context"),
    "prefetch": ("patient-view", ("prefetch",), "prefetch"),
    "prefetch key": ("patient-view", ("prefetch", "conditions"), "prefetch.conditions"),
    "prefetch key of the caller's own": ("patient-view", ("prefetch", "zz"), "prefetch"),
    "entries": ("patient-view", ("prefetch", "conditions", "entry"), "prefetch.conditions"),
    "unknown element": (
        "patient-view",
        ("prefetch", "conditions", "entry", 0, "resource", "more"),
        "prefetch.conditions",
    ),
    "element that is read": (
        "patient-view",
        ("prefetch", "conditions", "entry", 0, "resource", "extension"),
        "prefetch.conditions",
    ),
    "element of another type": (
        "patient-view",
        ("prefetch", "conditions", "entry", 0, "resource", "code"),
        "prefetch.conditions",
    ),
    "contained": ("patient-view", ("prefetch", "patient", "contained"), "prefetch.patient"),
    "selections": ("order-select", ("context", "selections"), "context.selections"),
    "draft orders": ("order-select", ("context", "draftOrders"), "context.draftOrders"),
    "a draft's element": (
        "order-sign",
        ("context", "draftOrders", "entry", 0, "resource", "more"),
        "context.draftOrders",
    ),
}


def with_text(hook: str, path: tuple[str | int, ...], text: str) -> bytes:
    """The example call of a hook, with a JSON text put at a place."""
    body: Any = call_body(f"spine-{hook}")
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = MARK.strip('"')
    return json.dumps(body).replace(MARK, text).encode()


def parsed(hook: str, body: bytes, bounds: Bounds = Bounds()) -> hook_request.HookRequest:  # noqa: B008 - frozen
    return hook_request.parse(body, services.BY_HOOK[hook], bounds)


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
@pytest.mark.parametrize(("hook", "path", "named"), PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("levels", [150, 850, 20_000])
def test_what_is_too_deep_is_refused_by_name(
    hook: str, path: tuple[str | int, ...], named: str, nest: Nest, levels: int
) -> None:
    with pytest.raises(HookRequestError) as refused:
        parsed(hook, with_text(hook, path, nest(levels)))
    assert refused.value.expression == ((named,) if named else ())
    assert "100 levels deep" in str(refused.value)


@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_a_level_less_is_taken(nest: Nest) -> None:
    place = ("prefetch", "conditions", "entry", 0, "resource", "more")
    assert parsed("patient-view", with_text("patient-view", place, nest(92))).prefetch
    bounds = Bounds(depth=200)
    assert parsed("patient-view", with_text("patient-view", place, nest(192)), bounds).prefetch


@pytest.mark.parametrize("levels", [1_000, 100_000, 3_000_000])
@pytest.mark.parametrize("nest", NESTS.values(), ids=NESTS)
def test_no_depth_ends_the_process(server: RunningServer, nest: Nest, levels: int) -> None:
    before = server.process.pid
    for path in (("more",), ("prefetch", "conditions"), ("context", "patientId")):
        answer = server.post(None, data=with_text("patient-view", path, nest(levels)), headers=JSON)
        assert answer.status_code in (400, 413)
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert server.process.poll() is None
    assert server.process.pid == before
    assert server.post(call_body()).status_code == 200


def test_depth_hidden_behind_brackets_in_strings_ends_at_the_decoder(server: RunningServer) -> None:
    hidden = '{"a":"}","b":' * 5000 + "1" + ',"c":"{"}' * 5000
    answer = server.post(None, data=with_text("patient-view", ("more",), hidden), headers=JSON)
    assert answer.status_code == 400
    assert "nested too deeply" in answer.text


def many(count: int, one: str = '{"resource":{"resourceType":"Observation"}}') -> str:
    return '{"resourceType":"Bundle","entry":[' + ",".join([one] * count) + "]}"


@pytest.mark.parametrize("one", ['{"resource":{}}', '{"resource":1}', '{"fullUrl":"a","resource":null}'])
def test_too_many_entries_are_refused_by_the_key_that_brings_them(one: str) -> None:
    body = with_text("patient-view", ("prefetch", "laboratory"), many(300, one))
    with pytest.raises(TooMuch) as refused:
        parsed("patient-view", body, Bounds(entries=300))
    assert refused.value.expression == ("prefetch.laboratory",)
    assert parsed("patient-view", body, Bounds(entries=310)).prefetch  # the example has nine entries of its own


def test_entries_are_added_up_over_all_keys() -> None:
    body = call_body()
    bundle = json.loads(many(90))
    body["prefetch"].update(dict.fromkeys(("laboratory", "procedures", "zz<b>"), bundle))
    with pytest.raises(TooMuch) as refused:
        parsed("patient-view", json.dumps(body).encode(), Bounds(entries=270))
    assert refused.value.expression in {("prefetch",), ("prefetch.procedures",), ("prefetch.laboratory",)}
    assert "<b>" not in str(refused.value)


@pytest.mark.parametrize("one", ["{}", "1", "[]", '{"resource":{"resourceType":"Task","id":"a"}}'])
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_too_many_draft_orders(hook: str, one: str) -> None:
    body = with_text(hook, ("context", "draftOrders"), many(301, one))
    with pytest.raises(TooMuch) as refused:
        parsed(hook, body, Bounds(entries=300))
    assert refused.value.expression == ("context.draftOrders",)


@pytest.mark.parametrize("path", [("more",), ("context", "more"), ("prefetch", "more")], ids=lambda path: path[0])
def test_too_many_keys(path: tuple[str, ...]) -> None:
    keys = ",".join(f'"k{n}":null' for n in range(MOST_KEYS + 1))
    body = with_text("patient-view", path, "1").replace(b'"more": 1', keys.encode())
    with pytest.raises(TooMuch) as refused:
        parsed("patient-view", body)
    assert refused.value.expression == (path[:1] if len(path) > 1 else ())


FULL = {
    "a million and a half numbers": "[" + "1," * 1_500_000 + "1]",
    "strings": "[" + '"",' * 1_500_000 + '""]',
    "keys": "{" + ",".join(f'"{n}":1' for n in range(1_100_000)) + "}",
    "objects": "[" + "{}," * 700_000 + "{}]",
}


@pytest.mark.parametrize("text", FULL.values(), ids=FULL)
def test_too_many_values_are_refused_before_they_are_made(server: RunningServer, text: str) -> None:
    answer = server.post(None, data=with_text("patient-view", ("more",), text), headers=JSON)
    assert answer.status_code == 413
    assert "1000000 values" in answer.text


LONG = {
    "whole": "9" * 1_000_000,
    "negative": "-" + "9" * 1_000_000,
    "with a point": "1." + "3" * 1_000_000,
    "leading zeros behind the point": "0." + "0" * 1_000_000 + "1",
    "a huge exponent": "1e" + "9" * 1_000_000,
    "a tiny exponent": "1e-" + "9" * 1_000_000,
    "1e999999": "1e999999",
    "-1e999999": "-1e999999",
    "1e-999999": "1e-999999",
    "both": "0." + "0" * 500_000 + "1e500000",
    "as a string": '"' + "9" * 1_000_000 + '"',
    "an exponent as a string": '"1e999999"',
    "NaN as a string": '"NaN"',
    "infinity as a string": '"-Infinity"',
}
WRONG = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "a leading zero": "01",
    "hexadecimal": "0x1",
    "no digit": "1e",
    "+": "+1",
}


def laboratory(value: str, field: str = "valueQuantity") -> bytes:
    """The example with one more creatinine, newer than all, whose value is the text."""
    one = {
        "resourceType": "Observation",
        "id": "hostile",
        "status": "final",
        "subject": {"reference": "Patient/example-anna"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "effectiveDateTime": call_body()["prefetch"]["conditions"]["entry"][2]["resource"]["recordedDate"],
        "valueQuantity": {"value": "@here@", "system": "http://unitsofmeasure.org", "code": "mg/dL"},
    }
    if field != "valueQuantity":
        one[field] = one["valueQuantity"].pop("value")
    return with_text(
        "patient-view",
        ("prefetch", "laboratory"),
        json.dumps({"resourceType": "Bundle", "entry": [{"resource": one}]}).replace(MARK, value),
    )


@pytest.mark.parametrize("field", ["valueQuantity", "valueInteger", "more"])
@pytest.mark.parametrize("number", LONG.values(), ids=LONG)
def test_numbers_without_end_are_read_or_refused_alone(server: RunningServer, number: str, field: str) -> None:
    """An answer in any case; the cards that do not need the number stay."""
    answer = server.post(None, data=laboratory(number, field), headers=JSON)
    assert answer.status_code == 200
    cards = answer.json()["cards"]
    assert "cord" in cards[0]["summary"].lower()
    assert "99999999" not in answer.text


@pytest.mark.parametrize("number", WRONG.values(), ids=WRONG)
def test_what_is_no_number_in_json(server: RunningServer, number: str) -> None:
    answer = server.post(None, data=laboratory(number), headers=JSON)
    assert answer.status_code == 400


@pytest.mark.parametrize("number", [one for one in LONG.values() if one.strip("-").isdigit()])
def test_a_life_time_of_a_token_without_end(server: RunningServer, number: str) -> None:
    given = {"access_token": "a", "token_type": "Bearer", "scope": "s", "subject": "s", "expires_in": "@here@"}
    body = {**call_body(), "fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": given}
    answer = server.post(None, data=json.dumps(body).replace(MARK, number).encode(), headers=JSON)
    assert answer.json()["issue"][0]["expression"] == ["fhirAuthorization.expires_in"]


def test_a_total_without_end(server: RunningServer) -> None:
    bundle = '{"resourceType":"Bundle","total":' + "9" * 1_000_000 + "}"
    answer = server.post(None, data=with_text("patient-view", ("prefetch", "laboratory"), bundle), headers=JSON)
    assert answer.status_code == 200


SUBJECT = {"reference": "Patient/example-anna"}
METASTASIS = {"system": "http://snomed.info/sct", "code": "94274006"}
LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "codings": ("conditions", {"code": {"coding": [METASTASIS] * 100_000}}),
    "codings of others": (
        "conditions",
        {"code": {"coding": [{"system": "s", "code": str(n)} for n in range(100_000)]}},
    ),
    "one wrong among codings": ("conditions", {"code": {"coding": [METASTASIS] * 100_000 + [1]}}),
    "identifiers": ("conditions", {"code": {"coding": [METASTASIS]}, "identifier": [{"value": "v"}] * 100_000}),
    "extensions": ("conditions", {"code": {"coding": [METASTASIS]}, "extension": [{"url": "u"}] * 100_000}),
    "sites": ("conditions", {"code": {"coding": [METASTASIS]}, "bodySite": [{"text": "spine"}] * 100_000}),
    "categories": ("conditions", {"code": {"coding": [METASTASIS]}, "category": [{"text": "x"}] * 100_000}),
    "notes": ("conditions", {"code": {"coding": [METASTASIS]}, "note": [{"text": "x" * 50}] * 100_000}),
}


@pytest.mark.parametrize(("key", "element"), LISTS.values(), ids=LISTS)
def test_a_hundred_thousand_of_one_element(server: RunningServer, key: str, element: dict[str, Any]) -> None:
    body = call_body()
    resource = {"resourceType": "Condition", "id": "full", "subject": SUBJECT, "onsetDateTime": "2026-01-01", **element}
    body["prefetch"][key]["entry"].append({"resource": resource})
    answer = server.post(body)
    assert answer.status_code == 200
    assert "cord" in answer.json()["cards"][0]["summary"].lower()


HUGE = {
    "a key": ('"' + "k" * 5_000_000 + '":1', 200),
    "a key of escapes": ('"' + '\\"' * 2_500_000 + '":1', 200),
    "a string": ('"more":"' + "x" * 5_000_000 + '"', 200),
    "a string of escapes": ('"more":"' + "\\u005b" * 800_000 + '"', 200),
    "blanks": ('"more":' + " " * 5_000_000 + "1", 200),
    "a hookInstance": ('"hookInstance":"' + "a" * 5_000_000 + '"', 400),
    "a server": ('"fhirServer":"http://' + "a" * 5_000_000 + '/"', 200),
    "a server of slashes": ('"fhirServer":"http://a' + "/" * 5_000_000 + '"', 200),
}


@pytest.mark.parametrize(("member", "status"), HUGE.values(), ids=HUGE)
def test_five_megabytes_of_one_thing(server: RunningServer, member: str, status: int) -> None:
    body = call_body()
    if member.startswith('"hookInstance"'):
        del body["hookInstance"]
    data = ("{" + member + "," + json.dumps(body)[1:]).encode()
    answer = server.post(None, data=data, headers=JSON)
    assert answer.status_code == status
    assert len(answer.content) < 100_000


def test_the_largest_call_that_is_taken_is_answered(server: RunningServer) -> None:
    """Twenty thousand conditions that all count."""
    body = call_body()
    one = body["prefetch"]["conditions"]["entry"][1]["resource"]
    entries = body["prefetch"]["conditions"]["entry"]
    bare = {key: one[key] for key in ("resourceType", "clinicalStatus", "code", "subject", "onsetDateTime")}
    entries += ({"resource": {**bare, "id": f"c{n}"}} for n in range(20_000 - 100))
    del body["prefetch"]["conditions"]["total"]
    answer = server.post(body)
    assert answer.status_code in (200, 503)  # the latter where a busy machine needs more than ten seconds for it
    assert requests.get(f"{server.url}/health/ready", timeout=10).status_code == 200


def test_what_a_fhir_server_sends_is_cut_and_said() -> None:
    bundle = many(answers.MOST_ENTRIES + 1, '{"resource":{"resourceType":"Observation"}}').encode()
    page = answers.understand(bundle)
    assert isinstance(page, Given)
    assert len(page.entries) == answers.MOST_ENTRIES
    for found in (page, answers.together([page]), answers.together([page, Given(())])):
        assert f"only the first {answers.MOST_ENTRIES}" in found.shortfall()


def test_junk_instead_of_entries_is_counted_no_further_than_entries() -> None:
    page = answers.understand(many(answers.MOST_ENTRIES + 5, "1").encode())
    assert isinstance(page, Given)
    assert (len(page.entries), page.damaged, page.partial) == (0, answers.MOST_ENTRIES, True)


def test_a_deep_answer_of_a_fhir_server_is_no_answer() -> None:
    for text in ('{"resourceType":"Bundle","entry":[{"resource":' + arrays(5000) + "}]}", objects(5000)):
        assert isinstance(answers.understand(text.encode()), Unavailable)


def test_complete_calls_are_read_as_before() -> None:
    for hook in ("patient-view", "order-select", "order-sign"):
        body = json.dumps(call_body(f"spine-{hook}")).encode()
        found = fhir_client.complete(parsed(hook, body), services.BY_HOOK[hook].prefetch)
        told = {key for key, one in found.items() if isinstance(one, Given) or one is None}
        assert told >= {
            key for key, value in msgspec.json.decode(body)["prefetch"].items() if key != "patient" or value
        }
