"""Which value sets a rule rests on, found in its code and its vignettes: no second list has to be kept in step."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service import doctor_rules, vignettes
from cds_service.vignette_words import VALUE_SET_OF
from fhir_mappings import codes
from hooks.run import Rule


@dataclass(frozen=True, slots=True)
class Used:
    """A value set by its id and title."""

    id: str
    title: str


def used(rule: Rule) -> tuple[tuple[Used, ...], tuple[Used, ...]]:
    """(those that its vignettes name too, all others that its code mentions), each by title.

    Whatever its code mentions counts, so that the list can be too long, but never too short.
    """
    words = doctor_rules.words(rule)
    named = {VALUE_SET_OF.get(word, word) for word in words} | words
    mentioned = named & codes.value_sets().keys()
    shown = {name for one in vignettes.of_rule(rule.KNOWLEDGE.rule) for name in one.value_sets} & mentioned
    return _listed(shown), _listed(mentioned - shown)


def _listed(names: set[str]) -> tuple[Used, ...]:
    sets = codes.value_sets()
    return tuple(
        sorted((Used(str(sets[name]["id"]), str(sets[name]["title"])) for name in names), key=lambda one: one.title)
    )
