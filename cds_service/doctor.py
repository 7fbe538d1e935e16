"""Does this FHIR server support what we ask, and do we understand its answers? Reads and counts, changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlsplit

import msgspec

from cds_service import doctor_capabilities, fhir_client
from cds_service.doctor_capabilities import Capabilities
from cds_service.doctor_census import Census
from cds_service.fhir_address import permitted
from cds_service.fhir_client import Connections, FhirAccess
from cds_service.fhir_search import Fetched
from cds_service.hook_request import HookRequest
from cds_service.services import for_site
from cds_service.tenants import SettingsError, Tenant, is_loopback
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable
from fhir_mappings.chart import NEEDED
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.resources import Patient, decode

MAX_BYTES = 200_000_000  # of one patient
WIDE = "(every observation)"
# Our own searches for observations name our codes, so that a site's local codes would never be seen.
WIDE_QUERY = "Observation?patient={{context.patientId}}&_sort=-date&_count=200"


@dataclass(slots=True)
class Tried:
    """One query, and what came of it for each patient in turn."""

    key: str
    query: str
    services: tuple[str, ...]
    lacks: tuple[str, ...] | None  # by the CapabilityStatement; None: not known
    results: list[Fetched] = field(default_factory=list)

    @property
    def worked(self) -> int:
        """For how many patients it was answered, in full or in part."""
        return sum(not isinstance(one.answer, Unavailable) for one in self.results)

    @property
    def problems(self) -> Counter[str]:
        """Why it was not answered, or not in full; by reason."""
        reasons = (_problem(one.answer) for one in self.results)
        return Counter(reason for reason in reasons if reason)

    @property
    def resources(self) -> int:
        return sum(len(one.answer.entries) for one in self.results if isinstance(one.answer, Given))

    @property
    def slowest(self) -> int:
        return max((one.milliseconds for one in self.results), default=0)


def _problem(answer: Answer) -> str:
    if isinstance(answer, Unavailable):
        return answer.reason
    return answer.shortfall() if answer else ""


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was found out about one server."""

    budget_seconds: float  # of the tenant, for all searches of one call
    capabilities: Capabilities
    no_patients: str  # why none could be chosen
    queries: tuple[Tried, ...]
    census: Census
    unusable: Counter[str]  # patients of whom the service could say nothing, by reason
    tenant: Tenant


def examine(
    server: str,
    token: str | None,
    patients: Iterable[str],
    how_many: int,
    tenant: Tenant,
    local: LocalCodes,
    timeout_seconds: float,
    as_of: date,
    connections: Connections,
) -> Examined:
    """Asks the server everything that the services would ask, for the patients given or for some that it lists.

    The address is the operator's own word and need not be on the tenant's list; redirects and links that lead
    elsewhere are not followed all the same. Raises SettingsError for an address that may not be called.
    """
    base = _base(server, token)
    access = FhirAccess((server,), timeout_seconds, token_optional=True, max_bytes=MAX_BYTES)
    nobody = _request("none", server, token)
    told = fhir_client.fetch(nobody, {"metadata": "metadata"}, base, access, connections)["metadata"].answer
    capabilities = doctor_capabilities.read(told)
    chosen, problem = list(patients), ""
    if not chosen:
        chosen, problem = _choose(nobody, base, how_many, access, connections)
    queries = _queries(capabilities, local, texts=tenant.text.mentions)
    templates = {tried.key: tried.query for tried in queries if tried.key != WIDE}
    census, unusable = Census(), Counter[str]()
    for patient_id in chosen:
        request = _request(patient_id, server, token)
        fetched = fhir_client.fetch(request, templates, base, access, connections)
        # Afterwards and alone, so that the times of the others are those that a call would see.
        fetched |= fhir_client.fetch(request, {WIDE: WIDE_QUERY}, base, access, connections)
        for tried in queries:
            tried.results.append(fetched[tried.key])
        answers: dict[str, Answer] = {key: one.answer for key, one in fetched.items()}
        record = census.add(answers, patient_id, server, as_of, local)
        unusable.update(f"{key}: {reason}" for key, reason in record.needed_but_missing()[:1])
    return Examined(tenant.fhir.timeout_seconds, capabilities, problem, queries, census, unusable, tenant)


def _base(server: str, token: str | None) -> str:
    base = permitted(server, (server,))
    if base is None:
        raise SettingsError("--fhir-server: must be a plain address such as https://ehr.example.org/fhir")
    parts = urlsplit(base)
    if token and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SettingsError("--fhir-server: must be https when a token goes with it (http only to this machine)")
    return base


