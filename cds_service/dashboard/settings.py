"""[dashboard] of a tenant file: who decides about proposals, the budgets of rules, and which numbers are too small."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
PeriodKind = Literal["week", "month"]


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[dashboard]. What is not given is as choices.toml says. `finest_period` is the shortest time that is counted.

    `never_propose`: rules that are never proposed for shadow, beside those that choices.toml names.
    """

    approver: str = ""
    budget: Share | None = None
    budgets: dict[str, Share] = {}
    fewest_cards: Annotated[int, msgspec.Meta(ge=5, le=10_000)] | None = None
    fewest_patients: Annotated[int, msgspec.Meta(ge=3, le=10_000)] | None = None
    smallest_count: Annotated[int, msgspec.Meta(ge=3, le=100)] | None = None
    answer_days: Annotated[int, msgspec.Meta(ge=1, le=60)] | None = None
    finest_period: PeriodKind = "month"
    never_propose: tuple[str, ...] = ()
