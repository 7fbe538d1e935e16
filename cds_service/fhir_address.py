"""Which addresses of a FHIR server may be called: compared by their parsed parts, and put together from them."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

LOOPBACK = "loopback"  # in a tenant's lists of servers and origins: any on this machine; a sandbox only
HOST_AND_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(:(?P<port>[1-9][0-9]{0,4}))?")
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
PLAIN_STEPS = re.compile(r"(/[A-Za-z0-9._~$-]+)*/?")  # below the base: servers call their pages by names such as $page
PLAIN_QUERY = re.compile(r"[\x21\x22\x24-\x5b\x5d-\x7e]*")  # printable ASCII without # and backslash
STANDARD_PORTS = {"https": 443, "http": 80}
HIGHEST_PORT = 65_535


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
    """Can this address be read in one way only? Any other is equal to none."""
    return _plain_address(address) is not None


def origin(address: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an address that can be read in one way only, else None."""
    parts = _plain_address(address, PLAIN_STEPS)
    return parts[:3] if parts else None


def is_loopback(host: str) -> bool:
    """localhost or a loopback address written in full; other spellings of an address are not recognised."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _plain_address(address: str, plain_path: re.Pattern[str] = PLAIN_PATH) -> tuple[str, str, int, str] | None:
    """(scheme, host, port, path) of a URL that can be read in one way only, else None.

    Refused: user names, queries, fragments, percent signs, backslashes, spaces, letters beyond ASCII, dots as path
    steps or after the host, ports with leading zeros, and IPv6 addresses that stand for an IPv4 one.
    """
    if re.search(r"[^\x21-\x7e]|[\\%@?#]", address):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    where = HOST_AND_PORT.fullmatch(parts.netloc)
    if where is None or parts.scheme not in STANDARD_PORTS:
        return None
    host, port = _plain_host(where["host"]), int(where["port"] or STANDARD_PORTS[parts.scheme])
    steps = parts.path.split("/")
    if not host or port > HIGHEST_PORT or not plain_path.fullmatch(parts.path) or "." in steps or ".." in steps:
        return None
    return parts.scheme, host, port, parts.path.rstrip("/")


def _plain_host(written: str) -> str:
    """A host in the one spelling by which it is compared; the empty string for what could be read as another."""
    if not written.startswith("["):
        return "" if written.endswith(".") else written.lower()
    try:
        address = IPv6Address(written[1:-1])
    except ValueError:
        return ""
    return "" if address.ipv4_mapped or address.sixtofour or address.teredo else address.compressed
