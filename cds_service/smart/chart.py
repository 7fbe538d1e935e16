"""The chart of the open patient: asked for with the session's token, read and judged as a patient-view call is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cds_service import fhir_client
from cds_service.answer import Answered, answer
from cds_service.hook_request import HookRequest
from cds_service.routes import Service, fhir_access
from cds_service.services import BY_HOOK
from cds_service.smart.sessions import Session
from fhir_mappings.answers import Answer

HOOK, PATIENT = "patient-view", "patient"


@dataclass(frozen=True, slots=True)
class Read:
    """What the rules say now, and who the patient is, as the record has it."""

    answered: Answered
    answers: Mapping[str, Answer]


def read(service: Service, session: Session, arrived: float | None, today: date) -> Read:
    """Reads all that a patient-view call needs. Raises NeededDataMissing without patient or conditions."""
    row = service.services[BY_HOOK[HOOK].id]
    request = _request(session)
    settings = service.settings
    access = fhir_access(settings.tenant, settings.max_body_bytes)
    answers = fhir_client.complete(request, row.prefetch, access, service.connections, arrived)
    answered = answer(
        row,
        request,
        answers,
        settings.tenant,
        settings.public_base_url,
        today,
        request.hook_instance.encode(),
        service.local,
        service.search,
    )
    return Read(answered, answers)


def _request(session: Session) -> HookRequest:
    return HookRequest(
        hook=HOOK,
        hook_instance=str(uuid.uuid4()),
        patient_id=session.patient,
        user_id=session.user,
        encounter_id=session.encounter or None,
        prefetch={},
        fhir_server=session.base,
        access_token=session.access_token,
        draft_orders=None,
        selections=None,
    )
