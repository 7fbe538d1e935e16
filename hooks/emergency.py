"""Does a card on cord compression speak beside a rule? Then that rule asks for nothing slower, and for nobody twice."""

from __future__ import annotations

from hooks.facts import Facts
from hooks.outcomes import Recommend
from hooks.rules import confirmed_cord_compression, suspected_cord_compression

RULES = (suspected_cord_compression, confirmed_cord_compression)


def cards(facts: Facts) -> tuple[Recommend, ...]:
    """What these rules recommend for the same patient on the same day."""
    answers = (rule.decide(facts) for rule in RULES)
    return tuple(answer for answer in answers if isinstance(answer, Recommend))
