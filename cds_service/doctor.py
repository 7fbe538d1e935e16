"""Does this FHIR server support what we ask, and do we understand its answers? Reads and counts, changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from urllib.parse import urlsplit

import msgspec

from cds_service import doctor_capabilities, fhir_client, fhir_medicines, site_codes
from cds_service.doctor_capabilities import Capabilities
from cds_service.doctor_census import Census
from cds_service.fhir_address import permitted
from cds_service.fhir_client import Connections, FhirAccess
from cds_service.fhir_medicines import MEDICINES, Medicines
from cds_service.fhir_search import Fetched
from cds_service.hook_request import HookRequest
from cds_service.services import for_site
from cds_service.tenants import SettingsError, Tenant, is_loopback
from fhir_mappings import code_maps, drug_references, map_review
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable, asked_for
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.resources import Patient, decode

MAX_BYTES = 200_000_000  # of one patient
WIDE = "(every observation)"
# Our own searches for observations name our codes, so that a site's local codes would never be seen.
WIDE_QUERY = "Observation?patient={{context.patientId}}&_sort=-date&_count=200"


@dataclass(slots=True)
class Tried:
    """One query, and what came of it for each patient in turn; or, where it names ids, each time that it was asked."""

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
    def in_full(self) -> int:
        """For how many patients it was answered, and nothing says that there is more."""
        return sum(not _problem(one.answer) for one in self.results)

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
    unplaced: tuple[str, ...]  # orders that an EHR that places them by its own codes has none for


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
    site = _Site(server, token, base, access, connections)
    told = site.fetch(site.request("none"), {"metadata": "metadata"})["metadata"].answer
    capabilities = doctor_capabilities.read(told)
    chosen, problem = list(patients), ""
    if not chosen:
        chosen, problem = _choose(site, how_many)
    queries = _queries(capabilities, local, texts=tenant.text.mentions)
    census, unusable = Census(), Counter[str]()
    for patient_id in chosen:
        answers = _answers(site, patient_id, queries)
        record = census.add(answers, patient_id, server, as_of, local)
        unusable.update(f"{key}: {reason}" for key, reason in record.needed_but_missing()[:1])
    asked = tuple(one for one in queries if one.key != MEDICINES or one.results)
    by_own_codes = tenant.client.profile in site_codes.FIRST
    unplaced = map_review.orderables_without(local, code_maps.PLACED) if by_own_codes else ()
    budget = tenant.fhir.timeout_seconds
    return Examined(budget, capabilities, problem, asked, census, unusable, tenant, unplaced)


@dataclass(frozen=True, slots=True)
class _Site:
    """The server under examination, and how it is asked: each time with all the seconds that the operator gave."""

    server: str
    token: str | None
    base: str
    access: FhirAccess
    connections: Connections

    def request(self, patient_id: str) -> HookRequest:
        """A call such as an EHR would make, without any prefetch."""
        return HookRequest(
            hook="patient-view",
            hook_instance="",
            patient_id=patient_id,
            user_id="Practitioner/doctor",
            encounter_id=None,
            prefetch={},
            fhir_server=self.server,
            access_token=self.token,
            draft_orders=None,
            selections=None,
        )

    def fetch(self, request: HookRequest, templates: Mapping[str, str], max_pages: int = 0) -> dict[str, Fetched]:
        access = replace(self.access, max_pages=max_pages) if max_pages else self.access
        asked = fhir_client.asked(request, self.base, access, self.connections)
        found = fhir_client.fetch(request, templates, asked)
        return {key: replace(one, answer=_fitting(key, one.answer)) for key, one in found.items()}


def _fitting(key: str, answer: Answer) -> Answer:
    """The answer, or why it is none to what was asked."""
    known = asked_for(key, answer)
    misfit = known.misfit() if isinstance(known, Given) else ""
    return Unavailable(misfit) if misfit else known


def _answers(site: _Site, patient_id: str, queries: Iterable[Tried]) -> dict[str, Answer]:
    """Everything of one patient; what each query took is noted with it."""
    request, by_key = site.request(patient_id), {tried.key: tried for tried in queries}
    templates = {key: tried.query for key, tried in by_key.items() if key not in (WIDE, MEDICINES)}
    fetched = site.fetch(request, templates)
    # Afterwards and alone, so that the times of the others are those that a call would see.
    fetched |= site.fetch(request, {WIDE: WIDE_QUERY})
    for key, one in fetched.items():
        by_key[key].results.append(one)
    answers: dict[str, Answer] = {key: one.answer for key, one in fetched.items()}
    uses = drug_references.nameless(answers)
    medicines = fhir_medicines.fetch(uses, site.base, lambda asked: site.fetch(request, asked))
    by_key[MEDICINES].results.extend(medicines.fetched)
    answers = _in_doubt(answers, medicines, by_key)
    return answers | ({MEDICINES: Given(medicines.entries)} if medicines.entries else {})


def _in_doubt(answers: dict[str, Answer], medicines: Medicines, by_key: Mapping[str, Tried]) -> dict[str, Answer]:
    """Answers with a use of an unknown drug are known in part, as the services have it; their queries say so too."""
    with_drugs = {**answers, MEDICINES: Given(medicines.entries)}
    told = drug_references.in_doubt(answers, drug_references.nameless(with_drugs), medicines.reason)
    for key, answer in told.items():
        if answer is not answers[key]:
            by_key[key].results[-1] = replace(by_key[key].results[-1], answer=answer)
    return told


def _base(server: str, token: str | None) -> str:
    base = permitted(server, (server,))
    if base is None:
        raise SettingsError("--fhir-server: must be a plain address such as https://ehr.example.org/fhir")
    parts = urlsplit(base)
    if token and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise SettingsError("--fhir-server: must be https when a token goes with it (http only to this machine)")
    return base


def _choose(site: _Site, how_many: int) -> tuple[list[str], str]:
    """The ids of the first patients that the server lists, or why there are none."""
    query = {"patients": f"Patient?_count={how_many}"}
    answer = site.fetch(site.request("none"), query, max_pages=1)["patients"].answer
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
    ours = {WIDE: WIDE_QUERY, MEDICINES: f"{fhir_medicines.QUERY}..."}
    return (*tried, *(Tried(key, query, (), capabilities.lacks(query)) for key, query in ours.items()))
