"""The types of single settings, and the refusal of a wrong one."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from cds_service.fhir_address import is_loopback

URL_LETTERS = re.compile(r"[A-Za-z0-9._~:/\[\]!$&'()*+,;=%-]*")  # RFC 3986 without ?, # and @

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Life = Annotated[int, msgspec.Meta(ge=1, le=86_400)]  # seconds; the longest that is known of a client is a day
Skew = Annotated[int, msgspec.Meta(ge=0, le=300)]  # seconds
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^(?=.*\S)[^\x00-\x1f\x7f]+\Z")]  # one line, not blank


class SettingsError(Exception):
    """A setting that is unknown, of the wrong type or in contradiction with another. Names the key; stops start-up."""


def web_address(address: str, key: str, http_allowed: bool) -> str:
    """An absolute https URL (http only to loopback, where allowed), without its last slash. Raises SettingsError."""
    try:
        parts = urlsplit(address)
        absolute = bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port or IPv6 address
        absolute = False
    if not absolute or parts.query or parts.fragment or "@" in parts.netloc or not URL_LETTERS.fullmatch(address):
        raise SettingsError(f"{key}: must be an absolute URL without user, query or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and http_allowed and is_loopback(parts.hostname or "")):
        raise SettingsError(f"{key}: must be https (http only to loopback, in a sandbox)")
    return address.rstrip("/")
