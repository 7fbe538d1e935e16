"""The smallest true SMART App Launch 2 EHR: an authorization server, and a guard in front of a real FHIR server."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.callers import RSA_KEY, key_set, public_jwk
from tests.doctor.real_server import TOKEN, RealServer

STRANGE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CLIENT, USER = "spine-cds-companion", "Practitioner/dr-1"


Said = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass
class Ehr:
    """What the EHR knows and does. `refuse` answers writes with this status; `log` is what reached it."""

    url: str
    behind: RealServer
    redirect_uri: str = ""
    secret: str = ""
    refuse: int = 0
    scope: str | None = "as asked"
    changed: dict[str, Any] = field(default_factory=dict)  # of the SMART configuration, the token or the id_token
    published: dict[str, Any] = field(default_factory=dict)  # in its SMART configuration, beside or in place of others
    methods: tuple[str, ...] = ("S256",)
    launches: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    written: list[dict[str, Any]] = field(default_factory=list)
    says: Callable[[dict[str, Any]], Said] | None = None  # to a write, in place of the FHIR server
    lose_answers: bool = False
    unreadable: bool = False  # from the next write on, nothing can be read
    write_seconds: float = 0  # for which a write takes its time
    wrong_key: bool = False  # the id_token is signed with a key that is not the login server's
    moved: str = ""  # where the SMART configuration redirects to
    answers: dict[str, str] = field(default_factory=dict)  # beside code and state
    elsewhere: str = ""  # the login server that ours, which is hostile, sends browsers on to
    mix: str = ""  # a patient whose resources come beside those that were asked for
    id_claims: dict[str, Any] = field(default_factory=dict)
    id_header: dict[str, Any] = field(default_factory=lambda: {"kid": "rsa"})

    @property
    def fhir(self) -> str:
        return f"{self.url}/fhir"

    def register(self, service: str) -> None:
        """The companion of this service, as the manual says: a server among others has a redirect URI of its own."""
        mark = hashlib.sha256(self.fhir.encode()).hexdigest()[:16]
        self.redirect_uri = f"{service}/smart/callback/{mark}"

    def launch(self, service: str, patient: str = "p1") -> str:
        """The address that a card's link becomes: with `iss`, and a `launch` that stands for the open patient."""
        known = secrets.token_urlsafe(8)
        self.launches[known] = patient
        return f"{service}/smart/launch?{urlencode({'iss': self.fhir, 'launch': known})}"

    def pane(self, launch: str) -> str:
        """A page of the EHR that shows the companion in its side pane."""
        return f"{self.url}/pane?{urlencode({'launch': launch})}"

    def observations(self, patient: str = "p1") -> list[dict[str, Any]]:
        """What is on record, by the FHIR server itself."""
        found = requests.get(
            f"{self.behind.url}/Observation",
            params={"patient": patient, "_count": 200},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )
        return [one["resource"] for one in found.json().get("entry", [])]


class Refused(Exception):
    """The authorization server's own word for what was wrong."""


def authorize(ehr: Ehr, asked: dict[str, str]) -> str:
    """Where the browser goes next. Raises Refused before anything is believed of a wrong client or address."""
    if asked.get("client_id") != CLIENT or asked.get("redirect_uri") != ehr.redirect_uri:
        raise Refused("client_id or redirect_uri")
    if asked.get("response_type") != "code" or asked.get("aud") != ehr.fhir:
        raise Refused("response_type or aud")
    if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
        raise Refused("PKCE")
    if asked.get("launch") not in ehr.launches or "launch" not in asked.get("scope", "").split():
        raise Refused("launch")
    if len(asked.get("state", "")) < 22:
        raise Refused("state")
    code = secrets.token_urlsafe(16)
    ehr.codes[code] = asked
    return f"{ehr.redirect_uri}?{urlencode({'code': code, 'state': asked['state'], **ehr.answers})}"


def token(ehr: Ehr, sent: dict[str, str], authorization: str) -> dict[str, Any]:
    """A token for a code, once. Raises Refused."""
    if ehr.secret:
        expected = base64.b64encode(f"{CLIENT}:{ehr.secret}".encode()).decode()
        if authorization != f"Basic {expected}":
            raise Refused("client authentication")
    elif sent.get("client_id") != CLIENT or authorization:
        raise Refused("client_id")
    asked = ehr.codes.pop(sent.get("code", ""), None)
    if asked is None or sent.get("grant_type") != "authorization_code":
        raise Refused("code")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
    if challenge.rstrip(b"=").decode() != asked["code_challenge"]:
        raise Refused("code_verifier")
    if sent.get("redirect_uri") != asked["redirect_uri"]:
        raise Refused("redirect_uri")
    patient, access = ehr.launches[asked["launch"]], secrets.token_urlsafe(24)
    ehr.tokens[access] = patient
    now = int(time.time())
    claims = {
        "iss": ehr.url,
        "aud": CLIENT,
        "sub": "dr-1",
        "iat": now,
        "exp": now + 300,
        "nonce": asked.get("nonce"),
        "fhirUser": f"{ehr.fhir}/{USER}",
        **ehr.id_claims,
    }
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": asked["scope"] if ehr.scope == "as asked" else ehr.scope,
        "patient": patient,
        "id_token": jwt.encode(claims, STRANGE_KEY if ehr.wrong_key else RSA_KEY, "RS256", headers=ehr.id_header),
        **{key: one for key, one in ehr.changed.items() if not key.endswith("_endpoint")},
    }


