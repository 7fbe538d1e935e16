"""Which rules are proposed for shadow mode, and on what numbers. Proposes to a named person; changes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from cds_service.dashboard import periods
from cds_service.dashboard.choices import Choices
from cds_service.dashboard.lines import DAY, Key, Line, read, share
from cds_service.dashboard.periods import Period
from cds_service.dashboard.rates import Rate
from cds_service.feedback import OVERRIDDEN
from cds_service.store.decisions import AGREED, Decision
from cds_service.tenants import Tenant
from hooks.knowledge import Knowledge

PERIODS = 2  # one after the other above the budget


@dataclass(frozen=True, slots=True)
class Evidence:
    """The override rate of a rule on one service in one period."""

    service: str
    period: Period
    rate: Rate


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule above its budget, the numbers, and what was said to it last, if that still holds."""

    rule: str
    title: str
    version: str
    budget: float
    evidence: tuple[Evidence, ...]
    decision: Decision | None

    @property
    def is_open(self) -> bool:
        """Nobody has decided, or the time of the decision is over."""
        return self.decision is None

    @property
    def is_agreed(self) -> bool:
        """Agreed, but the tenant file still shows the rule."""
        return self.decision is not None and self.decision.decided == AGREED

    @property
    def lines(self) -> str:
        """What the approver would write into the tenant file."""
        return f'[rules]\n"{self.rule}" = "shadow"'


def complete(choices: Choices, now: int) -> list[Period]:
    """The last two periods whose last card has had its time to be answered, oldest first."""
    day = datetime.fromtimestamp((now - choices.answer_days * DAY) / 1000, UTC).date()
    newest_open = periods.of(day, choices.finest_period)
    found: list[Period] = []
    before = newest_open.first
    while len(found) < PERIODS:
        one = periods.of(before - timedelta(days=1), choices.finest_period)
        found.insert(0, one)
        before = one.first
    return found


def proposals(
    connection: Connection,
    tenant: Tenant,
    choices: Choices,
    rules: Mapping[str, Knowledge],
    decisions: Mapping[str, Decision],
    now: int,
) -> list[Proposal]:
    """Rules that are live, not exempt, and above their budget wherever they were shown often enough."""
    spans = complete(choices, now)
    counted = read(connection, tenant.tenant.name, choices, spans, now)
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    made = []
    for name, rule in rules.items():
        if tenant.mode(name) != "live" or choices.is_exempt(rule):
            continue
        evidence = above_budget(name, counted, spans, choices)
        if evidence:
            said = _holds(decisions.get(name), today)
            made.append(Proposal(name, rule.title, rule.version, choices.budget_of(name), evidence, said))
    return made


def above_budget(
    rule: str, counted: Mapping[Key, Sequence[Line]], spans: Sequence[Period], choices: Choices
) -> tuple[Evidence, ...]:
    """The numbers by which a rule is above its budget; empty where it is not, or too little is known.

    It must be so on every service on which it was shown often enough: the mode of a rule holds for all of them.
    """
    found: list[Evidence] = []
    for (name, service), lines in counted.items():
        rates = [share([one], OVERRIDDEN) for one in lines]
        known = [one for one in rates if one is not None and one.of >= choices.fewest_cards]
        if name != rule or len(known) < len(spans):
            continue
        if any(one.low <= choices.budget_of(rule) for one in known):
            return ()
        found += [Evidence(service, span, one) for span, one in zip(spans, known, strict=True)]
    return tuple(found)


def exempt(rules: Iterable[Knowledge], choices: Choices) -> list[Knowledge]:
    """The rules that are never proposed."""
    return [rule for rule in rules if choices.is_exempt(rule)]


def _holds(said: Decision | None, today: date) -> Decision | None:
    return said if said is not None and date.fromisoformat(said.until) >= today else None
