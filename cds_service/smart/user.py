"""Who is at the screen: the id_token of the login, checked by signature, issuer, audience, time and nonce."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jwt

from cds_service.fhir_address import origin
from cds_service.fhir_client import Connections
from cds_service.issuer_keys import NotAKeySet, PublicKey, read_key_set
from cds_service.smart import outgoing
from cds_service.smart.login import Login
from cds_service.smart.outgoing import NoReply

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")
USER = re.compile(r"(?:.*/)?((?:Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9\-.]{1,64})")
SKEW_SECONDS = 60


class WrongUser(Exception):
    """The id_token is not of this login."""


def read(id_token: str | None, login: Login, client_id: str, connections: Connections, seconds: float) -> str:
    """The user as a reference such as Practitioner/1; empty when the login does not say, or its keys cannot be had.

    A reference on another server than this one has no meaning here and is not taken. Raises WrongUser.
    """
    if not id_token or not login.jwks_uri:
        return ""
    try:
        reply = outgoing.send(connections, "GET", login.jwks_uri, {"Accept": "application/json"}, None, seconds)
        keys = read_key_set(reply.content, ALGORITHMS).keys
    except (NoReply, NotAKeySet):
        return ""
    if not keys:
        return ""
    try:
        key = _key(jwt.get_unverified_header(id_token), keys)
        claims = jwt.decode(
            id_token,
            key.key,
            algorithms=list(key.algorithms),
            audience=client_id,
            leeway=SKEW_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.PyJWTError as error:
        raise WrongUser from error
    if claims.get("nonce") != login.nonce or not _of_issuer(claims["iss"], login):
        raise WrongUser
    return _reference(claims.get("fhirUser") or claims.get("profile"), login)


def _key(header: dict[str, Any], keys: Mapping[str, PublicKey]) -> PublicKey:
    """By its kid; a server with one key need not name it. Raises WrongUser."""
    kid = header.get("kid")
    found = (
        next(iter(keys.values())) if kid is None and len(keys) == 1 else keys.get(kid) if isinstance(kid, str) else None
    )
    if found is None:
        raise WrongUser
    return found


def _of_issuer(said: object, login: Login) -> bool:
    """The issuer as published, or one at its origin: servers are known that name another path in their tokens.

    That the token is of this very login is proven by key, audience and nonce.
    """
    known = {login.issuer, login.iss}
    origins = {origin(one) for one in known} - {None}
    return isinstance(said, str) and (said in known or origin(said) in origins)


def _reference(said: object, login: Login) -> str:
    found = USER.fullmatch(said) if isinstance(said, str) else None
    if found is None:
        return ""
    return found[1] if said in (found[1], f"{login.iss.rstrip('/')}/{found[1]}", f"{login.base}/{found[1]}") else ""
