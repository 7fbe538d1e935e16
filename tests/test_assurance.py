"""The threat model and the hazard log: every proof that they cite is there, nothing is left out; and some proofs.

Most controls are proven beside the code that they are in. What had no test stands here.
"""

from __future__ import annotations

import ast
import json
import logging
import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from cds_service import config, errors, identity
from cds_service.app import create_app
from cds_service.audit import AuditLine
from cds_service.errors import ServiceError
from cds_service.feedback import Feedback
from cds_service.identity import Identity
from cds_service.store import calls, finding, overrides, reports
from cds_service.store.calls import Call, Speech
from cds_service.store.database import open_store, open_to_read
from cds_service.store.reports import Scope
from cds_service.tenants import SettingsError
from fhir_mappings import orderables
from fhir_mappings.proposed_orders import to_fhir
from hooks import cards, closing_card, knowledge, order_select, patient_view
from hooks.facts import Facts
from hooks.refire import State
from tests import callers
from tests.patients.whole_patients import SCT, TODAY, opening_request, problem
from tests.read_vignettes import all_vignettes
from tests.service import test_refire_control as refire_control
from tests.service.conftest import HOOK_OF, RunningServer, call_body, serving
from tests.test_architecture import MODULES, imported, tree

ROOT = Path(__file__).parent.parent
THREATS, HAZARDS = "deploy/threat-model.md", "deploy/hazard-log.md"
DOCUMENTS = {THREATS: "T", HAZARDS: "H"}
NOT_PROVEN = "not proven"
ROW = re.compile(r"^\| ([TH]-\d+) \|", re.MULTILINE)


# ---- the documents ----


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def tables(document: str) -> Iterator[list[str]]:
    """The cells of every row of every table."""
    for line in text(document).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(document: str) -> dict[str, list[str]]:
    """The rows of threats or hazards, by id."""
    return {cells[0]: cells for cells in tables(document) if ROW.match(f"| {cells[0]} |")}


