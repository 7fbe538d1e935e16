"""The companion's login: SMART App Launch 2 against an authorization server that checks it, and everything forged."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from cds_service import config
from cds_service.app import create_app
from cds_service.smart import discovery
from cds_service.smart import settings as smart_settings
from cds_service.smart.discovery import Configuration, Known
from cds_service.tenants import SettingsError, load_tenant
from tests import smart_ehr
from tests.callers import TENANT, issuer, write_tenant
from tests.doctor.real_server import RealServer
from tests.fhir_stub import FhirServer
from tests.service.conftest import RunningServer, serving
from tests.smart_ehr import Ehr

SANDBOX = 'environment = "sandbox"\n[tenant]\nname = "here"\n'
SMART = '[smart]\nclient_id = "spine-cds-companion"\n'
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def ehr(server: RunningServer, fhir_server: FhirServer) -> Iterator[Ehr]:
    """An EHR for the served sandbox; behind it only a small server, since few of these tests read a chart."""
    with smart_ehr.running(RealServer(fhir_server.url)) as one:
        one.register(server.url)
        yield one


@pytest.fixture
def other_ehr(server: RunningServer, fhir_server: FhirServer) -> Iterator[Ehr]:
    with smart_ehr.running(RealServer(fhir_server.url)) as one:
        one.register(server.url)
        yield one


def start(ehr: Ehr, server: RunningServer, browser: requests.Session, patient: str = "p1") -> requests.Response:
    return browser.get(ehr.launch(server.url, patient), allow_redirects=False, timeout=20)


def back(ehr: Ehr, server: RunningServer, browser: requests.Session) -> str:
    """The address to which the login server sends the browser, not yet opened."""
    sent = start(ehr, server, browser)
    assert sent.status_code == 302
    answer = requests.get(sent.headers["Location"], allow_redirects=False, timeout=20)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def session(ehr: Ehr, server: RunningServer, browser: requests.Session) -> str:
    """The id of a session that this browser has opened."""
    answer = browser.get(back(ehr, server, browser), allow_redirects=False, timeout=20)
    assert answer.status_code == 303, answer.text
    assert re.fullmatch(r"/smart/app\?s=[A-Za-z0-9_-]{16}", answer.headers["Location"].removeprefix(server.url))
    return answer.headers["Location"].rpartition("=")[2]


def save(server: RunningServer, browser: requests.Session, launch: str, **more: str) -> requests.Response:
    form = {"s": launch, "whole": "yes", "sins.pain": "3", **more}
    headers = {**OWN, "X-Requested-With": "fetch"}
    return browser.post(f"{server.url}/smart/save", data=form, headers=headers, timeout=20)


def refused(answer: requests.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors" in answer.headers["Content-Security-Policy"]


# -- the way out


def test_the_browser_goes_to_the_login_server_with_all_that_the_standard_asks(ehr: Ehr, server: RunningServer) -> None:
    answer = start(ehr, server, requests.Session())
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{ehr.url}/authorize"
    asked = dict(parse_qsl(where.query))
    assert asked["response_type"] == "code"
    assert asked["aud"] == ehr.fhir
    assert asked["launch"] in ehr.launches
    assert asked["redirect_uri"] == ehr.redirect_uri
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 43  # 122 random bits and more
    assert asked["scope"].split() == list(smart_settings.SCOPES)
    assert "code_verifier" not in answer.headers["Location"]
    assert answer.headers["Cache-Control"] == "no-store"
    again = dict(parse_qsl(urlsplit(start(ehr, server, requests.Session()).headers["Location"]).query))
    assert not {asked[one] for one in ("state", "nonce", "code_challenge")} & set(again.values())


@pytest.mark.parametrize("query", ["", "iss=http://127.0.0.1:1/fhir", "launch=x", "iss=&launch="])
def test_opened_by_its_address_alone_it_says_what_it_is_for(server: RunningServer, query: str) -> None:
    refused(server.get(f"/smart/launch?{query}"), 400, "Open this from a patient")


@pytest.mark.parametrize("iss", [
    "https://ehr.example.org/fhir", "http://127.0.0.1.example.org/fhir", "http://evil.example@127.0.0.1/fhir",
    "http://127.0.0.1/fhir?x=", "http://127.0.0.1/../fhir", "file:///etc/passwd", "javascript:alert(1)", "x",
    "http://2130706433/fhir",
])  # fmt: skip
def test_a_foreign_iss_is_not_asked(server: RunningServer, iss: str) -> None:
    answer = server.get(f"/smart/launch?{urlencode({'iss': iss, 'launch': 'x'})}", allow_redirects=False)
    refused(answer, 403, "not known here")
    assert iss not in answer.text


def test_many_launches_ask_the_ehr_for_its_configuration_once(ehr: Ehr, server: RunningServer) -> None:
    for _ in range(3):
        assert start(ehr, server, requests.Session()).status_code == 302
    assert len(ehr.log) == 1


def test_configurations_that_are_remembered_make_room_and_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known()
    one = Configuration("a", "t", ("S256",), "", "", False)
    for number in range(discovery.MOST_KNOWN + 1):
        known.keep(str(number), one)
    assert (known.of("0"), known.of("1"), known.of("64")) == (None, one, one)
    monkeypatch.setattr(discovery, "KNOWN_SECONDS", 0)
    known.keep("64", one)
    assert known.of("64") is None


def test_without_pkce_nothing_begins(ehr: Ehr, server: RunningServer) -> None:
    for methods in ((), ("plain",)):
        ehr.methods = methods
        refused(start(ehr, server, requests.Session()), 502, "does not offer PKCE")
    assert [path for _, path, _ in ehr.log if path != "/fhir/.well-known/smart-configuration"] == []


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize("where", ["https://evil.example/x", "http://10.0.0.1/x", "//evil.example", "http://a@b/x"])
def test_endpoints_elsewhere_are_not_believed(ehr: Ehr, server: RunningServer, endpoint: str, where: str) -> None:
    ehr.changed = {endpoint: where}
    refused(start(ehr, server, requests.Session()), 502, "a place that this site has not listed")


def test_where_servers_are_listed_another_port_is_another_place(ehr: Ehr, tmp_path: Path) -> None:
    text = f'{SANDBOX}[fhir]\nallowed_servers = ["{ehr.fhir}"]\n{SMART}'
    here = "http://127.0.0.1:8080"
    query = urlencode({"iss": ehr.fhir, "launch": "x"})
    ehr.changed = {"token_endpoint": "http://127.0.0.1:9/token"}
    answer = app_of(tmp_path / "one", text).test_client().get(f"/smart/launch?{query}", base_url=here)  # type: ignore[attr-defined]
    assert "a place that this site has not listed" in answer.get_data(as_text=True)
    listed = f'{text}login_servers = ["http://127.0.0.1:9"]\n'
    answer = app_of(tmp_path / "two", listed).test_client().get(f"/smart/launch?{query}", base_url=here)  # type: ignore[attr-defined]
    assert answer.status_code == 302


def test_another_name_of_this_machine_leads_to_ours(ehr: Ehr, server: RunningServer) -> None:
    """A cookie of localhost would not come back to 127.0.0.1."""
    query = urlencode({"iss": ehr.fhir, "launch": "x y&z"})
    other = server.url.replace("127.0.0.1", "localhost")
    answer = requests.get(f"{other}/smart/launch?{query}", allow_redirects=False, timeout=20)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{server.url}/smart/launch?{query}")
    foreign = {"Host": "evil.example"}
    answer = requests.get(f"{server.url}/smart/launch?{query}", headers=foreign, allow_redirects=False, timeout=20)
    assert answer.headers["Location"].startswith(f"{ehr.url}/authorize?")


def test_a_redirect_of_the_configuration_is_not_followed(
    server: RunningServer, ehr: Ehr, other_server: FhirServer
) -> None:
    ehr.moved = f"{other_server.url}/.well-known/smart-configuration"
    refused(start(ehr, server, requests.Session()), 502, "publishes no SMART configuration")
    assert other_server.asked == []


def test_a_server_that_never_answers_is_told_of(server: RunningServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        iss = f"http://127.0.0.1:{silent.getsockname()[1]}/fhir"
        refused(server.get(f"/smart/launch?{urlencode({'iss': iss, 'launch': 'x'})}"), 502, "does not answer")


# -- the way back


def test_the_token_is_asked_for_once_with_the_verifier_and_never_leaves(ehr: Ehr, server: RunningServer) -> None:
    browser = requests.Session()
    launch = session(ehr, server, browser)
    (asked,) = [dict(parse_qsl(body)) for _, path, body in ehr.log if path == "/token"]
    assert {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"} == set(asked)
    (token,) = ehr.tokens
    assert all(token not in text for text in (server.written(), *browser.cookies.values(), launch))
    assert server.get(f"/smart/app?s={launch}").status_code == 401  # the address without the cookie is nothing
    assert save(server, browser, launch).status_code == 200


def test_a_state_is_used_once(ehr: Ehr, server: RunningServer) -> None:
    browser = requests.Session()
    address = back(ehr, server, browser)
    assert browser.get(address, allow_redirects=False, timeout=20).status_code == 303
    refused(browser.get(address, allow_redirects=False, timeout=20), 403, "This login cannot be used")
    assert len([path for _, path, _ in ehr.log if path == "/token"]) == 1


def test_another_browser_cannot_end_the_login(ehr: Ehr, server: RunningServer) -> None:
    """Nor can the first one afterwards: somebody else has seen its state and code."""
    first, second = requests.Session(), requests.Session()
    address = back(ehr, server, first)
    start(ehr, server, second)  # has a cookie, of a login of its own
    refused(second.get(address, allow_redirects=False, timeout=20), 403, "This login cannot be used")
    refused(first.get(address, allow_redirects=False, timeout=20), 403, "This login cannot be used")
    assert ehr.tokens == {}


@pytest.mark.parametrize("change", ["x" * 43, "", "%00", "../../x", "a" * 5000])
def test_a_made_up_state(ehr: Ehr, server: RunningServer, change: str) -> None:
    browser = requests.Session()
    back(ehr, server, browser)
    refused(browser.get(f"{server.url}/smart/callback?code=x&state={change}", timeout=20), 403, "cannot be used")
    assert ehr.tokens == {}


def test_a_code_of_another_login_is_refused_by_pkce(ehr: Ehr, server: RunningServer) -> None:
    """A stolen code put into one's own login: its verifier does not fit."""
    victim, thief = requests.Session(), requests.Session()
    stolen = dict(parse_qsl(urlsplit(back(ehr, server, victim)).query))["code"]
    own = dict(parse_qsl(urlsplit(back(ehr, server, thief)).query))
    address = f"{ehr.redirect_uri}?{urlencode({**own, 'code': stolen})}"
    refused(thief.get(address, allow_redirects=False, timeout=20), 502, "The login server has refused")
    assert ehr.tokens == {}


