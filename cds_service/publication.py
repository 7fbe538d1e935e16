"""GET /fhir: the rules, value sets and code systems as FHIR resources, read and searched; nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from cds_service import __version__, body, services
from cds_service.errors import FHIR_JSON, NotAcceptable, SearchRefused, UnknownResource
from cds_service.routes import Service, here, json_response
from fhir_mappings import publication
from fhir_mappings.publication import SEARCH_PARAMETERS, Resource

fhir_urls = Blueprint("fhir", __name__, url_prefix="/fhir")
FORMATS = {"json", "application/json", "text/json", FHIR_JSON, "application/*", "*/*", "text/html"}
PAGE, LARGEST_PAGE = 100, 1000
TELLABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]{0,40}")  # a parameter's name that is safe to repeat

Parameters = Sequence[tuple[str, str]]


def plan_definitions(service: Service, as_of: date) -> list[Resource]:
    """Every rule; those whose signature of this site holds on the day name who gave it."""
    tenant, base = service.settings.tenant, service.settings.public_base_url
    return [
        publication.plan_definition(
            rule,
            services.hooks_of(name),
            base,
            [
                f"{one.line(as_of)} (tenant {tenant.tenant.name})"
                for one in tenant.signed(name)
                if one.state(as_of) == "valid"
            ],
        )
        for name, rule in service.rules.items()
    ]


PUBLISHED: Mapping[str, Callable[[Service, date], Iterable[Resource]]] = {
    "PlanDefinition": plan_definitions,
    "ValueSet": lambda _service, _as_of: publication.value_sets(),
    "CodeSystem": lambda _service, _as_of: publication.code_systems(),
}


@fhir_urls.get("/metadata")
def metadata() -> Response:
    """The CapabilityStatement: what can be asked here."""
    _check_format(request.args.get("_format"))
    newest = max(rule.review["reviewed"] for rule in here().rules.values())
    return _fhir(publication.capability_statement(_base(), __version__, newest))


@fhir_urls.get("/<any(PlanDefinition, ValueSet, CodeSystem):kind>/<resource_id>")
def read(kind: str, resource_id: str) -> Response:
    """One resource by its id."""
    _check_format(request.args.get("_format"))
    for resource in PUBLISHED[kind](here(), date.today()):
        if resource["id"] == resource_id:
            return _fhir(resource)
    raise UnknownResource


@fhir_urls.get("/<any(PlanDefinition, ValueSet, CodeSystem):kind>")
def search(kind: str) -> Response:
    """A search by parameters in the URL."""
    return _searched(kind, list(request.args.items(multi=True)))


@fhir_urls.post("/<any(PlanDefinition, ValueSet, CodeSystem):kind>/_search")
def search_by_form(kind: str) -> Response:
    """The same, with parameters in a form and in the URL."""
    return _searched(kind, [*request.args.items(multi=True), *body.form(request).items(multi=True)])


def _searched(kind: str, given: Parameters) -> Response:
    formats = [value for name, value in given if name == "_format"]
    _check_format(formats[-1] if formats else None)
    asked = _understood([(name, value) for name, value in given if name != "_format"])
    count, offset = _number(asked, "_count", PAGE, LARGEST_PAGE), _number(asked, "_offset", 0)
    tests = [(name, value) for name, value in asked if name in SEARCH_PARAMETERS]
    found = [one for one in PUBLISHED[kind](here(), date.today()) if _fits(one, tests)]
    links = [("self", _url(kind, asked))]
    if 0 < count < len(found) - offset:
        links.append(("next", _url(kind, [*tests, ("_count", str(count)), ("_offset", str(offset + count))])))
    return _fhir(publication.searchset(found[offset : offset + count], len(found), links, _base()))


def _understood(given: Parameters) -> Parameters:
    """The parameters that are ours. Another one is refused, or with Prefer: handling=lenient left out."""
    unknown = [name for name, _ in given if name not in (*SEARCH_PARAMETERS, "_count", "_offset")]
    lenient = "handling=lenient" in request.headers.get("Prefer", "").replace(" ", "").lower()
    if unknown and not lenient:
        named = unknown[0] if TELLABLE.fullmatch(unknown[0]) else "with a strange name"
        known = ", ".join((*SEARCH_PARAMETERS, "_count", "_format"))
        raise SearchRefused(f"There is no search parameter {named} here; known are {known}.")
    for name, value in given:
        if not value and name not in unknown:
            raise SearchRefused(f"The search parameter {name} has no value.")
    return [(name, value) for name, value in given if name not in unknown]


def _number(given: Parameters, name: str, default: int, largest: int | None = None) -> int:
    texts = [value for one, value in given if one == name]
    if not texts:
        return default
    if len(texts) > 1 or not re.fullmatch(r"[0-9]{1,9}", texts[0]):
        raise SearchRefused(f"The search parameter {name} must be one whole number.")
    return int(texts[0]) if largest is None else min(int(texts[0]), largest)


def _fits(resource: Resource, tests: Parameters) -> bool:
    return all(publication.matches(resource, name, value) for name, value in tests)


def _check_format(wanted: str | None) -> None:
    """`_format` wins over Accept; a plus in a URL arrives as a space. Browsers are answered too, in JSON."""
    if wanted is not None:
        asked = {wanted.replace(" ", "+")}
    else:
        asked = {value for value, quality in request.accept_mimetypes if quality > 0}
    kinds = {one.partition(";")[0].strip().lower() for one in asked}
    if kinds and not kinds & FORMATS:
        raise NotAcceptable


def _base() -> str:
    return here().settings.public_base_url + "/fhir"


def _url(kind: str, parameters: Parameters) -> str:
    query = urlencode(parameters)
    return f"{_base()}/{kind}{f'?{query}' if query else ''}"


def _fhir(resource: Resource) -> Response:
    return json_response(resource, mimetype=FHIR_JSON)
