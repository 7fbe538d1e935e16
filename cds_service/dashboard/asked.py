"""What is asked of the dashboard: which time, service, rule and mode. Nothing of a patient can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import get_args
from urllib.parse import urlencode

from cds_service import services
from cds_service.dashboard import periods
from cds_service.dashboard.periods import Period
from cds_service.dashboard.settings import PeriodKind
from cds_service.tenant_sections import RuleMode
from hooks import knowledge

FIELDS = ("from", "to", "period", "hook", "rule", "mode")
USUAL_LENGTH = {"week": timedelta(weeks=11), "month": timedelta(days=150)}  # half a year of months, a quarter of weeks
MOST_PERIODS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """The choices of the form; empty where all are meant. `wrong` says by field what could not be understood.

    `usual`: "from" and "to" where nobody asked for them; they follow the kind of period.
    """

    start: date
    end: date
    kind: PeriodKind
    hook: str = ""
    rule: str = ""
    mode: str = ""
    usual: frozenset[str] = frozenset()
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def periods(self) -> list[Period]:
        """Every period that the time touches, whole, oldest first."""
        return periods.between(self.start, self.end, self.kind)

    def query(self, **other: str) -> str:
        """The same as parameters of a URL, with some of them replaced."""
        own = {
            "from": "" if "from" in self.usual else self.start.isoformat(),
            "to": "" if "to" in self.usual else self.end.isoformat(),
            "period": self.kind,
            "hook": self.hook,
            "rule": self.rule,
            "mode": self.mode,
        }
        return urlencode({name: value for name, value in {**own, **other}.items() if value})


def read(given: Mapping[str, str], today: date, finest: PeriodKind) -> Asked:
    """What the parameters ask for; where they do not say, up to the last period that is over.

    What cannot be understood takes its usual value, and is named in `wrong`.
    """
    wrong: dict[str, str] = {}

    def one_of(name: str, known: tuple[str, ...], usual: str, why: str) -> str:
        value = given.get(name, "").strip()
        if value and value not in known:
            wrong[name] = why
        return value if value in known else usual

    kinds = offered(finest)
    kind: PeriodKind = "week" if one_of("period", kinds, "month", "This site counts by month.") == "week" else "month"
    # The running period grows with each call: in a sum that is looked at twice it tells what came in between.
    over = periods.of(today, kind).first - timedelta(days=1)
    end = _day(given, "to", over, wrong)
    start = _day(given, "from", end - USUAL_LENGTH[kind], wrong)
    if start > end:
        wrong["from"] = "From must not be later than To."
        start = end - USUAL_LENGTH[kind]
    elif len(periods.between(start, end, kind)) > MOST_PERIODS:
        wrong["from"] = f"At most {MOST_PERIODS} periods can be shown at once."
        start = end - USUAL_LENGTH[kind]
    return Asked(
        start,
        end,
        kind,
        one_of("hook", tuple(services.BY_HOOK), "", "There is no such hook here."),
        one_of("rule", tuple(knowledge.catalogue()), "", "There is no such rule."),
        one_of("mode", get_args(RuleMode), "", "A rule is live, in shadow or off."),
        frozenset(name for name in ("from", "to") if not given.get(name, "").strip()),
        wrong,
    )


def offered(finest: PeriodKind) -> tuple[PeriodKind, ...]:
    """The kinds of period that a site shows."""
    return ("week", "month") if finest == "week" else ("month",)


def _day(given: Mapping[str, str], name: str, usual: date, wrong: dict[str, str]) -> date:
    text = given.get(name, "").strip()
    try:
        day = date.fromisoformat(text) if text else usual
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        wrong[name] = "A day as YYYY-MM-DD, please."
        return usual
    return day