def test_a_code_of_another_login_server_goes_nowhere(ehr: Ehr, other_ehr: Ehr, server: RunningServer) -> None:
    """RFC 9700, mix-up: a hostile login server sends the browser on to another one, whose code it wants to get."""
    browser = requests.Session()
    ehr.elsewhere = f"{other_ehr.url}/authorize"
    sent = dict(parse_qsl(urlsplit(start(ehr, server, browser).headers["Location"]).query))
    other_ehr.launches[sent["launch"]] = "p1"
    forwarded = sent | {"aud": other_ehr.fhir}
    with pytest.raises(smart_ehr.Refused, match="redirect_uri"):  # the other one knows its own address of ours
        smart_ehr.authorize(other_ehr, forwarded)
    address = smart_ehr.authorize(other_ehr, forwarded | {"redirect_uri": other_ehr.redirect_uri})
    refused(browser.get(address, timeout=20), 403, "came from another login server")
    assert [path for _, path, _ in (*ehr.log, *other_ehr.log) if path == "/token"] == []


@pytest.mark.parametrize(("said", "status"), [("its own", 303), ("https://evil.example", 403), (None, 403)])
def test_a_server_that_says_it_names_itself_has_to(
    ehr: Ehr, server: RunningServer, said: str | None, status: int
) -> None:
    ehr.published = {"authorization_response_iss_parameter_supported": True}
    ehr.answers = {} if said is None else {"iss": ehr.url if said == "its own" else said}
    browser = requests.Session()
    answer = browser.get(back(ehr, server, browser), allow_redirects=False, timeout=20)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("stated", "scope_or_context"), [
    ({"expires_in": "3600"}, {}), ({"expires_in": 3599.5}, {}), ({"expires_in": 3600.0}, {}),
    ({"expires_in": "soon"}, {}), ({"expires_in": 10**400}, {}), ({"expires_in": True}, {}),
    ({"expires_in": None}, {}), ({}, {"encounter": 42}),
    ({}, {"scope": ["launch", "patient/Observation.c"]}), ({}, {"scope": 1}), ({}, {"patient": 123}),
    ({}, {"need_patient_banner": "maybe", "id_token": 7}),
])  # fmt: skip
def test_one_odd_member_of_a_token_response_ends_no_launch(
    ehr: Ehr, server: RunningServer, stated: dict[str, object], scope_or_context: dict[str, object]
) -> None:
    ehr.changed = {**stated, **scope_or_context}
    browser = requests.Session()
    assert save(server, browser, session(ehr, server, browser)).status_code == 200


