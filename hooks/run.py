"""Asks every rule once about one patient. Holds the only catch-all of the code base."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hooks import scope
from hooks.facts import Facts
from hooks.knowledge import Knowledge
from hooks.outcomes import Decision, Failed, Outcome


class Rule(Protocol):
    """A module of hooks.rules."""

    @property
    def KNOWLEDGE(self) -> Knowledge: ...  # noqa: N802 - a module's constant

    def decide(self, facts: Facts) -> Outcome: ...


def decide(rules: Iterable[Rule], facts: Facts) -> tuple[Decision, ...]:
    """One decision for each rule, in the order given. A patient outside our scope is settled before any is asked."""
    outside = scope.outside(facts)
    return tuple(Decision(rule.KNOWLEDGE.rule, rule.KNOWLEDGE.version, outside or _ask(rule, facts)) for rule in rules)


def _ask(rule: Rule, facts: Facts) -> Outcome:
    try:
        return rule.decide(facts)
    except Exception as error:  # noqa: BLE001 - a broken rule must be seen on the card, and must not void the others
        return Failed(type(error).__name__)
