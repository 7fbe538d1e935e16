"""No statement of the guideline is forgotten, and what the list says of the rules is what the rules say."""

from __future__ import annotations

import re

from hooks import knowledge
from hooks.statements import all_statements

STATEMENTS = all_statements()
CATALOGUE = knowledge.catalogue()


def test_every_statement_is_listed_once() -> None:
    assert set(STATEMENTS) == {f"R{n}" for n in range(1, 33)} | {f"E{n}" for n in range(1, 17)}


def test_every_statement_is_spoken_by_rules_that_say_so() -> None:
    for one in STATEMENTS.values():
        assert one.rules, one.id
        for rule in one.rules:
            assert one.id in implemented(rule), (one.id, rule)


def test_no_rule_implements_what_the_list_does_not_give_it() -> None:
    for rule in CATALOGUE:
        for statement in implemented(rule):
            assert rule in STATEMENTS[statement].rules, (rule, statement)


def implemented(rule: str) -> set[str]:
    """Statements without the letter that tells their halves apart (R25A, R25B)."""
    return {match[1] for name in CATALOGUE[rule].implements if (match := re.fullmatch(r"([RE]\d+)[AB]?", name))}