@pytest.mark.parametrize("published", [
    {"jwks_uri": None, "issuer": None}, {"jwks_uri": 5, "issuer": ["x"], "capabilities": None},
])  # fmt: skip
def test_what_may_be_absent_from_a_configuration_may_be_null(
    ehr: Ehr, server: RunningServer, published: dict[str, object]
) -> None:
    ehr.published = published
    session(ehr, server, requests.Session())


def test_an_endpoint_may_have_a_query(ehr: Ehr, server: RunningServer) -> None:
    ehr.published = {"authorization_endpoint": f"{ehr.url}/authorize?tenant=a%20b&x="}
    asked = parse_qsl(urlsplit(start(ehr, server, requests.Session()).headers["Location"]).query, True)
    assert asked[:2] == [("tenant", "a b"), ("x", "")]
    session(ehr, server, requests.Session())


@pytest.mark.parametrize(("published", "words"), [
    ({"code_challenge_methods_supported": None}, "PKCE with S256"), ({"token_endpoint": None}, "where one logs in"),
    ({"authorization_endpoint": "http://127.0.0.1/authorize#x"}, "not listed"),
])  # fmt: skip
def test_what_a_configuration_lacks_is_named(
    ehr: Ehr, server: RunningServer, published: dict[str, object], words: str
) -> None:
    ehr.published = published
    refused(start(ehr, server, requests.Session()), 502, words)