def configuration(ehr: Ehr) -> dict[str, Any]:
    return {
        "issuer": ehr.url,
        "jwks_uri": f"{ehr.url}/jwks",
        "authorization_endpoint": f"{ehr.url}/authorize",
        "token_endpoint": f"{ehr.url}/token",
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": list(ehr.methods),
        "capabilities": ["launch-ehr", "client-public", "context-ehr-patient", "permission-patient"],
        **{key: one for key, one in ehr.changed.items() if key.endswith("_endpoint")},
        **ehr.published,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ehr: Ehr

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self.ehr.log.append(("GET", address.path, ""))
        if address.path == "/fhir/.well-known/smart-configuration" and self.ehr.moved:
            self._send(302, b"", {"Location": self.ehr.moved})
        elif address.path == "/fhir/.well-known/smart-configuration":
            self._json(200, configuration(self.ehr))
        elif address.path == "/jwks":
            self._json(200, json.loads(key_set(public_jwk(RSA_KEY, "rsa"))))
        elif address.path == "/pane":
            inner = escape(dict(parse_qsl(address.query))["launch"])
            head = '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>EHR</title>'
            page = f'{head}<iframe src="{inner}" title="Companion"></iframe>'
            self._send(200, page.encode(), {"Content-Type": "text/html"})
        elif address.path == "/authorize" and self.ehr.elsewhere:
            self._send(302, b"", {"Location": f"{self.ehr.elsewhere}?{address.query}"})
        elif address.path == "/authorize":
            try:
                where = authorize(self.ehr, dict(parse_qsl(address.query)))
            except Refused as why:
                self._json(400, {"error": "invalid_request", "error_description": str(why)})
            else:
                self._send(302, b"", {"Location": where})
        else:
            self._fhir("GET", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        self.ehr.log.append(("POST", path, body.decode(errors="replace")))
        if path != "/token":
            self._fhir("POST", body)
            return
        sent = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        try:
            answer = token(self.ehr, sent, self.headers.get("Authorization", ""))
        except Refused as why:
            self._json(400, {"error": "invalid_grant", "error_description": str(why)})
        else:
            self._json(200, answer)

    def _fhir(self, method: str, body: bytes) -> None:
        """Lets through what comes with one of our tokens, to the patient of that token alone where it says which."""
        path = urlsplit(self.path).path
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not path.startswith("/fhir") or bearer not in self.ehr.tokens:
            self._json(401, {"resourceType": "OperationOutcome"})
            return
        if self.ehr.unreadable and self.ehr.written:
            self._json(500, {"resourceType": "OperationOutcome"})
            return
        writes = method == "POST" and not path.endswith("/_search")
        if writes and self.ehr.refuse:
            self._json(self.ehr.refuse, {"resourceType": "OperationOutcome"})
            return
        if writes and self.ehr.says:
            self.ehr.written.append(json.loads(body))
            time.sleep(self.ehr.write_seconds)
            status, said, content = self.ehr.says(json.loads(body))
            self._send(status, content, said)
            return
        passed = ("Content-Type", "Accept", "If-None-Exist")
        headers = {name: self.headers[name] for name in passed if name in self.headers}
        headers["Authorization"] = f"Bearer {TOKEN}"
        url = self.ehr.behind.url + self.path.removeprefix("/fhir")
        answer = requests.request(method, url, data=body or None, headers=headers, timeout=30)
        if writes:
            self.ehr.written.append(json.loads(body))
            time.sleep(self.ehr.write_seconds)
        if writes and self.ehr.lose_answers:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        kept = {name: answer.headers[name] for name in ("Content-Type", "Location") if name in answer.headers}
        if "Location" in kept:
            kept["Location"] = kept["Location"].replace(self.ehr.behind.url, self.ehr.fhir)
        if method == "GET" and self.ehr.mix and "patient=" in url:
            answer = self._mixed(answer, url, headers)
        content = answer.content.replace(self.ehr.behind.url.encode(), self.ehr.fhir.encode())
        self._send(answer.status_code, content, kept)

    def _mixed(self, answer: requests.Response, url: str, headers: dict[str, str]) -> requests.Response:
        ours = self.ehr.tokens[self.headers["Authorization"].removeprefix("Bearer ")]
        other = requests.get(url.replace(ours, self.ehr.mix), headers=headers, timeout=30).json()
        whole = answer.json()
        whole["entry"] = [*whole.get("entry", []), *other.get("entry", [])]
        answer._content = json.dumps(whole).encode()
        return answer

    def _json(self, status: int, value: object) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running(behind: RealServer) -> Iterator[Ehr]:
    """Serves on a free port until the block ends."""
    handler = type("OwnHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    ehr = Ehr(f"http://127.0.0.1:{server.server_address[1]}", behind)
    handler.ehr = ehr  # type: ignore[attr-defined] # a class of its own for each server
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield ehr
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
