"""What a running service remembers between calls: the store, the key to identities, the knowledge in force."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cds_service import identity, ledger
from cds_service.answer import Answered
from cds_service.config import Settings
from cds_service.errors import StoreUnavailable
from cds_service.hook_request import HookRequest
from cds_service.identity import KEY, Identity
from cds_service.store import calls, database, overrides
from cds_service.store.database import Store
from cds_service.store.overrides import Override
from fhir_mappings.local_codes import LocalCodes
from hooks import knowledge
from hooks.refire import State

log = logging.getLogger("cds_service.memory")


@dataclass(frozen=True, slots=True)
class Memory:
    """One per process."""

    store: Store
    identity: Identity
    tenant: str
    refire: bool
    versions: str  # the digest of the knowledge in force

    def patient(self, request: HookRequest, caller: str) -> str:
        """The keyed hash under which this patient is known."""
        return self.identity.of(self.tenant, caller, request.fhir_server, request.patient_id)

    def resting(self, patient: str, states: Collection[State]) -> Mapping[State, Override]:
        """What users have overridden for this patient. When the store does not answer, nothing: the card is shown."""
        if not self.refire:
            return {}
        try:
            return overrides.resting(self.store, self.tenant, patient, states, milliseconds_now())
        except StoreUnavailable:
            return {}

    def keep(
        self, answered: Answered, request: HookRequest, caller: str, patient: str, service: str, took: float
    ) -> bool:
        """Writes the call to the ledger. False when it could not: the answer is sent all the same, it may be urgent."""
        entry = ledger.entry(
            answered, request, self.tenant, caller, patient, self.versions, service, milliseconds_now(), took
        )
        try:
            calls.write(self.store, entry.call, entry.speeches)
        except StoreUnavailable:
            return False
        return True


def remember(settings: Settings, local: LocalCodes) -> Memory:
    """Opens the store and writes down the knowledge in force. Raises SettingsError naming the setting."""
    store = database.open_store(settings.database)
    key = identity.read(settings.identity_key_file, database.sqlite_file(settings.database))
    versions, document = ledger.knowledge_document(knowledge.catalogue().values(), local)
    calls.write_knowledge(store, versions, document)
    if calls.key_was_another(store, key.fingerprint):
        log.warning("%s: not the key of before: overrides are forgotten, and replicas with another key see others", KEY)
    tenant = settings.tenant
    return Memory(store, key, tenant.tenant.name, tenant.refire.enabled, versions)


def milliseconds_now() -> int:
    """The time as the store keeps it."""
    return time.time_ns() // 1_000_000
