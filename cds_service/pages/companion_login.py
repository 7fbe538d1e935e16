"""The companion's login: the EHR's launch, the way to its login server, and the way back into a session."""

from __future__ import annotations

import secrets
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, render_template, request
from flask.sansio.blueprints import BlueprintSetupState

from cds_service.pages import companion_requests as requests
from cds_service.pages.companion_frame import prepare
from cds_service.routes import Service, here
from cds_service.smart import clients, discovery, login, sessions, trail, user, work
from cds_service.smart.clients import CALLBACK, Client
from cds_service.smart.discovery import Known
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN, Refusal
from cds_service.smart.user import WrongUser

companion_login = Blueprint("companion_login", __name__)
prepare(companion_login)
KNOWN = "spine_cds.login_servers"
LAYPEOPLE = ("Patient/", "RelatedPerson/")  # who opens their own chart in a portal


@companion_login.record
def forget(state: BlueprintSetupState) -> None:
    """Each application begins with no configuration of an EHR."""
    state.app.extensions[KNOWN] = Known()


@companion_login.get("/smart/launch")
def launch() -> Response:
    """The EHR opens the companion: off to its login server, with what binds the way back to this browser."""
    iss, context = request.args.get("iss", ""), request.args.get("launch", "")
    if not iss or not context:
        raise Refusal(
            "Open this from a patient's chart",
            "The companion works for the patient whose chart is open in the record system, which starts it with "
            "`iss` and `launch`. It cannot be opened by its address alone.",
        )
    service = here()
    if requests.other_name(request, service):
        return _to(f"{service.settings.public_base_url}/smart/launch?{urlencode(request.args)}", 302)
    seconds = service.settings.tenant.fhir.timeout_seconds
    known: Known = current_app.extensions[KNOWN]
    server = discovery.discover(service.settings.tenant, service.connections, known, iss, seconds)
    opened = sessions.new()
    state = f"{opened.id}{secrets.token_urlsafe(24)}"
    address, begun = login.begin(_client(service, server.base), server, context, state)
    sessions.keep_login(service.memory, opened, state, begun)
    response = _to(address, 302)
    requests.set_cookie(response, service, opened, sessions.LOGIN_SECONDS)
    return response


@companion_login.get(CALLBACK, defaults={"mark": ""})
@companion_login.get(f"{CALLBACK}/<mark>")
def callback(mark: str) -> Response:
    """Back from the login server: the code becomes a session, once, in the browser that began it."""
    service, state = here(), request.args.get("state", "")
    launched = state[:16]
    cookie = requests.cookie_name(service, launched)
    begun = sessions.take_login(service.memory, request.cookies.get(cookie, ""), state)
    if begun is None:
        raise Refusal(
            "This login cannot be used",
            f"It was used before, took longer than ten minutes, or began in another browser. {NOT_SENT} {OPEN_AGAIN}",
            403,
        )
    came_to = f"{service.settings.public_base_url}{CALLBACK}{'/' if mark else ''}{mark}"
    if not login.is_from(begun, came_to, request.args.get("iss")):
        raise Refusal(
            "This login cannot be used",
            f"The answer came from another login server than the one that was asked. {NOT_SENT} Tell those who run "
            "this service.",
            403,
        )
    if not request.args.get("code"):
        raise Refusal("The login was refused", f"The record system let nobody in. {NOT_SENT} {OPEN_AGAIN}", 403)
    seconds, client = service.settings.tenant.fhir.timeout_seconds, _client(service, begun.base)
    token = login.exchange(client, begun, request.args["code"], service.connections, seconds)
    try:
        who = user.read(token.id_token, begun, client.client_id, service.connections, seconds)
    except WrongUser:
        raise Refusal(
            "This login cannot be used", f"Its proof of who you are is not valid. {NOT_SENT} {OPEN_AGAIN}", 403
        ) from None
    if who.startswith(LAYPEOPLE):
        raise Refusal("This page is for clinicians", f"{NOT_SENT} Ask your care team what your results mean.", 403)
    opened = sessions.new()
    trail.login(service.memory, sessions.keep(service.memory, opened, begun, token, who))
    response = _to(f"{service.settings.public_base_url}/smart/app?{requests.FIELD}={opened.id}", 303)
    requests.drop_cookie(response, service, launched)
    requests.set_cookie(response, service, opened)
    return response


@companion_login.post("/smart/close")
def close() -> Response:
    """Ends the session here and now, for the next person at this browser."""
    service = here()
    arrived, _ = requests.posted(request, service)
    work.leave(service.memory, arrived.session)
    sessions.end(service.memory, arrived.opened)
    response = Response(render_template("companion_closed.html"), mimetype="text/html")
    requests.drop_cookie(response, service, arrived.opened.id)
    return response


@companion_login.route("/smart/", defaults={"rest": ""}, methods=["GET", "POST"])
@companion_login.route("/smart/<path:rest>", methods=["GET", "POST"])
def elsewhere(rest: str) -> Response:
    """In a frame of the EHR too a page, and one that may be shown there."""
    raise Refusal("There is no such page", f"{NOT_SENT} {OPEN_AGAIN}", 404)


def _to(address: str, status: int) -> Response:
    return Response(status=status, headers={"Location": address})


def _client(service: Service, base: str) -> Client:
    """Raises Refusal where the site has not said how it is registered at this server."""
    client = clients.of(service.settings.tenant, base, service.settings.public_base_url)
    if client is None:
        raise Refusal(
            "The companion is not registered at this record system",
            f"The tenant file has no [[smart.client]] for it. {NOT_SENT} Tell those who run this service.",
            403,
        )
    return client
