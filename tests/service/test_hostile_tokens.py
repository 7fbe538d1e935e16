"""Hundreds of tokens that are wrong in one thing each, sent to a running server: every one gets the same bare 401."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from conftest import RunningServer, call_body, serving

from tests import callers, fhir_stub
from tests.callers import (
    DISCOVERY,
    EC_KID,
    ED_KEY,
    FEEDBACK,
    ISS,
    OTHER_KEY,
    PUBLIC,
    RSA_KEY,
    SERVICE,
    claims,
    public_jwk,
    signed,
    token,
)
from tests.fhir_stub import FhirServer
from tests.forgeries import KINDS, LISTED_JKU, MELD, OURS, STRICT, Make, audience_of, make, since, with_payload

CASES = [pytest.param(one, id=f"{kind}: {name}") for kind, made in KINDS.items() for name, one in made().items()]

OTHER_AUDIENCES = [
    pytest.param(path, made, id=f"{path}: {name}")
    for path in (DISCOVERY, FEEDBACK)
    for name, made in audience_of(path).items()
]


# ---- sent ----


@pytest.fixture(scope="module")
def key_server() -> Iterator[FhirServer]:
    """Named in tokens as a place of keys; nobody may ever ask it."""
    with fhir_stub.running() as stub:
        stub.replies["keys"] = (200, {}, callers.key_set(public_jwk(OTHER_KEY, EC_KID)))
        yield stub


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Four issuers: the usual one, one with every list, one with a fixed audience, and one with a key of its own."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "alone.json").write_bytes(callers.key_set(public_jwk(OTHER_KEY, EC_KID)))
    lists = f'jku = ["{LISTED_JKU}"]\nsubjects = ["client-1"]\ntenants = ["hospital-a", "hospital-b"]'
    text = callers.TENANT + callers.issuer()
    text += callers.issuer(more=lists).replace(ISS, STRICT)
    text += callers.issuer(more='audience = ["sand_man"]').replace(ISS, MELD)
    text += callers.issuer('jwks_file = "alone.json"').replace(ISS, "https://alone.example.org")
    with serving(folder, "--tenant", str(callers.write_tenant(folder, text))) as running:
        yield running
        assert "the service failed" not in running.written().lower()
        assert "a call failed" not in running.written()
        assert "eyJ" not in running.written()  # how every token begins


@pytest.fixture(scope="module")
def line() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def send(line: requests.Session, server: RunningServer, authorization: str | None, path: str = SERVICE) -> Any:
    method = "GET" if path == DISCOVERY else "POST"
    headers = {"Content-Type": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return line.request(method, server.url + path, data=b"{}", headers=headers, timeout=20)


def is_bare(response: requests.Response) -> bool:
    """A 401 that says nothing: no body, and the same headers for every reason."""
    headers = {name.lower() for name in response.headers}
    told = {"date", "server", "content-length", "www-authenticate", "cache-control", "x-content-type-options"}
    return (
        response.status_code == 401
        and response.content == b""
        and response.headers["WWW-Authenticate"] == "Bearer"
        and headers <= told
    )


@pytest.mark.parametrize("made", CASES)
def test_a_token_that_is_wrong_in_one_thing(
    guarded: RunningServer, key_server: FhirServer, line: requests.Session, made: Make
) -> None:
    sent = made()
    if "KEY_SERVER" in jwt_header(sent):
        header = jwt_header(sent).replace("KEY_SERVER", f"{key_server.url}/keys").encode()
        payload = jwt.utils.base64url_decode(sent.split(".")[1])
        sent = signed(header, payload, OTHER_KEY)
    answer = send(line, guarded, f"Bearer {sent}")
    assert is_bare(answer), (answer.status_code, answer.text, answer.headers)
    assert key_server.asked == []


def jwt_header(sent: str) -> str:
    """The header of a token as text, or nothing where there is none."""
    try:
        return jwt.utils.base64url_decode(sent.partition(".")[0]).decode()
    except ValueError:
        return ""


@pytest.mark.parametrize(("path", "made"), OTHER_AUDIENCES)
def test_an_audience_that_is_wrong_elsewhere(
    guarded: RunningServer, line: requests.Session, path: str, made: Make
) -> None:
    assert is_bare(send(line, guarded, f"Bearer {made()}", path))


SCHEMES = [
    "{}", "Basic {}", "Token {}", "JWT {}", "Bearer: {}", "Bearer={}", "Bearer{}", "Bearer\t{}", "Bearer", "Bearer ",
    'Bearer token="{}"', "Digest Bearer {}", "BearerX {}", "Negotiate {}", "Bearer,{}", "bearer realm=x {}", "DPoP {}",
    "", "Bearer {} Bearer {}", "Basic {}, Bearer {}", "\u00a0Bearer {}", "Bearer\u00a0{}", "Be\u0430rer {}",
]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_another_scheme(guarded: RunningServer, line: requests.Session, scheme: str) -> None:
    value = scheme.replace("{}", token()).encode("utf-8").decode("latin-1")
    assert is_bare(send(line, guarded, value))


def test_no_header_at_all(guarded: RunningServer, line: requests.Session) -> None:
    for path in (DISCOVERY, SERVICE, FEEDBACK, "/cds-services/nowhere"):
        assert is_bare(send(line, guarded, None, path)), path


# ---- sent in odd ways ----

ELSEWHERE = {
    "in the query": ("POST", f"{SERVICE}?access_token={{good}}&token={{good}}", ""),
    "in a cookie": ("POST", SERVICE, "Cookie: Authorization=Bearer {good}; access_token={good}\r\n"),
    "under another name": ("POST", SERVICE, "X-Authorization: Bearer {good}\r\n"),
    "to a proxy": ("POST", SERVICE, "Proxy-Authorization: Bearer {good}\r\n"),
    "with an underscore": ("POST", SERVICE, "HTTP_AUTHORIZATION: Bearer {good}\r\n"),
    "from a proxy": ("POST", SERVICE, "X-Forwarded-Authorization: Bearer {good}\r\nX-Remote-User: admin\r\n"),
    "twice, both good": ("POST", SERVICE, "Authorization: Bearer {good}\r\nAuthorization: Bearer {other}\r\n"),
    "twice, the first good": ("POST", SERVICE, "Authorization: Bearer {good}\r\nAuthorization: Bearer x\r\n"),
    "twice, the second good": ("POST", SERVICE, "Authorization: Basic x\r\nAuthorization: Bearer {good}\r\n"),
    "twice the same": ("POST", SERVICE, "Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
    "twice, one blank": ("POST", SERVICE, "Authorization: \r\nAuthorization: Bearer {good}\r\n"),
    "twice, in two spellings": ("POST", SERVICE, "authorization: Bearer {good}\r\nAUTHORIZATION: Bearer {good}\r\n"),
    "over two lines": ("POST", SERVICE, "Authorization: Bearer\r\n {good}\r\n"),
    "with a zero byte": ("POST", SERVICE, "Authorization: Bearer {good}\0\r\n"),
    "with a space before the colon": ("POST", SERVICE, "Authorization : Bearer {good}\r\n"),
    "a megabyte": ("POST", SERVICE, f"Authorization: Bearer {'a' * 1_000_000}\r\n"),
    "by another method": ("PUT", SERVICE, ""),
    "said to be another method": ("POST", SERVICE, "X-HTTP-Method-Override: OPTIONS\r\n"),
    "asked first, but not as a preflight": ("POST", SERVICE, "Origin: null\r\nAccess-Control-Request-Method: POST\r\n"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_good_token_in_the_wrong_place(guarded: RunningServer, name: str) -> None:
    """What is no HTTP is refused by the server beneath, with 400 or 431; nothing gets through."""
    method, path, headers = ELSEWHERE[name]
    given = {"{good}": token(), "{other}": token()}
    for mark, value in given.items():
        path, headers = path.replace(mark, value), headers.replace(mark, value)
    body = json.dumps(call_body())
    request = f"{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nConnection: close\r\n"
    request += f"Content-Length: {len(body)}\r\n{headers}\r\n{body}"
    status = first_line(guarded, request.encode("latin-1")).split(b" ")[1]
    assert status in ({b"405"} if method == "PUT" else {b"401", b"400", b"431"})


def first_line(server: RunningServer, request: bytes) -> bytes:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        with contextlib.suppress(OSError):  # hung up on before it had all; its answer is there
            line.sendall(request)
        return line.makefile("rb").readline()


# ---- and what is right ----

GOOD: dict[str, tuple[str, Make]] = {
    "plain": ("Bearer {}", make()),
    "small letters": ("bearer {}", make()),
    "capitals": ("BEARER {}", make()),
    "three spaces": ("Bearer   {}", make()),
    "RS384": ("Bearer {}", make(RSA_KEY, "RS384", {"kid": "rsa"})),
    "EdDSA": ("Bearer {}", make(ED_KEY, "EdDSA", {"kid": "ed"})),
    "typ in small letters": ("Bearer {}", make(header={"typ": "jwt"})),
    "several audiences": ("Bearer {}", make(aud=["https://other.example.org", PUBLIC + SERVICE])),
    "another issuer's fixed audience": ("Bearer {}", make(iss=MELD, aud="sand_man")),
    "the lists of the strict issuer": ("Bearer {}", make(header={"jku": LISTED_JKU}, iss=STRICT, **OURS)),
    "the other tenant, no jku": ("Bearer {}", make(iss=STRICT, sub="client-1", tenant="hospital-b")),
    "a jku where none is agreed": ("Bearer {}", make(header={"jku": "https://ehr.example.org/keys"})),
    "certificates, not looked at": ("Bearer {}", make(header={"x5t": "abc", "x5c": ["AA=="]})),
    "Epic's nbf and sub": ("Bearer {}", lambda: token(nbf=since(-300), exp=since(900), sub="client")),
    "an hour to live": ("Bearer {}", lambda: token(exp=since(3600), iat=since(0))),
    "a clock ahead": ("Bearer {}", lambda: token(iat=since(50), nbf=since(50), exp=since(350))),
    "a clock behind": ("Bearer {}", lambda: token(iat=since(-350), exp=since(-50))),
    "broken seconds": ("Bearer {}", with_payload(lambda: {**claims(), "iat": time.time(), "exp": time.time() + 300})),
    "a jti of 64 digits": ("Bearer {}", lambda: token(jti=hashlib.sha256(str(time.time()).encode()).hexdigest())),
    "a jti of any letters": ("Bearer {}", lambda: token(jti=f"\u00fc\u4e2d'; -- {time.time()}")),
    "claims of its own": ("Bearer {}", make(**{"https://example.org/x": {"a": [1, None]}, "tenant": "t"})),
    "10 kB": ("Bearer {}", with_payload(lambda: claims(more="x" * 8000))),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_taken_once(guarded: RunningServer, line: requests.Session, name: str) -> None:
    scheme, made = GOOD[name]
    authorization = scheme.format(made())
    first = guarded.post(call_body(), headers={"Authorization": authorization})
    assert first.status_code == 200, first.text
    assert is_bare(send(line, guarded, authorization))


def test_there_are_enough_of_them() -> None:
    """So that a kind that makes nothing any more is noticed."""
    assert all(len(made()) >= 15 for made in KINDS.values())
    assert len(CASES) >= 350
