"""Which rules are proposed for shadow mode, and on what numbers. Proposes to a named person; changes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from cds_service import services
from cds_service.dashboard import periods
from cds_service.dashboard.choices import Choices
from cds_service.dashboard.hiding import Cell
from cds_service.dashboard.lines import DAY, Key, Line, read, share_against
from cds_service.dashboard.periods import Period
from cds_service.dashboard.rates import Rate, rate
from cds_service.store.decisions import AGREED, Decision
from cds_service.store.statistics import Span, each_patient_once
from cds_service.tenants import Tenant
from hooks.knowledge import Knowledge

PERIODS = 2  # one after the other above the budget


@dataclass(frozen=True, slots=True)
class Evidence:
    """A rule on one service in one period: how many cards were overridden for reasons that speak against it.

    `rate` is the lowest that fits what is shown. `patients`: to how many the rule was shown.
    """

    service: str
    period: Period
    rate: Rate
    patients: int
    reasons: Mapping[str, Cell]


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
    """Rules that are live, not exempt, and above their budget wherever they were shown often enough.

    They must be so twice: by what the dashboard shows, and once more by patients (see `holds_by_patient`).
    """
    spans = complete(choices, now)
    counted = read(connection, tenant.tenant.name, choices, spans, now)
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    made = []
    for name, rule in rules.items():
        if tenant.mode(name) != "live" or choices.is_exempt(rule):
            continue
        evidence = above_budget(name, counted, spans, choices)
        if evidence and holds_by_patient(connection, tenant.tenant.name, name, evidence, choices, now):
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
        if name != rule or any(one.shown.number < choices.fewest_cards for one in lines):
            continue
        seen = [_evidence(service, span, one, choices) for span, one in zip(spans, lines, strict=True)]
        known = [one for one in seen if one is not None]
        if len(known) < len(seen) or any(one.rate.low <= choices.budget_of(rule) for one in known):
            return ()
        found += known
    return tuple(found)


def _evidence(service: str, span: Period, one: Line, choices: Choices) -> Evidence | None:
    """None where too few cards are settled or too few patients were shown any."""
    share, patients = share_against(one, choices.against), one.patients
    if share is None or share.of < choices.fewest_cards:
        return None
    if not patients.is_exact or patients.number < choices.fewest_patients:
        return None
    return Evidence(service, span, share, patients.number, one.reasons)


def holds_by_patient(
    connection: Connection, tenant: str, rule: str, evidence: Iterable[Evidence], choices: Choices, now: int
) -> bool:
    """Whether the rule is above its budget too when each patient counts once, by the cards that it led.

    So neither one patient's many overrides make a proposal, nor answers that were meant for another rule of a shared
    card. The numbers behind this are not shown: beside those of the table they would tell small ones.
    """
    for one in evidence:
        span = Span(tenant, one.period.start, one.period.end, now - choices.answer_days * DAY)
        before = _before(rule, one.service)
        patients, against = each_patient_once(connection, span, rule, one.service, before, choices.against)
        if patients < choices.fewest_patients or rate(against, patients).low <= choices.budget_of(rule):
            return False
    return True


def _before(rule: str, service: str) -> list[str]:
    """The rules that go before this one on a card of one urgency: in the order in which the service asks them."""
    at = services.BY_ID.get(service)
    names = [one.KNOWLEDGE.rule for one in at.rules] if at else []
    return names[: names.index(rule)] if rule in names else names


def exempt(rules: Iterable[Knowledge], choices: Choices) -> list[Knowledge]:
    """The rules that are never proposed."""
    return [rule for rule in rules if choices.is_exempt(rule)]


def _holds(said: Decision | None, today: date) -> Decision | None:
    return said if said is not None and date.fromisoformat(said.until) >= today else None
