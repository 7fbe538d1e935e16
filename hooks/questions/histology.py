"""How far do the metastases of this patient's cancer answer to conventional radiotherapy?"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from hooks import knowledge
from hooks.facts import Facts, Finding
from hooks.knowledge import KnowledgeError, Source
from hooks.questions import cancer
from hooks.sealed import sealed

CLASSES = ("sensitive", "intermediate", "resistant", "unknown")
WORDS = {
    "sensitive": "radiosensitive",
    "intermediate": "of intermediate radiosensitivity",
    "resistant": "radioresistant",
}
LUNG_TYPES = frozenset({"small_cell_lung", "non_small_cell_lung"})


@dataclass(frozen=True, slots=True)
class Tumour:
    """The class of one kind of tumour, and the source that it stands on."""

    concept: str
    kind: str
    source: Source


@sealed()
class Radiosensitivity:
    """The class, or None with what would be needed to know it. `checked`: its source was read, not remembered."""

    kind: str | None
    because: tuple[Finding, ...]
    missing: str = ""
    checked: bool = True


def read(data: Mapping[str, Any]) -> Mapping[str, Tumour]:
    """Checks the parsed table. Raises KnowledgeError naming the entry."""
    if set(data) != {"source", "tumour"}:
        raise KnowledgeError(f"histology.toml: unknown or missing keys {sorted(set(data) ^ {'source', 'tumour'})}")
    sources = knowledge.read_sources("histology", data)
    found: dict[str, Tumour] = {}
    for entry in data["tumour"]:
        concept = entry.get("concept")
        if set(entry) != {"concept", "class", "source"} or concept in found or entry["class"] not in CLASSES:
            raise KnowledgeError(f"histology.toml: tumour {concept}: unknown keys, unknown class, or listed twice")
        if entry["source"] not in sources:
            raise KnowledgeError(f"histology.toml: tumour {concept}: source names no [[source]]")
        found[concept] = Tumour(concept, entry["class"], sources[entry["source"]])
    return MappingProxyType(found)


TABLE = read(tomllib.loads((resources.files("hooks.questions") / "histology.toml").read_text(encoding="utf-8")))


def radiosensitivity(facts: Facts) -> Radiosensitivity:
    """The class of the primary on record, past ones included. Primaries of different class leave it open.

    Where every bone metastasis names the primary that it comes from, the others do not matter.
    """
    recorded = cancer.known_primaries(facts)
    named = tuple(f for f in cancer.origins(facts, cancer.bone_metastases(facts)) if f in recorded)
    primaries = named or recorded
    if not primaries:
        return Radiosensitivity(None, (), "the primary tumour")
    tumours = [_tumour(f) for f in primaries]
    kinds = {t.kind if t else "unknown" for t in tumours}
    if len(kinds) == 1 and kinds != {"unknown"}:
        return Radiosensitivity(kinds.pop(), primaries, checked=all(t.source.checked for t in tumours if t))
    return Radiosensitivity(None, primaries, _missing(primaries, kinds))


def _tumour(finding: Finding) -> Tumour | None:
    """The most telling entry: the type of a lung cancer before its site. Types of different class tell none."""
    telling = sorted(finding.concepts & LUNG_TYPES or finding.concepts & TABLE.keys())
    if len({TABLE[concept].kind for concept in telling}) != 1:
        return None
    return TABLE[telling[0]]


def _missing(primaries: tuple[Finding, ...], kinds: set[str]) -> str:
    lung = any("primary_lung" in f.concepts and len(f.concepts & LUNG_TYPES) != 1 for f in primaries)
    if lung and len(primaries) == 1:
        return "histology of the lung cancer: small-cell or not"
    if len(kinds) > 1:
        return "which of the primaries the spinal metastases come from"
    return "how radiosensitive this tumour is (not in our table): ask the radiation oncologist"
