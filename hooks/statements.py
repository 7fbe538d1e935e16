"""Which rule speaks which statement of the guideline, and why some are text inside another rule's card."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from hooks.knowledge import KnowledgeError


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in our words, the rules that speak it, and the reason when it has no card of its own."""

    id: str
    about: str
    rules: tuple[str, ...]
    text_only: str = ""


@cache
def all_statements() -> Mapping[str, Statement]:
    """R1 to R32 and E1 to E16, by id. Raises KnowledgeError for an entry of another shape."""
    text = (resources.files("hooks") / "statements.toml").read_text(encoding="utf-8")
    found = {}
    for name, entry in tomllib.loads(text).items():
        try:
            found[name] = Statement(name, **{**entry, "rules": tuple(entry["rules"])})
        except (TypeError, KeyError) as error:
            raise KnowledgeError(f"statements.toml: {name}: {error}") from error
    return MappingProxyType(found)
