"""What is found of one record while its entries are gone through, and the chart that it becomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_mappings.record import DRAFTS, Chart, Refused, Source, in_order, later, versions_of
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import BodyStructure, Medication, Meta, Patient
from fhir_mappings.rivals import settled, standing
from fhir_mappings.versions import version


@dataclass(slots=True)
class Collected:
    """Filled entry by entry. `twins` are the names of resources that share type and id and are not the same one."""

    twins: Mapping[tuple[str, str], str]
    kept: dict[str, Kept[Any]] = field(default_factory=dict)
    drafts: dict[str, Kept[Any]] = field(default_factory=dict)
    repeated: dict[str, list[Kept[Any]]] = field(default_factory=dict)  # every version, of what came more than once
    drafts_repeated: dict[str, list[Kept[Any]]] = field(default_factory=dict)
    medicines: dict[str, list[Medication]] = field(default_factory=dict)
    volumes: dict[str, BodyStructure] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    overruled: dict[str, Meta | None] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def keep(self, key: str, full_url: str | None, one: Kept[Any]) -> None:
        """Of two versions the newer is kept, and both where nobody can say which that is: `chart` tells."""
        into = self.drafts if key == DRAFTS else self.kept
        name = self._name(one.reference, full_url) if self.twins else one.reference
        there = into.setdefault(name, one)
        if there is not one:
            repeated = self.drafts_repeated if key == DRAFTS else self.repeated
            repeated.setdefault(name, [there]).append(one)

    def leave_out(self, key: str, reference: str, full_url: str | None, meta: Meta | None, reason: str) -> None:
        """Counts what is left out on purpose, and when it was last written: an older version may have counted."""
        self.ignored[reason] += 1
        name = self._name(reference, full_url) if self.twins else reference
        if key == DRAFTS:
            name = DRAFTS + name
        there = self.overruled.setdefault(name, meta)
        if there is not meta:
            self.overruled[name] = later(there, meta)

    def volume(self, reference: str, one: BodyStructure) -> None:
        """A volume of radiotherapy; of two versions the newer."""
        self.volumes[reference] = max(self.volumes.get(reference, one), one, key=version)

    def _name(self, reference: str, full_url: str | None) -> str:
        return self.twins.get((reference, full_url or ""), reference)

    def chart(
        self,
        patient_id: str,
        patient: Patient | None,
        sources: Mapping[str, Source],
        refused: set[Refused],
        selections: frozenset[str] | None,
    ) -> Chart:
        """All of it, without what a newer version withdrew."""
        kept, rivals = standing(*settled(self.kept, self.repeated), self.overruled)
        drafts, draft_rivals = standing(*settled(self.drafts, self.drafts_repeated), self.overruled, DRAFTS)
        return Chart(
            patient_id=patient_id,
            patient=patient,
            kept=kept,
            rivals=rivals,
            drafts=drafts,
            draft_rivals=draft_rivals,
            medicines=versions_of({}, {name: tuple(found) for name, found in self.medicines.items()}),
            volumes=self.volumes,
            names=self.names,
            overruled=self.overruled,
            sources=sources,
            refused=in_order(refused),
            ignored=dict(self.ignored),
            selections=selections,
        )
