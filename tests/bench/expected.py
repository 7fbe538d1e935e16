"""What an answer must hold before it is timed: a service that says nothing is fast, and would win every comparison."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from tests.bench.bodies import ORDER_SIGN, PATIENT_VIEW, Call

Check = Callable[[bytes], None]  # raises RuntimeError on an answer that is not the one expected
LEAST: Mapping[str, tuple[int, int]] = MappingProxyType(
    {PATIENT_VIEW: (4, 5), ORDER_SIGN: (3, 2)}
)  # cards, and orders on them, of the patient with metastases
REFUSED = re.compile(r"([A-Z][A-Za-z]+/[\w.-]+)[\\]*: the resource cannot be read")


def anything(_: bytes) -> None:
    """Of a request that is no hook call."""


def of(call: Call) -> Check:
    """What the service must say to that call."""

    def check(answer: bytes) -> None:
        cards = _cards(answer)
        least = LEAST[call.hook] if call.in_scope else (0, 0)
        found = len(cards), _orders(cards)
        if not _enough(found, least):
            raise RuntimeError(f"{call} was answered with {found[0]} cards and {found[1]} orders, expected {least}")
        refused = {name for card in cards for name in REFUSED.findall(card.get("detail", ""))}
        if len(refused) != call.spoilt:
            raise RuntimeError(f"{call} was answered with these resources refused: {sorted(refused)}")

    return check


def _enough(found: tuple[int, int], least: tuple[int, int]) -> bool:
    """As much as expected or more; of a patient of whom nothing is to be said, nothing."""
    return found[0] >= least[0] and found[1] >= least[1] if any(least) else not any(found)


def some_card(answer: bytes) -> None:
    """Of another's service, which is asked whether it found the metastasis."""
    if "Bone metastasis" not in [card.get("summary") for card in _cards(answer)]:
        raise RuntimeError(f"the metastasis was not found: {answer[:300]!r}")


def exactly(expected: bytes) -> Check:
    def check(answer: bytes) -> None:
        if answer != expected:
            raise RuntimeError(f"answered {answer[:300]!r}")

    return check


def _cards(answer: bytes) -> list[dict[str, Any]]:
    try:
        cards: list[dict[str, Any]] = json.loads(answer)["cards"]
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"the answer has no cards: {answer[:300]!r}") from None
    return cards


def _orders(cards: list[dict[str, Any]]) -> int:
    return sum(
        action["type"] == "create"
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    )
