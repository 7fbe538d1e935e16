"""The ideas that a chart is about, each with its codes: ordinary ones out of codes.toml, others made where needed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

Coded = tuple[str, str, str]  # key of a system, or its URL; code; display


@dataclass(frozen=True)
class Concept:
    """One idea; for a result its unit and reference range, for a study its modality."""

    kind: str
    codings: tuple[Coded, ...]
    unit: str = ""
    low: float = 0
    high: float = 0
    modality: str = ""
    parts: tuple[Concept, ...] = ()

    @property
    def name(self) -> str:
        return self.codings[0][2]


def one(kind: str, *codings: Coded, **more: Any) -> Concept:
    return Concept(kind, codings, **more)


def _read(kind: str, entry: Mapping[str, Any]) -> Concept:
    codings = tuple(tuple(coding) for coding in (entry["code"], *entry.get("more", ())))
    parts = tuple(_read(kind, part) for part in entry.get("parts", ()))
    return Concept(
        kind,
        codings,
        entry.get("unit", ""),
        entry.get("low", 0),
        entry.get("high", 0),
        entry.get("modality", ""),
        parts,
    )


_FILE = tomllib.loads(Path(__file__).with_name("codes.toml").read_text(encoding="utf-8"))
SYSTEMS: Mapping[str, str] = MappingProxyType(_FILE.pop("systems"))
OURS: Mapping[str, tuple[Concept, ...]] = MappingProxyType(
    {kind: tuple(_read(kind, entry) for entry in listed.get("ours", ())) for kind, listed in _FILE.items()}
)
OTHER: Mapping[str, tuple[Concept, ...]] = MappingProxyType(
    {kind: tuple(_read(kind, entry) for entry in listed["other"]) for kind, listed in _FILE.items()}
)
