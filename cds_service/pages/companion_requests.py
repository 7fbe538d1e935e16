"""What a request to the companion brings: its session by address and cookie, and proof that our own page sent it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request, Response
from werkzeug.datastructures import MultiDict

from cds_service import body
from cds_service.fhir_address import is_loopback
from cds_service.pages.own_page import is_from_us
from cds_service.routes import Service
from cds_service.smart import form, login, sessions
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN, Refusal
from cds_service.smart.sessions import Opened, Session

FIELD = "s"  # of the address and the form: which launch
WHOLE = "whole"  # the form's last field: a form without it did not come whole, or is none of ours
COOKIE = "spine-companion-"
PATH = "/"  # as the prefix __Host- demands; each launch has a name of its own


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request within a session."""

    opened: Opened
    session: Session


def session(request: Request, service: Service) -> Arrived:
    """Raises Refusal where there is no session, or it has ended."""
    launch = request.values.get(FIELD, "")
    secret = request.cookies.get(cookie_name(service, launch), "") if sessions.ID.fullmatch(launch) else ""
    opened = Opened(launch, secret)
    found = sessions.find(service.memory, opened) if secret else None
    if found is None:
        raise Refusal(
            "This session has ended",
            f"It lasts as long as the record system allows, and one browser alone can use it. {OPEN_AGAIN} What you "
            "had saved is kept for a week, if the record system has said who you are.",
            401,
        )
    return Arrived(opened, found)


def posted(request: Request, service: Service) -> tuple[Arrived, MultiDict[str, str]]:
    """A form of our own page, within a session. Raises Refusal, and ServiceError for a body that is not taken."""
    check_own_page(request, service)
    sent = body.form(request)
    return session(request, service), sent


def answers(sent: MultiDict[str, str]) -> dict[str, str]:
    """Those of the form, none of them where all were taken out. Raises Refusal where it did not come whole."""
    if not sent.get(WHOLE):
        raise Refusal(
            "The form did not arrive whole",
            f"Nothing was saved or written; what was saved before is kept. {OPEN_AGAIN}",
        )
    return form.answers(sent)


def check_may_write(session: Session) -> None:
    """The record system knows it too, but nothing is sent that was not granted. Raises Refusal."""
    if not login.may_write(session.scope):
        raise Refusal(
            "This page may not write results",
            f"The record system has not allowed it. {NOT_SENT} Record them in the chart by hand.",
            403,
        )


def check_own_page(request: Request, service: Service) -> None:
    """A form of another site must not write into a chart. Raises Refusal."""
    if not is_from_us(request, service.settings.public_base_url):
        raise Refusal("This did not come from our own page", f"Nothing was changed. {OPEN_AGAIN}", 403)


def other_name(request: Request, service: Service) -> bool:
    """This machine under another of its names than our own: the cookie would not be there on the way back."""
    ours, theirs = urlsplit(service.settings.public_base_url), urlsplit(f"//{request.host}")
    both_here = is_loopback(ours.hostname or "") and is_loopback(theirs.hostname or "")
    return both_here and ours.hostname != theirs.hostname


def cookie_name(service: Service, launch: str) -> str:
    """By https one that no other host, not even one beside ours, and no plain http can set."""
    return f"{'__Host-' if _secure(service) else ''}{COOKIE}{launch}"


def set_cookie(response: Response, service: Service, opened: Opened, seconds: int | None = None) -> None:
    """In a frame of the EHR our cookie is a third party's: by https it says so, and is kept apart for each EHR.

    Without `seconds` it ends with the browser.
    """
    secure = _secure(service)
    response.set_cookie(
        cookie_name(service, opened.id),
        opened.secret,
        max_age=seconds,
        path=PATH,
        secure=secure,
        httponly=True,
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )


def drop_cookie(response: Response, service: Service, launch: str) -> None:
    secure = _secure(service)
    response.delete_cookie(
        cookie_name(service, launch),
        path=PATH,
        secure=secure,
        httponly=True,
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )


def _secure(service: Service) -> bool:
    return service.settings.public_base_url.startswith("https://")
