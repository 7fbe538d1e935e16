"""Which addresses of a FHIR server may be called: compared by their parsed parts, and put together from them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from cds_service.tenants import LOOPBACK, is_loopback

PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
PLAIN_STEPS = re.compile(r"(/[A-Za-z0-9._~$-]+)*/?")  # below the base: servers call their pages by names such as $page
PLAIN_QUERY = re.compile(r"[\x21\x22\x24-\x5b\x5d-\x7e]*")  # printable ASCII without # and backslash


def permitted(server: str, allowed: tuple[str, ...]) -> str | None:
    """The base URL to call for a request's fhirServer, or None when this site's list does not hold it.

    The URL returned is put together from the parts that were compared, never the caller's own text.
    """
    wanted = _plain_address(server)
    if wanted is None:
        return None
    scheme, host, port, path = wanted
    if any(wanted == _plain_address(one) for one in allowed if one != LOOPBACK) or (
        LOOPBACK in allowed and is_loopback(host)
    ):
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"
    return None


def page_below(link: str, base: str) -> str | None:
    """The address of a further page below a permitted base URL, or None when a `next` link leads anywhere else.

    Origin and base path must be those of the server that was asked: the token goes with the call.
    """
    address, mark, query = link.partition("?")
    wanted, ours = _plain_address(address, PLAIN_STEPS), _plain_address(base)
    if wanted is None or ours is None or wanted[:3] != ours[:3] or not PLAIN_QUERY.fullmatch(query):
        return None
    steps = wanted[3].removeprefix(ours[3])
    if wanted[3] != ours[3] + steps or (steps and not steps.startswith("/")):
        return None
    return f"{base.rstrip('/')}{steps}{mark}{query}"


def is_plain(address: str) -> bool:
    """Can this address be read in one way only?"""
    return _plain_address(address) is not None


def _plain_address(address: str, plain_path: re.Pattern[str] = PLAIN_PATH) -> tuple[str, str, int, str] | None:
    """(scheme, host, port, path) of a URL that can be read in one way only, else None.

    Refused: user names, queries, fragments, percent signs, backslashes, spaces, dots as path steps or after the host.
    """
    if re.search(r"[^\x21-\x7e]|[\\%@?#]", address):
        return None
    try:
        parts = urlsplit(address)
        port = {"https": 443, "http": 80}.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return None
    host, path = parts.hostname or "", parts.path
    steps = path.split("/")
    if not (port and host) or parts.scheme not in ("https", "http") or host.endswith("."):
        return None
    if not plain_path.fullmatch(path) or "." in steps or ".." in steps:
        return None
    return parts.scheme, host, port, path.rstrip("/")
