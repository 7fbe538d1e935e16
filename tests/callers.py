"""An EHR as a caller: it signs tokens, publishes its keys, and forges whatever a test asks for."""

from __future__ import annotations

import base64
import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISS = "https://ehr.example.org/fhir"
PUBLIC = "https://cds.example.org"
DISCOVERY = "/cds-services"
SERVICE = "/cds-services/spine-patient-view"
FEEDBACK = "/cds-services/spine-patient-view/feedback"
EC_KEY, OTHER_KEY = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
EC_KID = "Xo+/c2lnbg=="  # as Epic writes them
TENANT = f'[tenant]\nname = "st-elsewhere"\npublic_base_url = "{PUBLIC}"\n'


def public_jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half of a private key, as a member of a JWK Set."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm = next((one for kind, one in kinds.items() if isinstance(key, kind)), OKPAlgorithm)
    jwk = {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}
    jwk.pop("key_ops", None)
    return {**{name: value for name, value in jwk.items() if value is not None}, **more}


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def our_keys() -> bytes:
    """Keys of three kinds, under the ids that `token` and its callers use."""
    return key_set(public_jwk(EC_KEY, EC_KID), public_jwk(RSA_KEY, "rsa"), public_jwk(ED_KEY, "ed"))


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def issuer(source: str = 'jwks_file = "keys.json"', more: str = "") -> str:
    """One [[issuer]] of a tenant file."""
    return f'[[issuer]]\niss = "{ISS}"\n{source}\nalgorithms = ["ES384", "RS384", "EdDSA"]\n{more}\n'


def write_tenant(folder: Path, text: str) -> Path:
    """A tenant file with its key file beside it; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "keys.json").write_bytes(our_keys())
    path = folder / "tenant.toml"
    path.write_text(text)
    return path


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims for a call of the service, some of them changed; None leaves one out."""
    now = int(time.time())
    whole = {"iss": ISS, "aud": PUBLIC + SERVICE, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4()), **changed}
    return {name: value for name, value in whole.items() if value is not None}


def token(key: Any = EC_KEY, algorithm: str = "ES384", header: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers={"kid": EC_KID, **(header or {})})


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, key: Any = EC_KEY, algorithm: str = "ES384") -> str:
    """A token of these very bytes, whatever they are, with a signature that fits them."""
    head = f"{b64(header)}.{b64(payload)}"
    signer = jwt.get_algorithm_by_name(algorithm)
    return f"{head}.{b64(signer.sign(head.encode(), signer.prepare_key(key)))}"


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}
