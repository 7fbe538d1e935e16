"""Tokens: who may call a tenant with issuers, and that nobody else learns why not."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from conftest import RunningServer, call_body, serving
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient

from cds_service import config
from cds_service.app import create_app
from cds_service.security import SeenTokens, trust
from cds_service.tenants import SettingsError, read_tenant

ISS = "https://ehr.example.org/fhir"
PUBLIC = "https://cds.example.org"
URL = "/cds-services/spine-patient-view"
EC_KEY, OTHER_KEY = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def public_jwk(key: Any, kid: str) -> dict[str, Any]:
    is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
    algorithm = jwt.algorithms.ECAlgorithm if is_ec else jwt.algorithms.RSAAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


def tenant_text(audience: str = '["endpoint"]', algorithms: str = '["ES384", "RS384"]', more: str = "") -> str:
    return (
        f'[tenant]\nname = "st-elsewhere"\npublic_base_url = "{PUBLIC}"\n'
        f'[[issuer]]\niss = "{ISS}"\njwks_file = "keys.json"\nalgorithms = {algorithms}\naudience = {audience}\n{more}'
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys = {"keys": [public_jwk(EC_KEY, "ec+/="), public_jwk(RSA_KEY, "rsa")]}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    return tmp_path


def browse(folder: Path, text: str) -> FlaskClient:
    (folder / "tenant.toml").write_text(text)
    return create_app(config.from_environment({"SPINE_CDS_TENANT": str(folder / "tenant.toml")})).test_client()


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return browse(folder, tenant_text())


def token(key: Any = EC_KEY, algorithm: str = "ES384", header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    whole = {"iss": ISS, "aud": PUBLIC + URL, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **claims}
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": "ec+/=", **(header or {})})


def post(client: FlaskClient, bearer: str | None, url: str = URL) -> Any:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {}
    return client.post(url, json=call_body(), headers=headers)


@pytest.mark.parametrize(
    "good",
    [
        lambda: token(),
        lambda: token(aud=["https://other.example.org", PUBLIC + URL]),
        lambda: token(RSA_KEY, "RS384", {"kid": "rsa"}),
        lambda: token(sub="a client", tenant="one"),
        lambda: token(iat=int(time.time()) + 30),  # the EHR's clock runs ahead
        lambda: token(exp=int(time.time()) - 30, iat=int(time.time()) - 330),  # or behind
        lambda: token(jti="f" * 64),
        lambda: token(header={"jku": "https://elsewhere.example.org/jwks.json"}),  # never fetched
    ],
)
def test_good_tokens(client: FlaskClient, good: Any) -> None:
    response = post(client, good())
    assert response.status_code == 200, response.text


def with_other_signature() -> str:
    head, body, _ = token().split(".")
    return ".".join((head, body, token().split(".")[2]))


NOW = time.time
BAD = {
    "none": lambda: None,
    "empty": lambda: "",
    "nonsense": lambda: "nonsense",
    "an expiry in quotes": lambda: token(exp=str(int(NOW()) + 300)),
    "an expiry that is no number": lambda: token(exp=float("nan")),
    "an expiry without end": lambda: token(exp=float("inf")),
    "a time of issue in quotes": lambda: token(iat=str(int(NOW()))),
    "a time of issue that is a yes": lambda: token(iat=True),
    "nonsense in three parts": lambda: "a.b.c",
    "deep nesting": lambda: f"{jwt.utils.base64url_encode(b'[' * 5000).decode()}.e30.e30",
    "another key": lambda: token(OTHER_KEY),
    "another signature": with_other_signature,
    "unsigned": lambda: token(None, "none"),
    "symmetric": lambda: token("a shared secret of sufficient length, 32 bytes", "HS256"),
    "an algorithm not agreed": lambda: token(RSA_KEY, "RS256", {"kid": "rsa"}),
    "a key of another kind": lambda: token(RSA_KEY, "RS384"),
    "unknown kid": lambda: token(header={"kid": "other"}),
    "another typ": lambda: token(header={"typ": "at+jwt"}),
    "unknown issuer": lambda: token(iss="https://other.example.org"),
    "no issuer": lambda: token(iss=None),
    "an issuer that differs by a slash": lambda: token(iss=f"{ISS}/"),
    "another endpoint": lambda: token(aud=PUBLIC + "/cds-services"),
    "the base only": lambda: token(aud=PUBLIC),
    "endpoint with a slash": lambda: token(aud=PUBLIC + URL + "/"),
    "no audience": lambda: token(aud=None),
    "expired": lambda: token(exp=int(NOW()) - 120, iat=int(NOW()) - 400),
    "issued in the future": lambda: token(iat=int(NOW()) + 120, exp=int(NOW()) + 400),
    "not yet valid": lambda: token(nbf=int(NOW()) + 200),
    "too long a life": lambda: token(exp=int(NOW()) + 86_400),
    "no exp": lambda: token(exp=None),
    "no iat": lambda: token(iat=None),
    "no jti": lambda: token(jti=None),
    "blank jti": lambda: token(jti=""),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens_are_refused_without_a_word(client: FlaskClient, name: str) -> None:
    response = post(client, BAD[name]())
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.data == b""


def test_another_scheme_is_refused(client: FlaskClient) -> None:
    response = client.post(URL, json=call_body(), headers={"Authorization": f"Basic {token()}"})
    assert response.status_code == 401


def test_a_token_is_good_once(client: FlaskClient) -> None:
    once = token()
    assert [post(client, once).status_code for _ in range(3)] == [200, 401, 401]


def test_a_refused_token_is_not_used_up(client: FlaskClient) -> None:
    fixed = "a-fixed-id"
    assert post(client, token(jti=fixed, aud="elsewhere")).status_code == 401
    assert post(client, token(jti=fixed)).status_code == 200


def test_discovery_needs_a_token_for_itself(client: FlaskClient) -> None:
    assert client.get("/cds-services").status_code == 401
    for audience, status in ((PUBLIC + "/cds-services", 200), (PUBLIC + URL, 401)):
        bearer = {"Authorization": f"Bearer {token(aud=audience)}"}
        assert client.get("/cds-services", headers=bearer).status_code == status


def test_an_unknown_service_tells_a_stranger_nothing(client: FlaskClient) -> None:
    assert post(client, None, "/cds-services/other").status_code == 401
    assert post(client, token(aud=f"{PUBLIC}/cds-services/other"), "/cds-services/other").status_code == 404


def test_a_fixed_audience(folder: Path) -> None:
    client = browse(folder, tenant_text(audience='["sand_man"]'))
    assert post(client, token(aud="sand_man")).status_code == 200
    assert post(client, token()).status_code == 401


def test_a_preflight_needs_no_token(folder: Path) -> None:
    client = browse(folder, tenant_text(more='[cors]\nallowed_origins = ["https://ehr.example.org"]\n'))
    preflight = client.options(
        URL,
        headers={
            "Origin": "https://ehr.example.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    other = client.options(URL, headers={"Origin": "https://ehrXexample.org", "Access-Control-Request-Method": "POST"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_sandbox_with_issuers_asks_for_a_token_too(folder: Path) -> None:
    client = browse(folder, 'environment = "sandbox"\n' + tenant_text())
    assert post(client, None).status_code == 401
    assert post(client, token()).status_code == 200


@pytest.fixture
def guarded(folder: Path) -> Iterator[RunningServer]:
    (folder / "tenant.toml").write_text(tenant_text())
    with serving(folder / "server", "--tenant", str(folder / "tenant.toml")) as running:
        yield running


def test_a_real_server_with_issuers(guarded: RunningServer) -> None:
    refused = guarded.post(call_body(), headers={"Authorization": "Bearer zq-nonsense-zq"})
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    good = token()
    assert guarded.post(call_body(), headers={"Authorization": f"Bearer {good}"}).status_code == 200
    assert [line["status"] for line in guarded.audit_lines()] == [401, 200]
    assert "zq-nonsense-zq" not in guarded.written()
    assert good not in guarded.written()


def test_memory_of_tokens_is_bounded_and_forgets_what_has_expired() -> None:
    seen = SeenTokens(limit=2)
    assert seen.accept_once("i", "1", expires=100, now=0)
    assert seen.accept_once("i", "2", expires=200, now=0)
    assert not seen.accept_once("i", "3", expires=200, now=50)  # full: refuses rather than forgets
    assert seen.accept_once("i", "3", expires=300, now=150)
    assert not seen.accept_once("i", "2", expires=200, now=150)
    assert seen.accept_once("j", "4", expires=300, now=250)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("nothing", "not a JWK Set"),
        ('{"keys": []}', "no key"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}', "secret or private"),
        (json.dumps({"keys": [{**public_jwk(EC_KEY, "a"), "d": "AA"}]}), "secret or private"),
        (json.dumps({"keys": [public_jwk(EC_KEY, "")]}), "needs a kid"),
        (json.dumps({"keys": [public_jwk(EC_KEY, "a"), public_jwk(RSA_KEY, "a")]}), "same kid"),
        ('{"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "a"}]}', "cannot be read"),
        (json.dumps({"keys": [public_jwk(SHORT_KEY, "a")]}), "2048"),
    ],
)
def test_key_files_that_stop_start_up(folder: Path, content: str, complaint: str) -> None:
    (folder / "keys.json").write_text(content)
    with pytest.raises(SettingsError, match=rf"issuer\[0\]\.jwks_file.*{complaint}"):
        trust(read_tenant(tenant_text(), str(folder)))


def test_a_bare_array_of_keys(folder: Path) -> None:
    (folder / "keys.json").write_text(json.dumps([public_jwk(EC_KEY, "ec")]))
    issuers = trust(read_tenant(tenant_text(), str(folder))).issuers
    assert list(issuers[ISS].keys) == ["ec"]