def section(document: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return text(document).partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@cache
def proofs_in(file: str) -> frozenset[str]:
    """Every test of a file, those of classes with the class before them; one that is always skipped is none."""
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for one in inner:
            if isinstance(one, ast.FunctionDef) and not any(
                re.search(r"\bskip\b", ast.unparse(d)) for d in one.decorator_list
            ):
                found.add(before + one.name)
    return frozenset(found)


def cited(words: str) -> set[tuple[str, str]]:
    """(file, test) of each test that is named; the test is empty where a file is."""
    return set(re.findall(r"`(tests/[\w/]+\.\w+)(?:::([\w:]+))?`", words))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_cited_test_is_there(document: str) -> None:
    found = cited(text(document))
    assert len(found) > 100
    missing = [
        f"{file}::{name}"
        for file, name in sorted(found)
        if not (ROOT / file).is_file() or (name and name not in proofs_in(file))
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_named_as_a_control_is_there(document: str) -> None:
    named = set(re.findall(r"`((?:hooks|fhir_mappings|cds_service|deploy|tests)(?:/[\w./]+)?)`", text(document)))
    assert named
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_ids_are_consecutive_and_none_is_used_that_is_not_there(document: str) -> None:
    letter, ids = DOCUMENTS[document], ROW.findall(text(document))
    assert ids == [f"{letter}-{number:02}" for number in range(1, len(ids) + 1)]
    every = {one for name in DOCUMENTS for one in rows(name)}
    assert set(re.findall(r"\b[TH]-\d+\b", text(document))) <= every


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_row_is_whole_and_names_a_proof_or_says_that_there_is_none(document: str) -> None:
    columns = {len(cells) for cells in rows(document).values()}
    assert columns == {7}
    for name, cells in rows(document).items():
        assert all(cells), name
        proof = cells[5]
        assert bool(cited(proof)) != (proof == NOT_PROVEN), name
        assert proof != NOT_PROVEN or name in section(document, "Open"), f"{name} is not proven, and not under Open"


def test_each_hazard_has_the_class_that_the_matrix_gives() -> None:
    header = next(cells for cells in tables(HAZARDS) if cells[1:3] == ["often", "at times"])
    matrix = {
        (cells[0].strip("*"), likelihood): of
        for cells in tables(HAZARDS)
        if cells[0].startswith("**")
        for likelihood, of in zip(header[1:], cells[1:], strict=True)
    }
    assert len(matrix) == 12
    for name, cells in rows(HAZARDS).items():
        read = re.fullmatch(r"(\w+): ([\w ]+) → ([\w ]+) = (\w+)", cells[3])
        assert read, (name, cells[3])
        severity, before, after, of = read.groups()
        assert matrix[severity, after] == of, name
        assert header.index(before) <= header.index(after), f"{name}: a control that makes it more likely"


def test_every_rule_has_its_hazards() -> None:
    of_rules = {cells[0].strip("`"): cells for cells in tables(HAZARDS) if cells[0].strip("`") in knowledge.catalogue()}
    assert set(of_rules) == set(knowledge.catalogue())
    for rule, cells in of_rules.items():
        assert re.findall(r"H-\d+", cells[2]), rule
        assert (ROOT / "tests" / "vignettes" / f"{rule}.toml").is_file()


def refusals(of: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for one in of.__subclasses__():
        yield one
        yield from refusals(one)


def test_every_refusal_is_in_the_threat_model_with_its_status() -> None:
    told = {cells[0].strip("`"): cells for cells in tables(THREATS) if cells[0].strip("`") in vars(errors)}
    assert {one.__name__ for one in refusals()} == set(told)
    for one in refusals():
        assert told[one.__name__][1] == str(one.status)
        assert re.findall(r"T-\d+", told[one.__name__][2])


def test_both_are_found_from_the_readme_and_from_each_other() -> None:
    assert all(f"({document})" in text("README.md") for document in DOCUMENTS)
    assert "(hazard-log.md)" in text(THREATS)
    assert "(threat-model.md)" in text(HAZARDS)


# ---- cards ----


def every_card() -> Iterator[tuple[Facts, dict[str, Any]]]:
    """The cards of both hooks for the patient of every vignette, with the facts that they were made from."""
    for vignette, hook in product(all_vignettes(), (patient_view, order_select)):
        facts = vignette.facts
        built = cards.build(hook.decide(facts), facts, lambda order: to_fhir(order, "1"), cards.Client(), b"x")
        yield from ((facts, card) for card in built)


def test_every_closing_card_says_that_it_is_no_all_clear() -> None:
    closing = [card for _, card in every_card() if card["source"].get("topic") == closing_card.TOPIC]
    assert len(closing) > 100
    assert [card["detail"] for card in closing if "This is no all-clear" not in card["detail"]] == []


ABSENT = {  # words that calm, and the recorded grades on which alone they may rest
    re.compile(r"\bno deficit\b(?! coded)"): {"frankel-e", "ais-e"},
    re.compile(r"\bno compression\b"): {"escc-0", "escc-1a", "escc-1b"},
}


def test_words_of_absence_rest_on_a_recorded_grade() -> None:
    found = []
    for facts, card in every_card():
        said = f"{card['summary']}\n{card['detail']}"
        found += [(grades, facts) for words, grades in ABSENT.items() if words.search(said)]
    assert len(found) > 50
    assert [facts for grades, facts in found if not grades & {one.value for one in facts.assessments}] == []


CONSULTS = {f"consult_{who}" for who in (
    "spine_neurosurgery", "spine_orthopaedic", "radiation_oncology", "medical_oncology", "pain", "rehab",
    "psychosocial", "palliative", "dental",
)}  # fmt: skip
IMAGES, DRUGS = {"mri_whole_spine", "ct_spine", "bone_scan"}, {"zoledronic_acid", "denosumab"}


def test_what_a_card_may_offer_and_preselect() -> None:
    """No steroid, no transfer, no operation; and no drug that is chosen already when the card is seen."""
    assert set(orderables.CODINGS) == CONSULTS | IMAGES | DRUGS
    offered, chosen = set(), set()
    for vignette, hook in product(all_vignettes(), (patient_view, order_select)):
        for decision in hook.decide(vignette.facts):
            for suggestion in getattr(decision.outcome, "suggestions", ()):
                concepts = {order.concept for order in suggestion.create}
                offered |= concepts
                chosen |= concepts if suggestion.recommended else set()
    assert offered <= set(orderables.CODINGS)
    assert chosen == {"mri_whole_spine", "ct_spine"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("assurance")) as running:
        yield running


@pytest.mark.parametrize("service", HOOK_OF)
def test_an_answer_holds_cards_alone(server: RunningServer, service: str) -> None:
    """No system actions: nothing happens without a click. And no cache keeps it."""
    response = server.post(call_body(service), service)
    assert {"cards"} <= set(response.json()) <= {"cards", "extension"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


SORE = (refire_control.SPINE, refire_control.BREAST, refire_control.PAIN)


def test_a_warning_that_somebody_set_aside_is_named(server: RunningServer) -> None:
    """The next reader does not get the card, and learns that there is one."""
    first = refire_control.opened(server, "aside", *SORE)["pain_team"]
    assert first["indicator"] == "warning"
    refire_control.overridden(server, first)
    body = refire_control.named(opening_request(*SORE), "aside")
    later = server.post(body).json()["cards"]
    assert not [card for card in later if card["uuid"] == first["uuid"]]
    (aside,) = [card["detail"] for card in later if "**Set aside by a user**" in card["detail"]]
    assert "Pain team: patient refuses, until 20" in aside


def chart_of(number: int) -> dict[str, Any]:
    """A patient whose number stands in every id and name; every second one has a new deficit."""
    named = {"breast": "254837009", "spine": "94602001", **({"weak": "249945007"} if number % 2 else {})}
    record = [problem(f"{name}-{number}-x", SCT, code, onset=TODAY.isoformat()) for name, code in named.items()]
    for one in record:
        one["code"]["coding"][0]["display"] = f"entry-{number}-x"
        one["subject"] = {"reference": f"Patient/p-{number}-x"}
    body = opening_request(*record)
    body["context"]["patientId"] = body["prefetch"]["patient"]["id"] = f"p-{number}-x"
    return body


def test_calls_at_one_moment_never_mix_patients(server: RunningServer) -> None:
    bodies = [chart_of(number) for number in range(60)]
    with ThreadPoolExecutor(12) as clinics:
        answers = list(clinics.map(server.post, bodies))
    for number, answer in enumerate(answers):
        assert answer.status_code == 200
        assert set(re.findall(r"-(\d+)-x", answer.text.replace("\\", ""))) == {str(number)}
        critical = [card for card in answer.json()["cards"] if card["indicator"] == "critical"]
        assert len(critical) == number % 2
        assert number % 2 == 0 or f"Patient/p-{number}-x" in answer.text


# ---- the store ----


def test_a_patient_is_a_keyed_hash_of_tenant_caller_server_and_id() -> None:
    key = b"0123456789abcdef" * 2
    whole = ("tenant", "https://ehr.example.org", "https://ehr.example.org/fhir", "patient-4711")
    hashes = {Identity(key).of(*whole), Identity(key[::-1]).of(*whole)}
    for place in range(4):
        hashes.add(Identity(key).of(*(part + "x" if place == at else part for at, part in enumerate(whole))))
    hashes.add(Identity(key).of("tenant", "", None, "patient-4711"))
    assert len(hashes) == 7
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in hashes)
    assert Identity(key).of(*whole) in hashes
    assert key.decode() not in repr(Identity(key))


def test_a_key_of_identities_that_cannot_be_used_stops_start_up(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"x" * 31)
    for file in (tmp_path / "short", tmp_path / "nowhere", tmp_path):
        with pytest.raises(SettingsError, match=identity.KEY):
            identity.read(str(file), "")
    with pytest.raises(SettingsError, match="replicas share it"):
        identity.read("", "")


SQL = ["'; DROP TABLE call; --", "' OR '1'='1", '" OR ""="', "%", "_", "1); DELETE FROM speech; --", "\\'; --"]


def test_sql_in_a_callers_words_is_only_words(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    plain = Call("id", "here", "iss", "service", "instance", "ab" * 32, 1, "2026-11-24", 1.0, "00", "{}")
    calls.write(store, plain, [Speech("pain_team", "1.0.0", "info", "shown", "card", "aa")])
    for words in SQL:
        scope = Scope("here", words, words)
        said = [Feedback(words, "overridden", 1, (words,), words, words)]
        assert reports.keep(store, scope, said, 2).unknown_card == 1
        assert reports.keep(store, Scope("here", "iss", "service"), [replace(said[0], card="card")], 2).recorded == 1
        assert overrides.resting(store, words, words, [State(words, words)], 3) == {}
        with store.reading() as connection:
            assert finding.by_card(connection, "here", [words]) is None
            assert finding.by_hook_instance(connection, "here", [words]) is None
            assert finding.by_card(connection, words, ["card"]) is None
    with store.reading() as connection:
        assert finding.by_card(connection, "here", ["card"])
        assert len(calls.speeches(connection, "id")) == 1
        reasons = connection.exec_driver_sql("SELECT reason_code FROM feedback WHERE card = 'card'").scalars().all()
    assert sorted(reasons) == sorted(SQL)
    store.engine.dispose()


@pytest.mark.parametrize("opening", [open_store, open_to_read])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://spine:zq-secret@127.0.0.1:1/x",
        "mysql://spine:zq-secret@127.0.0.1/x",
        "postgresql//spine:zq-secret@127.0.0.1/x",
        "postgresql://spine:zq-secret@127.0.0.1:port/x",
    ],
)
def test_the_password_of_the_database_is_in_no_error(opening: Any, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError) as refused:
        opening(url)
    assert "zq-secret" not in str(refused.value) + caplog.text


# ---- logs, pages, packages ----


def test_nothing_begins_a_second_audit_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("cds_service.audit"), "propagate", True)
    caplog.set_level(logging.INFO, "cds_service.audit")
    evil = 'x"}\r\n{"status": 200, "rules": {}}\n\x1b[2J'
    AuditLine("here", "service", evil, {evil: evil}, [evil], unavailable={evil: evil}, fault=evil).write(200, 1.0)
    (line,) = [one.getMessage() for one in caplog.records if one.name == "cds_service.audit"]
    assert not set("\r\n\x1b") & set(line)
    assert json.loads(line)["hookInstance"] == evil


def test_a_sandbox_says_what_it_is(server: RunningServer, tmp_path: Path) -> None:
    assert config.from_environment({}).host == "127.0.0.1"
    assert "Callers are not authenticated: a sandbox, not for patients." in server.stderr.read_text()
    page = server.get("/").text
    warnings = ("This is a sandbox. Do not send data of patients here.", "Callers are not authenticated.")
    assert all(one in page for one in warnings)
    site = callers.write_tenant(tmp_path, callers.TENANT + callers.issuer())
    variables = {"SPINE_CDS_TENANT": str(site), "SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}
    guarded = create_app(config.from_environment(variables)).test_client().get("/").get_data(as_text=True)
    assert not any(one in guarded for one in warnings)


@pytest.mark.parametrize("path", ["/", "/rules", "/rules/pain_team", "/intended-use"])
def test_no_page_can_be_framed(server: RunningServer, path: str) -> None:
    policy = server.get(path, headers={"Accept": "text/html"}).headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy


RUNS_DATA = {"pickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "runpy", "code", "codeop", "ctypes"}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_data_is_run_as_code(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imported(path)} & RUNS_DATA
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
            assert not any(word.arg == "shell" for word in node.keywords)


def test_every_dependency_is_pinned() -> None:
    settings = tomllib.loads(text("pyproject.toml"))
    project = settings["project"]
    named = [*settings["build-system"]["requires"], *project["dependencies"]]
    named += [one for group in project["optional-dependencies"].values() for one in group]
    assert [one for one in named if not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z]+\])?==[0-9][0-9A-Za-z.]*", one)] == []


def test_the_image_runs_as_nobody_and_holds_the_packages_alone() -> None:
    lines = [line.split() for line in text("deploy/Dockerfile").splitlines() if line and not line.startswith("#")]
    (user,) = [line[1] for line in lines if line[0] == "USER"]
    assert int(user) >= 1000
    assert not [line for line in lines if line[0] == "ADD"]
    copied = {part for line in lines if line[0] == "COPY" and "--from=build" not in line for part in line[1:-1]}
    packages = {"hooks", "fhir_mappings", "cds_service"}
    assert copied == packages | {"pyproject.toml", "README.md", "LICENSE", "NOTICE"}
    sent = [line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert sent[0] == "*"
    assert {line[1:] for line in sent if line.startswith("!")} == copied
