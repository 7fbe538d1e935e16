"""CORS: which web pages may call, where the EHR's own client runs in a browser."""

from __future__ import annotations

import re

from flask import Flask, Response
from flask_cors import CORS

from cds_service.tenants import LOOPBACK, Tenant

CALLED = r"/cds-services(/.*)?\Z"  # no page of another origin has business with ledger, dashboard or playground
LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?\Z")


def allow_browsers(app: Flask, tenant: Tenant) -> None:
    """Lets pages of the tenant's origins call. Preflights carry no token, and are answered before any route.

    Each origin is handed on as a whole expression: flask-cors would read one with brackets (IPv6) as a pattern, and
    patterns match a beginning too.
    """
    origins = [_exactly(origin) for origin in tenant.cors.allowed_origins]
    if not origins:
        return
    CORS(
        app,
        resources=CALLED,
        origins=origins,
        methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["Retry-After"],
        supports_credentials=False,
        always_send=False,
        vary_header=False,  # ours, which is there whoever asks
        max_age=600,
    )
    app.after_request(_depends_on_origin)


def _exactly(origin: str) -> re.Pattern[str]:
    return LOOPBACK_ORIGIN if origin == LOOPBACK else re.compile(re.escape(origin) + r"\Z")


def _depends_on_origin(response: Response) -> Response:
    """No cache may give one origin's answer to another."""
    if "Vary" in response.headers:
        response.vary.add("Origin")
    else:
        response.headers["Vary"] = "Origin"
    return response