def test_a_user_who_was_not_let_in_reads_so(ehr: Ehr, server: RunningServer) -> None:
    browser = requests.Session()
    state = dict(parse_qsl(urlsplit(back(ehr, server, browser)).query))["state"]
    address = f"{ehr.redirect_uri}?{urlencode({'error': 'access_denied', 'state': state})}"
    refused(browser.get(address, timeout=20), 403, "The login was refused")


@pytest.mark.parametrize(("claims", "key"), [
    ({"nonce": "other"}, None), ({"aud": "other"}, None), ({"iss": "https://evil.example"}, None), ({"exp": 1}, None),
    ({}, "not of the login server"),
])  # fmt: skip
def test_an_id_token_that_is_not_of_this_login_ends_it(
    ehr: Ehr, server: RunningServer, claims: dict[str, object], key: str | None
) -> None:
    ehr.id_claims, ehr.wrong_key = dict(claims), key is not None
    browser = requests.Session()
    answer = browser.get(back(ehr, server, browser), allow_redirects=False, timeout=20)
    refused(answer, 403, "Its proof of who you are is not valid")


@pytest.mark.parametrize(("claims", "header"), [
    ({}, {"kid": "rsa"}), ({}, {}), ({"fhirUser": smart_ehr.USER}, {}),
    ({"iss": "of the same server"}, {"kid": "rsa"}),
])  # fmt: skip
def test_what_real_servers_put_into_an_id_token_is_understood(
    ehr: Ehr, server: RunningServer, claims: dict[str, object], header: dict[str, object]
) -> None:
    """One key that is not named, an issuer with another path at the same place, a relative reference."""
    ehr.id_claims = {**claims, "iss": f"{ehr.url}/v/r4/auth/fhir"} if "iss" in claims else dict(claims)
    ehr.id_header = dict(header)
    session(ehr, server, requests.Session())


