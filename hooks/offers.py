"""What the cards of one answer offer, each order once; the deletes of a repeated one move to the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hooks.outcomes import Suggestion


def once(offers: Sequence[tuple[Suggestion, ...]]) -> list[tuple[Suggestion, ...]]:
    """The same rows of suggestions, without those that an earlier row offers in full already.

    The draft that a dropped suggestion would have removed is removed by the earlier one: "whole spine, in place of the
    regional order" must not turn into both orders because an emergency asked for the whole spine first.
    """
    kept: list[list[Suggestion]] = []
    offered: set[str] = set()
    for row in offers:
        kept.append([])
        for suggestion in row:
            names = _names(suggestion)
            if not names <= offered:
                kept[-1].append(suggestion)
                offered |= names
            elif suggestion.create:
                _hand_over(kept, suggestion)
    return [tuple(row) for row in kept]


def _names(suggestion: Suggestion) -> frozenset[str]:
    """What it orders, told apart by dose; of one that orders nothing, what it deletes."""
    orders = {order.concept + (f" {order.dose.milligrams}" if order.dose else "") for order in suggestion.create}
    return frozenset(orders or {f"delete {reference}" for reference in suggestion.delete})


def _hand_over(kept: list[list[Suggestion]], later: Suggestion) -> None:
    row, place = next((r, n) for r in kept for n, one in enumerate(r) if _names(one) & _names(later))
    first = row[place]
    deletes = tuple(dict.fromkeys((*first.delete, *later.delete)))
    if deletes != first.delete:
        same = _names(first) == _names(later)
        row[place] = replace(first, delete=deletes, label=later.label if same else f"{first.label}, without the draft")
