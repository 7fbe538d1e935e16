"""A question that several rules ask of the same patient is worked out once in a call.

The answer stays with the facts that it is about, so that it ends with them: nothing of a patient outlives the call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

from hooks.facts import Facts

Answer = TypeVar("Answer")
Words = TypeVarTuple("Words")


def asked_once(question: Callable[[Facts, *Words], Answer]) -> Callable[[Facts, *Words], Answer]:
    """The same question, for one whose answer nobody changes: a tuple, a frozen class, a word.

    Its words are hashable, and given by place. What a question raises is not kept: each rule that asks it fails by
    itself, and is seen to.
    """

    @wraps(question)
    def asked(facts: Facts, *words: *Words) -> Answer:
        answers, key = facts._found, (question, words) if words else question
        try:
            known: Answer = answers[key]
        except KeyError:
            known = answers[key] = question(facts, *words)
        return known

    return asked