@pytest.mark.parametrize("who", ["Patient/p1", "RelatedPerson/mother"])
def test_patients_and_relatives_are_not_let_in(ehr: Ehr, server: RunningServer, who: str) -> None:
    ehr.id_claims = {"fhirUser": f"{ehr.fhir}/{who}"}
    browser = requests.Session()
    refused(browser.get(back(ehr, server, browser), allow_redirects=False, timeout=20), 403, "for clinicians")


@pytest.mark.parametrize(("changed", "words"), [
    ({"patient": None}, "No patient came with the launch"), ({"patient": "../1"}, "No patient came"),
    ({"token_type": "mac"}, "cannot be used"), ({"access_token": "a\r\nX-Evil: 1"}, "cannot be used"),
    ({"access_token": ""}, "cannot be used"), ({"access_token": 5}, "cannot be used"),
    ({"patient": 1.5}, "No patient came"),
])  # fmt: skip
def test_a_token_response_that_cannot_be_used(
    ehr: Ehr, server: RunningServer, changed: dict[str, object], words: str
) -> None:
    ehr.changed = changed
    browser = requests.Session()
    refused(browser.get(back(ehr, server, browser), allow_redirects=False, timeout=20), 502, words)


def test_a_session_ends_with_its_token(ehr: Ehr, server: RunningServer) -> None:
    ehr.changed = {"expires_in": 0}
    browser = requests.Session()
    launch = session(ehr, server, browser)
    refused(browser.get(f"{server.url}/smart/app?s={launch}", timeout=20), 401, "This session has ended")


def test_a_cookie_opens_its_own_session_alone(ehr: Ehr, server: RunningServer) -> None:
    first, second = requests.Session(), requests.Session()
    one, other = session(ehr, server, first), session(ehr, server, second)
    assert save(server, first, one).status_code == 200
    (secret,) = [value for name, value in second.cookies.items() if name.endswith(other)]
    forged = {f"spine-companion-{one}": secret}
    answer = requests.get(f"{server.url}/smart/app?s={one}", cookies=forged, timeout=20)
    refused(answer, 401, "This session has ended")


def test_a_chart_that_cannot_be_read_is_no_empty_page(ehr: Ehr, server: RunningServer) -> None:
    browser = requests.Session()
    launch = session(ehr, server, browser)
    ehr.tokens.clear()  # the EHR ends the token
    answer = browser.get(f"{server.url}/smart/app?s={launch}", timeout=20)
    assert answer.status_code == 502
    assert "The chart cannot be read" in answer.text
    assert "HTTP 401" in answer.text


