"""Made-up patients, one for each clinical situation, as calls of an EHR; dated as the examples are, never growing old.

Each file says in words what its chart holds, and which rules must speak: a test proves it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from cds_service import examples
from cds_service.situations import as_fhir
from cds_service.situations.as_fhir import KINDS, Resource, Row

# The most urgent first, as a reader goes down the list.
NAMES = (
    "suspected_compression",
    "confirmed_compression",
    "unstable_spine",
    "pain_without_mri",
    "high_calcium",
    "low_calcium",
    "no_bone_agent",
    "kidneys_failing",
    "two_bone_agents",
    "jaw",
    "pregnant",
    "kidney_bone_scan",
    "second_radiotherapy",
    "painful_collapse",
    "radiotherapy_due",
    "after_surgery",
    "unknown_primary",
    "denosumab_stopped",
    "severe_pain",
    "raised_alp",
    "no_follow_up",
    "steroid_unchanged",
    "comfort_care",
    "no_cancer",
)
DRAFT_ID = "draft-order"


@dataclass(frozen=True, slots=True)
class Situation:
    """One patient in words. `opening` are the rules that speak when the chart is opened, `ordering` with the order.

    `quiet` are rules that must not speak; where `silent_*` is set there is no card at all. `order` is what the
    situation is about when an order is picked: a key of `orders()`.
    """

    name: str
    title: str
    about: str
    order: str
    opening: tuple[str, ...]
    ordering: tuple[str, ...]
    quiet: tuple[str, ...]
    silent_opening: bool
    silent_ordering: bool
    rows: Mapping[str, Any]

    @property
    def who(self) -> str:
        """The name of the patient."""
        return f"{self.rows['patient']['given']} {self.rows['patient']['family']}"


@cache
def every() -> Mapping[str, Situation]:
    """All situations by name, in the order of NAMES."""
    return MappingProxyType({name: _situation(name) for name in NAMES})


@cache
def orders() -> Mapping[str, Row]:
    """What can be picked, by key: `title` and `code`, and of drugs the dose."""
    return MappingProxyType(_read("orders"))


def chart(name: str, patient_id: str, today: date) -> dict[str, Resource]:
    """The answers to all prefetch templates. KeyError for a name that there is not."""
    rows = every()[name].rows
    found = {key: as_fhir.searchset(key, rows.get(key, []), patient_id) for key in KINDS}
    return _dated({"patient": as_fhir.patient(rows["patient"], patient_id), **found}, today)


def draft_orders(order: str, patient_id: str, today: date) -> Resource:
    """The Bundle with one order that has just been picked. KeyError for a key that there is not."""
    row = {"id": DRAFT_ID, "when": examples.WRITTEN_ON.isoformat(), **orders()[order]}
    resource = as_fhir.draft(row, patient_id)
    return _dated({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}, today)


def _dated(written: dict[str, Any], today: date) -> dict[str, Any]:
    moved: dict[str, Any] = json.loads(examples.as_of(json.dumps(written), today))
    return moved


def _situation(name: str) -> Situation:
    said = _read(name)
    return Situation(
        name=name,
        title=said["title"],
        about=said["about"],
        order=said["order"],
        opening=tuple(said["opening"]),
        ordering=tuple(said["ordering"]),
        quiet=tuple(said.get("quiet", ())),
        silent_opening=said.get("silent_opening", False),
        silent_ordering=said.get("silent_ordering", False),
        rows={key: said[key] for key in ("patient", *KINDS) if key in said},
    )


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
