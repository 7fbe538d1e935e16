"""All that one view of the dashboard shows: a row for each rule and service, with its numbers by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service import services
from cds_service.dashboard import plots
from cds_service.dashboard.asked import Asked
from cds_service.dashboard.choices import Choices
from cds_service.dashboard.hiding import Cell
from cds_service.dashboard.lines import Key, Line, share, total
from cds_service.dashboard.periods import Period
from cds_service.dashboard.plots import Bars, Rates
from cds_service.dashboard.rates import Rate
from cds_service.feedback import ACCEPTED, OVERRIDDEN
from cds_service.tenants import Tenant
from hooks.knowledge import Knowledge


@dataclass(frozen=True, slots=True)
class Row:
    """One rule on one hook. `title` is the name for a rule of an earlier version, which has no page any more."""

    rule: str
    title: str
    known: bool
    hook: str
    mode: str
    exempt: bool
    budget: float
    lines: tuple[Line, ...]
    total: Line
    accepted: Rate | None
    overridden: Rate | None

    @property
    def bars(self) -> Bars:
        return plots.bars(self.lines)

    @property
    def reasons(self) -> list[tuple[str, Cell]]:
        """The reasons for overriding that may be shown, the most frequent first."""
        shown = [(reason, cell) for reason, cell in self.total.reasons.items() if cell.number]
        return sorted(shown, key=lambda pair: -pair[1].number)

    def rate_of(self, line: Line) -> Rate | None:
        """The override rate in one period."""
        return share([line], OVERRIDDEN)

    def rates(self, periods: Sequence[Period]) -> Rates:
        return plots.rates(self.lines, periods, self.budget)


def rows(
    counted: Mapping[Key, Sequence[Line]],
    asked: Asked,
    tenant: Tenant,
    choices: Choices,
    rules: Mapping[str, Knowledge],
) -> list[Row]:
    """What was counted and asked for, in the order of precedence of the rules."""
    names = list(rules)
    made = [_row(rule, service, lines, tenant, choices, rules) for (rule, service), lines in counted.items()]
    order = {name: place for place, name in enumerate(names)}
    hooks = list(services.BY_HOOK)
    wanted = [row for row in made if _is_wanted(row, asked)]
    return sorted(
        wanted,
        key=lambda row: (
            order.get(row.rule, len(order)),
            row.rule,
            hooks.index(row.hook) if row.hook in hooks else len(hooks),
        ),
    )


def _row(
    rule: str, service: str, lines: Sequence[Line], tenant: Tenant, choices: Choices, rules: Mapping[str, Knowledge]
) -> Row:
    known, at = rules.get(rule), services.BY_ID.get(service)
    return Row(
        rule=rule,
        title=known.title if known else rule,
        known=known is not None,
        hook=at.hook if at else service,
        mode=tenant.mode(rule) if known else "gone",
        exempt=known is not None and choices.is_exempt(known),
        budget=choices.budget_of(rule),
        lines=tuple(lines),
        total=total(lines),
        accepted=share(lines, ACCEPTED),
        overridden=share(lines, OVERRIDDEN),
    )


def _is_wanted(row: Row, asked: Asked) -> bool:
    pairs = ((asked.rule, row.rule), (asked.hook, row.hook), (asked.mode, row.mode))
    return all(wanted in ("", found) for wanted, found in pairs)


def silent(made: Sequence[Row], asked: Asked, tenant: Tenant, rules: Mapping[str, Knowledge]) -> list[Knowledge]:
    """The rules that could have been in the table, and said nothing in this time."""
    spoke = {row.rule for row in made}
    return [
        rule
        for name, rule in rules.items()
        if name not in spoke
        and asked.rule in ("", name)
        and asked.mode in ("", tenant.mode(name))
        and (not asked.hook or asked.hook in services.hooks_of(name))
    ]
