"""Did a form come from a page of ours? Browsers say where a request comes from; others than browsers have no forms."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Request


def is_from_us(request: Request, public_base_url: str) -> bool:
    """By Sec-Fetch-Site; a browser sends none to a plain http address of another machine: then by the origin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    ours = urlsplit(public_base_url)
    return request.headers.get("Origin") == f"{ours.scheme}://{ours.netloc}"