def test_a_defect_of_ours_is_a_page_that_promises_nothing(tmp_path: Path) -> None:
    app = app_of(tmp_path, f'{SANDBOX}[fhir]\nallowed_servers = ["loopback"]\n{SMART}')
    app.before_request(lambda: {}["a defect"])  # type: ignore[attr-defined]
    answer = app.test_client().post("/smart/write", base_url="http://127.0.0.1:8080")  # type: ignore[attr-defined]
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "It is not known what became of what you pressed." in answer.get_data(as_text=True)
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]


# -- what comes from elsewhere, and what is kept


@pytest.mark.parametrize("path", ["save", "review", "write", "close"])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                     {"Origin": "https://evil.example"}, {"Origin": "null"}])  # fmt: skip
def test_a_form_of_another_site_changes_nothing(
    ehr: Ehr, server: RunningServer, path: str, headers: dict[str, str]
) -> None:
    browser = requests.Session()
    launch = session(ehr, server, browser)
    form = {"s": launch, "whole": "yes", "sins.pain": "3"}
    answer = browser.post(f"{server.url}/smart/{path}", data=form, headers=headers, timeout=20)
    refused(answer, 403, "This did not come from our own page")
    assert ehr.written == []


def test_the_database_alone_reveals_nothing(ehr: Ehr, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        ehr.register(server.url)
        ehr.launches.clear()
        browser = requests.Session()
        sent = start(ehr, server, browser, "patient-4711")
        state = dict(parse_qsl(urlsplit(sent.headers["Location"]).query))["state"]
        address = requests.get(sent.headers["Location"], allow_redirects=False, timeout=20).headers["Location"]
        with sqlite3.connect(tmp_path / "store.db") as database:
            login = repr(database.execute("SELECT * FROM companion").fetchall())
        answer = browser.get(address, allow_redirects=False, timeout=20)
        launch = answer.headers["Location"].rpartition("=")[2]
        assert save(server, browser, launch, **{"escc.grade": "escc-1c"}).status_code == 200
        with sqlite3.connect(tmp_path / "store.db") as database:
            kept = database.execute("SELECT kind, name, sealed FROM companion").fetchall()
        assert sorted(kind for kind, _, _ in kept) == ["session", "work"]
        (token,) = ehr.tokens
        secrets = (token, "patient-4711", smart_ehr.USER, "escc", "sins", launch, state, ehr.fhir)
        assert [one for one in (*secrets, *browser.cookies.values()) if one in login + repr(kept)] == []
        assert [one for one in (*secrets, *browser.cookies.values()) if one in server.written()] == []


def test_any_worker_or_replica_goes_on_with_a_session(ehr: Ehr, tmp_path: Path) -> None:
    """Processes share no memory: the login begun at one is ended at another, and the work is there too."""
    store = {"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}
    with serving(tmp_path / "one", **store) as one:
        public = {"SPINE_CDS_PUBLIC_BASE_URL": one.url}
        with serving(tmp_path / "two", **store, **public) as two:
            ehr.register(one.url)
            browser = requests.Session()
            address = back(ehr, one, browser).replace(one.url, two.url)
            answer = browser.get(address, allow_redirects=False, timeout=20)
            assert answer.status_code == 303, answer.text
            launch = answer.headers["Location"].rpartition("=")[2]
            assert save(one, browser, launch).status_code == 200
            assert save(two, browser, launch, **{"sins.pain": "1"}).status_code == 200


# -- the tenant file


def test_a_confidential_client_sends_its_secret_in_the_header_alone(ehr: Ehr, tmp_path: Path) -> None:
    """The only EHR of a site: its redirect URI is the short one, and the log says it."""
    (tmp_path / "secret").write_text("s3cret-of-the-site\n")
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(f'{SANDBOX}[fhir]\nallowed_servers = ["{ehr.fhir}"]\n{SMART}client_secret_file = "secret"\n')
    with serving(tmp_path / "server", "--tenant", str(tenant)) as server:
        ehr.redirect_uri, ehr.secret = f"{server.url}/smart/callback", "s3cret-of-the-site"
        session(ehr, server, requests.Session())
        assert not any(ehr.secret in body for _, _, body in ehr.log)
        assert ehr.secret not in server.written()
        assert f"the companion's redirect URI at {ehr.fhir} is {ehr.redirect_uri}\n" in server.written()


def test_each_of_several_servers_gets_its_own_secret_alone(ehr: Ehr, other_ehr: Ehr, tmp_path: Path) -> None:
    """The first one keeps its redirect URI when a second one comes."""
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"s3cret-of-the-{name}")
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        f'{SANDBOX}[fhir]\nallowed_servers = ["{ehr.fhir}", "{other_ehr.fhir}"]\n{SMART}client_secret_file = "first"\n'
        f'[[smart.client]]\niss = "{other_ehr.fhir}"\nclient_id = "{smart_ehr.CLIENT}"\nclient_secret_file = "second"\n'
    )
    with serving(tmp_path / "server", "--tenant", str(tenant)) as server:
        ehr.redirect_uri, ehr.secret = f"{server.url}/smart/callback", "s3cret-of-the-first"
        other_ehr.register(server.url)
        other_ehr.secret = "s3cret-of-the-second"
        session(ehr, server, requests.Session())
        session(other_ehr, server, requests.Session())
        assert other_ehr.redirect_uri in server.written()


