"""Tokens: who may call a tenant with issuers, once, under which address, and that nobody else learns why not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import RunningServer, call_body, serving
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cds_service.errors import NotTrusted, StoreUnavailable
from cds_service.security import Trust, trust
from cds_service.seen_tokens import SeenHereFirst, SeenTokens
from cds_service.tenants import read_tenant
from tests import callers
from tests.callers import DISCOVERY, EC_KID, FEEDBACK, ISS, PUBLIC, SERVICE, bearer, claims, signed, token

CONFIG = callers.TENANT + callers.issuer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return callers.write_tenant(tmp_path_factory.mktemp("security"), CONFIG).parent


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[RunningServer]:
    with serving(folder / "server", "--tenant", str(folder / "tenant.toml")) as running:
        yield running


@pytest.fixture
def trusted(folder: Path) -> Trust:
    return trust(read_tenant(CONFIG, str(folder)))


# ---- once ----


def test_a_token_is_good_once(guarded: RunningServer) -> None:
    once = token()
    assert [guarded.post(call_body(), headers=bearer(once)).status_code for _ in range(3)] == [200, 401, 401]


def test_also_when_it_is_for_several_addresses(guarded: RunningServer) -> None:
    once = token(aud=[PUBLIC + DISCOVERY, PUBLIC + SERVICE, PUBLIC + FEEDBACK])
    assert guarded.get(DISCOVERY, headers=bearer(once)).status_code == 200
    assert guarded.post(call_body(), headers=bearer(once)).status_code == 401
    assert guarded.post({}, "spine-patient-view/feedback", headers=bearer(once)).status_code == 401


def test_another_token_with_the_same_id_is_the_same(guarded: RunningServer) -> None:
    assert guarded.post(call_body(), headers=bearer(token(jti="a-fixed-id"))).status_code == 200
    assert guarded.post(call_body(), headers=bearer(token(jti="a-fixed-id"))).status_code == 401


def test_a_token_that_is_refused_is_not_used_up(guarded: RunningServer) -> None:
    right = token()
    assert guarded.get(DISCOVERY, headers=bearer(right)).status_code == 401  # not for this address
    forged = signed(json.dumps({"alg": "ES384", "typ": "JWT", "kid": EC_KID}).encode(), b"{}", callers.OTHER_KEY)
    assert guarded.post(call_body(), headers=bearer(forged)).status_code == 401
    assert guarded.post(call_body(), headers=bearer(right)).status_code == 200


def test_memory_of_tokens_is_bounded_and_forgets_what_has_expired() -> None:
    seen = SeenTokens(limit=2)
    assert seen.accept_once("i", "1", expires=100, now=0)
    assert seen.accept_once("i", "2", expires=200, now=0)
    assert not seen.accept_once("i", "3", expires=200, now=50)  # full: refuses rather than forgets
    assert not seen.accept_once("i", "3", expires=200, now=99)
    assert seen.accept_once("i", "3", expires=300, now=150)
    assert not seen.accept_once("i", "2", expires=200, now=150)
    assert not seen.accept_once("j", "4", expires=300, now=199)
    assert seen.accept_once("j", "4", expires=300, now=250)


def test_the_same_id_of_another_issuer_is_another_token() -> None:
    seen = SeenTokens()
    assert seen.accept_once("i", "1", expires=100, now=0)
    assert seen.accept_once("j", "1", expires=100, now=0)


class AwayStore:
    """A shared memory that does not answer, and then does."""

    def __init__(self) -> None:
        self.away, self.asked, self.there = True, 0, SeenTokens()

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        self.asked += 1
        if self.away:
            raise StoreUnavailable
        return self.there.accept_once(iss, jti, expires, now)


def test_when_the_shared_memory_is_away_the_token_is_neither_taken_nor_used_up(folder: Path) -> None:
    store = AwayStore()
    guard = trust(read_tenant(CONFIG, str(folder)), store)
    header = f"Bearer {token()}"
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            guard.verify(header, PUBLIC + SERVICE, time.time())
    store.away = False
    assert guard.verify(header, PUBLIC + SERVICE, time.time()) == ISS
    with pytest.raises(NotTrusted):
        guard.verify(header, PUBLIC + SERVICE, time.time())
    assert store.asked == 3  # the last time our own memory was enough


def test_what_another_process_accepted_is_refused_here() -> None:
    shared = SeenTokens()
    first, second = SeenHereFirst(shared), SeenHereFirst(shared)
    assert first.accept_once("i", "1", expires=100, now=0)
    assert not second.accept_once("i", "1", expires=100, now=0)


def test_a_full_memory_of_our_own_leaves_it_to_the_shared_one() -> None:
    seen = SeenHereFirst(SeenTokens(), SeenTokens(limit=1))
    assert [seen.accept_once("i", jti, expires=100, now=0) for jti in "abab"] == [True, True, False, False]


# ---- which address ----

PROXIED = [
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "http", "X-Forwarded-Port": "8080", "X-Forwarded-Prefix": "/other"},
    {"X-Forwarded-For": "10.0.0.1", "X-Real-IP": "10.0.0.1"},
    {"Forwarded": "for=10.0.0.1;host=evil.example;proto=http"},
    {"Host": "evil.example"},
    {"X-Original-URL": "/cds-services/other", "X-Rewrite-URL": "/cds-services/other", "X-Script-Name": "/other"},
    {"X-Original-Host": "evil.example", "X-Host": "evil.example", "Via": "1.1 evil.example"},
]


@pytest.mark.parametrize("headers", PROXIED, ids=lambda headers: next(iter(headers)))
def test_what_a_proxy_says_changes_nothing(guarded: RunningServer, headers: dict[str, str]) -> None:
    """Neither is a good token refused nor one for the address that the headers speak of taken."""
    path = SERVICE
    claimed = [f"{scheme}://evil.example{path}" for scheme in ("http", "https")]
    claimed += [guarded.url + path, f"{PUBLIC}/other{path}", f"{PUBLIC}/cds-services/other", f"{PUBLIC}:8080{path}"]
    for audience in claimed:
        answer = guarded.post(call_body(), headers={**headers, **bearer(token(aud=audience))})
        assert (answer.status_code, answer.content) == (401, b"")
    assert guarded.post(call_body(), headers={**headers, **bearer(token())}).status_code == 200


def test_a_query_is_no_part_of_the_address(guarded: RunningServer) -> None:
    for url, expected in ((PUBLIC + SERVICE, 200), (f"{PUBLIC}{SERVICE}?a=b", 401)):
        answer = guarded.post(call_body(), "spine-patient-view?a=b", headers=bearer(token(aud=url)))
        assert answer.status_code == expected


def test_an_unknown_service_tells_a_stranger_nothing(guarded: RunningServer) -> None:
    assert guarded.post({}, "other").status_code == 401
    for audience, expected in ((f"{PUBLIC}/cds-services/other", 404), (PUBLIC + SERVICE, 401)):
        assert guarded.post({}, "other", headers=bearer(token(aud=audience))).status_code == expected


def test_an_address_with_a_path(folder: Path) -> None:
    """The proxy takes `/spine` away; the token was made for the whole."""
    whole = f"{PUBLIC}/spine"
    with serving(
        folder / "path", "--tenant", str(folder / "tenant.toml"), SPINE_CDS_PUBLIC_BASE_URL=f"{whole}/"
    ) as server:
        assert server.post(call_body(), headers=bearer(token(aud=whole + SERVICE))).status_code == 200
        assert server.post(call_body(), headers=bearer(token())).status_code == 401


# ---- with or without issuers ----


def test_a_sandbox_with_issuers_asks_for_a_token_too(folder: Path) -> None:
    guard = trust(read_tenant('environment = "sandbox"\n' + CONFIG, str(folder)))
    with pytest.raises(NotTrusted):
        guard.verify(None, PUBLIC + SERVICE, time.time())
    assert guard.verify(f"Bearer {token()}", PUBLIC + SERVICE, time.time()) == ISS


def test_a_sandbox_without_issuers_asks_for_none() -> None:
    guard = trust(read_tenant('environment = "sandbox"\n[tenant]\nname = "here"\n', ""))
    for header in (None, "Bearer nonsense", f"Bearer {token()}"):
        assert guard.verify(header, PUBLIC + SERVICE, time.time()) == ""


def test_nothing_of_a_token_is_written_down(guarded: RunningServer) -> None:
    good = token(jti="zq-good-zq", sub="zq-sub-zq")
    assert guarded.post(call_body(), headers=bearer("zq.nonsense.zq")).status_code == 401
    assert guarded.post(call_body(), headers=bearer(good)).status_code == 200
    assert [line["status"] for line in guarded.audit_lines()[-2:]] == [401, 200]
    written = guarded.written()
    assert all(word not in written for word in ("zq", good, good.split(".")[2]))


# ---- whatever comes ----

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.integers(-(10**4), 10**4).map(lambda seconds: int(time.time()) + seconds)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti", "sub", "tenant"]), ODD | TIMES)
HEADERS = st.dictionaries(st.sampled_from(["alg", "typ", "kid", "jku", "crit", "b64", "jwk", "x5c"]), ODD, max_size=3)


@settings(max_examples=300, deadline=None)
@given(header=HEADERS, changed=CLAIMS)
def test_what_is_accepted_keeps_every_promise(folder: Path, header: dict[str, Any], changed: dict[str, Any]) -> None:
    """Rightly signed, otherwise anything: refused without a fault, or else as it must be."""
    guard = trust(read_tenant(CONFIG, str(folder)))
    whole = {"alg": "ES384", "typ": "JWT", "kid": EC_KID, **header}
    said = {**claims(), **changed}
    sent = signed(json.dumps(whole).encode(), json.dumps(said).encode())
    now = time.time()
    try:
        guard.verify(f"Bearer {sent}", PUBLIC + SERVICE, now)
    except NotTrusted:
        return
    assert (whole["alg"], whole["typ"].upper(), whole["kid"]) == ("ES384", "JWT", EC_KID)
    assert not {"crit", "b64"} & whole.keys()
    assert said["iss"] == ISS
    assert said["aud"] == PUBLIC + SERVICE or PUBLIC + SERVICE in said["aud"]
    assert said["iat"] - 62 <= now <= said["exp"] + 62
    assert 0 < said["exp"] - said["iat"] <= 3600
    assert said.get("nbf", 0) <= now + 62
    assert said["jti"].strip()


@given(header=st.text(max_size=200) | st.text(alphabet="Bearer.abcAB_-= ,\t", max_size=80))
def test_any_header_is_refused_without_a_fault(folder: Path, header: str) -> None:
    guard = trust(read_tenant(CONFIG, str(folder)))
    for sent in (header, f"Bearer {header}"):
        with pytest.raises(NotTrusted):
            guard.verify(sent, PUBLIC + SERVICE, time.time())


@given(place=st.integers(0, 10_000), letter=st.characters() | st.sampled_from("ABCabc012-_.=+/ "))
def test_a_token_with_any_letter_changed_is_refused(folder: Path, place: int, letter: str) -> None:
    guard = trust(read_tenant(CONFIG, str(folder)))
    sent = token()
    place %= len(sent)
    assume(sent[place] != letter)
    with pytest.raises(NotTrusted):
        guard.verify(f"Bearer {sent[:place]}{letter}{sent[place + 1 :]}", PUBLIC + SERVICE, time.time())


def test_discovery_needs_a_token_for_itself(guarded: RunningServer) -> None:
    assert guarded.get(DISCOVERY).status_code == 401
    for audience, status in ((PUBLIC + DISCOVERY, 200), (PUBLIC + SERVICE, 401)):
        assert guarded.get(DISCOVERY, headers=bearer(token(aud=audience))).status_code == status


def test_what_needs_no_token(guarded: RunningServer) -> None:
    for path in ("/health/live", "/health/ready", "/version", "/rules", "/intended-use", "/fhir/metadata"):
        assert requests.get(guarded.url + path, timeout=10).status_code == 200, path