def _request(patient_id: str, server: str, token: str | None) -> HookRequest:
    """A call such as an EHR would make, without any prefetch."""
    return HookRequest(
        hook="patient-view",
        hook_instance="",
        patient_id=patient_id,
        user_id="Practitioner/doctor",
        encounter_id=None,
        prefetch={},
        fhir_server=server,
        access_token=token,
        draft_orders=None,
        selections=None,
    )


def _choose(
    nobody: HookRequest, base: str, how_many: int, access: FhirAccess, connections: Connections
) -> tuple[list[str], str]:
    """The ids of the first patients that the server lists, or why there are none."""
    one_page = FhirAccess(access.allowed_servers, access.timeout_seconds, True, access.max_bytes, max_pages=1)
    query = {"patients": f"Patient?_count={how_many}"}
    answer = fhir_client.fetch(nobody, query, base, one_page, connections)["patients"].answer
    if isinstance(answer, Unavailable):
        return [], answer.reason
    found = [name for _, raw in (answer.entries if answer else ()) if (name := _patient_id(raw))]
    return found[:how_many], "" if found else "the server lists none"


def _patient_id(raw: msgspec.Raw) -> str | None:
    try:
        resource = decode(raw)
    except NOT_JSON:
        return None
    return resource.id if isinstance(resource, Patient) else None


def _queries(capabilities: Capabilities, local: LocalCodes, texts: bool) -> tuple[Tried, ...]:
    """Each query of the services once, with the services that ask it, and the doctor's own wider one."""
    asked: dict[tuple[str, str], list[str]] = {}
    for service in for_site(local, texts).values():
        for key, query in service.prefetch.items():
            asked.setdefault((key, query), []).append(service.id)
    tried = [Tried(key, query, tuple(by), capabilities.lacks(query)) for (key, query), by in asked.items()]
    return (*tried, Tried(WIDE, WIDE_QUERY, (), capabilities.lacks(WIDE_QUERY)))


def lost(examined: Examined) -> frozenset[str]:
    """The prefetch keys that could be had for no patient."""
    return frozenset(tried.key for tried in examined.queries if tried.results and not tried.worked)


def gaps(examined: Examined) -> list[str]:
    """What would narrow the advice at this site, each as a line."""
    told = examined.capabilities.problem
    statement = [f"CapabilityStatement: {told}"] if told else []
    lacking = [f"{reason}: nothing can be said of {n} patients" for reason, n in examined.unusable.most_common()]
    return [*statement, *lacking, *_query_gaps(examined), *_content_gaps(examined.census)]


def _query_gaps(examined: Examined) -> Iterable[str]:
    budget = examined.budget_seconds * 1000
    for tried in examined.queries:
        if tried.key != WIDE:
            yield from (f"{tried.key}: {reason} ({times}x)" for reason, times in tried.problems.most_common())
            if tried.worked and not tried.resources:
                yield f"{tried.key}: found nothing for anybody; a search that is ignored would look the same"
            if tried.slowest > budget:
                over = sum(one.milliseconds > budget for one in tried.results)
                yield (
                    f"{tried.key}: too slow {over} of {len(tried.results)} times, up to {tried.slowest} ms; "
                    f"the budget of a whole call is {budget:g} ms"
                )
            if any(one.post_refused for one in tried.results):
                yield f"{tried.key}: is refused as POST, so that each call asks twice, the second time by a long URL"


def _content_gaps(census: Census) -> Iterable[str]:
    counts: Mapping[str, int] = {
        "resources refused": census.refused.total(),
        "values with a unit that is not understood": census.units.total(),
        "conditions in words only": census.text_only["Condition"],
        "drugs named only by a Medication that did not come": census.drugs_elsewhere,
    }
    yield from (f"{what}: {number}" for what, number in counts.items() if number)
    if census.resources["Condition"] and not census.kept["Condition"]:
        yield f"conditions: {census.resources['Condition']} read and none understood; are their codes local ones?"


def cannot_be_used(examined: Examined) -> str:
    """Why the service could do nothing at this site; the empty string when it could."""
    capabilities, charts = examined.capabilities, examined.census.charts
    if not charts:
        return f"no patient to try: {examined.no_patients}"
    if not capabilities.problem and not capabilities.is_r4:
        return f"the server speaks FHIR {capabilities.fhir_version or 'of no stated version'}, not R4"
    if examined.unusable.total() == charts:
        return f"{' and '.join(NEEDED)} are needed and could be had of no patient: {_first(examined.unusable)}"
    return ""


def _first(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0]