def test_a_server_without_a_client_is_told_of(ehr: Ehr, other_ehr: Ehr, tmp_path: Path) -> None:
    text = (
        f'{SANDBOX}[fhir]\nallowed_servers = ["{ehr.fhir}", "{other_ehr.fhir}"]\n'
        f'[[smart.client]]\niss = "{other_ehr.fhir}"\nclient_id = "x"\n'
    )
    client = app_of(tmp_path, text).test_client()  # type: ignore[attr-defined]
    query = urlencode({"iss": ehr.fhir, "launch": "x"})
    answer = client.get(f"/smart/launch?{query}", base_url="http://127.0.0.1:8080")
    assert (answer.status_code, "not registered" in answer.get_data(as_text=True)) == (403, True)


def app_of(folder: Path, text: str) -> object:
    path = write_tenant(folder, text)
    variables = {"SPINE_CDS_TENANT": str(path), "SPINE_CDS_DATABASE": f"sqlite:///{folder / 'store.db'}"}
    return create_app(config.from_environment(variables))


@pytest.mark.parametrize(("more", "frames"), [
    ("", "'none'"),
    ('frame_ancestors = ["https://ehr.example.org", "https://b.example:8443"]\n',
     "https://ehr.example.org https://b.example:8443"),
])  # fmt: skip
def test_who_may_frame_it_is_the_sites_to_say(tmp_path: Path, more: str, frames: str) -> None:
    app = app_of(tmp_path, TENANT + issuer() + SMART + more)
    policy = app.test_client().get("/smart/launch").headers["Content-Security-Policy"]  # type: ignore[attr-defined]
    assert policy.endswith(f"frame-ancestors {frames}")
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_by_https_the_cookie_is_secure_and_kept_apart_for_each_ehr(ehr: Ehr, tmp_path: Path) -> None:
    text = f'{SANDBOX}public_base_url = "https://cds.example.org"\n[fhir]\nallowed_servers = ["loopback"]\n{SMART}'
    client = app_of(tmp_path, text).test_client()  # type: ignore[attr-defined]
    answer = client.get(f"/smart/launch?{urlencode({'iss': ehr.fhir, 'launch': 'x'})}")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-spine-companion-")  # which browsers take from our own host alone
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned", "Max-Age=600"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "redirect_uri=https%3A%2F%2Fcds.example.org%2Fsmart%2Fcallback%2F" in answer.headers["Location"]


