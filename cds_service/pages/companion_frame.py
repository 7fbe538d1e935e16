"""What every page of the companion has: who may frame it, what it may load, and refusals as pages."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from cds_service.errors import NeededDataMissing, ServiceError, StoreUnavailable
from cds_service.routes import Service, here
from cds_service.smart import settings
from cds_service.smart.refusals import OPEN_AGAIN, Refusal
from cds_service.smart.settings import Smart

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors {}"
)

FAILED = Refusal(
    "This page has failed",
    "It is not known what became of what you pressed. Look in the chart before you try again, and tell those who run "
    f"this service. {OPEN_AGAIN}",
    500,
)


def prepare(pages: Blueprint) -> None:
    """Gives the pages of a blueprint these headers and refusals."""
    pages.after_request(private)
    pages.register_error_handler(Refusal, refused)
    pages.register_error_handler(NeededDataMissing, chart_missing)
    pages.register_error_handler(StoreUnavailable, not_kept)
    pages.register_error_handler(ServiceError, not_taken)


def private(response: Response) -> Response:
    """Our own style, script and pictures; in a frame only where the site says so; kept by nobody."""
    tenant = here().settings.tenant
    if response.status_code == 500:  # a defect of ours, which the log tells of
        response.set_data(refused(FAILED).get_data())
        response.mimetype = "text/html"
    response.headers["Content-Security-Policy"] = POLICY.format(settings.frames(smart_of(here()), tenant.is_sandbox))
    response.headers["Referrer-Policy"] = "same-origin"  # not none: browsers would hide the origin of our own forms
    response.headers["Cache-Control"] = "no-store"
    return response


def refused(refusal: Refusal) -> Response:
    page = render_template("companion_refused.html", title=refusal.title, what_to_do=refusal.what_to_do)
    return Response(page, refusal.status, mimetype="text/html")


def chart_missing(error: NeededDataMissing) -> Response:
    """Without patient or conditions nothing true can be said; the reasons hold no patient data."""
    lacking = "; ".join(f"{key}: {reason}" for key, reason in error.lacking)
    return refused(
        Refusal("The chart cannot be read", f"The record system did not give it ({lacking}). {OPEN_AGAIN}", 502)
    )


def not_kept(_error: StoreUnavailable) -> Response:
    return refused(
        Refusal("This cannot be kept now", "The service's own store does not answer. Try again in a moment.", 503)
    )


def not_taken(error: ServiceError) -> Response:
    """A body that the front door refused; its reason holds nothing of it."""
    return refused(
        Refusal("This form cannot be taken", f"{error.diagnostics} Nothing was saved or written.", error.status)
    )


def smart_of(service: Service) -> Smart:
    smart = service.settings.tenant.smart
    if smart is None:
        raise ValueError("the companion is registered only where [smart] is there")
    return smart
