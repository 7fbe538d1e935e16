"""[dashboard] of a tenant file: who decides about proposals, the budgets of rules, and which numbers are too small."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec

from cds_service.setting_types import SettingsError
from hooks import knowledge
from hooks.knowledge import Knowledge

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
PeriodKind = Literal["week", "month"]


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[dashboard]. What is not given is as choices.toml says. `finest_period` is the shortest time that is counted."""

    approver: str = ""
    budget: Share | None = None
    budgets: dict[str, Share] = {}
    fewest_cards: Annotated[int, msgspec.Meta(ge=5, le=10_000)] | None = None
    smallest_count: Annotated[int, msgspec.Meta(ge=3, le=100)] | None = None
    answer_days: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    finest_period: PeriodKind = "month"


def check(dashboard: Dashboard, readers: Collection[str]) -> None:
    """Raises SettingsError naming the key."""
    if dashboard.approver and dashboard.approver not in readers:
        raise SettingsError("dashboard.approver: must be the name of a [[reader]], who signs in to decide")
    rules = knowledge.catalogue()
    for name in dashboard.budgets:
        if name not in rules:
            raise SettingsError(f"dashboard.budgets.{name}: there is no such rule; `cds-service rules` lists them")
        if is_exempt(rules[name]):
            raise SettingsError(
                f"dashboard.budgets.{name}: emergencies and contraindications are never proposed for shadow"
            )


def is_exempt(rule: Knowledge) -> bool:
    """Emergencies and contraindications are never proposed: what no override may silence, no rate may either.

    That is a rule that never rests (`longest_rest` 0), or one that has a critical card among others.
    """
    return rule.longest_rest == 0 or any(card.indicator == "critical" for card in rule.cards.values())