def test_logins_that_nobody_ends_do_not_pile_up(ehr: Ehr, tmp_path: Path) -> None:
    """Anybody can begin one."""
    with serving(tmp_path) as server:
        ehr.register(server.url)
        for _ in range(3):
            start(ehr, server, requests.Session())
        with sqlite3.connect(tmp_path / "store.db") as database:
            database.execute("UPDATE companion SET expires = 0 WHERE kind = 'login'")
        start(ehr, server, requests.Session())
        with sqlite3.connect(tmp_path / "store.db") as database:
            assert database.execute("SELECT count(*) FROM companion").fetchone() == (1,)


def test_on_this_machine_it_is_lax(ehr: Ehr, server: RunningServer) -> None:
    parts = set(start(ehr, server, requests.Session()).headers["Set-Cookie"].split("; "))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= parts
    assert "Secure" not in parts


def test_without_the_section_there_is_no_companion(tmp_path: Path) -> None:
    client = app_of(tmp_path, TENANT + issuer()).test_client()  # type: ignore[attr-defined]
    assert [client.get(f"/smart/{path}").status_code for path in ("launch", "app", "callback")] == [404, 404, 404]


@pytest.mark.parametrize(("section", "key"), [
    ('[smart]\n', "client_id"), ('[smart]\nclient_id = ""\n', "smart.client_id"),
    (f'{SMART}secret = "x"\n', "unknown key `secret`"), (f'{SMART}scopes = []\n', "smart.scopes"),
    (f'{SMART}scopes = ["openid"]\n', "smart.scopes: must hold `launch`"),
    (f'{SMART}scopes = ["launch", "a b"]\n', "smart.scopes"),
    (f'{SMART}login_servers = ["https://login.example.org/path"]\n', "smart.login_servers[0]"),
    (f'{SMART}login_servers = ["http://login.example.org"]\n', "smart.login_servers[0]"),
    (f'{SMART}frame_ancestors = ["https://ehr.example.org", "*"]\n', "smart.frame_ancestors[1]"),
    (f'{SMART}frame_ancestors = ["https://ehr.example.org; script-src *"]\n', "smart.frame_ancestors[0]"),
    (f'{SMART}frame_ancestors = ["loopback"]\n', "smart.frame_ancestors[0]"),
])  # fmt: skip
def test_a_section_that_cannot_be_right_stops_start_up(tmp_path: Path, section: str, key: str) -> None:
    with pytest.raises(SettingsError) as stopped:
        load_tenant(write_tenant(tmp_path, TENANT + issuer() + section))
    assert key in str(stopped.value)


FIRST = '[[smart.client]]\niss = "https://a.example.org/fhir"\nclient_id = "x"\n'


@pytest.mark.parametrize(("section", "key"), [
    (f'[smart]\nclient_secret_file = "x"\n{FIRST}', "smart.client_id"),
    (f'{SMART}client_secret_file = "x"\n', "smart.client_secret_file"),
    (FIRST.replace("a.example", "c.example"), "smart.client[0].iss"),
    (FIRST.replace('"x"', '""'), "smart.client[0].client_id"),
    (f'{FIRST}{FIRST.replace("a.example.org", "A.example.org:443")}', "smart.client[1].iss"),
    (f'{FIRST}secret = "x"\n', "unknown key `secret`"),
])  # fmt: skip
def test_clients_of_several_servers_that_cannot_be_right_stop_start_up(tmp_path: Path, section: str, key: str) -> None:
    servers = '[fhir]\nallowed_servers = ["https://a.example.org/fhir", "https://b.example.org/fhir"]\n'
    with pytest.raises(SettingsError) as stopped:
        load_tenant(write_tenant(tmp_path, TENANT + issuer() + servers + section))
    assert key in str(stopped.value)


@pytest.mark.parametrize("content", [None, "", "two\nlines", "x" * 5000])
def test_a_secret_that_cannot_be_used_stops_start_up_and_is_not_told(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(SettingsError, match=r"smart\.client_secret_file") as stopped:
        app_of(tmp_path, TENANT + issuer() + SMART + 'client_secret_file = "secret"\n')
    assert not content or content not in str(stopped.value)
