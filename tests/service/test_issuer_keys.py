"""Keys of issuers: what of a set is used, files that change, and addresses that answer late, wrongly or not at all."""

from __future__ import annotations

import gzip
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.x509.oid import NameOID

from cds_service.fetched_keys import MAX_BYTES, FetchedKeys, KeysNotHad, Pace, fetch, freshness
from cds_service.issuer_keys import FileKeys, NotAKeySet, read_key_set
from cds_service.security import keys_ready, trust
from cds_service.tenants import SettingsError, read_tenant
from tests import callers, fhir_stub
from tests.callers import EC_KEY, ED_KEY, OTHER_KEY, RSA_KEY, key_set, public_jwk
from tests.fhir_stub import FhirServer

ALL = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
P256, P521 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP521R1())
SECP256K1 = ec.generate_private_key(ec.SECP256K1())
ED448 = ed448.Ed448PrivateKey.generate()
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
QUICK = Pace(fresh=0.3, shortest=0.1, longest=0.5, retry=0.1, pause=0.05, patience=30, fetch=20, oldest=600)
HASTY = replace(QUICK, fetch=2)  # for what does not come


# ---- what of a set is used ----


@pytest.mark.parametrize(
    ("key", "more", "algorithms"),
    [
        (EC_KEY, {}, ("ES384",)),
        (P256, {}, ("ES256",)),
        (P521, {}, ("ES512",)),
        (ED_KEY, {}, ("EdDSA",)),
        (ED448, {}, ("EdDSA",)),
        (RSA_KEY, {}, ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (RSA_KEY, {"alg": "RS384"}, ("RS384",)),
        (EC_KEY, {"alg": "ES384", "use": "sig", "key_ops": ["verify"]}, ("ES384",)),
        (EC_KEY, {"x5c": ["AA=="], "x5t": "a", "exp": 1, "nbf": 2, "issuer": "more"}, ("ES384",)),
    ],
)
def test_a_key_is_used_with_what_fits_it(key: Any, more: dict[str, Any], algorithms: tuple[str, ...]) -> None:
    found = read_key_set(key_set(public_jwk(key, "a", **more)), ALL)
    assert found.keys["a"].algorithms == algorithms
    assert found.unusable == ()


@pytest.mark.parametrize(
    "jwk",
    [
        public_jwk(EC_KEY, "a", use="enc"),
        public_jwk(EC_KEY, "a", key_ops=["deriveKey"]),
        public_jwk(EC_KEY, "a", key_ops=[]),
        public_jwk(EC_KEY, "a", alg="ES256"),
        public_jwk(EC_KEY, "a", alg="ECDH-ES"),
        public_jwk(EC_KEY, "a", alg="HS256"),
        public_jwk(EC_KEY, "a", alg="none"),
        public_jwk(EC_KEY, "a", crv="P-256"),
        public_jwk(EC_KEY, "a", crv=None, alg="ES384"),
        public_jwk(RSA_KEY, "a", alg="RSA-OAEP"),
        public_jwk(RSA_KEY, "a", crv="P-384"),
        public_jwk(SECP256K1, "a"),
        {"kty": "other", "kid": "a"},
        {"kty": ["RSA"], "kid": "a"},
        {"kid": "a"},
    ],
)
def test_keys_for_something_else_are_passed_over(jwk: dict[str, Any]) -> None:
    """Beside a good one they do no harm."""
    found = read_key_set(key_set(jwk, public_jwk(ED_KEY, "ed")), ("ES384", "RS384", "EdDSA"))
    assert list(found.keys) == ["ed"]
    assert found.unusable == ()


def test_keys_for_algorithms_that_were_not_agreed_are_passed_over() -> None:
    assert list(read_key_set(callers.our_keys(), ("RS384",)).keys) == ["rsa"]
    assert read_key_set(callers.our_keys(), ("ES256", "HS256", "none")).keys == {}


BROKEN: dict[str, tuple[dict[str, Any] | Any, str]] = {
    "symmetric": ({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}, "secret or private"),
    "symmetric in disguise": (public_jwk(EC_KEY, "a", k="c2VjcmV0"), "secret or private"),
    "private": (public_jwk(EC_KEY, "a", d="AA"), "secret or private"),
    "private RSA": (public_jwk(RSA_KEY, "a", p="AA", q="AA"), "secret or private"),
    "private, for encryption": (public_jwk(EC_KEY, "a", d="AA", use="enc"), "secret or private"),
    "no kid": (public_jwk(EC_KEY, None), "needs a kid"),
    "blank kid": (public_jwk(EC_KEY, ""), "needs a kid"),
    "kid a number": ({**public_jwk(EC_KEY, "a"), "kid": 5}, "needs a kid"),
    "weak": (public_jwk(WEAK, "a"), "2048"),
    "no point": ({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "a"}, "cannot be read"),
    "a point off the curve": (public_jwk(EC_KEY, "a", y=public_jwk(OTHER_KEY, "b")["y"]), "cannot be read"),
    "numbers as numbers": ({"kty": "RSA", "n": 5, "e": 3, "kid": "a"}, "cannot be read"),
    "no numbers": ({"kty": "RSA", "kid": "a"}, "cannot be read"),
    "a point of another curve": (public_jwk(P256, "a", crv="P-384"), "cannot be read"),
    "not an object": ("key", "is no key"),
    "null": (None, "is no key"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_keys_stop_start_up_in_a_file_and_are_left_out_of_what_is_fetched(tmp_path: Path, name: str) -> None:
    jwk, complaint = BROKEN[name]
    content = key_set(jwk, public_jwk(ED_KEY, "ed"))
    found = read_key_set(content, ALL)
    assert list(found.keys) == ["ed"]
    assert [complaint in why for why in found.unusable] == [True]
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"issuer\[0\]\.jwks_file.*{complaint}"):
        FileKeys(tmp_path / "keys.json", "issuer[0].jwks_file", ALL)


def test_of_two_keys_with_one_kid_neither_is_used(tmp_path: Path) -> None:
    content = key_set(public_jwk(EC_KEY, "a"), public_jwk(RSA_KEY, "a"), public_jwk(ED_KEY, "ed"))
    found = read_key_set(content, ALL)
    assert list(found.keys) == ["ed"]
    assert found.unusable == ("2 keys have the same kid",)
    (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(SettingsError, match="same kid"):
        FileKeys(tmp_path / "keys.json", "issuer[0].jwks_file", ALL)


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing", b"5", b"null", b'"keys"', b"{}", b'{"keys": {}}', b'{"keys": null}', b"[" * 9000, b"\xff"],
)
def test_what_is_no_key_set(content: bytes) -> None:
    with pytest.raises(NotAKeySet):
        read_key_set(content, ALL)


def test_a_bare_array_of_keys_is_taken() -> None:
    assert list(read_key_set(json.dumps([public_jwk(EC_KEY, "ec")]).encode(), ALL).keys) == ["ec"]


# ---- a file ----


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot be read"), (b"nothing", "not a JWK Set"), (b'{"keys": []}', "no key for signatures with ES384")],
)
def test_a_key_file_that_stops_start_up(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    text = callers.TENANT + callers.issuer()
    if content is not None:
        (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"issuer\[0\]\.jwks_file: .*keys\.json .*{complaint}"):
        trust(read_tenant(text, str(tmp_path)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_bytes(key_set(public_jwk(EC_KEY, "old")))
    return tmp_path / "keys.json"


def eventually(holds: Callable[[], Any]) -> None:
    """Waits for what must become true; fails when it does not within half a minute."""
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_a_changed_file_is_read_again(file: Path) -> None:
    keys = FileKeys(file, "issuer[0].jwks_file", ALL, look_again=0.1)
    assert keys.find("old")
    file.write_bytes(key_set(public_jwk(OTHER_KEY, "new")))
    eventually(lambda: keys.find("new"))
    assert keys.find("old") is None


def test_a_file_that_is_put_in_place_of_the_old_one_is_read(file: Path) -> None:
    """As Kubernetes does with a mounted secret: the name then leads to another file, perhaps of the same size."""
    keys = FileKeys(file, "issuer[0].jwks_file", ALL, look_again=0.1)
    (file.parent / "next.json").write_bytes(key_set(public_jwk(OTHER_KEY, "new")))
    (file.parent / "next.json").replace(file)
    eventually(lambda: keys.find("new"))


BAD_FILES: dict[str, Callable[[Path], Any]] = {
    "gone": Path.unlink,
    "no JSON": lambda file: file.write_bytes(b'{"keys": ['),
    "without keys": lambda file: file.write_bytes(b'{"keys": []}'),
    "with a private key": lambda file: file.write_bytes(key_set(public_jwk(OTHER_KEY, "new", d="AA"))),
    "with one broken key": lambda file: file.write_bytes(key_set(public_jwk(OTHER_KEY, "new"), {"kty": "RSA"})),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_new_file_keeps_the_old_keys_and_is_told_once(
    file: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = FileKeys(file, "issuer[0].jwks_file", ALL, look_again=0.1)
    BAD_FILES[name](file)
    eventually(lambda: keys.find("old") and caplog.records)
    for _ in range(4):  # and looks again
        time.sleep(0.11)
        assert keys.find("old")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "issuer[0].jwks_file" in record.getMessage()
    assert str(file) in record.getMessage()
    assert keys.find("old")
    assert keys.find("new") is None
    assert keys.problem() == ""
    if file.is_dir():
        file.rmdir()
    file.write_bytes(key_set(public_jwk(OTHER_KEY, "newer")))
    eventually(lambda: keys.find("newer"))
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


# ---- an address ----


@pytest.fixture
def source() -> Iterator[FhirServer]:
    """A key server on loopback, with one key under the id `old`."""
    with fhir_stub.running() as stub:
        publish(stub, public_jwk(EC_KEY, "old"))
        yield stub


def publish(source: FhirServer, *keys: dict[str, Any], **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    source.replies["keys"] = (200, named, key_set(*keys))


def address(source: FhirServer) -> str:
    return f"{source.url}/keys"


@pytest.fixture
def fetching() -> Iterator[Callable[[str, Pace], FetchedKeys]]:
    """Starts to fetch from an address, and ends it with the test."""
    begun: list[FetchedKeys] = []

    def start(url: str, pace: Pace = QUICK) -> FetchedKeys:
        begun.append(FetchedKeys(url, "issuer[0].jwks_url", ALL, threading.BoundedSemaphore(2), pace))
        begun[-1].start()
        return begun[-1]

    yield start
    for one in begun:
        one.stop()


Start = Callable[..., FetchedKeys]


LONG = Pace(fresh=3600, shortest=3600, longest=3600, retry=3600, pause=0, patience=30, fetch=20)  # asked for only


def test_keys_are_fetched_once_and_kept(source: FhirServer, fetching: Start) -> None:
    keys = fetching(address(source), LONG)
    assert [bool(keys.find("old")) for _ in range(50)] == [True] * 50
    assert len(source.asked) == 1
    assert keys.problem() == ""


def test_an_unknown_kid_has_them_fetched_anew(source: FhirServer, fetching: Start) -> None:
    keys = fetching(address(source), LONG)
    assert keys.find("old")
    publish(source, public_jwk(EC_KEY, "old"), public_jwk(OTHER_KEY, "new"))
    assert keys.find("new")
    assert keys.find("old")


def test_a_key_that_was_withdrawn_is_refused_after_the_next_fetch(source: FhirServer, fetching: Start) -> None:
    keys = fetching(address(source), LONG)
    assert keys.find("old")
    publish(source, public_jwk(OTHER_KEY, "new"))
    assert keys.find("old")  # nobody has asked yet
    assert keys.find("new")
    assert keys.find("old") is None


def test_keys_are_fetched_again_by_themselves_when_no_longer_fresh(source: FhirServer, fetching: Start) -> None:
    keys = fetching(address(source))
    assert keys.find("old")
    publish(source, public_jwk(OTHER_KEY, "new"))
    eventually(lambda: not keys.find("old"))


def test_a_set_without_usable_keys_withdraws_them_all_and_is_reported(
    source: FhirServer, fetching: Start, caplog: pytest.LogCaptureFixture
) -> None:
    keys = fetching(address(source))
    assert keys.find("old")
    publish(source, public_jwk(WEAK, "weak"))
    eventually(lambda: not keys.find("old"))
    assert "issuer[0].jwks_url: no keys: " in keys.problem()
    assert "2048" in keys.problem()
    assert any("2048" in record.getMessage() for record in caplog.records)


def test_the_same_trouble_is_logged_once(source: FhirServer, fetching: Start, caplog: pytest.LogCaptureFixture) -> None:
    source.replies["keys"] = (503, {}, b"")
    fetching(address(source))
    eventually(lambda: len(source.asked) > 4)
    assert [record.getMessage() for record in caplog.records] == [
        "issuer[0].jwks_url: the key set was answered with HTTP 503"
    ]


def redirect(handler: BaseHTTPRequestHandler, to: str) -> None:
    handler.send_response(302)
    handler.send_header("Location", to)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then: every wait is short, and the answer has no end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2000):
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
        time.sleep(0.05)
    handler.close_connection = True


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for turn in range(2000):
        try:
            handler.wfile.write(f"X-{turn}: a\r\n".encode())
        except OSError:
            break
        time.sleep(0.05)
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(callers.our_keys()[:50])
    handler.close_connection = True


ENDLESS = b'{"keys": [' + b" " * MAX_BYTES + b"]}"
LATE = "not there in time"
TROUBLE: dict[str, tuple[Any, str]] = {
    "an error": ((500, {}, callers.our_keys()), "HTTP 500"),
    "nothing there": ((404, {}, b""), "HTTP 404"),
    "no content": ((204, {}, b""), "HTTP 204"),
    "a redirect": (lambda handler: redirect(handler, "http://127.0.0.1:9/keys"), "HTTP 302"),
    "too large": ((200, {}, ENDLESS), "larger than"),
    "too large once unpacked": ((200, {"Content-Encoding": "gzip"}, gzip.compress(ENDLESS * 20)), "larger than"),
    "packed, but not": ((200, {"Content-Encoding": "gzip"}, b"nothing"), "could not be fetched"),
    "a drip": (drip, LATE),
    "a drip of headers": (drip_headers, LATE),
    "silence": (fhir_stub.silent, LATE),
    "hung up": (hang_up, "could not be fetched"),
    "cut short": (cut_short, "could not be fetched"),
    "a page": ((200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), "not a JWK Set"),
    "another document": ((200, {}, b'{"issuer": "https://ehr.example.org"}'), "not a JWK Set"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_at_the_address_keeps_the_old_keys(
    source: FhirServer, fetching: Start, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply, reason = TROUBLE[name]
    keys = fetching(address(source), HASTY if reason == LATE else QUICK)
    assert keys.find("old")
    source.replies["keys"] = reply
    eventually(lambda: caplog.records)
    assert reason in caplog.records[0].getMessage()
    assert keys.find("old")
    assert keys.problem() == ""  # who has keys is ready
    publish(source, public_jwk(OTHER_KEY, "new"))
    eventually(lambda: keys.find("new"))


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_from_the_beginning_lets_nobody_in_and_is_reported(
    source: FhirServer, fetching: Start, name: str
) -> None:
    source.replies["keys"], reason = TROUBLE[name]
    keys = fetching(address(source), HASTY if reason == LATE else QUICK)
    assert keys.find("old") is None
    eventually(lambda: "not been fetched" not in keys.problem())
    assert keys.problem().startswith("issuer[0].jwks_url: no keys: the key set ")
    assert reason in keys.problem()


def test_keys_that_could_not_be_refreshed_for_too_long_are_not_used(source: FhirServer, fetching: Start) -> None:
    keys = fetching(
        address(source), Pace(fresh=0.1, shortest=0.1, retry=0.05, pause=0.05, patience=30, fetch=20, oldest=3)
    )
    assert keys.find("old")
    source.replies["keys"] = (500, {}, b"")
    eventually(lambda: not keys.find("old"))
    assert "HTTP 500" in keys.problem()


def test_an_address_where_nobody_is(fetching: Start) -> None:
    """As when the EHR is down: start-up goes on."""
    keys = fetching("http://127.0.0.1:9/keys")
    assert keys.find("old") is None
    assert keys.problem().startswith("issuer[0].jwks_url: no keys: the key set could not be fetched (ConnectionError)")


def test_a_redirect_is_not_followed_nor_a_proxy_asked(source: FhirServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with fhir_stub.running() as other:
        publish(other, public_jwk(OTHER_KEY, "foreign"))
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, other.url.removesuffix("/fhir"))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert b'"old"' in fetch(address(source), QUICK)[0]
        source.replies["keys"] = lambda handler: redirect(handler, address(other))
        with pytest.raises(KeysNotHad, match="HTTP 302"):
            fetch(address(source), QUICK)
        assert other.asked == []


def test_what_is_asked_says_nothing_of_us(source: FhirServer) -> None:
    fetch(address(source), QUICK)
    ((path, headers),) = source.asked
    assert path == "/fhir/keys"
    assert "Authorization" not in headers
    assert "Cookie" not in headers


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 300),
        ("", 300),
        ("public", 300),
        ("max-age=120", 120),
        ("public, max-age=120, must-revalidate", 120),
        ('max-age="120"', 120),
        ("Max-Age=120", 120),
        ("max-age=0", 60),
        ("max-age=-5", 60),
        ("max-age=59", 60),
        ("max-age=86400", 900),
        ("max-age=" + "9" * 400, 900),
        ("max-age=soon", 300),
        ("no-store", 60),
        ("no-cache, max-age=600", 60),
    ],
)
def test_how_long_keys_are_fresh(header: str | None, seconds: float) -> None:
    assert freshness(header, Pace()) == seconds


# ---- many callers ----


def test_strangers_with_unknown_kids_neither_hold_up_others_nor_wear_out_the_source(
    source: FhirServer, fetching: Start
) -> None:
    """While the source keeps silent, known kids are found; of the strangers, two wait and the others are sent away."""
    answering = threading.Event()
    keys = fetching(address(source), Pace(fresh=3600, pause=0, patience=30, fetch=30))
    assert keys.find("old")

    def late(_: BaseHTTPRequestHandler) -> fhir_stub.Reply:
        answering.wait(30)
        return 200, {}, key_set(public_jwk(EC_KEY, "old"))

    source.replies["keys"] = late
    left = threading.Semaphore(0)

    def stranger(number: int) -> None:
        keys.find(f"unknown-{number}")
        left.release()

    threads = [threading.Thread(target=stranger, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for _ in range(38):  # these come back while the source still says nothing
        assert left.acquire(timeout=20)
    assert keys.find("old")
    assert not answering.is_set()
    assert not left.acquire(blocking=False)
    answering.set()
    for thread in threads:
        thread.join()
    assert len(source.asked) == 2  # at the start, and once for all of them


def test_the_source_is_not_asked_again_at_once(source: FhirServer, fetching: Start) -> None:
    keys = fetching(address(source), Pace(fresh=3600, pause=3600, patience=30))
    assert keys.find("old")
    assert [keys.find(f"unknown-{number}") for number in range(100)] == [None] * 100
    assert len(source.asked) == 1


def test_nor_when_it_fails(source: FhirServer, fetching: Start) -> None:
    source.replies["keys"] = (500, {}, b"")
    keys = fetching(address(source), Pace(retry=3600, pause=3600, patience=30))
    eventually(lambda: "HTTP 500" in keys.problem())
    assert [keys.find(f"unknown-{number}") for number in range(100)] == [None] * 100
    assert len(source.asked) == 1


# ---- whose certificate nobody knows ----


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "both.pem"


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with pytest.raises(KeysNotHad, match="SSLError"):
                fetch(f"https://localhost:{server.server_port}/keys", QUICK)
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


# ---- what is told of it ----


def test_who_is_ready(source: FhirServer, tmp_path: Path) -> None:
    callers.write_tenant(tmp_path, "")
    text = 'environment = "sandbox"\n[tenant]\nname = "here"\n' + callers.issuer()
    text += callers.issuer(f'jwks_url = "{address(source)}"').replace(callers.ISS, "https://one.example.org")
    text += callers.issuer('jwks_url = "http://127.0.0.1:9/k"').replace(callers.ISS, "https://two.example.org")
    trusted = trust(read_tenant(text, str(tmp_path)))
    not_begun = [f"issuer[{number}].jwks_url: keys are not being fetched" for number in (1, 2)]
    assert keys_ready(trusted) == not_begun
    trusted.start()
    eventually(lambda: len(keys_ready(trusted)) == 1)
    eventually(lambda: "ConnectionError" in keys_ready(trusted)[0])
    assert keys_ready(trusted)[0].startswith("issuer[2].jwks_url: no keys")
    for one in trusted.issuers.values():
        if isinstance(one.keys, FetchedKeys):
            one.keys.stop()
    eventually(lambda: len(keys_ready(trusted)) == 2)  # a thread that has ended is told as well
